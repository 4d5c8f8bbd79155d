//! Removals from teams that were sent and not answered: unknown until a reading settles them.

use std::time::Duration;

use lapsed_sandbox::{Fault, Rule, When};
use serde_json::json;

use crate::world::{PAST, World};

const LONG: Duration = Duration::from_secs(60);

/// Bob's team grant is over.
async fn bob_is_due() -> World {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
        .await;
    world
}

/// The reading after the removal fails, the others do not.
fn no_reading_back(world: &World) {
    let back = Rule::new(When::method("GET").path("team_user"), Fault::status(400));
    world.sapling.faults().add(back.skip(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_removal_from_a_team_is_settled_by_reading_within_the_run() {
    let world = bob_is_due().await;
    world
        .sapling
        .faults()
        .once(When::method("DELETE"), Fault::DropAfter);

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core bob@example.com grant.ended done verified"]
    );
    assert_eq!(world.writes().len(), 1);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    assert_eq!(world.list().await[0]["state"], json!("removed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_bulk_removal_is_settled_by_reading_within_the_run() {
    let world = World::new().await;
    world.team(
        "Core",
        &[
            "a@example.com",
            "b@example.com",
            "c@example.com",
            "amy@example.com",
        ],
    );
    let rows = ["a", "b", "c"].map(|who| format!("{who}@example.com,sapling:acme/Core,{PAST}"));
    world.grants(&rows.each_ref().map(String::as_str)).await;
    world
        .sapling
        .faults()
        .once(When::method("DELETE"), Fault::CutBody);

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(run.json["counts"]["done"], json!(3));
    assert!(
        run.actions().iter().all(|a| a.ends_with("done verified")),
        "{:?}",
        run.actions()
    );
    assert_eq!(world.writes().len(), 1);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_removal_is_settled_by_the_next_run_without_another_call() {
    let world = bob_is_due().await;
    world
        .sapling
        .faults()
        .once(When::method("DELETE"), Fault::DropAfter);
    no_reading_back(&world);

    let run = world.run().await;
    assert_eq!(run.code, 3);
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core bob@example.com grant.ended unknown -"]
    );
    world.forget_calls();
    let next = world.run().await;

    assert_eq!(next.code, 0);
    assert_eq!(
        next.actions(),
        ["member.remove sapling:acme/Core bob@example.com grant.ended done verified"]
    );
    assert!(world.writes().is_empty());
    assert!(next.found("member.left").is_empty());
    assert_eq!(world.list().await[0]["state"], json!("removed"));
    assert!(world.run().await.actions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_let_in_anew_meanwhile_is_not_removed_for_the_old_removal() {
    let world = bob_is_due().await;
    world
        .sapling
        .faults()
        .once(When::method("DELETE"), Fault::DropAfter);
    no_reading_back(&world);
    world.run().await;
    // Ten minutes after the call a reading proves that bob was gone.
    world.later(11);
    assert_eq!(world.run().await.code, 0);
    world.forget_calls();
    world.member("Core", "bob@example.com");

    let next = world.run().await;

    assert_eq!(next.code, 0, "{:?}", next.actions());
    assert!(world.writes().is_empty());
    assert_eq!(
        next.found("member.returned"),
        ["sapling:acme/Core bob@example.com"]
    );
    assert_eq!(
        world.members("Core"),
        ["amy@example.com", "bob@example.com"]
    );
    assert!(
        next.found("member.unmanaged")
            .contains(&"sapling:acme/Core bob@example.com".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_removal_stays_unknown_while_the_team_cannot_be_read() {
    let world = bob_is_due().await;
    world
        .sapling
        .faults()
        .once(When::method("DELETE"), Fault::DropAfter);
    no_reading_back(&world);
    world.run().await;
    world
        .sapling
        .faults()
        .once(When::method("GET").path("team_user"), Fault::status(400));

    let blind = world.run().await;
    assert_eq!(blind.code, 3);
    assert_eq!(
        blind.actions(),
        ["member.remove sapling:acme/Core bob@example.com grant.ended unknown -"]
    );
    let next = world.run().await;

    assert_eq!(
        next.actions(),
        ["member.remove sapling:acme/Core bob@example.com grant.ended done verified"]
    );
    assert!(next.found("member.left").is_empty(), "it was lapsed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_never_arrived_is_failed_by_reading_and_done_by_the_next_run() {
    let mut world = bob_is_due().await;
    world.config.http = "timeout = \"1s\"\nrequests_per_second = 1000".to_owned();
    world
        .sapling
        .faults()
        .once(When::method("DELETE"), Fault::Hang(LONG));

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core bob@example.com grant.ended failed -"]
    );
    assert_eq!(run.detail(), "sent without an answer, and still there");
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_demotion_is_settled_by_reading() {
    let world = World::new().await;
    world.sapling.with(|state| {
        let bob = lapsed_sandbox::TeamUser::new("bob@example.com", lapsed::clock::now());
        state.add_team("Core").add_member(bob.manager());
    });
    world
        .import(&format!(
            "email,target,role,end\nbob@example.com,sapling:acme/Core,manager,{PAST}\n"
        ))
        .await;
    world
        .sapling
        .faults()
        .once(When::method("PATCH"), Fault::DropAfter);

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(
        run.actions(),
        ["member.demote sapling:acme/Core bob@example.com role.ended done verified"]
    );
    assert_eq!(world.writes().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_revocation_of_an_invite_is_settled_by_reading() {
    let world = World::new().await;
    world.team("Core", &["amy@example.com"]);
    world.invite("Core", "new@example.com");
    world
        .grants(&[&format!("new@example.com,sapling:acme/Core,{PAST}")])
        .await;
    world
        .sapling
        .faults()
        .once(When::method("DELETE"), Fault::DropAfter);

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(
        run.actions(),
        ["invite.revoke sapling:acme/Core new@example.com grant.ended done verified"]
    );
    assert_eq!(world.writes().len(), 1);
}
