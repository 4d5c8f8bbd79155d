//! The daemon: ready at once, each end at its moment, and a clean stop.

use std::time::Duration;

use jiff::Timestamp;
use lapsed_sandbox::{Fault, When};

use crate::world::{Daemon, FUTURE, PAST, World, until};

fn in_millis(millis: i64) -> Timestamp {
    let now = lapsed::clock::now().as_millisecond();
    Timestamp::from_millisecond(now + millis).unwrap()
}

/// When the provider was asked to delete this entry.
fn deleted(world: &World, email: &str) -> Option<Timestamp> {
    let calls = world.sentius.calls();
    let call = calls
        .iter()
        .find(|c| c.method == "DELETE" && c.email() == Some(email));
    call.map(|c| c.at)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_begins_later_is_given_at_its_moment() {
    let world = World::new().await;
    world.team("Core", &[]);
    let daemon = Daemon::start(&world);
    until("the first pass is made", || {
        !world.sapling.calls().is_empty()
    })
    .await;
    let start = in_millis(2500);
    let when = start.to_string();
    let args = [
        "grant",
        "new@example.com",
        "--target",
        "sapling:acme/Core",
        "--start",
        &when,
    ];
    let printed = world.lapsed(&args).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert!(printed.stdout.contains("scheduled"), "{}", printed.stdout);
    until("the invite is there", || !world.invited("Core").is_empty()).await;
    let calls = world.sapling.calls();
    let post = calls.iter().find(|call| call.method == "POST").unwrap();
    assert!(post.at >= start, "not before its start");
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_overdue_ends_at_once_and_what_ends_later_at_its_moment() {
    let world = World::new().await;
    world.whitelist(&["old@example.com", "soon@example.com", "stays@example.com"]);
    let end = in_millis(2500);
    world
        .grants(&[
            &format!("old@example.com,sentius:acme,{PAST}"),
            &format!("soon@example.com,sentius:acme,{end}"),
            &format!("stays@example.com,sentius:acme,{FUTURE}"),
        ])
        .await;
    let daemon = Daemon::start(&world);

    until("the overdue entry is gone", || {
        deleted(&world, "old@example.com").is_some()
    })
    .await;
    until("the entry is gone at its end", || {
        deleted(&world, "soon@example.com").is_some()
    })
    .await;

    let at = deleted(&world, "soon@example.com").unwrap();
    assert!(at >= end, "{at} is before {end}");
    assert_eq!(world.whitelisted(), ["stays@example.com"]);
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_another_process_records_meanwhile_is_acted_on_too() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com", "late@example.com"]);
    let daemon = Daemon::start(&world);
    until("the first pass is over", || {
        world.path("lapsed.db.mark").exists()
    })
    .await;

    let end = in_millis(1500);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{end}"),
            &format!("late@example.com,sentius:acme,{PAST}"),
        ])
        .await;

    until("both are gone", || world.whitelisted().is_empty()).await;
    assert!(deleted(&world, "jane@example.com").unwrap() >= end);
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_daemon_makes_a_pass_another_one_is_refused() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    let slow = Fault::Delay(Duration::from_secs(2));
    world.sentius.faults().once(When::method("DELETE"), slow);
    let daemon = Daemon::start(&world);
    until("the call is under way", || {
        deleted(&world, "jane@example.com").is_some()
    })
    .await;

    let beside = world.lapsed(&["--run-now"]).await;

    assert_eq!(beside.code, 5, "{}", beside.stderr);
    until("it is gone", || world.whitelisted().is_empty()).await;
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_it_ends_the_call_in_hand_and_writes_its_result() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    let slow = Fault::Delay(Duration::from_millis(800));
    world.sentius.faults().once(When::method("DELETE"), slow);
    let daemon = Daemon::start(&world);
    until("the call is under way", || {
        deleted(&world, "jane@example.com").is_some()
    })
    .await;

    assert_eq!(daemon.stop().await, 0);

    assert_eq!(world.list().await[0]["state"], "removed");
    assert_eq!(world.run().await.actions(), Vec::<String>::new());
}
