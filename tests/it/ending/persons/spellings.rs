//! However an address is written, it is one person; a provider that matches texts is called once for
//! each spelling.

use lapsed_sandbox::{Fault, When};
use serde_json::json;

use super::{BOB, rename};
use crate::world::readings::{end_in_core, shows};
use crate::world::{FUTURE, HOLDER, PAST, World};

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
async fn a_spelling_of_a_grant_that_is_long_over_is_taken_off_too() {
    let world = World::new().await;
    let target = ["--target", "sentius:acme"];
    let give = |email| [&["grant", email][..], &target, &["--end", "1h"]].concat();
    assert_eq!(world.lapsed(&give("Jane@example.com")).await.code, 0);
    world.later(61);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.lapsed(&give("jane@example.com")).await.code, 0);
    // Somebody puts the first one back.
    world.whitelist(&["Jane@example.com"]);
    world.later(61);

    assert_eq!(world.run().await.code, 0);

    assert_eq!(world.whitelisted(), [""; 0]);
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
        .add(lapsed_sandbox::Rule::new(busy, Fault::status(403)).skip(1));
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
