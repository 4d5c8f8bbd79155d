//! What is given, given back, extended or revoked by an address goes to the membership that the address
//! means, and never to whoever has it next.

use lapsed_sandbox::{Answer, Fault, Rule, TeamUser, When};

use super::{BOB, ROBERT, rename};
use crate::world::asking::ask;
use crate::world::{FUTURE, World};

const CORE: [&str; 2] = ["--target", "sapling:acme/Core"];

/// Bob and Amy in Core, read once.
pub(super) async fn core() -> World {
    let mut world = World::new().await;
    world.config.sapling = String::new();
    world.team("Core", &[BOB, "amy@example.com"]);
    assert_eq!(world.run().await.code, 0);
    world
}

pub(super) async fn says(world: &World, words: &[&str]) {
    let said = world
        .lapsed(&[&words[..2], &CORE[..], &words[2..]].concat())
        .await;
    assert_eq!(said.code, 0, "{words:?}: {}", said.stderr);
}

pub(super) async fn records(world: &World, email: &str, end: &str) {
    world
        .grants(&[&format!("{email},sapling:acme/Core,{end}")])
        .await;
}

/// Bob has access until then, and is Robert by now.
pub(super) async fn robert(end: &str) -> World {
    let world = core().await;
    records(&world, BOB, end).await;
    assert_eq!(world.run().await.code, 0);
    rename(&world, BOB, ROBERT);
    assert_eq!(world.run().await.code, 0);
    world
}

fn is_admin(world: &World, email: &str) -> bool {
    world.sapling.with(|state| {
        let mut members = state.team("Core").unwrap().members();
        members.any(|user| user.login_email == email && user.is_admin)
    })
}

