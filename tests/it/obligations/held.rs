//! What is held keeps its key and its moment, so that an approval covers exactly that.

use lapsed::sandbox::{Fault, When};
use serde_json::json;

use super::also_over;
use crate::evidence::people;
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
    let said = world
        .lapsed(&["approve", run.id(), "--format", "json"])
        .await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(said["actions"], json!(actions));
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
