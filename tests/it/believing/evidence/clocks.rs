//! Clocks: by one that is in doubt nothing is first seen, ends or is closed; and that it is in doubt
//! is told, also where nothing is due.

use jiff::SignedDuration;
use lapsed_sandbox::{Fault, When};
use serde_json::json;

use super::{core, end_in_core, states};
use crate::mailing::review;
use crate::world::{Outcome, PAST, World};

const DAY: i64 = 24 * 60;

/// This many days from now.
fn day(days: i64) -> String {
    (lapsed::clock::now() + SignedDuration::from_hours(24 * days)).to_string()
}

/// A pass of a machine whose clock alone is off by so many days.
async fn run_off(world: &World, days: i64) -> Outcome {
    let pass = ["--run-now", "--format", "json"];
    Outcome::of(world.lapsed_at(&day(days), &pass).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_is_seen_by_a_wrong_clock_has_no_age_by_it() {
    for days in [-20, 3650] {
        let world = World::new().await;
        core(&world, &[]);
        world.invite("Core", "bob@example.com");

        let wrong = run_off(&world, days).await;

        assert_eq!(wrong.code, 3, "{days}");
        assert!(!wrong.found("clock.doubtful").is_empty(), "{days}");
        let run = world.run().await;
        assert_eq!((run.code, run.actions()), (0, vec![]), "{days}");
        assert_eq!(world.invited("Core"), ["bob@example.com"]);
        world.later(15 * DAY);
        assert_eq!(world.run().await.code, 0);
        assert!(world.invited("Core").is_empty(), "{days}: it is stale now");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_behind_is_told_though_nothing_is_due_by_it() {
    let world = World::new().await;
    core(&world, &["bob@example.com".to_owned()]);
    end_in_core(&world, &["bob@example.com".to_owned()], &day(-2)).await;

    let run = run_off(&world, -20).await;

    assert_eq!(run.code, 3);
    assert!(run.actions().is_empty(), "{:?}", run.actions());
    assert_eq!(
        run.found("clock.doubtful"),
        ["sapling:acme -", "sentius:acme -"]
    );
    assert!(run.errors().iter().any(|e| e.contains("clock")));
    let status = world.lapsed_at(&day(-20), &["status"]).await;
    assert_eq!(status.code, 3, "{}", status.stdout);
    assert!(status.stdout.contains("clock"), "{}", status.stdout);
    let report = world.lapsed_at(&day(-20), &["report"]).await;
    assert!(report.stdout.contains("clock"), "{}", report.stdout);
    assert_eq!(world.run().await.code, 0);
    assert!(world.members("Core").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_in_doubt_believes_no_absence_and_closes_nothing() {
    let world = World::new().await;
    core(&world, &["amy@example.com".to_owned()]);
    end_in_core(&world, &["bob@example.com".to_owned()], PAST).await;
    assert_eq!(world.run().await.code, 0);
    let skew = Fault::DateSkew(86_400);
    world.sapling.faults().always(When::any(), skew);
    for _ in 0..3 {
        world.later(20);
        let run = world.run().await;
        assert_eq!(run.code, 3);
        assert_eq!(run.json["counts"]["absent"], json!(0));
        assert_eq!(states(&world).await, ["ended"]);
    }
    world.sapling.faults().clear();
    assert_eq!(world.run().await.json["counts"]["absent"], json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_skew_above_the_limit_is_told_once_in_the_trail_however_often_it_is_seen() {
    let world = World::new().await;
    let people = super::people(20);
    core(&world, &people);
    end_in_core(&world, &people, PAST).await;
    for skew in [86_400, 86_407, 86_399, 86_412] {
        world.sapling.faults().clear();
        let skew = Fault::DateSkew(skew);
        world.sapling.faults().always(When::any(), skew);
        assert_eq!(world.run().await.code, 3);
    }
    let events = world.events();
    let told = events.iter().filter(|e| e.kind == "action.not_tried");
    assert!(told.count() <= 20, "{:?}", events.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_unanswered_review_ends_access_by_a_clock_that_nobody_confirms() {
    let mut world = review::world("end").await;
    world.one_clock = false;
    world
        .owned_grants(
            &day(0),
            &["jane@example.com,sentius:acme,never,olga@acme.example"],
        )
        .await;
    world.whitelist(&["jane@example.com"]);
    // The clock of the machine runs years ahead; only a whitelist could tell.
    for days in [91, 106, 121, 135] {
        let (run, _) = world.run_at(&day(days)).await;
        assert_eq!(run.code, 3, "{days}");
    }
    assert_eq!(world.list().await[0]["end"], json!(null));
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
}
