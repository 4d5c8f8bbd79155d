//! Clocks that disagree: an end is only as true as the clock it is measured by, so nothing is
//! removed until they agree again.

use lapsed::sandbox::{Fault, KeyPlace, When};
use serde_json::json;

use crate::world::{Outcome, PAST, World};

const DAY: i64 = 86_400;

/// One entry and one member are due.
async fn due() -> World {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            &format!("bob@example.com,sapling:acme/Core,{PAST}"),
        ])
        .await;
    world
}

fn nothing_was_removed(world: &World, run: &Outcome, why: &str) {
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(run.code, 3);
    assert_eq!(run.json["counts"]["failed"], json!(2));
    for action in run.json["actions"].as_array().unwrap() {
        let detail = action["detail"].as_str().unwrap();
        assert!(detail.contains("clock"), "{detail}");
        assert!(detail.contains(why), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_anywhere_while_the_clock_of_the_teams_is_a_day_off() {
    for skew in [DAY, -DAY] {
        let world = due().await;
        world
            .sapling
            .faults()
            .always(When::any(), Fault::DateSkew(skew));
        let run = world.run().await;
        nothing_was_removed(&world, &run, "sapling:acme");

        // Once the clocks agree, it goes on by itself.
        world.sapling.faults().clear();
        assert_eq!(world.run().await.code, 0);
        assert!(world.whitelisted().is_empty());
        assert_eq!(world.members("Core"), ["amy@example.com"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_anywhere_while_the_clock_of_the_whitelist_is_a_day_off() {
    for skew in [DAY, -DAY] {
        let world = due().await;
        world
            .sentius
            .faults()
            .always(When::any(), Fault::DateSkew(skew));
        let run = world.run().await;
        nothing_was_removed(&world, &run, "sentius:acme");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whitelist_is_asked_for_its_time_before_the_first_removal_and_without_the_key() {
    let world = due().await;
    assert_eq!(world.run().await.code, 0);
    let calls = world.sentius.calls();
    let lines: Vec<String> = calls
        .iter()
        .map(|c| format!("{} {}", c.method, c.path))
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(calls[0].method, "GET");
    assert_eq!(calls[0].key, KeyPlace::None);
    assert!(calls[0].query.is_empty() && calls[0].body.is_empty());
    assert_eq!(calls[1].method, "DELETE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_within_the_limit_is_no_reason_to_wait() {
    for skew in [240, -240] {
        let world = due().await;
        let faults = [world.sapling.faults(), world.sentius.faults()];
        for faults in faults {
            faults.always(When::any(), Fault::DateSkew(skew));
        }
        assert_eq!(world.run().await.code, 0);
        assert!(world.whitelisted().is_empty());
        assert_eq!(world.members("Core"), ["amy@example.com"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_the_configured_one() {
    let mut world = due().await;
    world.config.guard = "max_clock_skew = \"30s\"\n".to_owned();
    world
        .sapling
        .faults()
        .always(When::any(), Fault::DateSkew(120));
    let run = world.run().await;
    nothing_was_removed(&world, &run, "sapling:acme");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_while_the_last_pass_lies_in_the_future() {
    let world = due().await;
    // A pass that only had nothing to do; its end then moves by two days.
    world.sql(&format!(
        "INSERT INTO run (id, started_at, finished_at, dry_run, outcome) VALUES ('then', 0, {}, 0, 'converged')",
        lapsed::clock::now().as_millisecond() + 2 * DAY * 1000
    ));
    let run = world.run().await;
    nothing_was_removed(&world, &run, "behind the end of the last pass");

    world.sql("UPDATE run SET finished_at = 0 WHERE id = 'then'");
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_in_doubt_is_still_in_doubt_in_the_next_pass() {
    let world = due().await;
    world
        .sapling
        .faults()
        .always(When::any(), Fault::DateSkew(DAY));
    for _ in 0..3 {
        let run = world.run().await;
        nothing_was_removed(&world, &run, "sapling:acme");
    }
}
