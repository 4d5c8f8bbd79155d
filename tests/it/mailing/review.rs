//! The review: owners are asked whether access is still needed, and their answer counts.

use serde_json::{Value, json};

use crate::world::{Mail, World};

/// Reviews every 90 days, and the clock may be anywhere.
pub(crate) async fn world(unanswered: &str) -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.one_clock = true;
    world.config.review = format!("[review]\nevery = \"90d\"\nunanswered = \"{unanswered}\"\n");
    world
}

/// What `review` shows at that time.
async fn waiting(world: &World, now: &str) -> Vec<String> {
    let printed = world.lapsed_at(now, &["review", "--format", "json"]).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let rows: Vec<Value> = serde_json::from_str(&printed.stdout).unwrap();
    let line = |row: &Value| {
        let stage = match (&row["asked_at"], &row["reminded_at"]) {
            (Value::Null, _) => "due",
            (_, Value::Null) => "asked",
            _ => "reminded",
        };
        format!(
            "{} {} {stage}",
            row["email"].as_str().unwrap(),
            row["target"].as_str().unwrap()
        )
    };
    rows.iter().map(line).collect()
}

/// The payloads of the events of a kind.
pub(crate) fn events(world: &World, kind: &str) -> Vec<Value> {
    let events = world.events().into_iter();
    events
        .filter(|e| e.kind == kind)
        .map(|e| e.payload)
        .collect()
}

