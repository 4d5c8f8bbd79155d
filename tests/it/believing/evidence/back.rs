//! Who comes in while a removal is under way: an invite that is accepted, a membership that is new.

use std::time::Duration;

use jiff::Timestamp;
use lapsed_sandbox::{Fault, Rule, TeamUser, When};

use super::{core, end_in_core, states};
use crate::world::{Outcome, PAST, Printed, World, until};

/// When an invite is accepted: while the DELETE of it is on its way.
async fn accepted_under_way(world: &World, joined: Timestamp) -> Outcome {
    let late = Fault::Delay(Duration::from_millis(700));
    world.sapling.faults().once(When::method("DELETE"), late);
    let mut command = world.command(&["--run-now", "--format", "json"]);
    let pass = tokio::task::spawn_blocking(move || command.output());
    until("it deletes the invite", || {
        world.sapling.calls().iter().any(|c| c.method == "DELETE")
    })
    .await;
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        assert!(team.accept_invite("bob@example.com", joined));
    });
    let output = pass.await.unwrap().unwrap();
    Outcome::of(Printed::of(&output))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_is_accepted_between_the_reading_and_its_deletion_ends_as_a_membership() {
    // Also where the membership is dated after the end: it is that invite, accepted.
    for joined in [lapsed::clock::now(), PAST.parse().unwrap()] {
        let world = World::new().await;
        core(&world, &["amy@example.com".to_owned()]);
        world.invite("Core", "bob@example.com");
        end_in_core(&world, &["bob@example.com".to_owned()], PAST).await;

        let run = accepted_under_way(&world, joined).await;

        assert_eq!(run.code, 0, "{:?} {:?}", run.actions(), run.errors());
        assert_eq!(world.members("Core"), ["amy@example.com"]);
        assert_eq!(states(&world).await, ["removed"]);
        world.later(11);
        assert_eq!(world.run().await.code, 0);
        world.trail_is_whole().await;
    }
}

/// Bob is removed, and let in anew before that is read back.
async fn let_in_before_it_is_read_back(world: &World, created_at: Timestamp) {
    let id = core(
        world,
        &["amy@example.com".to_owned(), "bob@example.com".to_owned()],
    );
    end_in_core(world, &["bob@example.com".to_owned()], PAST).await;
    let late = Fault::Delay(Duration::from_millis(700));
    let second = Rule::new(When::method("GET").path(&id), late).skip(1);
    world.sapling.faults().add(second);
    let mut command = world.command(&["--run-now", "--format", "json"]);
    let pass = tokio::task::spawn_blocking(move || command.output());
    until("bob is out", || {
        world.members("Core") == ["amy@example.com"]
    })
    .await;
    world.sapling.with(|state| {
        let user = TeamUser::new("bob@example.com", created_at);
        state.team_mut("Core").unwrap().add_member(user);
    });
    pass.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_back_under_a_new_id_before_the_removal_is_proven_is_removed_again() {
    let world = World::new().await;
    let long_ago = "2024-03-01T00:00:00Z".parse().unwrap();
    let_in_before_it_is_read_back(&world, long_ago).await;
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_let_in_anew_after_the_end_is_told_and_not_removed() {
    let world = World::new().await;
    let_in_before_it_is_read_back(&world, lapsed::clock::now()).await;
    let run = world.run().await;
    assert_eq!(run.code, 0);
    assert_eq!(
        run.found("member.returned"),
        ["sapling:acme/Core bob@example.com"]
    );
    assert_eq!(world.members("Core").len(), 2);
}
