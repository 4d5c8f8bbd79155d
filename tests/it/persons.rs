//! Who a person is: a membership in a team, whatever address it bears, and else an address in its
//! canonical form, whatever its spelling.

use lapsed::sandbox::{Fault, TeamUser, When};
use serde_json::json;

use crate::evidence::{end_in_core, shows};
use crate::world::{FUTURE, HOLDER, PAST, World};

const BOB: &str = "bob@example.com";
const ROBERT: &str = "robert@example.com";

/// The membership of one address bears another one from now on.
fn rename(world: &World, from: &str, to: &str) {
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

#[tokio::test(flavor = "multi_thread")]
async fn one_person_in_two_spellings_of_the_domain_is_one_person() {
    for (granted, there) in [
        ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
        ("jörg@xn--bcher-kva.example", "jörg@bücher.example"),
        ("jo\u{308}rg@example.com", "j\u{f6}rg@example.com"),
        ("Jane@EXAMPLE.com", "jane@example.com"),
    ] {
        let world = World::new().await;
        world.team("Core", &[there, "amy@example.com"]);
        world.team("Docs", &["amy@example.com"]);
        world.invite("Docs", there);
        world
            .grants(&[
                &format!("{granted},sapling:acme/Core,{PAST}"),
                &format!("{granted},sapling:acme/Docs,{PAST}"),
            ])
            .await;
        let run = world.run().await;
        assert_eq!(run.code, 0, "{granted}");
        assert_eq!(run.json["counts"]["done"], json!(2), "{:?}", run.actions());
        assert_eq!(world.members("Core"), ["amy@example.com"]);
        assert!(world.invited("Docs").is_empty(), "{granted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blanks_around_a_providers_address_make_nobody_else_of_it() {
    let world = World::new().await;
    world.team("Core", &["twin@example.com", "amy@example.com"]);
    rename(&world, "twin@example.com", "  bob@example.com\t");
    end_in_core(&world, &[BOB.to_owned()], PAST).await;
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?} {:?}", run.actions(), run.errors());
    assert_eq!(run.json["counts"]["done"], json!(1));
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_spelling_on_record_is_taken_off_the_whitelist() {
    let spellings = ["Jane@example.com", "jane@example.com", "JANE@EXAMPLE.COM"];
    for there in [&spellings[..1], &spellings[1..2], &spellings[..]] {
        let world = World::new().await;
        world.whitelist(there);
        let rows = spellings.map(|email| format!("{email},sentius:acme,{PAST}"));
        world.grants(&rows.each_ref().map(String::as_str)).await;
        world.whitelist_is_known();

        let run = world.run().await;

        assert_eq!(run.code, 0, "{there:?}: {:?}", run.actions());
        assert!(world.whitelisted().is_empty(), "{there:?}");
        assert_eq!(world.writes().len(), 3, "{:?}", world.writes());
        let listed = world.list().await;
        assert!(listed.iter().all(|g| g["state"] == "removed"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_not_gone_while_one_of_its_spellings_could_not_be_taken_off() {
    let world = World::new().await;
    world.whitelist(&["Jane@example.com", "jane@example.com"]);
    let rows = ["Jane@example.com", "jane@example.com"].map(|e| format!("{e},sentius:acme,{PAST}"));
    world.grants(&[&rows[0], &rows[1]]).await;
    let busy = When::method("DELETE");
    world
        .sentius
        .faults()
        .add(lapsed::sandbox::Rule::new(busy, Fault::status(403)).skip(1));
    let run = world.run().await;
    assert_eq!(run.code, 3, "{:?}", run.actions());
    assert_eq!(world.whitelisted().len(), 1);
    let listed = world.list().await;
    assert!(listed.iter().all(|g| g["state"] == "ended"), "{listed:#?}");
    world.later(60);
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_is_made_again_in_other_letters_is_deleted_as_it_is_written_now() {
    let world = World::new().await;
    world.team("Core", &["amy@example.com"]);
    world.invite("Core", "Jane@Example.com");
    end_in_core(&world, &["jane@example.com".to_owned()], "12h").await;
    assert_eq!(world.run().await.code, 0);
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        team.remove_invite("jane@example.com").unwrap();
    });
    world.invite("Core", "JANE@example.com");
    world.later(13 * 60);
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.actions());
    assert!(world.invited("Core").is_empty());
    assert_eq!(run.json["counts"]["done"], json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_invites_of_one_person_in_two_spellings_both_go() {
    let world = World::new().await;
    let id = world.team("Core", &["amy@example.com"]);
    world.invite("Core", "jörg@bücher.example");
    world.invite("Core", "jörg@xn--bcher-kva.example");
    end_in_core(&world, &["jörg@bücher.example".to_owned()], PAST).await;
    for _ in 0..2 {
        world.run().await;
        world.later(15);
    }
    assert!(
        world.invited("Core").is_empty(),
        "{:?}",
        world.invited("Core")
    );
    assert_eq!(world.run().await.code, 0);
    let rows = json!([
        {"id": "h", "login_email": HOLDER, "is_admin": true},
    ]);
    shows(&world, &id, &json!({"users": rows, "pending_users": []}));
    assert_eq!(world.run().await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_without_a_target_reaches_a_whitelist_on_which_the_person_was_put_by_hand() {
    let world = World::new().await;
    world.whitelist(&["Jane@Example.com"]);
    world.team("Core", &["jane@example.com", "amy@example.com"]);
    world
        .grants(&[
            &format!("Jane@Example.com,sentius:acme,{PAST}"),
            &format!("jane@example.com,sapling:acme/Core,{FUTURE}"),
        ])
        .await;
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());
    world.whitelist(&["Jane@Example.com"]);

    let said = world.lapsed(&["revoke", "jane@example.com"]).await;

    assert_eq!(said.code, 0, "{} {}", said.stdout, said.stderr);
    assert!(world.whitelisted().is_empty(), "{}", said.stdout);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suppressed_address_in_another_spelling_is_the_invites() {
    let mut world = World::new().await;
    let organization = world.sapling.with(|state| {
        state.suppressed_access = true;
        state.suppressed = vec!["Jane@ACME.example".to_owned()];
        state.organization_id.clone()
    });
    world.config.sapling += &format!("organization_id = \"{organization}\"\n");
    world.team("Core", &["amy@example.com"]);
    world.invite("Core", "jane@acme.example");
    assert_eq!(world.run().await.code, 0);
    assert!(world.invited("Core").is_empty());
}