/// The reading after a removal fails, so that nothing proves it.
async fn run_without_proof(world: &World) {
    let id = world
        .sapling
        .with(|state| state.team("Core").unwrap().id().to_owned());
    let reads = Rule::new(When::method("GET").path(&id), Fault::status(500));
    world.sapling.faults().add(reads.skip(1).always());
    world.run().await;
    world.sapling.faults().clear();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_is_not_let_in_again_for_the_grant_of_an_earlier_bearer() {
    let world = robert("90d").await;
    world.member("Core", BOB);
    records(&world, BOB, "12h").await;
    world.later(11);
    assert_eq!(world.run().await.code, 0);
    world.later(13 * 60);

    for _ in 0..3 {
        assert_eq!(world.run().await.code, 0);
        world.later(15);
    }

    assert_eq!(world.members("Core"), [ROBERT, "amy@example.com"]);
    assert_eq!(world.invited("Core"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_over_is_not_given_again_for_the_grant_of_an_earlier_bearer() {
    let world = core().await;
    says(&world, &["grant", BOB, "--role", "admin", "--end", "90d"]).await;
    rename(&world, BOB, ROBERT);
    assert_eq!(world.run().await.code, 0);
    world.member("Core", BOB);
    world.later(11);
    assert_eq!(world.run().await.code, 0);
    says(&world, &["grant", BOB, "--role", "admin", "--end", "12h"]).await;
    assert!(is_admin(&world, BOB));
    world.later(13 * 60);

    for _ in 0..3 {
        assert_eq!(world.run().await.code, 0);
        world.later(15);
    }

    assert!(!is_admin(&world, BOB));
    assert!(is_admin(&world, ROBERT));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_begins_later_goes_to_the_membership_it_was_asked_for() {
    let world = core().await;
    says(
        &world,
        &[
            "grant", BOB, "--role", "admin", "--start", "2h", "--end", "12h",
        ],
    )
    .await;
    rename(&world, BOB, ROBERT);
    assert_eq!(world.run().await.code, 0);
    world.member("Core", BOB);
    world.later(20);
    assert_eq!(world.run().await.code, 0);
    world.later(121);
    assert_eq!(world.run().await.code, 0);
    assert!(is_admin(&world, ROBERT));
    assert!(!is_admin(&world, BOB));
    world.later(13 * 60);
    assert_eq!(world.run().await.code, 0);
    assert!(!is_admin(&world, ROBERT));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_that_was_not_given_yet_follows_a_change_of_address() {
    let world = core().await;
    let patch = When::method("PATCH");
    world.sapling.faults().once(patch, Fault::status(503));
    let args = ["grant", BOB, "--permission", "edit", "--end", "12h"];
    ask(&world, &[&args[..2], &CORE[..], &args[2..]].concat()).await;
    rename(&world, BOB, ROBERT);
    world.later(11);

    assert_eq!(world.run().await.code, 0);

    assert_eq!(world.members("Core"), [ROBERT, "amy@example.com"]);
    assert_eq!(world.invited("Core"), [""; 0]);
    world.later(13 * 60);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_swap_their_addresses_keep_what_is_to_be_given_apart() {
    let world = core().await;
    for (email, start) in [(BOB, "2h"), ("amy@example.com", "3h")] {
        says(
            &world,
            &[
                "grant", email, "--role", "admin", "--start", start, "--end", "2d",
            ],
        )
        .await;
    }
    rename(&world, BOB, "t@example.com");
    rename(&world, "amy@example.com", BOB);
    rename(&world, "t@example.com", "amy@example.com");
    assert_eq!(world.run().await.code, 0);
    world.later(121);

    assert_eq!(world.run().await.code, 0);

    // It was Bob's role that has begun.
    assert!(is_admin(&world, "amy@example.com"));
    assert!(!is_admin(&world, BOB));
    world.later(60);
    assert_eq!(world.run().await.code, 0);
    assert!(is_admin(&world, BOB));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_moved_by_either_address_gives_back_to_the_last_one() {
    for word in [BOB, ROBERT] {
        let world = robert("12h").await;
        world.later(13 * 60);
        run_without_proof(&world).await;
        assert_eq!(world.members("Core"), ["amy@example.com"]);

        says(&world, &["extend", word, "--end", "30d"]).await;

        assert_eq!(world.invited("Core"), [ROBERT], "{word}");
        world.later(16);
        let run = world.run().await;
        assert_eq!(
            (run.code, world.invited("Core")),
            (0, vec![ROBERT.to_owned()])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_was_done_without_an_answer_is_given_back_to_the_last_address() {
    let world = robert("12h").await;
    world.later(13 * 60);
    let answer = Answer::new(502).applied();
    let id = world
        .sapling
        .with(|state| state.team("Core").unwrap().id().to_owned());
    let faults = world.sapling.faults();
    faults.once(When::method("DELETE"), Fault::Status(answer));
    let reads = Rule::new(When::method("GET").path(&id), Fault::status(500));
    faults.add(reads.skip(1).always());
    world.run().await;
    world.sapling.faults().clear();
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    says(&world, &["extend", BOB, "--end", "30d"]).await;

    for _ in 0..2 {
        assert_eq!(world.run().await.code, 0);
        world.later(16);
    }

    assert_eq!(world.invited("Core"), [ROBERT]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_given_back_to_the_membership_by_the_address_of_its_grant() {
    let world = core().await;
    says(&world, &["grant", BOB, "--role", "admin", "--end", "12h"]).await;
    rename(&world, BOB, ROBERT);
    assert_eq!(world.run().await.code, 0);
    world.later(13 * 60);
    run_without_proof(&world).await;
    assert!(!is_admin(&world, ROBERT));

    says(&world, &["extend", BOB, "--end", "30d"]).await;

    assert!(is_admin(&world, ROBERT));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_has_the_flags_that_were_taken() {
    let world = core().await;
    let mut bob = TeamUser::new(BOB, "2024-03-01T00:00:00Z".parse().unwrap());
    (bob.is_manager, bob.edit_permission) = (true, true);
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        team.remove_member(BOB);
        team.add_member(bob)
    });
    records(&world, BOB, "12h").await;
    assert_eq!(world.run().await.code, 0);
    world.later(13 * 60);
    run_without_proof(&world).await;

    says(&world, &["extend", BOB, "--end", "30d"]).await;
    let now = world.now();
    world
        .sapling
        .with(|state| assert!(state.team_mut("Core").unwrap().accept_invite(BOB, now)));
    world.later(16);
    assert_eq!(world.run().await.code, 0);

    let flags = world.sapling.with(|state| {
        let mut members = state.team("Core").unwrap().members();
        let bob = members.find(|user| user.login_email == BOB).unwrap();
        (bob.is_admin, bob.is_manager, bob.edit_permission)
    });
    assert_eq!(flags, (false, true, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_by_an_address_is_about_who_has_it_now() {
    // Whether the one who has it now was granted anything or not.
    for granted in [false, true] {
        let world = robert("90d").await;
        world.member("Core", BOB);
        if granted {
            records(&world, BOB, "12h").await;
        }
        assert_eq!(world.run().await.code, 0);

        says(&world, &["revoke", BOB]).await;

        assert_eq!(
            world.members("Core"),
            [ROBERT, "amy@example.com"],
            "{granted}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_is_moved_for_who_has_the_address_now() {
    let world = robert(FUTURE).await;
    world.member("Core", BOB);
    records(&world, BOB, "12h").await;
    assert_eq!(world.run().await.code, 0);

    says(&world, &["extend", BOB, "--end", "2d"]).await;
    let why = world.lapsed(&["why", BOB, "--format", "json"]).await.stdout;
    assert!(!why.contains(FUTURE), "{why}");
    world.later(3 * 24 * 60);
    assert_eq!(world.run().await.code, 0);

    assert_eq!(world.members("Core"), [ROBERT, "amy@example.com"]);
    let ends = world.list().await;
    assert!(ends.iter().any(|grant| grant["end"] == FUTURE), "{ends:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_to_an_address_of_before_can_be_written_off_by_either() {
    for word in [BOB, ROBERT] {
        let world = robert("12h").await;
        world.later(13 * 60);
        let delete = When::method("DELETE");
        world.sapling.faults().always(delete, Fault::status(500));
        assert_eq!(world.run().await.code, 3);

        says(&world, &["write-off", word, "--reason", "left the company"]).await;

        world.sapling.faults().clear();
        world.drop_member("Core", ROBERT);
        assert_eq!(world.run().await.code, 0, "{word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_was_not_done_is_owed_once_under_another_address() {
    let world = core().await;
    records(&world, BOB, "12h").await;
    world.later(13 * 60);
    let says_done = Fault::Status(Answer::new(204));
    let delete = When::method("DELETE");
    world.sapling.faults().once(delete.clone(), says_done);
    run_without_proof(&world).await;
    rename(&world, BOB, ROBERT);
    world.sapling.faults().always(delete, Fault::status(500));

    let run = world.run().await;

    assert_eq!((run.code, &run.json["owed"]["remove"]), (3, &1.into()));
    world.sapling.faults().clear();
    world.later(6);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_died_before_its_call_and_is_no_longer_due_is_not_owed() {
    let world = core().await;
    records(&world, BOB, "12h").await;
    world.later(13 * 60);
    world.dies("after-intent").await;
    says(&world, &["extend", BOB, "--end", "30d"]).await;

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.json);
    assert_eq!(world.members("Core"), [BOB, "amy@example.com"]);
}
