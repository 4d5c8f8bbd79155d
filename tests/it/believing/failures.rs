//! Providers that refuse, are busy or are down: tried again, told, and no reason to stop.

use lapsed_sandbox::{Answer, Fault, Rule, When};
use serde_json::json;

use crate::world::{PAST, World};

/// Jane's whitelist grant is over.
async fn jane_is_due() -> World {
    let world = World::new().await;
    world.whitelist(&["jane@example.com", "bob@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_fails_to_do_is_done_by_the_next_run() {
    let world = jane_is_due().await;
    world
        .sentius
        .faults()
        .once(When::method("DELETE"), Fault::status(500));

    let run = world.run().await;
    assert_eq!(run.code, 3);
    assert_eq!(
        run.actions(),
        ["whitelist.remove sentius:acme jane@example.com grant.ended unknown -"]
    );
    assert!(
        run.detail().contains("refused with 500: scripted"),
        "{}",
        run.detail()
    );
    assert_eq!(
        world.writes().len(),
        1,
        "a 500 may have been done: not sent again blindly"
    );
    assert_eq!(world.list().await[0]["state"], json!("ended"));

    let again = world.run().await;
    assert_eq!(again.code, 0);
    assert_eq!(again.json["counts"]["done"], json!(1));
    assert_eq!(world.whitelisted(), ["bob@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_that_fails_does_not_stop_the_others() {
    let world = World::new().await;
    let people = ["a", "b", "c", "d", "e"].map(|who| format!("{who}@example.com"));
    world.whitelist(&people.each_ref().map(String::as_str));
    world
        .sentius
        .faults()
        .always(When::method("DELETE").email("c@"), Fault::status(500));
    let rows = people
        .each_ref()
        .map(|email| format!("{email},sentius:acme,{PAST}"));
    world.grants(&rows.each_ref().map(String::as_str)).await;

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(run.json["counts"]["done"], json!(4));
    assert_eq!(run.json["counts"]["unknown"], json!(1));
    assert_eq!(world.whitelisted(), ["c@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_asks_to_wait_a_second_is_obeyed_within_the_run() {
    let world = jane_is_due().await;
    let busy = Fault::Status(Answer::new(429).retry_after("1"));
    world.sentius.faults().once(When::method("DELETE"), busy);

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(
        world.writes(),
        ["DELETE /admin/whitelist 429", "DELETE /admin/whitelist 204"]
    );
    let mut calls = world.sentius.calls();
    calls.retain(|call| call.method == "DELETE");
    let waited = calls[1].at.duration_since(calls[0].at);
    assert!(waited >= jiff::SignedDuration::from_secs(1), "{waited:?}");
    assert_eq!(world.whitelisted(), ["bob@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_busy_without_saying_how_long_is_asked_again() {
    let world = jane_is_due().await;
    world
        .sentius
        .faults()
        .once(When::method("DELETE"), Fault::status(429));

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(world.writes().len(), 2);
    assert_eq!(run.json["counts"]["done"], json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_wants_an_hour_is_left_alone_for_this_run() {
    let world = jane_is_due().await;
    let busy = Fault::Status(Answer::new(429).retry_after("3600"));
    world.sentius.faults().always(When::method("DELETE"), busy);

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(run.json["counts"]["failed"], json!(1));
    assert_eq!(world.writes().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_fails_twice_is_made_a_third_time() {
    let world = World::new().await;
    let id = world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
        .await;
    world
        .sapling
        .faults()
        .add(Rule::new(When::method("GET").path(&id), Fault::status(503)).times(2));

    let run = world.run().await;

    assert_eq!(run.code, 0);
    let path = format!("GET /team/{id}/team_user");
    let reads = world.sapling_calls();
    let reads: Vec<&String> = reads.iter().filter(|c| c.starts_with(&path)).collect();
    assert!(reads[..2].iter().all(|c| c.ends_with(" 503")), "{reads:?}");
    assert!(reads[2..].iter().all(|c| c.ends_with(" 200")), "{reads:?}");
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_cannot_be_read_is_an_error_and_the_others_go_on() {
    let world = World::new().await;
    let broken = world.team("Broken", &["eve@example.com"]);
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    let rows = ["Core", "Broken"].map(|team| {
        let who = if team == "Core" { "bob" } else { "eve" };
        format!("{who}@example.com,sapling:acme/{team},{PAST}")
    });
    world.grants(&[&rows[0], &rows[1]]).await;
    world
        .sapling
        .faults()
        .always(When::method("GET").path(&broken), Fault::status(500));

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(
        run.errors(),
        ["sapling:acme/Broken: refused with 500: scripted"]
    );
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    assert_eq!(world.members("Broken"), ["eve@example.com"]);
    let mut actions = run.actions();
    actions.sort();
    assert_eq!(
        actions,
        [
            "member.remove sapling:acme/Broken eve@example.com grant.ended failed -",
            "member.remove sapling:acme/Core bob@example.com grant.ended done verified",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_not_there_is_told_and_the_other_goes_on() {
    let mut world = jane_is_due().await;
    world.team("Core", &["amy@example.com"]);
    // The connection breaks before a byte of answer, each time.
    world
        .sapling
        .faults()
        .always(When::any(), Fault::DropBefore);
    world.config.http += "concurrency = 2\n";

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert!(
        run.errors()[0].starts_with("sapling:acme: the list of teams: did not answer"),
        "{:?}",
        run.errors()
    );
    assert_eq!(run.json["counts"]["done"], json!(1));
    assert_eq!(world.whitelisted(), ["bob@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_that_reading_contradicts_is_a_failure_and_is_tried_again() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
        .await;
    let lie = Answer::new(200).body("application/json", "{}");
    world
        .sapling
        .faults()
        .once(When::method("DELETE"), Fault::Status(lie));

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core bob@example.com grant.ended failed -"]
    );
    assert_eq!(
        run.detail(),
        "the provider said that it is gone, and it is still there"
    );
    assert_eq!(world.list().await[0]["state"], json!("ended"));

    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    assert_eq!(world.list().await[0]["state"], json!("removed"));
}
