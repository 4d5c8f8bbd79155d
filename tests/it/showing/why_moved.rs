//! `why` of a person whose membership has borne several addresses.

use crate::world::{FUTURE, World};

/// Gives a member another address.
fn moves(world: &World, from: &str, to: &str) {
    let is_there = world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        team.readdress(from, to)
    });
    assert!(is_there);
}

async fn why(world: &World, email: &str) -> String {
    let printed = world.lapsed(&["why", email]).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    printed.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_address_leads_to_the_one_that_the_membership_bears_by_now() {
    let world = World::new().await;
    world.team("Core", &["c@example.com"]);
    assert_eq!(world.run().await.code, 0);
    moves(&world, "c@example.com", "d@example.com");
    assert_eq!(world.run().await.code, 0);
    world
        .grants(&["d@example.com,sapling:acme/Core,2099-01-01"])
        .await;
    assert_eq!(world.run().await.code, 0);

    let said = why(&world, "c@example.com").await;

    assert!(
        said.contains("the membership bears d@example.com by now, and has access"),
        "{said}"
    );
    assert!(!said.contains("not by lapsed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_to_a_former_address_is_told_once_and_headed_with_what_was_asked() {
    let world = World::new().await;
    world.team("Core", &["a@example.com"]);
    world
        .grants(&[&format!("a@example.com,sapling:acme/Core,{FUTURE}")])
        .await;
    assert_eq!(world.run().await.code, 0);
    moves(&world, "a@example.com", "b@example.com");
    assert_eq!(world.run().await.code, 0);

    let said = why(&world, "b@example.com").await;

    assert!(
        said.starts_with("b@example.com, on record as a@example.com ("),
        "{said}"
    );
    let next = said.lines().filter(|l| l.trim_start().starts_with("next"));
    assert_eq!(next.count(), 1, "{said}");
}
