//! Who sits in which team of the sample, who is invited, and which grants are behind it.

/// The teams, in the order in which they are listed. Board is not readable.
pub(super) const TEAMS: [&str; 5] = ["Core", "Contractors", "Support", "Sales", "Board"];

/// One membership with the grant behind it, or a second grant for the same membership.
pub(super) struct Seat {
    pub(super) team: &'static str,
    pub(super) email: &'static str,
    /// `admin`, `manager`, or nothing.
    pub(super) role: &'static str,
    /// In hours from the sample's moment.
    pub(super) since: i64,
    /// No grant at all, one without end, or one that ends in so many hours.
    pub(super) grant: Option<Option<i64>>,
    pub(super) owner: &'static str,
    pub(super) reason: &'static str,
}

/// One invite that nobody has accepted, with the grant behind it.
pub(super) struct Invited {
    pub(super) team: &'static str,
    pub(super) email: &'static str,
    pub(super) registered: bool,
    pub(super) grant: Option<Option<i64>>,
    pub(super) owner: &'static str,
    pub(super) reason: &'static str,
}

const AMARA: &str = "amara.okafor@acme.example";
const BEATRIZ: &str = "beatriz.silva@acme.example";
const MATEO: &str = "mateo.fernandez@acme.example";
const PRIYA: &str = "priya.raman@acme.example";

const DAY: i64 = 24;
const UNCOVERED: Option<Option<i64>> = None;
const NEVER: Option<Option<i64>> = Some(None);

const fn ends(hours: i64) -> Option<Option<i64>> {
    Some(Some(hours))
}

