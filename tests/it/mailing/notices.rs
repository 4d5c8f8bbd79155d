//! Notices before an end: who is mailed when, and what a calendar makes of it.

use serde_json::Value;

use crate::world::{Daemon, Mail, Outcome, World, until};

/// Mail goes out, and the clock may be anywhere.
async fn world() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.one_clock = true;
    world
}

/// Who was mailed in a pass at that time.
async fn mailed(world: &World, now: &str) -> Vec<String> {
    let (_, letters) = world.run_at(now).await;
    letters.into_iter().map(|letter| letter.to).collect()
}

// 2030-03-01 is a Friday.

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_gets_one_mail_with_all_that_ends_and_a_calendar_and_list_shows_the_same() {
    let world = world().await;
    world.team("Core", &["jane@example.com", "bob@example.com"]);
    world
        .owned_grants(
            "2030-01-01T00:00:00Z",
            &[
                "jane@example.com,sentius:acme,2030-03-12T15:00:00Z,Olga@acme.example",
                "bob@example.com,sapling:acme/Core,2030-03-08,olga@acme.example",
                "amy@example.com,sentius:acme,2030-03-11,otto@acme.example",
                // Another grant still gives the access.
                "eve@example.com,sentius:acme,2030-03-09,olga@acme.example",
                "Eve@example.com,sentius:acme,2030-06-30,olga@acme.example",
                // Nobody answers for it.
                "sam@example.com,sentius:acme,2030-03-09,",
                // Far away.
                "tim@example.com,sentius:acme,2030-05-01,olga@acme.example",
            ],
        )
        .await;

    let (run, letters) = world.run_at("2030-03-05T03:00:00Z").await;

    assert_eq!(
        run.mails(),
        [
            "report it@acme.example sent",
            "notice olga@acme.example sent",
            "notice otto@acme.example sent"
        ]
    );
    let [olga, otto] = &letters[..] else {
        panic!("{letters:#?}");
    };
    assert_eq!(olga.to, "olga@acme.example");
    assert_eq!(
        olga.subject,
        "lapsed: 2 grants end, the first on 2030-03-08 — acme"
    );
    assert_eq!(
        otto.subject,
        "lapsed: access of amy@example.com ends on 2030-03-11 — acme"
    );
    for part in [&olga.text, &olga.html] {
        for words in [
            "sapling:acme/Core",
            "sentius:acme",
            "2030-03-12 15:00",
            "in 7 days",
        ] {
            assert!(part.contains(words), "{words}: {part}");
        }
        for who in ["eve@", "sam@", "tim@", "amy@"] {
            assert!(!part.to_lowercase().contains(who), "{who}: {part}");
        }
    }
    assert!(olga.text.contains("bob@example.com") && olga.text.contains("jane@example.com"));
    assert_eq!(
        olga.each("DTSTART"),
        ["20300308T235959Z", "20300312T150000Z"]
    );
    assert_eq!(olga.each("SEQUENCE"), ["0", "0"]);
    assert_eq!(
        olga.each("SUMMARY"),
        [
            "Access of bob@example.com to sapling:acme/Core ends",
            "Access of jane@example.com to sentius:acme ends"
        ]
    );

    // The same people, and those without an owner.
    let list = ["list", "--ending-within", "14d", "--format", "json"];
    let printed = world.lapsed_at("2030-03-05T03:00:00Z", &list).await;
    let rows: Vec<Value> = serde_json::from_str(&printed.stdout).unwrap();
    let mut listed: Vec<&str> = rows.iter().map(|r| r["email"].as_str().unwrap()).collect();
    listed.sort_unstable();
    let people = [
        "amy@example.com",
        "bob@example.com",
        "jane@example.com",
        "sam@example.com",
    ];
    assert_eq!(listed, people);
    let mut found = run.found("grant.ending");
    found.sort();
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(
        people
            .iter()
            .all(|who| found.iter().any(|f| f.contains(who)))
    );

    assert_eq!(
        mailed(&world, "2030-03-05T10:00:00Z").await,
        [""; 0],
        "once a day"
    );
    assert_eq!(
        mailed(&world, "2030-03-06T10:00:00Z").await,
        [""; 0],
        "none twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_window_is_told_once_and_friday_covers_the_weekend() {
    let world = world().await;
    let row = "jane@example.com,sentius:acme,2030-03-11T12:00:00Z,olga@acme.example";
    world.owned_grants("2030-01-01T00:00:00Z", &[row]).await;
    let mut told = Vec::new();
    for day in [
        "02-22", "02-25", "02-26", "03-05", "03-07", "03-08", "03-09", "03-10", "03-11",
    ] {
        if !mailed(&world, &format!("2030-{day}T07:00:00Z"))
            .await
            .is_empty()
        {
            told.push(day);
        }
    }
    // Two weeks are over on Monday; three days and one on Friday and on Sunday.
    assert_eq!(told, ["02-25", "03-08"]);

    // One that is recorded on the weekend and ends on it.
    let row = "bob@example.com,sentius:acme,2030-03-10T20:00:00Z,olga@acme.example";
    world.owned_grants("2030-03-09T08:00:00Z", &[row]).await;
    assert_eq!(
        mailed(&world, "2030-03-09T09:00:00Z").await,
        ["olga@acme.example"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_end_is_told_anew_and_moves_the_entry_in_the_calendar() {
    let world = world().await;
    let row = "jane@example.com,sentius:acme,2030-03-12T12:00:00Z,olga@acme.example";
    world.owned_grants("2030-01-01T00:00:00Z", &[row]).await;
    let (_, first) = world.run_at("2030-03-04T09:00:00Z").await;
    let moved = crate::world::time("2030-03-14T12:00:00Z").as_millisecond();
    world.sql(&format!("UPDATE grants SET ends_at = {moved}"));

    let (_, second) = world.run_at("2030-03-05T09:00:00Z").await;

    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!(first[0].each("UID"), second[0].each("UID"));
    assert_eq!(
        (first[0].each("SEQUENCE"), second[0].each("SEQUENCE")),
        (vec!["0"], vec!["1"])
    );
    assert_eq!(second[0].each("DTSTART"), ["20300314T120000Z"]);
    assert_eq!(mailed(&world, "2030-03-06T09:00:00Z").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_is_told_where_that_is_wanted_in_words_for_them() {
    let mut world = world().await;
    world.config.notices = "notify_people = true\nnotify_before = [\"5d\"]".to_owned();
    let rows = [
        "jane@example.com,sentius:acme,2030-03-12T12:00:00Z,olga@acme.example",
        "olga@acme.example,sentius:acme,2030-03-12T12:00:00Z,jane@example.com",
        "sam@example.com,sentius:acme,2030-03-12T12:00:00Z,",
    ];
    world.owned_grants("2030-01-01T00:00:00Z", &rows).await;
    assert_eq!(mailed(&world, "2030-03-06T07:00:00Z").await, [""; 0]);

    let (_, letters) = world.run_at("2030-03-07T07:00:00Z").await;

    let to: Vec<&str> = letters.iter().map(|letter| letter.to.as_str()).collect();
    assert_eq!(
        to,
        ["jane@example.com", "olga@acme.example", "sam@example.com"]
    );
    for letter in &letters[..2] {
        assert_eq!(
            letter.each("DTSTART").len(),
            2,
            "own and answered for, in one mail"
        );
        assert!(letter.text.contains("Your own access"), "{}", letter.text);
        assert!(
            letter.text.contains("Access that you answer for"),
            "{}",
            letter.text
        );
    }
    let sam = &letters[2];
    assert_eq!(
        sam.subject,
        "lapsed: your access to sentius:acme ends on 2030-03-12 — acme"
    );
    assert_eq!(sam.each("SUMMARY"), ["Your access to sentius:acme ends"]);
    assert!(!sam.text.contains("lapsed extend"), "{}", sam.text);
}

/// Two owners, the first of them on a provider's list of suppressed addresses, and who got a notice.
async fn with_a_suppressed_owner(to: &'static str) -> (World, Outcome, Vec<String>) {
    let mut world = world().await;
    world.config.to = vec![to];
    let organization = world.sapling.with(|state| {
        state.suppressed_access = true;
        state.suppressed = vec!["olga@acme.example".to_owned()];
        state.organization_id.clone()
    });
    world.config.sapling += &format!("organization_id = {organization:?}\n");
    let rows = [
        "jane@example.com,sentius:acme,2030-03-12T12:00:00Z,Olga@acme.example",
        "bob@example.com,sentius:acme,2030-03-12T12:00:00Z,otto@acme.example",
    ];
    world.owned_grants("2030-01-01T00:00:00Z", &rows).await;
    let (run, letters) = world.run_at("2030-03-05T09:00:00Z").await;
    let mut got: Vec<String> = letters.iter().map(|letter| letter.to.clone()).collect();
    got.sort_unstable();
    (world, run, got)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_whose_address_bounces_is_not_mailed_and_others_are() {
    let (world, run, got) = with_a_suppressed_owner("it@acme.example").await;

    assert!(
        run.mails()
            .contains(&"notice Olga@acme.example suppressed".to_owned()),
        "{:?}",
        run.mails()
    );
    assert_eq!(got, ["otto@acme.example"]);
    let told = world.events().into_iter();
    let told: Vec<Value> = told
        .filter(|e| e.kind == "grant.noticed")
        .map(|e| e.payload)
        .collect();
    assert_eq!(
        told.len(),
        1,
        "the trail does not claim what did not go out"
    );
    assert_eq!(told[0]["to"], "otto@acme.example");
    assert_eq!(told[0]["email"], "bob@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_gets_the_reports_is_mailed_whatever_a_providers_list_says() {
    let (_, run, got) = with_a_suppressed_owner("olga@acme.example").await;

    assert!(
        run.mails()
            .contains(&"notice Olga@acme.example sent".to_owned()),
        "{:?}",
        run.mails()
    );
    assert_eq!(got, ["Olga@acme.example", "otto@acme.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_of_ends_while_the_clocks_disagree() {
    let mut world = world().await;
    let row = "jane@example.com,sentius:acme,2030-03-12T12:00:00Z,olga@acme.example";
    world.owned_grants("2030-01-01T00:00:00Z", &[row]).await;
    world.one_clock = false;
    world.later(0);
    let (run, letters) = world.run_at("2030-03-05T09:00:00Z").await;
    assert!(letters.is_empty());
    assert!(
        run.stderr
            .contains("no notices and no review questions are sent"),
        "{}",
        run.stderr
    );
    world.one_clock = true;
    assert_eq!(mailed(&world, "2030-03-05T09:01:00Z").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_mails_nobody_and_tells_nothing_away() {
    let world = world().await;
    let row = "jane@example.com,sentius:acme,2030-03-12T12:00:00Z,olga@acme.example";
    world.owned_grants("2030-01-01T00:00:00Z", &[row]).await;
    let now = "2030-03-05T09:00:00Z";
    let look = ["--run-now", "--dry-run", "--format", "json"];
    assert_eq!(world.lapsed_at(now, &look).await.code, 0);
    assert!(world.mail.mails().is_empty());
    assert_eq!(mailed(&world, now).await, ["olga@acme.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_outlives_a_power_cut_and_a_dead_mail_server() {
    let mut world = world().await;
    let row = "jane@example.com,sentius:acme,10d,olga@acme.example";
    let csv = format!("email,target,end,owner\n{row}\n");
    world.import(&csv).await;
    world.config.mail = Mail::Nobody;
    let run = world.run().await;
    assert_eq!(run.code, 3);
    world.config.mail = Mail::Smtp;
    world.dies("after-send").await;
    world.run().await;
    let letters = world.letters();
    assert!(!letters.is_empty());
    let ids = world.texts("SELECT DISTINCT message_id FROM outbox WHERE kind = 'notice'");
    assert_eq!(ids.len(), 1, "however often it was sent, it is one mail");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_mails_in_the_morning() {
    let mut world = world().await;
    world.config.schedule = "pass = \"0 */15 * * * *\"\nreport = \"0 0 0 1 1 *\"\n".to_owned();
    let row = "jane@example.com,sentius:acme,2030-03-12T12:00:00Z,olga@acme.example";
    world.owned_grants("2030-01-01T00:00:00Z", &[row]).await;
    let set = |now: &str| world.set_time(now);
    set("2030-03-05T03:00:01Z");
    let clock = world.path("clock");
    let daemon = Daemon::start_with(&world, &[("LAPSED_CLOCK", clock.to_str().unwrap())]);
    let passes = || daemon.log().matches("pass ended").count();
    until("the night's pass is over", || passes() == 1).await;
    assert_eq!(world.number("SELECT count(*) FROM outbox"), 0);
    set("2030-03-05T07:00:01Z");
    until("the morning's mail is there", || {
        !world.letters().is_empty()
    })
    .await;
    set("2030-03-05T07:15:01Z");
    until("another pass is over", || passes() >= 3).await;
    assert_eq!(world.letters().len(), 1);
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_listed_as_ending_is_what_the_plan_will_end() {
    let world = World::new().await;
    world.sapling.with(|state| {
        let team = state.add_team("Core");
        for who in ["ann@example.com", "ben@example.com", "cid@example.com"] {
            team.add_member(lapsed_sandbox::TeamUser::new(who, lapsed::clock::now()).manager());
        }
    });
    let csv = "email,target,role,end\n\
        ann@example.com,sapling:acme/Core,,5d\n\
        ann@example.com,sapling:acme/Core,manager,20d\n\
        ben@example.com,sapling:acme/Core,,20d\n\
        ben@example.com,sapling:acme/Core,manager,5d\n\
        cid@example.com,sapling:acme/Core,,5d\n\
        cid@example.com,sapling:acme/Core,manager,4d\n";
    world.import(csv).await;
    world.run().await;

    let list = ["list", "--ending-within", "10d", "--format", "json"];
    let rows = world.rows(&list).await;
    let mut listed: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {}", row["email"].as_str().unwrap(), row["role"]))
        .collect();
    listed.sort();
    // Whoever holds a role for longer keeps the access that it needs.
    assert_eq!(
        listed,
        [
            "ben@example.com \"manager\"",
            "cid@example.com \"manager\"",
            "cid@example.com null"
        ]
    );
    let mut planned = world.dry_run(Some("10d")).await.actions();
    planned.sort();
    assert_eq!(
        planned,
        [
            "member.demote sapling:acme/Core ben@example.com role.ended planned -",
            "member.remove sapling:acme/Core cid@example.com grant.ended planned -"
        ]
    );
}
