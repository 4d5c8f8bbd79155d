//! The link in an owner's mail: a page on which access is kept or ended without a command.

use serde_json::{Value, json};

use super::review::events;
use crate::world::calendar::Letter;
use crate::world::{Daemon, Mail, SENTIUS_KEY, World, time, until};

const FORM: &str = "application/x-www-form-urlencoded";
const MINUTES_A_DAY: i64 = 24 * 60;
/// The last moment of the day that answers choose.
const KEPT: &str = "2098-06-30T23:59:59.999Z";

/// Owners are asked after ninety days, and reach the listener.
pub(crate) async fn world() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.config.review = "[review]\nevery = \"90d\"\n".to_owned();
    world.listen("public_url = \"https://lapsed.acme.example/\"\n");
    world
}

/// Jane and Bob are Olga's; Jane has another grant, which is Otto's, and so has Amy.
pub(crate) async fn asked(world: &World) -> Vec<Letter> {
    world.whitelist(&["jane@example.com", "amy@example.com"]);
    world.team("Core", &["bob@example.com"]);
    world
        .import(
            "email,target,end,owner,name,reason\n\
             jane@example.com,sentius:acme,never,olga@acme.example,<script>alert(1)</script>,audit\n\
             jane@example.com,sentius:acme,2099-03-01,otto@acme.example,Jane,\n\
             amy@example.com,sentius:acme,2099-02-01,otto@acme.example,Amy,\n\
             bob@example.com,sapling:acme/Core,never,olga@acme.example,Bob,\n\
             sam@example.com,sentius:acme,never,,Sam,\n",
        )
        .await;
    world.later(91 * MINUTES_A_DAY);
    world.mail.clear();
    world.run().await;
    world.letters()
}

pub(crate) fn to<'a>(letters: &'a [Letter], owner: &str) -> &'a Letter {
    let found = letters.iter().find(|letter| letter.to == owner);
    found.unwrap_or_else(|| panic!("{owner}: {letters:#?}"))
}

/// The path and query of a letter's link, which stands on a line of its own.
pub(crate) fn link(letter: &Letter) -> String {
    let place = "    https://lapsed.acme.example/answer?t=";
    let mut lines = letter.text.lines();
    let line = lines.find(|line| line.starts_with(place));
    let line = line.unwrap_or_else(|| panic!("no link: {}", letter.text));
    format!("/answer?t={}", &line[place.len()..])
}

fn token(link: &str) -> &str {
    link.split_once("?t=").unwrap().1
}

