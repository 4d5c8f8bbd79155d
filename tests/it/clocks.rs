//! Clocks that disagree: an end is only as true as the clock it is measured by, so nothing is
//! removed until they agree again.

use lapsed::sandbox::{Fault, When};
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

/// A pass that had nothing to do, and ended in two days' time.
fn last_pass_in_the_future(world: &World) {
    world.sql(&format!(
        "INSERT INTO run (id, started_at, finished_at, dry_run, outcome) VALUES ('then', 0, {}, 0, 'converged')",
        lapsed::clock::now().as_millisecond() + 2 * DAY * 1000
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_wrong_and_was_put_right_does_not_wait_until_it_is_late_again() {
    let world = due().await;
    last_pass_in_the_future(&world);
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_behind_the_last_pass_is_not_trusted_while_no_provider_tells_the_time() {
    let world = due().await;
    last_pass_in_the_future(&world);
    let faults = [world.sapling.faults(), world.sentius.faults()];
    for faults in &faults {
        faults.always(When::method("GET"), Fault::DropBefore);
    }
    let run = world.run().await;
    assert_eq!(run.code, 3);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
    let mut actions = run.json["actions"].as_array().unwrap().iter();
    let detail = actions.find(|a| a["email"] == "jane@example.com").unwrap()["detail"].as_str();
    assert!(
        detail.unwrap().contains("behind the end of the last pass"),
        "{detail:?}"
    );
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

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_is_asked_for_its_time_without_the_key_where_nobody_else_tells_it() {
    let world = due().await;
    world
        .sapling
        .faults()
        .always(When::any(), Fault::DropBefore);
    let skew = Fault::DateSkew(-86_400);
    world.sentius.faults().always(When::any(), skew);

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
    let calls = world.sentius.calls();
    assert!(!calls.is_empty());
    let key = crate::world::SENTIUS_KEY;
    let holds_key = |text: &str| text.contains(key);
    assert!(
        calls
            .iter()
            .all(|c| !holds_key(&c.query) && !holds_key(&c.body))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_whose_first_answers_tell_another_time_is_left_alone_from_there() {
    let world = World::new().await;
    let people: Vec<String> = (0..8).map(|n| format!("p{n}@example.com")).collect();
    world.whitelist(&people.iter().map(String::as_str).collect::<Vec<_>>());
    let rows: Vec<String> = people
        .iter()
        .map(|who| format!("{who},sentius:acme,{PAST}"))
        .collect();
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    world
        .sentius
        .faults()
        .always(When::any(), Fault::DateSkew(86_400));

    let run = world.run().await;

    assert_eq!(run.code, 3);
    // Of the five that go first, those that were on their way when the first answer came.
    let sent = world.writes().len();
    assert!((1..=5).contains(&sent), "{sent} calls");
    assert_eq!(run.json["counts"]["done"], json!(sent));
    assert_eq!(run.json["counts"]["failed"], json!(8 - sent));
}
