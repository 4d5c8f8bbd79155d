//! Who is in the sample, and who of them is on the whitelist, from when until when.

/// Names and addresses; the key's holder is nobody's colleague and not among them.
pub(super) const PEOPLE: &[(&str, &str)] = &[
    ("Amara Okafor", "amara.okafor@acme.example"),
    ("Mateo Fernández", "mateo.fernandez@acme.example"),
    ("Yuki Tanaka", "yuki.tanaka@acme.example"),
    ("Siobhán O'Neill", "siobhan.o'neill@acme.example"),
    ("Wei Zhang", "wei.zhang+vendor@example.com"),
    ("Priya Raman", "priya.raman@acme.example"),
    ("Nguyễn Thị Mai", "mai.nguyen@acme.example"),
    ("Lars Østergård", "lars.ostergard@example.org"),
    ("Fatima Zahra El Idrissi", "fatima.elidrissi@acme.example"),
    ("Kwame Mensah", "kwame.mensah@example.com"),
    ("Zofia Wiśniewska", "zofia.wisniewska@acme.example"),
    ("João Carvalho", "joao.carvalho@example.org"),
    ("Aiyana Begay", "aiyana.begay@acme.example"),
    ("Дмитро Шевченко", "dmytro.shevchenko@example.com"),
    ("Leilani Kealoha", "leilani.kealoha@acme.example"),
    ("Ravi Subramaniam", "ravi.subramaniam@example.com"),
    ("Park Hye-jin", "hyejin.park@acme.example"),
    ("Tāne Parata", "tane.parata@example.org"),
    ("Elif Yılmaz", "elif.yilmaz@acme.example"),
    ("Björk Jónsdóttir", "bjork.jonsdottir@acme.example"),
    ("Omar Haddad", "omar.haddad@acme.example"),
    ("Chidi Eze", "chidi.eze@acme.example"),
    ("Anneke de Vries", "anneke.devries@acme.example"),
    ("Giulia Conti", "giulia.conti@acme.example"),
    ("Rashid Karimov", "rashid.karimov@example.com"),
    ("Sana Malik", "sana.malik@example.com"),
    ("Ingrid Solberg", "ingrid.solberg@example.org"),
    ("Pavel Novák", "pavel.novak@acme.example"),
    ("Thandiwe Ndlovu", "thandiwe.ndlovu@acme.example"),
    ("Camille Dubois", "camille.dubois@acme.example"),
    ("Arjun Mehta", "arjun.mehta@acme.example"),
    ("Noa Levi", "noa.levi@acme.example"),
    ("Ana-Maria Popescu", "ana-maria.popescu@acme.example"),
    ("Jamal Washington", "jamal.washington@acme.example"),
    ("Mele Tupou", "mele.tupou@acme.example"),
    ("Beatriz Silva", "beatriz.silva@acme.example"),
    ("Henrik Lindqvist", "henrik.lindqvist@acme.example"),
    ("伊藤 さくら", "sakura.ito@acme.example"),
    ("Grace Whitfield", "grace.whitfield@acme.example"),
    ("Victor Hale", "victor.hale@board.acme.example"),
    ("Tomás Ó Briain", "tomas.obriain@acme.example"),
    ("Salma Hussein", "salma.hussein@example.com"),
];

/// One grant of a place on the whitelist; where somebody has two, the later line was posted last.
pub(super) struct Listed {
    pub(super) email: &'static str,
    pub(super) permissions: &'static str,
    /// In hours from the sample's moment.
    pub(super) start: i64,
    /// In hours from the sample's moment; `None` is never.
    pub(super) end: Option<i64>,
    pub(super) owner: &'static str,
    pub(super) reason: &'static str,
}

const AMARA: &str = "amara.okafor@acme.example";
const MATEO: &str = "mateo.fernandez@acme.example";
const PRIYA: &str = "priya.raman@acme.example";

const READ: &str = "can_read";
const API: &str = "can_read;can_use_api";
const DELEGATE: &str = "can_read;can_use_api;can_delegate";
const FULL: &str = "can_read;can_use_api;can_use_whitelist;can_delegate";

