//! Plans over a limit: held whole, told at once, and let go ahead once, exactly as they were held.

use serde_json::json;

use crate::world::{FUTURE, Mail, Outcome, PAST, World, short};

/// A world in which so many whitelist entries are due, and one entry may stay.
async fn due(count: usize, guard: &str) -> (World, Vec<String>) {
    let mut world = World::new().await;
    world.config.guard = guard.to_owned();
    world.config.mail = Mail::Smtp;
    let people: Vec<String> = (0..count).map(|n| format!("p{n}@example.com")).collect();
    let mut emails: Vec<&str> = people.iter().map(String::as_str).collect();
    emails.push("stays@example.com");
    world.whitelist(&emails);
    let mut rows: Vec<String> = people.iter().map(|who| ended(who)).collect();
    rows.push(format!("stays@example.com,sentius:acme,{FUTURE}"));
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;
    (world, people)
}

fn ended(who: &str) -> String {
    format!("{who},sentius:acme,{PAST}")
}

async fn approve(world: &World, run: &str) {
    let printed = world.lapsed(&["approve", run]).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
}

fn states(run: &Outcome) -> Vec<String> {
    let actions = run.json["actions"].as_array().unwrap().iter();
    let line = |a: &serde_json::Value| {
        format!(
            "{} {}",
            a["email"].as_str().unwrap(),
            a["state"].as_str().unwrap()
        )
    };
    actions.map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_over_the_limit_is_held_whole_and_an_alarm_goes_out_at_once() {
    let (world, _) = due(3, "max_removals = 2").await;

    let run = world.run().await;

    assert_eq!(run.code, 4);
    assert_eq!(run.json["outcome"], json!("held"));
    assert_eq!(run.json["counts"]["held"], json!(3));
    assert!(
        run.detail().contains("max_removals = 2"),
        "{}",
        run.detail()
    );
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(
        run.mails(),
        ["hold it@acme.example sent", "report it@acme.example sent"]
    );
    let alarm = world.mail_texts().swap_remove(0);
    let command = format!("lapsed approve {}", run.short());
    assert!(alarm.contains(&command), "{alarm}");
    for who in ["p0@", "p1@", "p2@"] {
        assert!(alarm.contains(who), "{alarm}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_alarm_goes_out_once_an_episode_and_again_in_the_next() {
    let (world, _) = due(3, "max_removals = 2").await;
    let first = world.run().await;
    for _ in 0..2 {
        let again = world.run().await;
        assert_eq!(again.code, 4);
        assert_eq!(again.mails(), ["report it@acme.example sent"]);
    }
    approve(&world, first.id()).await;
    let done = world.run().await;
    assert_eq!(done.code, 0);
    assert_eq!(done.mails(), ["report it@acme.example sent"]);

    // What was approved uses up no limit: it takes as many again.
    let late = [
        "late0@example.com",
        "late1@example.com",
        "late2@example.com",
    ];
    world.whitelist(&late);
    let rows = late.map(ended);
    world.grants(&[&rows[0], &rows[1], &rows[2]]).await;
    let next = world.run().await;

    assert_eq!(next.code, 4);
    assert_eq!(
        next.mails(),
        ["hold it@acme.example sent", "report it@acme.example sent"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_stands_at_the_top_of_each_report_with_its_hours() {
    let (world, _) = due(3, "max_removals = 2").await;
    world.run().await;
    world.mail.clear();

    world.run().await;

    let report = world.mail_texts().swap_remove(0);
    let held = report.find("HELD: 3 removals").unwrap();
    let named = report.find("p0@example.com").unwrap();
    let hours = hours_since_the_end();
    let told = [3 * hours, 3 * hours + 1, 3 * hours + 2, 3 * hours + 3];
    assert!(
        told.iter()
            .any(|hours| report.contains(&format!("{hours} hours of exposure"))),
        "{told:?}\n{report}"
    );
    assert!(report.contains("lapsed approve "), "{report}");
    for later in ["\nRemoved (", "\nOverdue (", "\nEnding", " overdue\n"] {
        assert!(
            report.find(later).is_none_or(|at| held < at),
            "{later:?} stands before what is held:\n{report}"
        );
    }
    assert!(
        report.find("\nHeld (3)").is_some_and(|at| at < named),
        "{report}"
    );
}

fn hours_since_the_end() -> i64 {
    let end: jiff::Timestamp = PAST.parse().unwrap();
    lapsed::clock::now().duration_since(end).as_hours()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_plan_is_done_once_and_nothing_else() {
    let (world, _) = due(3, "max_removals = 2").await;
    let held = world.run().await;

    approve(&world, held.id()).await;
    assert!(world.writes().is_empty(), "an approval itself calls nobody");
    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(run.json["counts"]["done"], json!(3));
    assert_eq!(world.writes().len(), 3);
    assert_eq!(world.whitelisted(), ["stays@example.com"]);
    assert!(world.run().await.actions().is_empty());
    assert_eq!(world.writes().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_makes_no_sense_is_refused_with_a_sentence() {
    let (world, _) = due(3, "max_removals = 2").await;
    let held = world.run().await;
    approve(&world, held.id()).await;

    let twice = world.lapsed(&["approve", held.id()]).await;
    assert_eq!(twice.code, 2);
    assert!(twice.stderr.contains("already"), "{}", twice.stderr);

    let unknown = world.lapsed(&["approve", "no-such-run"]).await;
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("no run"), "{}", unknown.stderr);

    let done = world.run().await;
    let nothing = world.lapsed(&["approve", done.id()]).await;
    assert_eq!(nothing.code, 2);
    assert!(nothing.stderr.contains("nothing"), "{}", nothing.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_extended_meanwhile_drops_out_of_an_approved_plan() {
    for extend_first in [true, false] {
        let (world, _) = due(4, "max_removals = 2").await;
        let held = world.run().await;
        let later = format!("p1@example.com,sentius:acme,{FUTURE}");
        if extend_first {
            world.grants(&[&later]).await;
        }
        approve(&world, held.id()).await;
        world.grants(&[&later]).await;

        let run = world.run().await;

        assert_eq!(run.code, 0, "{:?}", run.actions());
        assert_eq!(
            states(&run),
            ["p0@example.com", "p2@example.com", "p3@example.com"].map(|p| format!("{p} done"))
        );
        assert_eq!(world.whitelisted(), ["p1@example.com", "stays@example.com"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_after_the_hold_does_not_slip_in_with_what_was_approved() {
    let (world, _) = due(3, "max_removals = 0").await;
    let held = world.run().await;
    world.whitelist(&["new@example.com"]);
    world.grants(&[&ended("new@example.com")]).await;
    approve(&world, held.id()).await;

    let run = world.run().await;

    assert_eq!(run.code, 4);
    assert_eq!(run.json["counts"]["done"], json!(3));
    assert_eq!(run.json["counts"]["held"], json!(1));
    assert_eq!(
        world.whitelisted(),
        ["new@example.com", "stays@example.com"]
    );
    approve(&world, run.id()).await;
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), ["stays@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_hold_does_not_approve_what_is_due_since_another_moment() {
    let (world, _) = due(3, "max_removals = 0").await;
    let old = world.run().await;
    // The end was moved, but is past as well: a plan that nobody who saw the old one has seen.
    world
        .grants(&["p1@example.com,sentius:acme,2026-01-01T00:00:00Z"])
        .await;
    assert_eq!(world.run().await.code, 4);
    approve(&world, old.id()).await;

    let run = world.run().await;

    let mut states = states(&run);
    states.sort();
    assert_eq!(
        states,
        [
            "p0@example.com done",
            "p1@example.com held",
            "p2@example.com done"
        ]
    );
    assert_eq!(run.code, 4);
    assert_eq!(world.whitelisted(), ["p1@example.com", "stays@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_a_part_of_one_target_is_held_while_others_go_on() {
    let (world, _) = due(1, "").await;
    let people: Vec<String> = (0..20).map(|n| format!("m{n}@example.com")).collect();
    let emails: Vec<&str> = people.iter().map(String::as_str).collect();
    world.team("Core", &emails);
    world.team("Docs", &["m1@example.com"]);
    let mut rows: Vec<String> = (0..10)
        .map(|n| format!("m{n}@example.com,sapling:acme/Core,{PAST}"))
        .collect();
    rows.push(format!("m1@example.com,sapling:acme/Docs,{PAST}"));
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;

    let run = world.run().await;

    assert_eq!(run.code, 4);
    assert_eq!(run.json["counts"]["held"], json!(10));
    assert_eq!(run.json["counts"]["done"], json!(2));
    assert_eq!(world.members("Core").len(), 20);
    assert!(world.members("Docs").is_empty());
    assert_eq!(world.whitelisted(), ["stays@example.com"]);
    let held = run.json["actions"].as_array().unwrap();
    let why = held.iter().find(|a| a["state"] == "held").unwrap()["detail"].as_str();
    assert!(why.unwrap().contains("max_removal_percent"), "{why:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_passes_of_one_day_never_pass_the_limit_together() {
    let (world, _) = due(2, "max_removals = 3").await;
    assert_eq!(world.run().await.code, 0);
    world.whitelist(&["x@example.com", "y@example.com"]);
    world
        .grants(&[&ended("x@example.com"), &ended("y@example.com")])
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 4);
    assert_eq!(run.json["counts"]["held"], json!(2));
    assert_eq!(world.writes().len(), 2);
    // A day later the first ones no longer count.
    world.sql("UPDATE action SET tried_at = tried_at - 86400000 WHERE tried_at IS NOT NULL");
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.writes().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_plan_tells_its_reason_once_and_what_to_type() {
    let (world, _) = due(3, "max_removals = 2").await;

    let said = world.lapsed(&["--run-now"]).await;

    assert_eq!(said.code, 4, "{}", said.stderr);
    let all = world.lapsed(&["runs", "--format", "json"]).await.stdout;
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    let command = format!("lapsed approve {}", short(all[0]["run"].as_str().unwrap()));
    assert!(
        said.stdout.trim_end().ends_with(&command),
        "{}",
        said.stdout
    );
    let reason = "guard.max_removals";
    assert_eq!(said.stdout.matches(reason).count(), 1, "{}", said.stdout);
    assert!(said.stdout.contains("\n3 held: "), "{}", said.stdout);
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    assert_eq!(world.lapsed(&words).await.code, 0);
    assert_eq!(world.lapsed(&["--run-now"]).await.code, 0);
}
