//! Who a person is: a membership in a team, whatever address it bears, and else an address in its
//! canonical form, whatever its spelling.

mod entries;
mod gifts;
mod spellings;
mod takeovers;

use lapsed_sandbox::TeamUser;
use serde_json::json;

use crate::world::readings::end_in_core;
use crate::world::{FUTURE, World};

const BOB: &str = "bob@example.com";
const ROBERT: &str = "robert@example.com";

/// The membership of one address bears another one from now on.
pub(crate) fn rename(world: &World, from: &str, to: &str) {
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        assert!(team.readdress(from, to));
    });
}

/// Bob, whose grant ends in twelve hours, and Amy.
async fn bob_in_core() -> World {
    let world = World::new().await;
    world.team("Core", &[BOB, "amy@example.com"]);
    end_in_core(&world, &[BOB.to_owned()], "12h").await;
    assert_eq!(world.run().await.code, 0);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_follows_its_membership_through_a_change_of_address() {
    // The change is seen before the end, or only by the reading that comes with it.
    for seen_before in [true, false] {
        let world = bob_in_core().await;
        rename(&world, BOB, ROBERT);
        if seen_before {
            let run = world.run().await;
            assert_eq!(run.code, 0);
            assert_eq!(
                run.found("member.changed"),
                ["sapling:acme/Core robert@example.com"]
            );
            assert!(
                run.found("member.unmanaged")
                    .iter()
                    .all(|m| !m.contains(ROBERT))
            );
        }
        world.later(13 * 60);

        let run = world.run().await;

        assert_eq!(
            run.actions(),
            ["member.remove sapling:acme/Core robert@example.com grant.ended done verified"],
            "{seen_before}"
        );
        assert_eq!(run.code, 0);
        assert_eq!(world.list().await[0]["state"], json!("removed"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_about_either_address_is_about_the_membership() {
    for word in [BOB, ROBERT] {
        let world = bob_in_core().await;
        rename(&world, BOB, ROBERT);
        assert_eq!(world.run().await.code, 0);
        let revoke = ["revoke", word, "--target", "sapling:acme/Core"];
        let said = world.lapsed(&revoke).await;
        assert_eq!(said.code, 0, "{word}: {} {}", said.stdout, said.stderr);
        assert_eq!(world.members("Core"), ["amy@example.com"], "{word}");
    }
    for word in [BOB, ROBERT] {
        let world = bob_in_core().await;
        rename(&world, BOB, ROBERT);
        assert_eq!(world.run().await.code, 0);
        let extend = [
            "extend",
            word,
            "--target",
            "sapling:acme/Core",
            "--end",
            FUTURE,
        ];
        let said = world.lapsed(&extend).await;
        assert_eq!(said.code, 0, "{word}: {} {}", said.stdout, said.stderr);
        world.later(13 * 60);
        let run = world.run().await;
        assert_eq!((run.code, run.actions()), (0, vec![]), "{word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_to_the_new_address_covers_the_membership_too() {
    let world = bob_in_core().await;
    rename(&world, BOB, ROBERT);
    assert_eq!(world.run().await.code, 0);
    end_in_core(&world, &[ROBERT.to_owned()], "24h").await;
    world.later(13 * 60);
    let run = world.run().await;
    assert_eq!((run.code, run.actions()), (0, vec![]));
    world.later(12 * 60);
    let run = world.run().await;
    assert_eq!(run.json["counts"]["done"], json!(1), "{:?}", run.actions());
    let listed = world.list().await;
    assert!(
        listed.iter().all(|g| g["state"] == "removed"),
        "{listed:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_who_takes_over_the_old_address_is_not_the_one_whose_grant_ends() {
    let world = bob_in_core().await;
    rename(&world, BOB, ROBERT);
    assert_eq!(world.run().await.code, 0);
    // Another Bob, with a membership of his own.
    let other = TeamUser::new("other@example.com", "2024-03-01T00:00:00Z".parse().unwrap());
    world
        .sapling
        .with(|state| state.team_mut("Core").unwrap().add_member(other));
    rename(&world, "other@example.com", BOB);
    assert_eq!(world.run().await.code, 0);
    world.later(13 * 60);
    let run = world.run().await;
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core robert@example.com grant.ended done verified"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_memberships_of_one_address_are_both_covered_and_both_due() {
    let world = World::new().await;
    world.team("Core", &[BOB, "twin@example.com", "amy@example.com"]);
    rename(&world, "twin@example.com", "Bob@Example.com");
    end_in_core(&world, &[BOB.to_owned()], "12h").await;
    let run = world.run().await;
    assert_eq!(
        run.found("member.unmanaged"),
        ["sapling:acme/Core amy@example.com"]
    );
    world.later(13 * 60);
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(run.json["counts"]["done"], json!(2), "{:?}", run.actions());
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_protected_under_an_earlier_address_is_held_and_who_is_under_another_spelling_stays()
 {
    let mut world = World::new().await;
    world.config.guard = "protected = [\"bob@example.com\", \"jörg@bücher.example\"]\n".to_owned();
    world.team(
        "Core",
        &[BOB, "jörg@xn--bcher-kva.example", "amy@example.com"],
    );
    world.whitelist(&["jörg@bücher.example"]);
    world
        .grants(&[
            "bob@example.com,sapling:acme/Core,12h",
            "jörg@xn--bcher-kva.example,sapling:acme/Core,12h",
            "jörg@xn--bcher-kva.example,sentius:acme,12h",
        ])
        .await;
    assert_eq!(world.run().await.code, 0);
    rename(&world, BOB, ROBERT);
    world.later(13 * 60);
    world.forget_calls();

    let run = world.run().await;

    assert_eq!(run.code, 4, "{:?}", run.actions());
    let mut actions = run.actions();
    actions.sort();
    assert_eq!(
        actions,
        [
            "member.remove sapling:acme/Core jörg@xn--bcher-kva.example grant.ended protected -",
            "member.remove sapling:acme/Core robert@example.com grant.ended held -",
            "whitelist.remove sentius:acme jörg@xn--bcher-kva.example grant.ended protected -",
        ]
    );
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(world.lapsed(&["approve", run.id()]).await.code, 0);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.members("Core").len(), 2);
}
