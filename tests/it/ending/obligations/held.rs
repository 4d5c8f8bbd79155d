//! What is held keeps its key and its moment, so that an approval covers exactly that.

use lapsed_sandbox::{Fault, When};
use serde_json::{Value, json};

use super::also_over;
use crate::world::readings::people;
use crate::world::{FUTURE, Mail, Outcome, PAST, World};

/// Twelve people of a whitelist of a hundred, who are the whole of a team that follows it.
async fn followed() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.config.teams =
        "[[sapling.team]]\nname = \"Core\"\nfollow = \"sentius:acme\"\n".to_owned();
    let all = people(100);
    let twelve: Vec<&str> = all[..12].iter().map(String::as_str).collect();
    world.team("Core", &twelve);
    world.whitelist(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let rows: Vec<String> = all
        .iter()
        .enumerate()
        .map(|(n, email)| {
            format!(
                "{email},sentius:acme,{}",
                if n < 12 { PAST } else { FUTURE }
            )
        })
        .collect();
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    world
}

/// Whether the pass has told of a hold.
fn is_alarm(run: &Outcome) -> bool {
    run.mails().iter().any(|mail| mail.starts_with("hold "))
}

async fn approve(world: &World, run: &Outcome, actions: usize) {
    assert_eq!(
        approve_by(world, run.id(), actions).await["run"],
        json!(run.id())
    );
}

async fn approve_by(world: &World, name: &str, actions: usize) -> Value {
    let said = world.lapsed(&["approve", name, "--format", "json"]).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(said["actions"], json!(actions));
    said
}

async fn told(world: &World, command: &str) -> Value {
    let args: &[&str] = match command {
        "status" => &["status", "--no-daemon", "--format", "json"],
        _ => &[command, "--format", "json"],
    };
    let printed = world.lapsed(args).await;
    let json = serde_json::from_str(&printed.stdout);
    json.unwrap_or_else(|_| panic!("{} {}", printed.stdout, printed.stderr))
}

/// Twelve are over in a team, by its rule or by their own grants: a reading that fails shows the former
/// no more.
async fn held_in_core(follows: bool) -> World {
    if follows {
        return followed().await;
    }
    let world = World::new().await;
    also_over(&world, "Core", 12).await;
    world
}