// 2030-01-01 and 90, 104 and 118 days later; the 90th is a Monday.
pub(crate) const RECORDED: &str = "2030-01-01T07:00:00Z";
pub(crate) const ASKED: &str = "2030-04-01T09:00:00Z";
pub(crate) const REMINDED: &str = "2030-04-15T09:05:00Z";
pub(crate) const GIVEN_UP: &str = "2030-04-29T09:15:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn owners_are_asked_in_one_mail_and_keep_what_is_needed() {
    let world = world("keep").await;
    world.team("Core", &["bob@example.com"]);
    let rows = [
        "bob@example.com,sapling:acme/Core,2031-06-30,olga@acme.example",
        "jane@example.com,sentius:acme,never,Olga@acme.example",
        "sam@example.com,sentius:acme,never,",
    ];
    world.owned_grants(RECORDED, &rows).await;
    world
        .owned_grants(
            "2030-03-01T07:00:00Z",
            &["new@example.com,sentius:acme,never,olga@acme.example"],
        )
        .await;
    let (_, early) = world.run_at("2030-03-31T06:00:00Z").await;
    assert!(early.is_empty(), "{early:#?}");

    let (run, letters) = world.run_at(ASKED).await;

    assert_eq!(
        run.mails(),
        [
            "report it@acme.example sent",
            "review it@acme.example sent",
            "review Olga@acme.example sent"
        ]
    );
    let (it, olga) = (&letters[0], &letters[1]);
    assert_eq!(it.subject, "lapsed: 1 grant waits for your yes — acme");
    assert!(
        it.text.contains("sam@example.com") && !it.text.contains("jane"),
        "{}",
        it.text
    );
    assert_eq!(olga.subject, "lapsed: 2 grants wait for your yes — acme");
    let place = |words: &str| {
        olga.text
            .find(words)
            .unwrap_or_else(|| panic!("{words}: {}", olga.text))
    };
    assert!(
        place("jane@example.com") < place("bob@example.com"),
        "no end goes first"
    );
    place("lapsed review keep jane@example.com --target sentius:acme");
    place("lapsed review end bob@example.com --target sapling:acme/Core");
    assert!(!olga.text.contains("new@example.com"));
    assert_eq!(
        waiting(&world, ASKED).await,
        [
            "jane@example.com sentius:acme asked",
            "sam@example.com sentius:acme asked",
            "bob@example.com sapling:acme/Core asked"
        ]
    );
    let (_, again) = world.run_at("2030-04-02T09:00:00Z").await;
    assert!(again.is_empty(), "one mail a round");
    let report = world
        .lapsed_at("2030-04-05T09:00:00Z", &["report", "--format", "json"])
        .await;
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(
        report["unanswered"].as_array().unwrap().len(),
        3,
        "{report:#}"
    );
    assert_eq!(
        report["unanswered"][0]["since"].as_str().unwrap()[..10],
        ASKED[..10]
    );

    let keep = [
        "review",
        "keep",
        "JANE@example.com",
        "--target",
        "sentius:acme",
        "--by",
        "olga",
    ];
    let kept = world.lapsed_at("2030-04-05T09:00:00Z", &keep).await;
    assert_eq!(
        (kept.code, kept.stdout.as_str()),
        (0, "JANE@example.com keeps sentius:acme (1 grant)\n")
    );
    let kept = events(&world, "review.kept");
    assert_eq!(
        (kept.len(), &kept[0]["by"], &kept[0]["email"]),
        (1, &json!("olga"), &json!("jane@example.com"))
    );
    assert_eq!(waiting(&world, "2030-04-05T09:00:00Z").await.len(), 2);

    let (_, letters) = world.run_at(REMINDED).await;
    let olga = &letters[1];
    assert_eq!(
        olga.subject,
        "lapsed: reminder: 1 grant waits for your yes — acme"
    );
    assert!(!olga.text.contains("jane"), "{}", olga.text);
    // Ninety days after she was kept, she falls due again.
    assert!(
        !waiting(&world, "2030-07-03T09:00:00Z")
            .await
            .iter()
            .any(|w| w.contains("jane"))
    );
    assert!(
        waiting(&world, "2030-07-05T09:00:00Z")
            .await
            .contains(&"jane@example.com sentius:acme due".to_owned())
    );
    let (_, letters) = world.run_at(GIVEN_UP).await;
    assert!(letters.is_empty());
    assert!(world.writes().is_empty(), "what may stay unanswered stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_answers_ends_after_a_second_reminder_if_that_is_wanted() {
    let world = world("end").await;
    world.whitelist(&["jane@example.com"]);
    world
        .owned_grants(
            RECORDED,
            &["jane@example.com,sentius:acme,never,olga@acme.example"],
        )
        .await;
    for now in [ASKED, REMINDED, "2030-04-29T08:59:00Z"] {
        let (run, _) = world.run_at(now).await;
        assert!(run.actions().is_empty(), "{now}");
    }
    assert_eq!(world.mail.mails().len(), 1, "the report");

    let (run, _) = world.run_at("2030-04-29T09:10:00Z").await;

    assert_eq!(
        run.actions(),
        ["whitelist.remove sentius:acme jane@example.com grant.revoked done acknowledged"]
    );
    assert!(world.whitelisted().is_empty());
    let revoked = events(&world, "grant.revoked");
    assert_eq!(
        (&revoked[0]["by"], &revoked[0]["why"]),
        (&json!("lapsed"), &json!("nobody answered the review"))
    );
    assert_eq!(waiting(&world, GIVEN_UP).await, [""; 0]);
    world.all_settled_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_ends_unanswered_while_the_reminder_has_not_arrived() {
    let mut world = world("end").await;
    world.whitelist(&["jane@example.com"]);
    world
        .owned_grants(
            RECORDED,
            &["jane@example.com,sentius:acme,never,olga@acme.example"],
        )
        .await;
    world.run_at(ASKED).await;
    world.config.mail = Mail::Nobody;
    let (run, _) = world.run_at(REMINDED).await;
    assert_eq!(run.code, 3);
    let (run, _) = world.run_at("2030-05-29T09:00:00Z").await;
    assert!(run.actions().is_empty());
    world.config.mail = Mail::Smtp;
    let (run, letters) = world.run_at("2030-05-30T09:00:00Z").await;
    assert!(run.actions().is_empty());
    assert_eq!(letters.len(), 1, "the reminder arrives");
    let (run, _) = world.run_at("2030-06-13T09:01:00Z").await;
    assert_eq!(run.actions().len(), 1, "two weeks later it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_that_would_end_many_at_once_is_held_by_the_guard() {
    let mut world = world("end").await;
    world.config.guard += "\nmax_removals = 3";
    let people: Vec<String> = (0..5).map(|n| format!("p{n}@example.com")).collect();
    world.whitelist(&people.iter().map(String::as_str).collect::<Vec<_>>());
    let rows: Vec<String> = people
        .iter()
        .map(|who| format!("{who},sentius:acme,never,"))
        .collect();
    world
        .owned_grants(
            RECORDED,
            &rows.iter().map(String::as_str).collect::<Vec<_>>(),
        )
        .await;
    for now in [ASKED, REMINDED] {
        world.run_at(now).await;
    }
    let (run, _) = world.run_at("2030-04-29T09:10:00Z").await;
    assert_eq!(run.code, 4);
    assert_eq!(run.json["counts"]["held"], json!(5));
    assert_eq!(world.whitelisted().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_says_no_ends_the_access_at_once_and_there_alone() {
    let world = world("keep").await;
    world.whitelist(&["jane@example.com", "old@example.com"]);
    world.team("Core", &["jane@example.com"]);
    let rows = [
        "jane@example.com,sentius:acme,never,olga@acme.example",
        "Jane@example.com,sentius:acme,2031-01-01,",
        "jane@example.com,sapling:acme/Core,never,olga@acme.example",
    ];
    world.owned_grants(RECORDED, &rows).await;
    world.run_at(ASKED).await;
    world.forget_calls();
    let entries = world.whitelisted();

    let end = [
        "review",
        "end",
        "jane@example.com",
        "--target",
        "sapling:acme/Core",
        "--by",
        "Olga O.",
    ];
    let text = world.lapsed_at("2030-04-02T09:00:00Z", &end).await;
    assert_eq!(text.code, 0, "{}{}", text.stdout, text.stderr);
    assert!(text.stdout.contains("done, verified"), "{}", text.stdout);
    assert_eq!(
        world.whitelisted(),
        entries,
        "the whitelist is another matter"
    );

    let end = [
        "review",
        "end",
        "jane@example.com",
        "--target",
        "sentius:acme",
        "--format",
        "json",
    ];
    let json = world.lapsed_at("2030-04-02T09:00:00Z", &end).await;
    let outcome: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (json.code, &outcome["actions"][0]["reason"]),
        (0, &json!("grant.revoked"))
    );
    assert_eq!(world.whitelisted(), ["old@example.com"]);
    let revoked = events(&world, "grant.revoked");
    let by: Vec<&str> = revoked.iter().map(|e| e["by"].as_str().unwrap()).collect();
    let user = std::process::Command::new("id").arg("-un").output();
    let user = String::from_utf8(user.unwrap().stdout).unwrap();
    let user = user.trim();
    assert_eq!(by, ["Olga O.", user, user]);
    assert_eq!(waiting(&world, "2030-04-02T09:00:00Z").await, [""; 0]);
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_moves_the_end_in_the_records_and_on_the_whitelist() {
    let world = world("keep").await;
    world.team("Core", &["jane@example.com"]);
    let rows = [
        "jane@example.com,sentius:acme,never,olga@acme.example",
        "jane@example.com,sapling:acme/Core,2031-01-01T00:00:00Z,olga@acme.example",
        "jane@example.com,sapling:acme/Core,2030-12-01T00:00:00Z,olga@acme.example",
    ];
    world.owned_grants(RECORDED, &rows).await;
    let keep = |target, more: &[&'static str]| {
        let mut args = vec!["review", "keep", "jane@example.com", "--target", target];
        args.extend(more);
        args
    };
    let args = keep("sentius:acme", &["--end", "2030-06-30", "--format", "json"]);
    let kept = world.lapsed_at(ASKED, &args).await;
    assert_eq!(kept.code, 0, "{}", kept.stderr);
    let told: Value = serde_json::from_str(&kept.stdout).unwrap();
    assert_eq!(told["detail"], Value::Null);
    let end = world.sentius.with(|state| {
        let entry = state.entries.values().next().unwrap();
        entry.end_date.unwrap().to_string()
    });
    assert_eq!(end, "2030-06-30T23:59:59.999Z");
    let args = keep("sapling:acme/Core", &["--end", "2030-12-15T00:00:00Z"]);
    let kept = world.lapsed_at(ASKED, &args).await;
    assert_eq!(
        kept.stdout,
        "jane@example.com keeps sapling:acme/Core (2 grants)\n"
    );

    let mut ends: Vec<String> = world
        .list()
        .await
        .iter()
        .map(|row| row["end"].as_str().unwrap().to_owned())
        .collect();
    ends.sort();
    // The earlier one stays, none lasts longer.
    assert_eq!(
        ends,
        [
            "2030-06-30T23:59:59.999Z",
            "2030-12-01T00:00:00Z",
            "2030-12-15T00:00:00Z"
        ]
    );
    let moved = events(&world, "grant.extended");
    assert_eq!((moved.len(), &moved[0]["was"]), (2, &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_extends_access_has_said_that_it_is_needed() {
    let world = world("end").await;
    world.team("Core", &["jane@example.com"]);
    let row = "jane@example.com,sapling:acme/Core,2031-01-01,olga@acme.example";
    world.owned_grants(RECORDED, &[row]).await;
    world.run_at(ASKED).await;
    let extend = [
        "extend",
        "jane@example.com",
        "--target",
        "sapling:acme/Core",
        "--end",
        "2031-06-30",
    ];
    let extended = world.lapsed_at("2030-04-02T09:00:00Z", &extend).await;
    assert_eq!(extended.code, 0, "{}", extended.stderr);
    assert_eq!(waiting(&world, REMINDED).await, [""; 0]);
    assert_eq!(
        waiting(&world, "2030-07-02T09:00:00Z").await.len(),
        1,
        "ninety days later"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_makes_no_sense_is_refused_with_the_reason() {
    let world = world("keep").await;
    world
        .owned_grants(RECORDED, &["jane@example.com,sentius:acme,never,"])
        .await;
    for (args, why) in [
        (
            &["keep", "jane", "--target", "sentius:acme"][..],
            "EMAIL: \"jane\" is not an address",
        ),
        (
            &["keep", "jane@example.com", "--target", "sapling:acme/Core"],
            "--target: sapling:acme/Core is not on record",
        ),
        (
            &["end", "bob@example.com", "--target", "sentius:acme"],
            "no grant is open for bob@example.com on sentius:acme",
        ),
        (
            &[
                "keep",
                "jane@example.com",
                "--target",
                "sentius:acme",
                "--end",
                "2020-01-01",
            ],
            "is past; review end ends access now",
        ),
        (
            &[
                "keep",
                "jane@example.com",
                "--target",
                "sentius:acme",
                "--end",
                "soon",
            ],
            "--end: \"soon\" is not a time",
        ),
        (&["keep", "jane@example.com"], "--target"),
    ] {
        let printed = world.lapsed_at(ASKED, &[&["review"], args].concat()).await;
        assert_eq!(printed.code, 2, "{args:?}: {}", printed.stdout);
        assert!(printed.stderr.contains(why), "{args:?}: {}", printed.stderr);
    }
    let answers = events(&world, "review.kept").len() + events(&world, "grant.revoked").len();
    assert_eq!(answers, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_shown_as_a_table_and_as_csv() {
    let mut world = world("keep").await;
    world
        .owned_grants(
            RECORDED,
            &["jane@example.com,sentius:acme,never,olga@acme.example"],
        )
        .await;
    let table = world.lapsed_at(ASKED, &["review"]).await;
    assert!(table.stdout.starts_with("EMAIL "), "{}", table.stdout);
    assert!(table.stdout.contains("not asked yet"), "{}", table.stdout);
    assert_eq!(table.stderr, "1 question; times in UTC\n");
    let csv = world.lapsed_at(ASKED, &["review", "--format", "csv"]).await;
    let row = csv.stdout.lines().nth(1).unwrap();
    assert!(
        row.starts_with("jane@example.com,sentius:acme,,,olga@acme.example,2030-01-01T"),
        "{row}"
    );
    world.config.review.clear();
    let none = world
        .lapsed_at(ASKED, &["review", "--format", "json"])
        .await;
    assert_eq!((none.code, none.stdout.as_str()), (0, "[]\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_mail_does_not_reach_the_owner_others_are_asked() {
    let mut world = world("end").await;
    let organization = world.sapling.with(|state| {
        state.suppressed_access = true;
        state.suppressed = vec!["olga@acme.example".to_owned()];
        state.organization_id.clone()
    });
    world.config.sapling += &format!("organization_id = {organization:?}\n");
    world
        .owned_grants(
            RECORDED,
            &["jane@example.com,sentius:acme,never,Olga@acme.example"],
        )
        .await;
    let (_, letters) = world.run_at(ASKED).await;
    let to: Vec<&str> = letters.iter().map(|letter| letter.to.as_str()).collect();
    assert_eq!(to, ["it@acme.example"]);
}