/// The number of a person's row on a page.
fn row(page: &str, email: &str) -> String {
    let legend = format!("<legend>{}</legend>", email.replace('@', "@<wbr>"));
    let (_, rest) = page
        .split_once(&legend)
        .unwrap_or_else(|| panic!("{email}: {page}"));
    let (_, rest) = rest.split_once("name=\"a.").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// The grants: person, owner, end and whether it was revoked.
fn grants(world: &World) -> Vec<String> {
    world.texts(
        "SELECT email || ' ' || ifnull(owner, '-') || ' ' || ifnull(ends_at, 'never') || ' ' || revoked
         FROM grants ORDER BY id",
    )
}

fn by_people(world: &World) -> i64 {
    world.number(
        "SELECT count(*) FROM event WHERE kind IN ('grant.extended', 'grant.revoked', 'review.kept',
                'review.ended', 'provision.planned')",
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_keeps_and_ends_what_is_theirs_and_no_other_grant() {
    let world = world().await;
    let letters = asked(&world).await;
    let olga = to(&letters, "olga@acme.example");
    let link = link(olga);
    assert!(
        olga.html
            .contains(&format!("href=\"https://lapsed.acme.example{link}\""))
    );
    assert!(!olga.text.contains("amy@"), "{}", olga.text);
    let _daemon = world.listening().await;
    let before = (grants(&world), by_people(&world));

    // To look at it changes nothing, by whatever name and however often.
    let page = world.get(&link);
    let seen = world.ask(&format!(
        "HEAD {link} HTTP/1.1\r\nHost: lapsed.acme.example\r\n"
    ));
    assert_eq!(
        (page.status, seen.status, seen.body.as_str()),
        (200, 200, "")
    );
    assert_eq!((grants(&world), by_people(&world)), before);
    for header in [
        "no-store",
        "no-referrer",
        "x-robots-tag: noindex",
        "form-action 'self'",
    ] {
        assert!(page.head.contains(header), "{header}: {}", page.head);
    }
    for words in [
        "For olga@acme.example",
        "2 grants wait for your yes or no",
        "audit",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    for words in ["amy@", "sam@", "<script", SENTIUS_KEY, &world.sapling_key()] {
        assert!(!page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(
        page.body.contains("&#60;script&#62;alert(1)"),
        "{}",
        page.body
    );
    let secret = world.texts("SELECT value FROM fact WHERE name = 'link.secret'");
    assert!(secret[0].len() == 64 && !page.body.contains(&secret[0]));
    assert!(!olga.text.contains(&secret[0]));

    let (jane, bob) = (
        row(&page.body, "jane@example.com"),
        row(&page.body, "bob@example.com"),
    );
    let answers = format!(
        "t={}&a.{jane}=keep&u.{jane}=2098-06-30&a.{bob}=end&u.{bob}=",
        token(&link)
    );
    let sent = world.post("/answer", FORM, &answers);

    assert_eq!((sent.status, sent.body.as_str()), (303, ""), "{sent:?}");
    assert!(sent.head.contains("location: answer?t="), "{}", sent.head);
    let kept = time(KEPT).as_millisecond();
    let theirs = grants(&world);
    assert_eq!(
        theirs[0],
        format!("jane@example.com olga@acme.example {kept} 0")
    );
    assert_eq!(theirs[1..3], before.0[1..3], "Otto's stay as they are");
    assert!(theirs[3].ends_with(" 1"), "{theirs:?}");
    // The daemon acts on it without being told.
    until("Bob is gone", || world.members("Core").is_empty()).await;
    let shown = world.get(&link).body;
    assert!(
        shown.contains("Nothing waits for your answer any more"),
        "{shown}"
    );
    assert!(shown.contains("Kept until 2098-06-30 23:59") && shown.contains("Ended: you said so"));

    let by = |kind: &str| -> Vec<(Value, Value)> {
        let events = events(&world, kind).into_iter();
        events
            .map(|e| (e["by"].clone(), e["email"].clone()))
            .collect()
    };
    let olga = |email: &str| (json!("olga@acme.example"), json!(email));
    assert_eq!(by("review.kept"), [olga("jane@example.com")]);
    assert_eq!(by("review.ended"), [olga("bob@example.com")]);
    assert_eq!(by("grant.extended"), [olga("jane@example.com")]);
    assert_eq!(by("grant.revoked"), [olga("bob@example.com")]);
    for kind in [
        "review.kept",
        "review.ended",
        "grant.extended",
        "grant.revoked",
    ] {
        let why = &events(&world, kind)[0]["why"];
        assert_eq!(why, "its owner said so by the link in a mail", "{kind}");
    }
    world.trail_is_whole().await;

    // It posts the entry again, too; the last of her grants decides.
    until("all is settled", || {
        world.number("SELECT count(*) FROM provision WHERE settled_at IS NULL") == 0
    })
    .await;
    let entry = world
        .sentius
        .with(|state| state.entries["jane@example.com"].clone());
    assert_eq!(entry.end_date, Some(time("2099-03-01T23:59:59.999Z")));
    let shown = world.get(&link).body;
    assert!(shown.contains("; it is done."), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_counts_once_and_only_for_the_links_owner() {
    let world = world().await;
    let letters = asked(&world).await;
    let olga = link(to(&letters, "olga@acme.example"));
    let otto = link(to(&letters, "otto@acme.example"));
    let it = to(&letters, "it@acme.example");
    assert!(
        !it.text.contains("/answer"),
        "whoever has a shell: {}",
        it.text
    );
    let _daemon = world.listening().await;
    let before = grants(&world);
    let [of_olga, of_otto] = [&olga, &otto].map(|link| world.get(link).body);
    let (bob, amy) = (
        row(&of_olga, "bob@example.com"),
        row(&of_otto, "amy@example.com"),
    );

    // Olga's token does not reach Otto's grant, beside her own neither.
    let both = format!("t={}&a.{bob}=end&a.{amy}=end", token(&olga));
    let sent = world.post("/answer", FORM, &both);
    assert_eq!(sent.status, 400, "{sent:?}");
    // Halves of two good tokens, and one letter changed.
    let mixed = format!("{}{}", &token(&olga)[..22], &token(&otto)[22..]);
    let other = if token(&olga).ends_with('A') {
        "B"
    } else {
        "A"
    };
    let changed = format!("{}{other}", &token(&olga)[..63]);
    for bad in [mixed.as_str(), &changed, &token(&olga)[..63], "", "x"] {
        let seen = world.get(&format!("/answer?t={bad}"));
        let sent = world.post("/answer", FORM, &format!("t={bad}&a.{bob}=end"));
        assert_eq!((seen.status, sent.status), (403, 403), "{bad}");
        assert!(
            !seen.body.contains('@') && !sent.body.contains('@'),
            "{}",
            sent.body
        );
    }
    assert_eq!(grants(&world), before);

    let end = format!("t={}&a.{bob}=end", token(&olga));
    assert_eq!(world.post("/answer", FORM, &end).status, 303);
    let ended = grants(&world);
    let keep = format!("t={}&a.{bob}=keep&u.{bob}=2098-06-30", token(&olga));
    for again in [&end, &keep] {
        let sent = world.post("/answer", FORM, again);
        assert_eq!(sent.status, 409, "{sent:?}");
        let told = "bob@example.com, sapling:acme/Core: this was answered by the same link before";
        assert!(sent.body.contains(told), "{}", sent.body);
    }
    assert_eq!(grants(&world), ended);

    // What another way has answered meanwhile is answered, too.
    let keep = [
        "review",
        "keep",
        "amy@example.com",
        "--target",
        "sentius:acme",
        "--by",
        "otto",
    ];
    assert_eq!(world.lapsed(&keep).await.code, 0);
    let sent = world.post("/answer", FORM, &format!("t={}&a.{amy}=end", token(&otto)));
    assert_eq!(sent.status, 409, "{sent:?}");
    assert!(
        sent.body.contains("somebody has answered for it since"),
        "{}",
        sent.body
    );

    // Whose grant becomes somebody else's has no say in it any more.
    world.sql("UPDATE grants SET owner = 'zoe@acme.example' WHERE email = 'jane@example.com'");
    assert!(!world.get(&olga).body.contains("jane@"));

    world.later(31 * MINUTES_A_DAY);
    let (seen, sent) = (world.get(&otto), world.post("/answer", FORM, &end));
    assert_eq!((seen.status, sent.status), (410, 410), "{seen:?}");
    assert!(seen.body.starts_with("This link worked until ") && !seen.body.contains('@'));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_day_is_named_and_nothing_is_half_done() {
    let world = world().await;
    let letters = asked(&world).await;
    let link = link(to(&letters, "olga@acme.example"));
    let _daemon = world.listening().await;
    let before = (grants(&world), by_people(&world));
    let page = world.get(&link).body;
    let (jane, bob) = (
        row(&page, "jane@example.com"),
        row(&page, "bob@example.com"),
    );
    for (day, why) in [
        ("2020-01-01", "that day is past"),
        ("2030-02-30", "there is no such day"),
        ("never", "there is no such day"),
        ("12098-01-01", "there is no such day"),
    ] {
        let form = format!(
            "t={}&a.{jane}=keep&u.{jane}={day}&a.{bob}=end",
            token(&link)
        );
        let sent = world.post("/answer", FORM, &form);
        assert_eq!(sent.status, 422, "{day}: {sent:?}");
        let told = format!("jane@example.com, sentius:acme: {why}");
        assert!(sent.body.contains(&told), "{told}: {}", sent.body);
        assert!(
            sent.body
                .contains(&format!("name=\"u.{jane}\" value=\"{day}\""))
        );
        assert!(
            sent.body
                .contains(&format!("name=\"a.{bob}\" value=\"end\" checked"))
        );
    }
    let nothing = world.post("/answer", FORM, &format!("t={}&a.{jane}=", token(&link)));
    assert_eq!(nothing.status, 422, "{nothing:?}");
    let good = format!("t={}&a.{jane}=end", token(&link));
    for (kind, status) in [
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
    ] {
        assert_eq!(world.post("/answer", kind, &good).status, status, "{kind}");
    }
    let large = format!("{good}&x={}", "y".repeat(40_000));
    assert_eq!(world.post("/answer", FORM, &large).status, 413);
    assert_eq!(world.post("/answer", FORM, "rubbish").status, 400);
    let put = world.ask(&format!("PUT {link} HTTP/1.1\r\nHost: localhost\r\n"));
    assert_eq!(put.status, 405);
    assert!(put.head.contains("allow: get, head, post"), "{}", put.head);
    // The rest of the listener is as closed to strangers as without links.
    let strange = world.ask("GET / HTTP/1.1\r\nHost: lapsed.acme.example\r\n");
    assert_eq!(strange.status, 421);
    assert_eq!((grants(&world), by_people(&world)), before);

    // One answer for all.
    let all = format!(
        "t={}&all=keep&until=2098-06-30&a.{jane}=&a.{bob}=",
        token(&link)
    );
    assert_eq!(world.post("/answer", FORM, &all).status, 303);
    let kept = time(KEPT).as_millisecond();
    for place in [0, 3] {
        let grant = grants(&world).remove(place);
        assert!(
            grant.ends_with(&format!("olga@acme.example {kept} 0")),
            "{grant}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_has_a_link_by_which_an_end_is_moved() {
    let mut world = world().await;
    world.config.review = String::new();
    world.whitelist(&["jane@example.com", "eve@example.com"]);
    let soon = world.now() + jiff::SignedDuration::from_hours(5 * 24);
    world
        .import(&format!(
            "email,target,end,owner\njane@example.com,sentius:acme,{soon},olga@acme.example\n\
             eve@example.com,sentius:acme,{soon},olga@acme.example\n"
        ))
        .await;
    world.later(1);
    world.run().await;
    let letters = world.letters();
    let link = link(to(&letters, "olga@acme.example"));
    let daemon: Daemon = world.listening().await;
    let page = world.get(&link).body;
    let [jane, eve] = ["jane@example.com", "eve@example.com"].map(|email| row(&page, email));

    let sent = world.post(
        "/answer",
        FORM,
        &format!("t={}&a.{jane}=keep", token(&link)),
    );
    assert_eq!(sent.status, 422);
    assert!(
        sent.body
            .contains("choose the last day until which it is kept"),
        "{}",
        sent.body
    );
    let form = format!(
        "t={}&a.{jane}=keep&u.{jane}=2098-06-30&a.{eve}=end",
        token(&link)
    );
    assert_eq!(world.post("/answer", FORM, &form).status, 303);

    until("Eve is gone", || {
        world.whitelisted() == ["jane@example.com"]
    })
    .await;
    assert_eq!(daemon.stop().await, 0);
    world.run().await;
    let entry = world
        .sentius
        .with(|state| state.entries["jane@example.com"].clone());
    assert_eq!(entry.end_date, Some(time(KEPT)));
    assert_eq!(
        events(&world, "grant.extended")[0]["by"],
        "olga@acme.example"
    );
    assert_eq!(events(&world, "review.kept").len(), 0);
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_public_url_there_is_no_link_and_no_page() {
    let mut world = world().await;
    world.listen("");
    let letters = asked(&world).await;
    for letter in &letters {
        assert!(!letter.text.contains("answer?t=") && !letter.html.contains("href"));
    }
    assert_eq!(world.number("SELECT count(*) FROM link"), 0);
    let _daemon = world.listening().await;
    assert_eq!(world.get("/answer?t=x").status, 404);
    let sent = world.ask("POST /answer HTTP/1.1\r\nHost: localhost\r\n");
    assert_eq!(sent.status, 404);
    assert_eq!(world.post("/answer", FORM, "t=x").status, 421);
}
