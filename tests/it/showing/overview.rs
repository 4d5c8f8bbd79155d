//! The sections of the overview: the coming week, access without an end, invites, passes, whitelists.

use crate::world::{FUTURE, PAST, World, until};

/// The part of the page under a heading.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let mut parts = page.split("<section>");
    let found = parts.find(|part| part.contains(heading));
    found.unwrap_or_else(|| panic!("{heading} is not in {page}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_tells_of_access_without_an_end_of_invites_and_of_whitelists() {
    let mut world = World::new().await;
    world.listen("");
    world.team("Core", &[]);
    world.invite("Core", "cyd@example.com");
    let before = world.now().to_string();
    world
        .import(&format!(
            "email,target,end,owner\n\
             ann@example.com,sentius:acme,never,it@acme.example\n\
             ben@example.com,sentius:acme,{FUTURE},\n"
        ))
        .await;
    let given = [
        "grant",
        "dan@example.com",
        "--target",
        "sentius:acme",
        "--end",
        "2099-05-06",
    ];
    let printed = world.lapsed(&given).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let _daemon = world.listening().await;

    let page = world.get("/").body;

    let endless = section(&page, "Access without an end <span>1</span>");
    assert!(
        endless.contains("href=\"person?email=ann@example.com\""),
        "{endless}"
    );
    assert!(endless.contains("owner it@acme.example"), "{endless}");
    let invites = section(&page, "Pending invites <span>1</span>");
    assert!(invites.contains("cyd@<wbr>example.com"), "{invites}");
    assert!(invites.contains("for under an hour"), "{invites}");
    let days = [before, world.now().to_string()];
    let is_day = |day: &String| invites.contains(&day[..10]);
    assert!(days.iter().any(is_day), "{invites}");
    let whitelists = section(&page, "Who is on a whitelist");
    for said in [
        "<h3>sentius:acme</h3>",
        "1 acknowledged by the provider: <span>dan@example.com (until 2099-05-06)",
        "2 there by a person&#39;s word: <span>ann@example.com, ben@example.com (until 2099-12-31)",
    ] {
        assert!(whitelists.contains(said), "{said} is not in {whitelists}");
    }
    assert!(page.contains("reload the page to see it anew"), "{page}");
    assert!(page.contains("The last pass ended on <time>"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_week_ahead_stands_on_the_page_day_by_day() {
    let mut world = World::new().await;
    world.listen("");
    let now = world.now();
    let hour = |hours: i64| (now + jiff::SignedDuration::from_hours(hours)).to_string();
    let (later, beyond) = (hour(5 * 24), hour(9 * 24));
    let mut rows = vec![
        format!("ann@example.com,sentius:acme,{later}"),
        format!("zoe@example.com,sentius:acme,{beyond}"),
    ];
    rows.extend((0..60).map(|n| format!("p{n}@example.com,sentius:acme,{}", hour(3 * 24))));
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;
    let _daemon = world.listening().await;

    let page = world.get("/").body;

    let week = section(&page, "Ending in the next 7 days");
    let days: Vec<&str> = week.split("<tr><th scope=\"row\">").skip(1).collect();
    assert_eq!(days.len(), 7, "{week}");
    let ann = days
        .iter()
        .find(|day| day.contains("ann@<wbr>example.com"))
        .unwrap();
    assert!(
        ann.contains(&later[..10]) && ann.contains(&later[11..16]),
        "{ann}"
    );
    assert!(
        ann.contains("· sentius:acme") && ann.contains("<td class=\"number\">1</td>"),
        "{ann}"
    );
    let many = days.iter().find(|day| day.contains("p0@")).unwrap();
    assert!(many.contains("<td class=\"number\">60</td>"), "{many}");
    assert!(
        many.contains("<summary>45 more</summary>") && many.contains("And 10 beyond these"),
        "{many}"
    );
    assert!(!week.contains("zoe@"), "{week}");
    assert!(week.contains("nothing"), "{week}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_run_stands_on_the_page_with_the_command_that_lets_it_go_ahead() {
    let mut world = World::new().await;
    world.listen("");
    "max_removals = 1\n".clone_into(&mut world.config.guard);
    world.whitelist(&["jane@example.com", "joe@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            &format!("joe@example.com,sentius:acme,{PAST}"),
        ])
        .await;
    let _daemon = world.listening().await;

    let page = world.get("/").body;

    let passes = section(&page, "<h2>Last passes</h2>");
    let runs = world.rows(&["runs", "--format", "json"]).await;
    for run in &runs {
        let run = run["run"].as_str().unwrap();
        let short = format!("<code>{}</code>", &run[run.len() - 12..]);
        assert!(passes.contains(&short), "{short} is not in {passes}");
    }
    assert!(passes.contains("held: 2 held"), "{passes}");
    let command = passes.split("<code>lapsed approve ").nth(1).unwrap();
    let run = command.split('<').next().unwrap();
    let approved = world.lapsed(&["approve", run]).await;
    assert_eq!(approved.code, 0, "{}", approved.stderr);
    until("the daemon does it", || world.whitelisted().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_of_very_many_is_no_larger_than_people_read() {
    let mut world = World::new().await;
    world.listen("");
    world.team("Core", &["ann@example.com"]);
    world.grants(&["ann@example.com,sentius:acme,3d"]).await;
    let _daemon = world.listening().await;
    let now = world.now().as_millisecond();
    world.sql(&format!(
        "CREATE TEMP TABLE n AS WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 6000)
         SELECT n, 'someone-with-a-long-name-' || n || '@example.com' AS email FROM n;
         INSERT INTO grants (target, email, email_key, person, starts_at, ends_at, recorded_at)
         SELECT g.target, n.email, n.email, n.email, 0, iif(n % 2, NULL, {now} + 86400000 * (n % 7) + 60000 * n), 0
         FROM n, (SELECT target FROM grants LIMIT 1) g;
         INSERT INTO entry (target, person, email, how, starts_at, taken_at)
         SELECT g.target, n.email, n.email, 'posted', 0, 0 FROM n, (SELECT target FROM grants LIMIT 1) g;
         INSERT INTO invite (target, email, email_key, registered, confirmed, permissions, first_seen)
         SELECT m.target, n.email, n.email, 0, 0, '', {now} FROM n, (SELECT target FROM member LIMIT 1) m;"
    ));

    let page = world.get("/").body;

    assert!(page.len() < 400_000, "{}", page.len());
    for said in [
        "Access without an end <span>3000</span>",
        "And 2900 beyond these",
        "There are more; only the first ones by address are counted and shown.",
    ] {
        assert!(page.contains(said), "{said} is not in the page");
    }
}
