//! Somebody else has a member's earlier address now: neither inherits anything from the other.

use lapsed_sandbox::{Fault, When};

use super::gifts::{core, robert, says};
use super::{BOB, ROBERT, rename};
use crate::world::{FUTURE, World};

const AMY: &str = "amy@example.com";

fn can_edit(world: &World, email: &str) -> bool {
    world.sapling.with(|state| {
        let mut members = state.team("Core").unwrap().members();
        members.any(|user| user.login_email == email && user.edit_permission)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_grant_for_who_has_the_address_now_is_another_one() {
    let world = robert(FUTURE).await;
    world.member("Core", BOB);
    world.later(11);
    assert_eq!(world.run().await.code, 0);

    says(
        &world,
        &["grant", BOB, "--permission", "edit", "--end", FUTURE],
    )
    .await;

    assert!(can_edit(&world, BOB));
    assert!(!can_edit(&world, ROBERT));
    assert_eq!(world.list().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_can_be_revoked_by_the_last_address() {
    let world = robert(FUTURE).await;
    let membership = world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        team.remove_member(ROBERT).unwrap()
    });
    for _ in 0..3 {
        assert_eq!(world.run().await.code, 0);
        world.later(11);
    }

    says(&world, &["revoke", ROBERT]).await;

    // The same membership is shown again.
    world
        .sapling
        .with(|state| state.team_mut("Core").unwrap().add_member(membership));
    for _ in 0..2 {
        assert_eq!(world.run().await.code, 0);
        world.later(11);
    }
    assert_eq!(world.members("Core"), [AMY]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_given_to_who_is_missing_stays_owed() {
    let world = core().await;
    let fails = Fault::status(503);
    world.sapling.faults().always(When::method("PATCH"), fails);
    let target = ["--target", "sapling:acme/Core"];
    let grant = [&["grant", BOB][..], &target, &["--permission", "edit"]].concat();
    world
        .lapsed(&[&grant[..], &["--end", FUTURE]].concat())
        .await;
    rename(&world, BOB, ROBERT);
    world.later(6);
    assert_eq!(world.run().await.code, 3);
    world.drop_member("Core", ROBERT);
    let post = When::method("POST");
    world.sapling.faults().always(post, Fault::status(503));

    for _ in 0..4 {
        world.later(31);
        let run = world.run().await;
        assert_eq!((run.code, &run.json["owed"]["give"]), (3, &1.into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_knows_the_grants_of_a_membership_by_all_its_addresses() {
    let world = robert(FUTURE).await;
    says(&world, &["revoke", BOB]).await;
    assert_eq!(world.members("Core"), [AMY]);
    let run = world.texts("SELECT id FROM run ORDER BY rowid DESC LIMIT 1");

    let said = world.lapsed(&["undo", &run[0]]).await;

    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(world.invited("Core"), [ROBERT]);
    let open = world.list().await;
    let is_given = |grant: &serde_json::Value| grant["end"] == FUTURE && grant["email"] == ROBERT;
    assert!(open.iter().any(is_given), "{open:?}");
}

/// The run took from somebody whose address is another's by now.
async fn undo_gives_nothing(world: &World, run: &str) {
    let said = world.lapsed(&["undo", run]).await;
    let why = "the address is another member's now";
    assert!(said.stdout.contains(why), "{}{}", said.stdout, said.stderr);
    assert_eq!(said.code, 3);
    let open = world.list().await;
    assert!(open.iter().all(|grant| grant["end"] != FUTURE), "{open:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_gives_nothing_to_another_member_who_has_the_address_now() {
    let world = robert(FUTURE).await;
    says(&world, &["revoke", ROBERT]).await;
    let run = world.texts("SELECT id FROM run ORDER BY rowid DESC LIMIT 1");
    world.later(11);
    rename(&world, AMY, ROBERT);
    assert_eq!(world.run().await.code, 0);

    undo_gives_nothing(&world, &run[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_gives_nothing_to_a_member_whose_change_of_address_only_undo_sees() {
    let world = robert(FUTURE).await;
    says(&world, &["revoke", ROBERT]).await;
    let run = world.texts("SELECT id FROM run ORDER BY rowid DESC LIMIT 1");
    world.later(11);
    world.member("Core", "carl@example.com");
    assert_eq!(world.run().await.code, 0);
    rename(&world, "carl@example.com", ROBERT);

    undo_gives_nothing(&world, &run[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_gives_a_role_back_to_the_membership_that_lost_it() {
    let world = core().await;
    let role = ["grant", BOB, "--role", "manager", "--end", "30m"];
    says(&world, &role).await;
    world.later(31);
    assert_eq!(world.run().await.code, 0);
    let run = world.texts("SELECT id FROM run ORDER BY rowid DESC LIMIT 1");
    rename(&world, BOB, ROBERT);
    world.member("Core", BOB);
    world.later(11);
    assert_eq!(world.run().await.code, 0);

    let said = world.lapsed(&["undo", &run[0], "--end", FUTURE]).await;
    assert_eq!(said.code, 0, "{}", said.stderr);

    let managers = world.sapling.with(|state| {
        let members = state.team("Core").unwrap().members();
        let managers = members.filter(|user| user.is_manager);
        managers
            .map(|user| user.login_email.clone())
            .collect::<Vec<_>>()
    });
    assert_eq!(managers, [ROBERT]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_of_the_review_is_answered_by_the_address_it_names() {
    let world = robert(FUTURE).await;
    world.member("Core", BOB);
    world.later(11);
    assert_eq!(world.run().await.code, 0);

    let args = ["review", "keep", BOB, "--target", "sapling:acme/Core"];
    let said = world.lapsed(&args).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
}