const DAY: i64 = 24;

#[rustfmt::skip]
pub(super) const LISTED: &[Listed] = &[
    // Without end: the people who run the place.
    listed(AMARA, FULL, -900 * DAY, None, "", "head of engineering"),
    listed(MATEO, DELEGATE, -700 * DAY, None, AMARA, "engineering"),
    listed(PRIYA, FULL, -650 * DAY, None, AMARA, "head of operations"),
    listed("yuki.tanaka@acme.example", API, -400 * DAY, None, AMARA, "engineering"),
    listed("jamal.washington@acme.example", READ, -300 * DAY, None, MATEO, "support lead"),
    // Ended.
    listed("wei.zhang+vendor@example.com", API, -180 * DAY, Some(-36), PRIYA, "vendor integration"),
    listed("kwame.mensah@example.com", READ, -120 * DAY, Some(-20 * DAY), PRIYA, "data migration"),
    listed("omar.haddad@acme.example", READ, -365 * DAY, Some(-2 * DAY), MATEO, "moved to Logistics"),
    listed("giulia.conti@acme.example", DELEGATE, -90 * DAY, Some(-5 * DAY), MATEO, "winter rota"),
    listed("siobhan.o'neill@acme.example", API, -200 * DAY, Some(-6), AMARA, "sabbatical"),
    // Ended, and protected.
    listed("grace.whitfield@acme.example", FULL, -900 * DAY, Some(-DAY), "", "yearly renewal"),
    // One grant ended while another runs, or never ends.
    listed("noa.levi@acme.example", READ, -100 * DAY, Some(-10 * DAY), MATEO, "trial"),
    listed("noa.levi@acme.example", API, -12 * DAY, Some(45 * DAY), MATEO, "spring campaign"),
    listed("ana-maria.popescu@acme.example", READ, -95 * DAY, Some(-3 * DAY), PRIYA, "probation"),
    listed("ana-maria.popescu@acme.example", API, -4 * DAY, None, PRIYA, "made permanent"),
    // Ending in the coming hours, days and weeks.
    listed("chidi.eze@acme.example", READ, -60 * DAY, Some(6), MATEO, "covering the night shift"),
    listed("fatima.elidrissi@acme.example", READ, -58 * DAY, Some(2 * DAY), MATEO, "support rota"),
    listed("elif.yilmaz@acme.example", API, -81 * DAY, Some(9 * DAY), AMARA, "audit preparation"),
    listed("hyejin.park@acme.example", DELEGATE, -77 * DAY, Some(13 * DAY), AMARA, "release team"),
    listed("zofia.wisniewska@acme.example", API, -74 * DAY, Some(16 * DAY), AMARA, "release team"),
    listed("anneke.devries@acme.example", READ, -69 * DAY, Some(21 * DAY), MATEO, "support rota"),
    listed("lars.ostergard@example.org", API, -60 * DAY, Some(30 * DAY), PRIYA, "security review"),
    listed("leilani.kealoha@acme.example", READ, -50 * DAY, Some(37 * DAY), PRIYA, "intern"),
    listed("henrik.lindqvist@acme.example", READ, -46 * DAY, Some(44 * DAY), PRIYA, "key account"),
    listed("sakura.ito@acme.example", API, -29 * DAY, Some(61 * DAY), PRIYA, "key account"),
    listed("rashid.karimov@example.com", API, -15 * DAY, Some(75 * DAY), PRIYA, "cost project"),
    listed("bjork.jonsdottir@acme.example", DELEGATE, -DAY, Some(89 * DAY), AMARA, "exchange year"),
    // Not begun yet.
    listed("salma.hussein@example.com", READ, 7 * DAY, Some(67 * DAY), PRIYA, "starts next week"),
];

const fn listed(
    email: &'static str,
    permissions: &'static str,
    start: i64,
    end: Option<i64>,
    owner: &'static str,
    reason: &'static str,
) -> Listed {
    Listed {
        email,
        permissions,
        start,
        end,
        owner,
        reason,
    }
}
