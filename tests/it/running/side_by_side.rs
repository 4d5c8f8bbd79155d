//! Several of the program at once on one database: one pass at a time, and all else goes on.

use std::time::Duration;

use lapsed_sandbox::{Fault, When};

use crate::world::{FUTURE, PAST, Printed, World, until};

/// Three entries and two members are due.
async fn due() -> World {
    let world = World::new().await;
    world.whitelist(&["a@example.com", "b@example.com", "c@example.com"]);
    world.whitelist(&["stays@example.com"]);
    world.team(
        "Core",
        &["d@example.com", "e@example.com", "stays@example.com"],
    );
    let rows = ["a", "b", "c"].map(|who| format!("{who}@example.com,sentius:acme,{PAST}"));
    let more = ["d", "e"].map(|who| format!("{who}@example.com,sapling:acme/Core,{PAST}"));
    let rows: Vec<&str> = rows.iter().chain(&more).map(String::as_str).collect();
    world.grants(&rows).await;
    world
}

/// The first reading of a pass takes this long.
fn slow(world: &World, millis: u64) {
    let wait = Duration::from_millis(millis);
    world
        .sapling
        .faults()
        .once(When::method("GET"), Fault::Delay(wait));
}

async fn end(child: std::process::Child) -> Printed {
    let output = tokio::task::spawn_blocking(move || child.wait_with_output());
    Printed::of(&output.await.unwrap().unwrap())
}

fn nothing_was_done_twice(world: &World) {
    assert_eq!(world.whitelisted(), ["stays@example.com"]);
    assert_eq!(world.members("Core"), ["stays@example.com"]);
    assert_eq!(world.writes().len(), 4, "{:?}", world.writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_pass_steps_back_with_a_sentence() {
    let world = due().await;
    slow(&world, 1500);
    let first = world.start();
    until("the first pass reads", || !world.sapling_calls().is_empty()).await;

    let second = world.lapsed(&["--run-now"]).await;

    assert_eq!(second.code, 5, "{}", second.stderr);
    assert!(second.stderr.contains("another pass"), "{}", second.stderr);
    assert!(second.stdout.is_empty());
    let first = end(first).await;
    assert_eq!(first.code, 0, "{}", first.stderr);
    nothing_was_done_twice(&world);
    world.all_settled_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_passes_at_once_one_at_a_time_goes_on() {
    let world = due().await;
    let passes: Vec<_> = (0..6).map(|_| world.start()).collect();
    let mut codes = Vec::new();
    for pass in passes {
        codes.push(end(pass).await.code);
    }
    assert!(codes.contains(&0), "{codes:?}");
    assert!(codes.iter().all(|c| matches!(c, 0 | 5)), "{codes:?}");
    nothing_was_done_twice(&world);
    world.all_settled_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_else_works_while_a_pass_waits_for_a_provider() {
    let world = due().await;
    slow(&world, 3000);
    let pass = world.start();
    until("the pass reads", || !world.sapling_calls().is_empty()).await;

    world
        .grants(&[&format!("late@example.com,sentius:acme,{FUTURE}")])
        .await;
    assert_eq!(world.list().await.len(), 6);
    world.trail_is_whole().await;
    let copy = world.path("copy.db");
    let printed = world.lapsed(&["backup", copy.to_str().unwrap()]).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let members = world.lapsed(&["members"]).await;
    assert_eq!(members.code, 0, "{}", members.stderr);
    assert!(world.writes().is_empty(), "the pass is waiting still");

    let pass = end(pass).await;
    assert_eq!(pass.code, 0, "{}", pass.stderr);
    nothing_was_done_twice(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_comes_while_the_pass_reads_is_heeded() {
    let world = due().await;
    slow(&world, 1500);
    let pass = world.start();
    until("the pass reads", || !world.sapling_calls().is_empty()).await;
    world
        .grants(&[
            &format!("a@example.com,sentius:acme,{FUTURE}"),
            &format!("d@example.com,sapling:acme/Core,{FUTURE}"),
        ])
        .await;
    assert!(world.writes().is_empty(), "the pass is waiting still");

    assert_eq!(end(pass).await.code, 0);

    assert_eq!(world.whitelisted(), ["a@example.com", "stays@example.com"]);
    let mut members = world.members("Core");
    members.sort();
    assert_eq!(members, ["d@example.com", "stays@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_comes_while_others_are_removed_is_heeded() {
    let mut world = due().await;
    world.config.http.push_str("concurrency = 1\n");
    world.config.guard = "max_removal_percent = 100\n".to_owned();
    let slowly = Fault::Delay(Duration::from_millis(1500));
    world.sentius.faults().once(When::method("DELETE"), slowly);
    // Ten are due; the first batch is five, and the last of the second is extended meanwhile.
    let people: Vec<String> = (0..10).map(|n| format!("p{n}@example.com")).collect();
    let emails: Vec<&str> = people.iter().map(String::as_str).collect();
    world.whitelist(&emails);
    let rows: Vec<String> = people
        .iter()
        .map(|who| format!("{who},sentius:acme,2025-07-01T00:00:00Z"))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;
    let pass = world.start();
    until("the first removal is under way", || {
        world.sentius.calls().iter().any(|c| c.method == "DELETE")
    })
    .await;
    world
        .grants(&[&format!("p9@example.com,sentius:acme,{FUTURE}")])
        .await;
    assert!(world.whitelisted().len() > 10, "the pass is waiting still");

    let pass = end(pass).await;

    assert_eq!(pass.code, 0, "{}", pass.stderr);
    assert_eq!(world.whitelisted(), ["p9@example.com", "stays@example.com"]);
    assert!(!pass.stdout.contains("p9@example.com"), "{}", pass.stdout);
}
