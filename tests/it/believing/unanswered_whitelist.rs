//! Removals from the whitelist that were sent and not answered: unknown until they are sent again,
//! since nothing can be read.

use std::time::Duration;

use lapsed_sandbox::{Answer, Fault, When};
use serde_json::json;

use crate::world::{PAST, World};

const LONG: Duration = Duration::from_secs(60);

/// Jane's whitelist grant is over.
async fn jane_is_due() -> World {
    let world = World::new().await;
    world.whitelist(&["jane@example.com", "bob@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world.whitelist_is_known();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_removal_from_the_whitelist_is_sent_again() {
    let world = jane_is_due().await;
    world
        .sentius
        .faults()
        .once(When::method("DELETE"), Fault::DropAfter);

    let run = world.run().await;
    assert_eq!(run.code, 3);
    assert_eq!(
        run.actions(),
        ["whitelist.remove sentius:acme jane@example.com grant.ended unknown -"]
    );
    assert_eq!(
        world.writes(),
        ["DELETE /admin/whitelist -"],
        "not repeated within the run"
    );
    let next = world.run().await;

    assert_eq!(next.code, 0);
    assert_eq!(
        next.actions(),
        ["whitelist.remove sentius:acme jane@example.com grant.ended absent acknowledged"]
    );
    assert_eq!(world.list().await[0]["state"], json!("removed"));
    assert_eq!(world.whitelisted(), ["bob@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_that_hangs_leaves_the_outcome_unknown() {
    let mut world = jane_is_due().await;
    world.config.http = "timeout = \"1s\"\nrequests_per_second = 1000".to_owned();
    world
        .sentius
        .faults()
        .once(When::method("DELETE"), Fault::Hang(LONG));

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(run.json["counts"]["unknown"], json!(1));
    assert!(
        run.detail().contains("no whole answer within 1s"),
        "{}",
        run.detail()
    );
    let next = world.run().await;
    assert_eq!(next.code, 0);
    assert_eq!(next.json["counts"]["done"], json!(1));
    assert_eq!(world.whitelisted(), ["bob@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_lost_patience_leaves_the_outcome_unknown() {
    let world = jane_is_due().await;
    world.sentius.faults().once(
        When::method("DELETE"),
        Fault::Status(Answer::new(504).applied()),
    );

    assert_eq!(world.run().await.json["counts"]["unknown"], json!(1));
    assert_eq!(world.run().await.json["counts"]["absent"], json!(1));
}
