//! What happens between a removal and its proof.

use lapsed_sandbox::{Fault, Rule, When};
use serde_json::json;

use crate::world::readings::says;
use crate::world::{FUTURE, PAST, World};

pub(super) fn extend(target: &str) -> [&str; 6] {
    [
        "extend",
        "bob@example.com",
        "--target",
        target,
        "--end",
        FUTURE,
    ]
}

/// Found beside walk 7002791.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_moved_before_its_removal_is_proven_gives_back_what_was_taken() {
    let mut world = World::new().await;
    world.config.sapling = String::new();
    let id = world.team("Core", &["bob@example.com", "free@example.com"]);
    world
        .grants(&["bob@example.com,sapling:acme/Core,20m"])
        .await;
    assert_eq!(world.run().await.code, 0);
    world.later(31);
    let reads = Rule::new(When::method("GET").path(&id), Fault::status(500));
    world.sapling.faults().add(reads.skip(1).always());
    world.run().await;
    assert_eq!(world.members("Core"), ["free@example.com"]);
    world.sapling.faults().clear();

    let said = world.lapsed(&extend("sapling:acme/Core")).await;

    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(world.invited("Core"), ["bob@example.com"]);
    // And nothing is done twice by what comes after.
    world.forget_calls();
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert!(
        world
            .sapling
            .calls()
            .iter()
            .all(|call| call.method == "GET")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_whose_end_is_moved_before_its_removal_is_proven_is_given_back() {
    let mut world = World::new().await;
    world.config.sapling = String::new();
    let id = world.team("Core", &["bob@example.com", "free@example.com"]);
    let target = ["--target", "sapling:acme/Core"];
    let role = [
        &["grant", "bob@example.com"],
        &target[..],
        &["--role", "admin", "--end", "20m"],
    ];
    assert_eq!(world.lapsed(&role.concat()).await.code, 0);
    let is_admin = |world: &World| {
        world.sapling.with(|state| {
            let mut members = state.team("Core").unwrap().members();
            members.any(|user| user.login_email == "bob@example.com" && user.is_admin)
        })
    };
    assert!(is_admin(&world));
    world.later(31);
    let reads = Rule::new(When::method("GET").path(&id), Fault::status(500));
    world.sapling.faults().add(reads.skip(1).always());
    world.run().await;
    assert!(!is_admin(&world));
    world.sapling.faults().clear();

    let said = world.lapsed(&extend("sapling:acme/Core")).await;

    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(is_admin(&world));
}

/// Walk 30008795.
#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_was_perhaps_never_sent_is_not_proven_by_one_reading_without_the_person() {
    let mut world = World::new().await;
    world.config.sapling = String::new();
    world.team("Core", &["cy@example.com", "free@example.com"]);
    world
        .grants(&[&format!("cy@example.com,sapling:acme/Core,{PAST}")])
        .await;
    world.dies("after-intent").await;
    world.later(11);
    let free = world.sapling.with(|state| {
        let members = state.team("Core").unwrap().members();
        json!(
            members
                .filter(|one| one.login_email == "free@example.com")
                .collect::<Vec<_>>()
        )
    });
    let without = json!({ "users": free, "pending_users": [] });
    let lists = When::method("GET").path("team_user");
    world.sapling.faults().once(lists, says(&without));
    assert_eq!(world.run().await.code, 0);

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(world.members("Core"), ["free@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_whose_revocation_was_perhaps_never_sent_is_revoked_after_a_reading_without_it() {
    let mut world = World::new().await;
    world.config.sapling = String::new();
    world.team("Core", &["free@example.com"]);
    world.invite("Core", "cy@example.com");
    world
        .grants(&[&format!("cy@example.com,sapling:acme/Core,{PAST}")])
        .await;
    world.dies("after-intent").await;
    world.later(11);
    let invite = world.sapling.with(|state| {
        let core = state.team_mut("Core").unwrap();
        core.remove_invite("cy@example.com").unwrap()
    });
    assert_eq!(world.run().await.code, 0);
    world
        .sapling
        .with(|state| state.team_mut("Core").unwrap().add_invite(invite));

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert!(world.invited("Core").is_empty());
}
