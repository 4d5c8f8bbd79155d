//! What the key may not read is left alone and told; everything else goes on.

use lapsed_sandbox::{Fault, When};
use serde_json::json;

use crate::world::{PAST, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_may_not_be_read_is_told_and_the_others_go_on() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world.team("Secret", &["eve@example.com"]);
    world
        .sapling
        .with(|state| state.set_forbidden("Secret", true));
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 0, "nothing is due in the forbidden team");
    assert_eq!(run.found("team.forbidden"), ["sapling:acme/Secret -"]);
    assert_eq!(run.json["counts"]["done"], json!(1));
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    assert!(run.errors().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_401_for_one_team_is_no_more_than_a_403() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    let secret = world.team("Secret", &["eve@example.com"]);
    world
        .sapling
        .faults()
        .always(When::method("GET").path(&secret), Fault::status(401));
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(run.found("team.forbidden"), ["sapling:acme/Secret -"]);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_in_a_forbidden_team_waits_as_failed_until_it_can_be_read() {
    let world = World::new().await;
    world.team("Secret", &["eve@example.com", "amy@example.com"]);
    world
        .sapling
        .with(|state| state.set_forbidden("Secret", true));
    world.team("Core", &[]);
    // The team is known, so that what is due there can be told.
    world
        .grants(&[&format!("eve@example.com,sapling:acme/Secret,{PAST}")])
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Secret eve@example.com grant.ended failed -"]
    );
    assert!(
        run.detail().contains("could not be read"),
        "{}",
        run.detail()
    );
    assert!(world.writes().is_empty());

    world
        .sapling
        .with(|state| state.set_forbidden("Secret", false));
    let again = world.run().await;
    assert_eq!(again.code, 0);
    assert_eq!(world.members("Secret"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_sapling_refuses_is_an_error_and_sentius_goes_on() {
    let world = World::new().await;
    world.write("sapling.key", "a-wrong-key");
    world.whitelist(&["jane@example.com"]);
    world.team("Core", &["bob@example.com"]);
    let rows = [
        format!("jane@example.com,sentius:acme,{PAST}"),
        format!("bob@example.com,sapling:acme/Core,{PAST}"),
    ];
    world.grants(&[&rows[0], &rows[1]]).await;

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(run.errors().len(), 1);
    assert!(
        run.errors()[0].starts_with("sapling:acme: the list of teams: refused with 401"),
        "{:?}",
        run.errors()
    );
    assert!(world.whitelisted().is_empty());
    assert_eq!(world.members("Core"), ["bob@example.com"]);
    assert!(!run.stderr.contains("a-wrong-key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_sentius_refuses_fails_there_and_sapling_goes_on() {
    let world = World::new().await;
    world.sentius.with(|state| state.can_use_whitelist = false);
    world.whitelist(&["jane@example.com"]);
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    let rows = [
        format!("jane@example.com,sentius:acme,{PAST}"),
        format!("bob@example.com,sapling:acme/Core,{PAST}"),
    ];
    world.grants(&[&rows[0], &rows[1]]).await;

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(
        run.actions(),
        [
            "whitelist.remove sentius:acme jane@example.com grant.ended failed -",
            "member.remove sapling:acme/Core bob@example.com grant.ended done verified",
        ]
    );
    assert!(
        run.detail().contains("can_use_whitelist is missing"),
        "{}",
        run.detail()
    );
    assert_eq!(world.writes().len(), 2, "a refusal is not hammered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_loses_its_rights_on_every_team_removes_nobody() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&["bob@example.com,sapling:acme/Core,12h"])
        .await;
    world.run().await;
    world
        .sapling
        .faults()
        .always(When::method("GET").path("team_user"), Fault::status(403));

    let ahead = world.dry_run(Some("1d")).await;
    let run = world.run().await;

    assert!(run.found("member.left").is_empty());
    assert_eq!(run.found("team.forbidden"), ["sapling:acme/Core -"]);
    assert_eq!(ahead.json["counts"]["planned"], json!(1));
    assert_eq!(world.members("Core").len(), 2);
}
