//! A dry run looks and changes nothing.

use serde_json::json;

use crate::world::{Mail, PAST, World};

async fn something_is_due() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.whitelist(&["jane@example.com", "soon@example.com"]);
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    let rows = [
        format!("jane@example.com,sentius:acme,{PAST}"),
        "soon@example.com,sentius:acme,20d".to_owned(),
        format!("bob@example.com,sapling:acme/Core,{PAST}"),
    ];
    world.grants(&rows.each_ref().map(String::as_str)).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_reads_only_and_mails_nothing() {
    let world = something_is_due().await;

    let look = world.dry_run(None).await;

    assert_eq!(look.code, 0);
    assert_eq!(look.json["dry_run"], json!(true));
    assert_eq!(
        look.actions(),
        [
            "whitelist.remove sentius:acme jane@example.com grant.ended planned -",
            "member.remove sapling:acme/Core bob@example.com grant.ended planned -",
        ]
    );
    assert_eq!(look.json["counts"]["planned"], json!(2));
    assert_eq!(look.mails(), Vec::<String>::new());
    assert!(world.writes().is_empty());
    assert!(!world.sapling_calls().is_empty());
    assert!(world.mail.mails().is_empty());
    assert_eq!(world.whitelisted().len(), 2);
    assert_eq!(world.members("Core").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_ahead_shows_what_will_be_due() {
    let world = something_is_due().await;

    let ahead = world.dry_run(Some("30d")).await;

    let soon = "whitelist.remove sentius:acme soon@example.com grant.ended planned -";
    assert_eq!(ahead.actions().len(), 3, "{:?}", ahead.actions());
    assert_eq!(ahead.actions()[2], soon);
    assert!(world.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_leaves_the_real_run_as_it_would_have_been() {
    let world = something_is_due().await;
    for at in [None, Some("30d"), Some("5000d")] {
        world.dry_run(at).await;
    }

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(run.json["counts"]["done"], json!(2));
    assert_eq!(world.whitelisted(), ["soon@example.com"]);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    assert_eq!(world.mail.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_what_the_guard_would_hold() {
    let mut world = something_is_due().await;
    world.config.guard = "max_removals = 1\nprotected = [\"jane@*\"]".to_owned();
    let look = world.dry_run(None).await;
    assert_eq!(look.code, 0);
    world.config.guard = "max_removals = 1".to_owned();
    let held = world.dry_run(None).await;

    assert_eq!(look.json["counts"]["protected"], json!(1));
    assert_eq!(look.json["counts"]["planned"], json!(1));
    assert_eq!(held.code, 4);
    assert_eq!(held.json["counts"]["held"], json!(2));
}
