//! A long backlog: oldest first, slowly at first, and no further when the provider fails.

use jiff::{SignedDuration, Timestamp};
use lapsed_sandbox::{Fault, When};
use serde_json::json;

use crate::world::World;

const GUARD: &str = "max_removals = 1000\nmax_removal_percent = 100\n";

/// So many entries, the first of them overdue for longest, in a file that begins with the last.
async fn backlog(count: i64) -> (World, Vec<String>) {
    let mut world = World::new().await;
    world.config.guard = GUARD.to_owned();
    let people: Vec<String> = (0..count).map(|n| format!("p{n:03}@example.com")).collect();
    let emails: Vec<&str> = people.iter().map(String::as_str).collect();
    world.whitelist(&emails);
    world.whitelist(&["stays@example.com"]);
    let first: Timestamp = "2025-01-01T00:00:00Z".parse().unwrap();
    let mut rows: Vec<String> = (0..count)
        .map(|n| {
            // The names' order is not the order of the ends.
            let place = (n * 7) % count;
            let end = first + SignedDuration::from_hours(place);
            format!("p{n:03}@example.com,sentius:acme,{end}")
        })
        .collect();
    rows.reverse();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;
    let mut oldest_first: Vec<i64> = (0..count).collect();
    oldest_first.sort_by_key(|n| (n * 7) % count);
    let oldest_first = oldest_first
        .iter()
        .map(|n| format!("p{n:03}@example.com"))
        .collect();
    (world, oldest_first)
}

fn deleted(world: &World) -> Vec<String> {
    let calls = world.sentius.calls();
    let deletes = calls.iter().filter(|c| c.method == "DELETE");
    deletes.map(|c| c.email().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_is_left_alone_early_and_the_other_is_served() {
    let (world, _) = backlog(200).await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&["bob@example.com,sapling:acme/Core,2025-02-01T00:00:00Z"])
        .await;
    world
        .sentius
        .faults()
        .always(When::method("DELETE"), Fault::status(500));

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    assert_eq!(run.json["counts"]["done"], json!(1));
    let calls = deleted(&world).len();
    assert!(calls <= 10, "{calls} calls at a provider that fails");
    let actions = run.json["actions"].as_array().unwrap();
    let waits = |a: &&serde_json::Value| {
        let detail = a["detail"].as_str().unwrap_or_default();
        detail.starts_with("not tried") && a["state"] == "failed"
    };
    assert_eq!(actions.iter().filter(waits).count(), 200 - calls);

    // What was not tried has lost nothing by it.
    world.sentius.faults().clear();
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(world.whitelisted(), ["stays@example.com"]);
    world.all_settled_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_begins_to_fail_is_left_alone_too() {
    use lapsed_sandbox::Rule;
    let (world, _) = backlog(200).await;
    let rule = Rule::new(When::method("DELETE"), Fault::DropBefore);
    world.sentius.faults().add(rule.skip(25).always());

    let run = world.run().await;

    assert_eq!(run.code, 3);
    // Until eleven of the last twenty have failed, and no more than the forty under way then.
    let calls = deleted(&world).len();
    assert!((36..=76).contains(&calls), "{calls} calls");
    assert_eq!(run.json["counts"]["done"], json!(25));
    assert_eq!(run.json["counts"]["unknown"], json!(calls - 25));
    assert_eq!(run.json["counts"]["failed"], json!(200 - calls));

    // Each person's trail says it: sent without an answer, or not tried, and then removed once.
    world.sentius.faults().clear();
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(world.whitelisted(), ["stays@example.com"]);
    world.all_settled_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_overdue_for_longest_goes_first() {
    let (mut world, oldest_first) = backlog(60).await;
    world.config.http.push_str("concurrency = 1\n");
    assert_eq!(world.run().await.code, 0);
    assert_eq!(deleted(&world), oldest_first);
}

#[tokio::test(flavor = "multi_thread")]
async fn single_failures_do_not_stop_the_others() {
    let (world, _) = backlog(60).await;
    for who in ["p007", "p021", "p042"] {
        let one = When::method("DELETE").email(who);
        world.sentius.faults().always(one, Fault::status(500));
    }
    let run = world.run().await;
    assert_eq!(run.code, 3);
    assert_eq!(run.json["counts"]["done"], json!(57));
    assert_eq!(run.json["counts"]["unknown"], json!(3));
    assert_eq!(
        world.whitelisted(),
        [
            "p007@example.com",
            "p021@example.com",
            "p042@example.com",
            "stays@example.com"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_and_not_answered_stays_unknown_while_it_is_not_tried() {
    let (world, _) = backlog(1).await;
    let faults = world.sentius.faults();
    faults.always(When::method("DELETE"), Fault::DropBefore);
    assert_eq!(world.run().await.json["counts"]["unknown"], json!(1));
    faults.clear();
    let clock = Fault::DateSkew(86_400);
    world.sentius.faults().always(When::any(), clock);

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(
        run.json["counts"]["unknown"],
        json!(1),
        "{:?}",
        run.actions()
    );
    assert!(run.detail().contains("clock"), "{}", run.detail());
}