fn everywhere() -> Vec<(bool, (&'static str, When, Fault))> {
    let both = [true, false].into_iter();
    both.flat_map(|follows| {
        troubles()
            .into_iter()
            .map(move |trouble| (follows, trouble))
    })
    .collect()
}

/// What keeps the team from being read, or from being acted on.
fn troubles() -> Vec<(&'static str, When, Fault)> {
    let team = || When::method("GET").path("team_user");
    vec![
        ("503", team(), Fault::status(503)),
        ("403", team(), Fault::status(403)),
        (
            "no invites",
            team(),
            Fault::Omit("pending_users".to_owned()),
        ),
        (
            "no teams",
            When::method("GET").path("/team"),
            Fault::status(503),
        ),
        ("a clock", When::any(), Fault::DateSkew(86_400)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_in_a_team_that_follows_keeps_its_moment_and_is_done_once_approved() {
    // Approved at once, after further passes, and with the name of the first run or of a later one.
    for (passes, first) in [(0, true), (2, true), (2, false)] {
        let world = followed().await;
        let held = world.run().await;
        assert_eq!(held.code, 4);
        assert_eq!(
            held.json["counts"]["done"],
            json!(12),
            "the whitelist's own"
        );
        assert_eq!(held.json["counts"]["held"], json!(12));
        assert!(is_alarm(&held));
        let mut last = None;
        for _ in 0..passes {
            world.later(15);
            let run = world.run().await;
            assert_eq!(run.code, 4);
            assert_eq!(run.json["counts"]["held"], json!(12));
            assert!(!is_alarm(&run), "once an episode");
            last = Some(run);
        }
        let which = last.as_ref().filter(|_| !first).unwrap_or(&held);
        approve(&world, which, 12).await;

        let run = world.run().await;

        assert_eq!(run.code, 0, "{:?}", run.actions());
        assert_eq!(run.json["counts"]["done"], json!(12));
        assert!(world.members("Core").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_while_the_team_cannot_be_read_is_kept_until_it_can() {
    let world = followed().await;
    let held = world.run().await;
    assert_eq!(held.code, 4);
    let reading = When::method("GET").path("team_user");
    world.sapling.faults().always(reading, Fault::status(503));
    world.later(15);
    let unread = world.run().await;
    assert_ne!(unread.code, 0);
    approve(&world, &held, 12).await;
    world.later(15);
    let unread = world.run().await;
    assert_eq!(unread.code, 3, "{:?}", unread.actions());
    assert_eq!(world.members("Core").len(), 12);

    world.sapling.faults().clear();
    world.later(15);
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.actions());
    assert!(world.members("Core").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_hold_while_one_waits_is_mailed_too() {
    let world = followed().await;
    assert!(is_alarm(&world.run().await));
    also_over(&world, "Docs", 12).await;
    let second = world.run().await;
    assert_eq!(second.json["counts"]["held"], json!(24));
    assert!(is_alarm(&second));
    world.later(15);
    let third = world.run().await;
    assert_eq!((third.code, is_alarm(&third)), (4, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_uses_up_nothing_of_the_limit() {
    let mut world = World::new().await;
    world.config.guard = "max_removals = 5\n".to_owned();
    also_over(&world, "Core", 6).await;
    let held = world.run().await;
    assert_eq!(held.code, 4);
    approve(&world, &held, 6).await;
    assert_eq!(world.run().await.json["counts"]["done"], json!(6));
    // Five ordinary ends of the same day are within the limit still.
    also_over(&world, "Docs", 5).await;
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.actions());
    assert!(world.members("Docs").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_run_in_which_a_hold_stands_approves_it_however_little_that_run_could_read() {
    for (follows, (trouble, when, fault)) in everywhere() {
        let world = held_in_core(follows).await;
        let held = world.run().await;
        assert_eq!(held.code, 4, "{trouble}");
        world.sapling.faults().always(when, fault);
        let mut last = None;
        for _ in 0..2 {
            world.later(16);
            let run = world.run().await;
            assert_eq!(run.code, 4, "{trouble}: {:?}", run.actions());
            assert_eq!(run.json["counts"]["held"], json!(12), "{trouble}");
            let status = told(&world, "status").await;
            assert_eq!(status["held"]["run"], json!(run.id()), "{trouble}");
            let report = told(&world, "report").await;
            for entry in report["held"].as_array().unwrap() {
                assert_eq!(entry["run"], json!(run.id()), "{trouble}");
            }
            last = Some(run);
        }
        approve(&world, &last.unwrap(), 12).await;
        let again = world.lapsed(&["approve", held.id()]).await;
        assert_eq!(again.code, 2, "{trouble}");
        assert!(again.stderr.contains("already"), "{}", again.stderr);

        world.sapling.faults().clear();
        world.later(16);
        let run = world.run().await;
        assert_eq!(
            run.json["counts"]["done"],
            json!(12),
            "{trouble}: {:?}",
            run.actions()
        );
        assert!(world.members("Core").is_empty(), "{trouble}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_run_approves_all_that_is_held_and_the_first_what_stood_in_it() {
    for first in [true, false] {
        let world = followed().await;
        let nothing = world.lapsed(&["approve", "last"]).await;
        assert_eq!(nothing.code, 2);
        assert!(
            nothing.stderr.contains("nothing was held"),
            "{}",
            nothing.stderr
        );
        let early = world.run().await;
        // The second hold comes while the first team cannot be read.
        let core = world
            .sapling
            .with(|state| state.team("Core").unwrap().id().to_owned());
        let reading = When::method("GET").path(&format!("{core}/team_user"));
        world.sapling.faults().always(reading, Fault::status(503));
        also_over(&world, "Docs", 12).await;
        let late = world.run().await;
        assert_eq!(late.json["counts"]["held"], json!(24));
        if first {
            approve(&world, &early, 12).await;
        }
        let rest = if first { 12 } else { 24 };
        let said = approve_by(&world, "last", rest).await;
        assert_eq!(said["run"], json!(late.id()));
        world.sapling.faults().clear();
        world.later(16);
        let run = world.run().await;
        assert_eq!(run.json["counts"]["done"], json!(24), "{:?}", run.actions());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_and_could_not_be_tried_has_failed_and_is_held_nowhere() {
    for (follows, (trouble, when, fault)) in everywhere() {
        let world = held_in_core(follows).await;
        let held = world.run().await;
        approve(&world, &held, 12).await;
        world.sapling.faults().always(when, fault);
        for _ in 0..2 {
            let run = world.run().await;

            assert_eq!(run.code, 3, "{trouble}: {:?}", run.actions());
            assert_eq!(run.json["counts"]["held"], json!(0), "{trouble}");
            assert_eq!(run.json["counts"]["failed"], json!(12), "{trouble}");
            assert_eq!(run.json["owed"]["remove"], json!(12), "{trouble}");
            assert_eq!(run.json["owed"]["confirm"], json!(0), "{trouble}");
            let status = told(&world, "status").await;
            assert_eq!(status["held"]["count"], json!(0), "{trouble}");
            assert_eq!(status["overdue"]["failed"], json!(12), "{trouble}");
            assert_eq!(status["owed"], run.json["owed"], "{trouble}");
            assert_eq!(status["verdict"], json!("failing"), "{trouble}");
            let report = told(&world, "report").await;
            assert!(report["held"].as_array().unwrap().is_empty(), "{trouble}");
            let who = run.json["actions"][0]["email"].as_str().unwrap();
            let why = world.lapsed(&["why", who]).await;
            assert!(!why.stdout.contains("lapsed approve"), "{}", why.stdout);
            world.later(16);
        }
        world.sapling.faults().clear();
        let run = world.run().await;
        assert_eq!(run.json["counts"]["done"], json!(12), "{trouble}");
    }
}
