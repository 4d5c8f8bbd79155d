//! While a whole pass reads many teams: what comes due is acted on at its moment, by a pass within,
//! and the whole one goes on from there.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lapsed_sandbox::{Fault, When};
use serde_json::json;

use crate::world::{Daemon, FUTURE, World, until};

pub(crate) const RARELY: &str = "pass = \"0 0 0 1 1 *\"\nreport = \"0 0 0 1 1 *\"\n";

/// The same, with a whitelist.
async fn slow() -> World {
    let world = slow_teams().await;
    world.whitelist(&["goes@example.com", "stays@example.com"]);
    world
}

/// Thirty teams that are read in six seconds or more.
pub(crate) async fn slow_teams() -> World {
    let mut world = World::new().await;
    world.config.schedule = RARELY.to_owned();
    world.config.http = "timeout = \"20s\"\nrequests_per_second = 5\n".to_owned();
    for n in 0..30 {
        world.team(
            &format!("T{n:02}"),
            &["goes@example.com", "stays@example.com"],
        );
    }
    world
}

fn in_two_seconds() -> Timestamp {
    lapsed::clock::now() + SignedDuration::from_secs(2)
}

/// The daemon's first pass has begun to read.
async fn reading(world: &World) -> Daemon {
    let daemon = Daemon::start(world);
    until("it reads", || !world.sapling_calls().is_empty()).await;
    daemon
}

fn pass_is_over(daemon: &Daemon) -> bool {
    daemon.log().contains("pass ended")
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_on_a_whitelist_and_in_teams_do_not_wait_for_the_reading() {
    let world = slow().await;
    let end = in_two_seconds();
    world
        .grants(&[
            &format!("goes@example.com,sentius:acme,{end}"),
            // One that is read early, and one that is read late.
            &format!("goes@example.com,sapling:acme/T00,{end}"),
            &format!("goes@example.com,sapling:acme/T29,{end}"),
            &format!("stays@example.com,sapling:acme/T29,{FUTURE}"),
        ])
        .await;
    let daemon = reading(&world).await;

    until("all three are gone", || {
        world.whitelisted() == ["stays@example.com"]
            && world.members("T00") == ["stays@example.com"]
            && world.members("T29") == ["stays@example.com"]
    })
    .await;
    assert!(!pass_is_over(&daemon), "{}", daemon.log());

    until("the whole pass ends", || pass_is_over(&daemon)).await;
    assert!(daemon.log().contains("what came due while reading"));
    assert_eq!(daemon.stop().await, 0);
    assert_eq!(
        world.number("SELECT count(*) FROM run WHERE outcome = 'converged'"),
        2
    );
    // Proven by reading, and no older reading made a member of anybody again.
    assert_eq!(
        world.number("SELECT count(*) FROM action WHERE state = 'done' AND evidence = 'verified'"),
        2
    );
    assert_eq!(
        world.number(
            "SELECT count(*) FROM member m JOIN target t ON t.id = m.target
             WHERE m.email_key = 'goes@example.com' AND t.name IN ('T00', 'T29')
               AND (m.valid_to IS NULL OR m.valid_to < m.valid_from)"
        ),
        0
    );
    assert_eq!(
        world.number("SELECT count(*) FROM member WHERE valid_to IS NULL"),
        88
    );
    world.all_settled_once().await;
    world.trail_is_whole().await;

    // The next look agrees with all of it.
    let run = world.run().await;
    assert_eq!((run.code, &run.json["actions"]), (0, &json!([])));
    assert_eq!(
        world.number("SELECT count(*) FROM member WHERE valid_to IS NULL"),
        88
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_was_overtaken_makes_nobody_a_member_again() {
    let world = slow().await;
    let team = world.sapling.with(|state| {
        let team = state.team("T05").unwrap();
        team.id().to_owned()
    });
    world
        .grants(&[&format!(
            "goes@example.com,sapling:acme/T05,{}",
            in_two_seconds()
        )])
        .await;
    // Its answer shows the members of before, and comes when she has gone.
    let late = Fault::Late(Duration::from_secs(5));
    let read = When::method("GET").path(&format!("/team/{team}/team_user"));
    world.sapling.faults().once(read, late);
    let daemon = reading(&world).await;

    until("she is gone", || {
        world.members("T05") == ["stays@example.com"]
    })
    .await;
    until("the whole pass ends", || pass_is_over(&daemon)).await;
    assert_eq!(daemon.stop().await, 0);

    let hers = "FROM member m JOIN target t ON t.id = m.target
                WHERE m.email_key = 'goes@example.com' AND t.name = 'T05'";
    assert_eq!(world.number(&format!("SELECT count(*) {hers}")), 1);
    assert_eq!(
        world.number(&format!("SELECT count(*) {hers} AND valid_to IS NOT NULL")),
        1
    );
    world.all_settled_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_records_while_it_reads_is_acted_on_at_once() {
    let world = slow().await;
    world
        .grants(&[&format!("goes@example.com,sentius:acme,{FUTURE}")])
        .await;
    let daemon = reading(&world).await;

    world
        .grants(&["late@example.com,sentius:acme,2025-06-30"])
        .await;

    until("it is looked at", || {
        daemon.log().contains("what came due while reading")
    })
    .await;
    assert!(!pass_is_over(&daemon), "{}", daemon.log());
    assert_eq!(
        world.whitelisted(),
        ["goes@example.com", "stays@example.com"]
    );
    assert_eq!(world.writes(), ["DELETE /admin/whitelist 404"]);
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_killed_in_the_pass_within_settles_it_later() {
    let world = slow().await;
    let end = in_two_seconds();
    world
        .grants(&[&format!("goes@example.com,sapling:acme/T29,{end}")])
        .await;
    let daemon = Daemon::start_with(&world, &[("LAPSED_FAILPOINT", "after-call")]);
    tokio::time::sleep(Duration::from_millis(100)).await;
    until("it is gone", || {
        world.members("T29") == ["stays@example.com"]
    })
    .await;
    daemon.kill();
    assert_eq!(
        world.number("SELECT count(*) FROM action WHERE state = 'intent'"),
        1
    );

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(
        world.number("SELECT count(*) FROM grants WHERE removed_at IS NOT NULL"),
        1
    );
    world.all_settled_once().await;
    world.trail_is_whole().await;
}
