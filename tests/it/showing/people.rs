//! The pages about people: somebody is found by a part of an address, and all that is on record about
//! one person stands on one page.

use serde_json::Value;

use crate::world::{FUTURE, PAST, World};

/// A page's text: without marks, and with the characters that stand for themselves.
fn text(page: &str) -> String {
    let body = page.split("<body>").nth(1).unwrap_or_default();
    let pieces = body
        .split('<')
        .map(|piece| piece.split_once('>').map_or(piece, |(_, t)| t));
    let text = pieces.collect::<String>();
    let known = [
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#38;", "&"),
    ];
    known
        .iter()
        .fold(text, |text, (code, c)| text.replace(code, c))
}

/// The people that a search lists, as their links.
fn found(world: &World, asked_for: &str) -> Vec<String> {
    let heard = world.get(&format!("/people?q={asked_for}"));
    assert_eq!(heard.status, 200, "{heard:?}");
    let links = heard.body.split("href=\"person?email=").skip(1);
    links
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

/// A text without how far away its moments are, which goes on while it is written.
fn timeless(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(" (") {
        let end = rest[at..].find(')').map_or(rest.len(), |end| at + end + 1);
        let within = &rest[at + 2..end];
        let is_away = within.ends_with(" ago)") || within.starts_with("in ");
        kept.push_str(&rest[..if is_away { at } else { end }]);
        rest = &rest[end..];
    }
    minutes(&(kept + rest))
}

/// The same without seconds and zones, which only what is kept has.
fn minutes(text: &str) -> String {
    let mut parts = text.split(" UTC");
    let mut kept = parts.next().unwrap().to_owned();
    for part in parts {
        let seconds = kept.len().saturating_sub(3);
        if kept.get(seconds..).is_some_and(|end| end.starts_with(':')) {
            kept.truncate(seconds);
        }
        kept += part;
    }
    kept
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_found_by_a_part_of_the_address_and_has_a_page() {
    let mut world = World::new().await;
    world.listen("");
    world.team("Core", &["Ann.Lee@Example.com", "bob@example.com"]);
    world.invite("Core", "cyd@else.example");
    world
        .grants(&[
            "jane@example.com,sentius:acme,3d",
            "o'neil+x@example.com,sentius:acme,3d",
        ])
        .await;
    let _daemon = world.listening().await;

    let form = world.get("/").body;
    assert!(
        form.contains("<form role=\"search\" action=\"people\" method=\"get\">"),
        "{form}"
    );
    for (asked_for, wanted) in [
        ("jane@example.com", &["jane@example.com"][..]),
        ("%20JANE", &["jane@example.com"]),
        ("LEE", &["ann.lee@example.com"]),
        ("else.ex", &["cyd@else.example"]),
        ("b@ex", &["bob@example.com"]),
        ("o%27neil%2Bx", &["o%27neil%2Bx@example.com"]),
        // It is no pattern.
        ("%25", &[]),
        ("a_n", &[]),
        ("nobody", &[]),
    ] {
        assert_eq!(found(&world, asked_for), wanted, "{asked_for}");
    }
    for link in found(&world, "example.com") {
        let heard = world.get(&format!("/person?email={link}"));
        assert_eq!(heard.status, 200, "{link}: {heard:?}");
        assert!(
            text(&heard.body).contains("History"),
            "{link}: {}",
            heard.body
        );
    }
    let nothing = world.get("/people").body;
    assert!(
        nothing.contains("Type an address, or a part of one."),
        "{nothing}"
    );
    let long = "a".repeat(300);
    assert!(
        world
            .get(&format!("/people?q={long}"))
            .body
            .contains("No address is longer")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_shows_the_first_fifty_and_says_that_there_are_more() {
    let mut world = World::new().await;
    world.listen("");
    let people: Vec<String> = (100..160).map(|n| format!("p{n}@example.com")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    world.team("Core", &people);
    let _daemon = world.listening().await;

    for asked_for in ["p", "@example"] {
        assert_eq!(found(&world, asked_for), people[..50], "{asked_for}");
        let page = world.get(&format!("/people?q={asked_for}")).body;
        assert!(
            page.contains("There are more: type more of the address."),
            "{page}"
        );
    }
    assert_eq!(found(&world, "p15"), people[50..]);
    let page = world.get("/people?q=p15").body;
    assert!(page.contains("10 people with “p15”"), "{page}");
    assert!(!page.contains("There are more"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_or_on_record_is_no_markup() {
    let mut world = World::new().await;
    world.listen("");
    world.team("Core", &["<b>\"ann\"@example.com"]);
    let _daemon = world.listening().await;

    let typed = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE";
    for path in ["/people?q=", "/person?email="] {
        let page = world.get(&format!("{path}{typed}")).body;
        assert!(!page.contains("<script"), "{page}");
        assert!(
            text(&page).contains("\"><script>alert(1)</script>\u{fffd}"),
            "{page}"
        );
        assert!(!page.contains('\u{202e}'), "{page}");
    }
    let page = world.get("/people?q=example.com").body;
    assert!(
        text(&page).contains("<b>\"ann\"@example.com") && !page.contains("<b>"),
        "{page}"
    );
    let page = world.get("/person?email=%3Cb%3E%22ann%22@example.com").body;
    assert!(
        page.contains("<h1>&#60;b&#62;&#34;ann&#34;@example.com</h1>"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_person_says_what_why_and_history_say() {
    let mut world = World::new().await;
    world.listen("");
    world.team("R&D", &["jane@example.com"]);
    world.whitelist(&["jane@example.com"]);
    world
        .import(&format!(
            "email,target,end,owner,reason\n\
             Jane@example.com,sentius:acme,{PAST},it@acme.example,the <b>audit</b>\n\
             jane@example.com,sapling:acme/R&D,{FUTURE},,\n"
        ))
        .await;
    let _daemon = world.listening().await;

    let heard = world.get("/person?email=JANE@example.com");

    assert_eq!(heard.status, 200);
    assert!(
        heard.head.contains("cache-control: no-store"),
        "{}",
        heard.head
    );
    let shown = timeless(&text(&heard.body));
    let why = world
        .lapsed(&["why", "jane@example.com", "--format", "json"])
        .await;
    let why: Value = serde_json::from_str(&why.stdout).unwrap();
    for place in why["targets"].as_array().unwrap() {
        for said in [&place["target"], &place["verdict"]] {
            let said = timeless(said.as_str().unwrap());
            assert!(shown.contains(&said), "{said} is not in {shown}");
        }
    }
    assert!(shown.contains("[event "), "the proof: {shown}");
    let mut events = world
        .rows(&["history", "jane@example.com", "--format", "json"])
        .await;
    assert!(events.len() > 3, "{events:#?}");
    // The newest first.
    events.reverse();
    let mut rest = shown.split("History").nth(1).unwrap();
    for event in events {
        let said = timeless(event["text"].as_str().unwrap());
        let Some((_, after)) = rest.split_once(&said) else {
            panic!("{said} is not in {rest}");
        };
        rest = after;
    }
    assert!(!heard.body.contains("<b>audit"), "{}", heard.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_nobody_knows_is_told_with_the_nearest_ones() {
    let mut world = World::new().await;
    world.listen("");
    world.grants(&["jane@example.com,sentius:acme,3d"]).await;
    let _daemon = world.listening().await;

    let heard = world.get("/person?email=jnae@example.com");

    assert_eq!(heard.status, 404);
    let said = text(&heard.body);
    assert!(said.contains("This address is not on record"), "{said}");
    assert!(
        heard
            .body
            .contains("href=\"person?email=jane@example.com\""),
        "{}",
        heard.body
    );
    for path in ["/person", "/person?email=", "/person?email=%FF&email=a"] {
        let heard = world.get(path);
        assert_eq!(heard.status, 400, "{path}: {heard:?}");
        assert!(
            heard.body.starts_with("Ask for /people?q=TEXT"),
            "{path}: {heard:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_is_cut_to_its_last_hundred_events() {
    let mut world = World::new().await;
    world.listen("");
    world.team("Core", &["jane@example.com"]);
    let _daemon = world.listening().await;
    world.sql(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 80)
         INSERT INTO invite (target, email, email_key, registered, confirmed, permissions, first_seen, gone_at)
         SELECT target, email, email_key, 0, 0, '', n * 2000, n * 2000 + 1000 FROM n, member
         WHERE email_key = 'jane@example.com'",
    );

    let page = world.get("/person?email=jane@example.com").body;

    let said = text(&page);
    let rows = page.split("<table class=\"history\">").nth(1).unwrap();
    assert_eq!(
        rows.matches("<tr><th scope=\"row\">").count(),
        100,
        "{page}"
    );
    assert!(
        said.contains(
            "The last 100 of 161 events, newest first; lapsed history jane@example.com shows all"
        ),
        "{said}"
    );
    assert!(
        !said.contains("1970-01-01 00:00:02"),
        "the oldest is left out: {said}"
    );
}
