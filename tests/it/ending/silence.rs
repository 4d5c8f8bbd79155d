//! Access that ends right after a call that gave it and got no answer: a 404 is not the end, since that
//! call may still take effect.

use lapsed_sandbox::{Fault, When};

use crate::giving::revoking::revoke;
use crate::world::asking::{ask, die, jane};
use crate::world::{FUTURE, World};

const JANE: &str = "jane@example.com";

/// Jane's access was asked for, and this is how the provider took it.
async fn asked_for(fault: Fault) -> World {
    let world = World::new().await;
    world.run().await;
    world.whitelist_is_known();
    world.sentius.faults().once(When::method("POST"), fault);
    let said = ask(&world, &jane(&["--end", FUTURE])).await;
    assert_eq!(said.code, 3, "{:?}", said.lines());
    world
}

fn open(world: &World) -> i64 {
    world.number("SELECT count(*) FROM grants WHERE removed_at IS NULL")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_comes_after_it_was_taken_off_is_taken_off_again() {
    let world = asked_for(Fault::DropBefore).await;

    let said = revoke(&world, &[JANE]).await;

    let actions = ["whitelist.remove sentius:acme grant.revoked unknown"];
    assert_eq!(
        (said.code, said.actions()),
        (3, actions.map(str::to_owned).to_vec())
    );
    assert_eq!(open(&world), 1, "nobody knows yet that it is over");
    // The call arrives late.
    world.whitelist(&[JANE]);
    let run = world.run().await;

    assert_eq!((run.code, open(&world)), (0, 0), "{:?}", run.errors());
    assert!(world.whitelisted().is_empty());
    world.all_settled_once().await;
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_got_no_answer_is_no_answer_of_the_provider() {
    for status in [502, 504] {
        let world = asked_for(Fault::status(status)).await;
        assert_eq!(revoke(&world, &[JANE]).await.code, 3, "{status}");
        assert_eq!(open(&world), 1, "{status}");
        // What the proxy had passed on arrives late.
        world.whitelist(&[JANE]);
        let run = world.run().await;

        assert_eq!((run.code, open(&world)), (0, 0), "{status}");
        assert!(world.whitelisted().is_empty(), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_there_twice_is_over_once_no_call_can_come_any_more() {
    let world = asked_for(Fault::DropBefore).await;
    assert_eq!(revoke(&world, &[JANE]).await.code, 3);
    let why = world.lapsed(&["why", JANE]).await;
    assert!(why.stdout.contains("may still come"), "{}", why.stdout);

    world.later(6);
    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.errors());
    let absent = "whitelist.remove sentius:acme jane@example.com grant.revoked absent acknowledged";
    assert_eq!((run.actions(), open(&world)), (vec![absent.to_owned()], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_in_between_makes_no_end_of_it() {
    let world = asked_for(Fault::DropBefore).await;
    world.sql("UPDATE entry SET silent_at = silent_at + 30000");
    assert_eq!(revoke(&world, &[JANE]).await.code, 3);
    assert_eq!(open(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_died_within_the_call_is_a_call_without_an_answer() {
    let world = World::new().await;
    world.run().await;
    world.whitelist_is_known();
    die(&world, &jane(&["--end", FUTURE]), "give-after-intent").await;

    let said = revoke(&world, &[JANE]).await;

    assert_eq!(said.code, 3, "{:?}", said.actions());
    world.later(6);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(open(&world), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_calls_without_an_answer_one_may_still_come_when_an_entry_was_taken_off() {
    let world = asked_for(Fault::DropAfter).await;
    world
        .sentius
        .faults()
        .once(When::method("POST"), Fault::DropBefore);
    world.later(2);
    assert_eq!(world.run().await.code, 3);
    assert_eq!(revoke(&world, &[JANE]).await.code, 3);
    assert_eq!(open(&world), 1, "one of two calls may still come");
    world.whitelist(&[JANE]);
    world.later(6);
    let run = world.run().await;

    assert_eq!((run.code, open(&world)), (0, 0), "{:?}", run.errors());
    assert!(world.whitelisted().is_empty());
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_the_provider_or_an_entry_that_was_there_is_the_end() {
    for fault in [Fault::status(503), Fault::status(500), Fault::DropAfter] {
        let world = asked_for(fault.clone()).await;
        let said = revoke(&world, &[JANE]).await;
        assert_eq!((said.code, open(&world)), (0, 0), "{fault:?}");
        assert!(world.whitelisted().is_empty(), "{fault:?}");
    }
}