#[rustfmt::skip]
pub(super) const SEATS: &[Seat] = &[
    // Core: a role that ended, a protected person who is overdue, somebody nobody granted.
    seat("Core", AMARA, "admin", -900 * DAY, NEVER, "", "head of engineering"),
    seat("Core", MATEO, "", -700 * DAY, NEVER, AMARA, "engineering"),
    seat("Core", MATEO, "manager", -30 * DAY, ends(-12), AMARA, "stands in for the team lead"),
    seat("Core", "yuki.tanaka@acme.example", "", -400 * DAY, NEVER, AMARA, "engineering"),
    seat("Core", "mai.nguyen@acme.example", "manager", -380 * DAY, NEVER, AMARA, "team lead"),
    seat("Core", "zofia.wisniewska@acme.example", "", -74 * DAY, ends(16 * DAY), AMARA, "release team"),
    seat("Core", "hyejin.park@acme.example", "", -77 * DAY, ends(13 * DAY), AMARA, "release team"),
    seat("Core", "aiyana.begay@acme.example", "", -150 * DAY, ends(28 * DAY), AMARA, "search project"),
    seat("Core", "elif.yilmaz@acme.example", "", -81 * DAY, ends(9 * DAY), AMARA, "audit preparation"),
    seat("Core", "bjork.jonsdottir@acme.example", "", -DAY, ends(89 * DAY), AMARA, "exchange year"),
    seat("Core", "tomas.obriain@acme.example", "", -170 * DAY, ends(-3), AMARA, "left for another team"),
    seat("Core", "grace.whitfield@acme.example", "", -800 * DAY, ends(-DAY), "", "yearly renewal"),
    seat("Core", "pavel.novak@acme.example", "", -33 * DAY, UNCOVERED, "", ""),
    // Contractors, with a longest stay of 90 days: several are over at once.
    seat("Contractors", PRIYA, "admin", -650 * DAY, NEVER, "", "head of operations"),
    seat("Contractors", "wei.zhang+vendor@example.com", "", -180 * DAY, ends(-36), PRIYA, "vendor integration"),
    seat("Contractors", "kwame.mensah@example.com", "", -120 * DAY, ends(-20 * DAY), PRIYA, "data migration"),
    seat("Contractors", "dmytro.shevchenko@example.com", "", -88 * DAY, ends(-4 * DAY), PRIYA, "load tests"),
    seat("Contractors", "joao.carvalho@example.org", "", -62 * DAY, ends(-2 * DAY), PRIYA, "translations"),
    seat("Contractors", "sana.malik@example.com", "", -140 * DAY, UNCOVERED, "", ""),
    seat("Contractors", "tane.parata@example.org", "", -40 * DAY, UNCOVERED, "", ""),
    seat("Contractors", "ravi.subramaniam@example.com", "", -200 * DAY, ends(60 * DAY), PRIYA, "extended twice"),
    seat("Contractors", "lars.ostergard@example.org", "", -60 * DAY, ends(30 * DAY), PRIYA, "security review"),
    seat("Contractors", "rashid.karimov@example.com", "", -15 * DAY, ends(75 * DAY), PRIYA, "cost project"),
    // Support follows the whitelist: what ends there ends here.
    seat("Support", MATEO, "admin", -700 * DAY, NEVER, AMARA, "escalations"),
    seat("Support", "jamal.washington@acme.example", "manager", -300 * DAY, NEVER, MATEO, "support lead"),
    seat("Support", "omar.haddad@acme.example", "", -365 * DAY, UNCOVERED, "", ""),
    seat("Support", "giulia.conti@acme.example", "", -90 * DAY, UNCOVERED, "", ""),
    seat("Support", "chidi.eze@acme.example", "", -60 * DAY, UNCOVERED, "", ""),
    seat("Support", "fatima.elidrissi@acme.example", "", -58 * DAY, UNCOVERED, "", ""),
    seat("Support", "anneke.devries@acme.example", "", -69 * DAY, UNCOVERED, "", ""),
    // Sales: grants that overlap.
    seat("Sales", BEATRIZ, "admin", -500 * DAY, NEVER, PRIYA, "head of sales"),
    seat("Sales", "henrik.lindqvist@acme.example", "", -46 * DAY, ends(44 * DAY), BEATRIZ, "key account"),
    seat("Sales", "sakura.ito@acme.example", "", -29 * DAY, ends(61 * DAY), BEATRIZ, "key account"),
    seat("Sales", "camille.dubois@acme.example", "", -210 * DAY, ends(-8 * DAY), BEATRIZ, "maternity cover"),
    seat("Sales", "arjun.mehta@acme.example", "", -80 * DAY, ends(10 * DAY), BEATRIZ, "trade fair"),
    seat("Sales", "noa.levi@acme.example", "", -100 * DAY, ends(-10 * DAY), BEATRIZ, "trial"),
    seat("Sales", "noa.levi@acme.example", "", -12 * DAY, ends(45 * DAY), BEATRIZ, "spring campaign"),
    seat("Sales", "ana-maria.popescu@acme.example", "", -95 * DAY, ends(-3 * DAY), BEATRIZ, "probation"),
    seat("Sales", "ana-maria.popescu@acme.example", "", -4 * DAY, NEVER, BEATRIZ, "made permanent"),
];

#[rustfmt::skip]
pub(super) const INVITED: &[Invited] = &[
    // The grant ended before the invite was accepted.
    invited("Core", "siobhan.o'neill@acme.example", true, ends(-6), AMARA, "sabbatical"),
    // The address bounces.
    invited("Support", "thandiwe.ndlovu@acme.example", false, ends(50 * DAY), MATEO, "support rota"),
    // Still time.
    invited("Contractors", "ingrid.solberg@example.org", true, ends(55 * DAY), PRIYA, "design system"),
    invited("Sales", "mele.tupou@acme.example", false, UNCOVERED, "", ""),
];

const fn seat(
    team: &'static str,
    email: &'static str,
    role: &'static str,
    since: i64,
    grant: Option<Option<i64>>,
    owner: &'static str,
    reason: &'static str,
) -> Seat {
    Seat {
        team,
        email,
        role,
        since,
        grant,
        owner,
        reason,
    }
}

const fn invited(
    team: &'static str,
    email: &'static str,
    registered: bool,
    grant: Option<Option<i64>>,
    owner: &'static str,
    reason: &'static str,
) -> Invited {
    Invited {
        team,
        email,
        registered,
        grant,
        owner,
        reason,
    }
}
