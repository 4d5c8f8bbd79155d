//! Whose access ends by a person's word: somebody who is known, and what they have.

use serde_json::{Value, json};

use crate::giving::revoking::revoke;
use crate::world::{FUTURE, PAST, World};

const JANE: &str = "jane@example.com";

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_nobody_knows_is_a_typing_error() {
    let world = World::new().await;
    world.whitelist(&["jnae@example.com"]);
    world
        .grants(&[&format!("{JANE},sentius:acme,{FUTURE}")])
        .await;
    for more in [&[][..], &["--target", "sentius:acme"], &["--dry-run"]] {
        let args = [&["revoke", "jnae@example.com"], more].concat();
        let refused = world.lapsed(&args).await;
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{args:?}");
        for said in [
            "EMAIL: jnae@example.com is on no record and in no reading",
            "nearly the same: jane@example.com",
            "--unlisted",
        ] {
            assert!(refused.stderr.contains(said), "{}", refused.stderr);
        }
    }
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(world.list().await.len(), 1);

    let said = revoke(&world, &["jnae@example.com", "--unlisted"]).await;
    assert_eq!(
        said.actions(),
        ["whitelist.remove sentius:acme grant.revoked done"]
    );
    assert!(world.whitelisted().is_empty());
    // Now there is a record.
    assert_eq!(revoke(&world, &["jnae@example.com"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlisted_address_goes_out_as_it_was_typed() {
    let world = World::new().await;
    world.whitelist(&["Weird Address"]);
    let said = revoke(&world, &["Weird Address", "--unlisted"]).await;
    assert_eq!(said.code, 0, "{:#}", said.json);
    assert!(world.whitelisted().is_empty(), "{:?}", world.whitelisted());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_whose_grant_is_closed_is_called_again() {
    let world = World::new().await;
    world.whitelist(&[JANE]);
    world
        .grants(&[&format!("{JANE},sentius:acme,{PAST}")])
        .await;
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());
    // Somebody has put the entry there again, which nobody can see.
    world.whitelist(&[JANE]);

    let said = revoke(&world, &[JANE]).await;

    assert_eq!(
        said.actions(),
        ["whitelist.remove sentius:acme grant.revoked done"]
    );
    assert!(world.whitelisted().is_empty());
    assert_eq!(world.list().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_counts_from_now_where_the_grant_is_over_already() {
    let mut world = World::new().await;
    world.config.policy = "grace = \"30000d\"\n".to_owned();
    world.team("Core", &[JANE]);
    world
        .grants(&[&format!("{JANE},sapling:acme/Core,{PAST}")])
        .await;
    assert_eq!(world.run().await.json["actions"], json!([]));

    let before = lapsed::clock::now();
    let said = revoke(&world, &[JANE, "--target", "sapling:acme/Core"]).await;

    assert_eq!(said.code, 0, "{:#}", said.json);
    assert!(world.members("Core").is_empty());
    let rows = world.list().await;
    let ends: Vec<jiff::Timestamp> = rows
        .iter()
        .map(|row| row["end"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(ends.len(), 2);
    assert_eq!(ends[0], PAST.parse().unwrap());
    assert!(ends[1].as_millisecond() >= before.as_millisecond());
    assert!(rows.iter().all(|row| row["state"] == "removed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_names_what_would_end_and_changes_nothing() {
    let world = World::new().await;
    world.whitelist(&[JANE]);
    world.team("Core", &[JANE]);
    world.team("Ops", &["bob@example.com"]);
    world.invite("Ops", JANE);
    world
        .grants(&[&format!("{JANE},sapling:acme/Core,{FUTURE}")])
        .await;
    let tables = ["grants", "action", "event", "run", "target"];
    assert_eq!(world.dry_run(None).await.code, 0);
    let count =
        |world: &World| tables.map(|table| world.number(&format!("SELECT count(*) FROM {table}")));
    let before = count(&world);

    let args = ["revoke", JANE, "--dry-run"];
    let text = world.lapsed(&args).await;
    assert_eq!(
        (text.code, text.stdout.as_str()),
        (
            0,
            "dry run: of jane@example.com would end:\nsentius:acme: nothing is on record; the address is taken off all the same\n\
             sapling:acme/Core: grant, member, until 2099-12-31 00:00\nsapling:acme/Ops: invite, without a grant\n"
        )
    );
    let args = [
        &args[..],
        &["--target", "sapling:acme/Ops", "--format", "json"],
    ]
    .concat();
    let one: Value = serde_json::from_str(&world.lapsed(&args).await.stdout).unwrap();
    assert_eq!(
        one,
        json!({
            "email": JANE, "errors": [],
            "targets": [{"target": "sapling:acme/Ops", "what": ["invite"]}],
        })
    );
    crate::world::asking::as_documented("What would be revoked", &one);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(count(&world), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_two_teams_have_is_told_with_their_ids() {
    let world = World::new().await;
    let mut ids = [world.team("Core", &[JANE]), world.team("Core", &[JANE])];
    ids.sort();
    assert_eq!(world.dry_run(None).await.code, 0);
    let said = format!(
        "2 teams have the name \"Core\": name the team by its id, one of {}",
        ids.join(", ")
    );
    for args in [
        &["revoke", JANE, "--target", "sapling:acme/Core"][..],
        &["members", "--target", "sapling:acme/Core"],
        &["why", JANE, "--target", "sapling:acme/Core"],
        &[
            "extend",
            JANE,
            "--target",
            "sapling:acme/Core",
            "--end",
            "1d",
        ],
        &["grant", "bob@example.com", "--target", "sapling:acme/Core"],
        &["review", "keep", JANE, "--target", "sapling:acme/Core"],
    ] {
        let refused = world.lapsed(args).await;
        assert_eq!(refused.code, 2, "{args:?}: {}", refused.stderr);
        assert!(
            refused.stderr.contains(&said),
            "{args:?}: {}",
            refused.stderr
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_that_is_imported_again_after_its_end_is_access_given_anew() {
    let world = World::new().await;
    let file = format!(
        "email,target,end\n{JANE},sentius:acme,14d\nbob@example.com,sentius:acme,{FUTURE}\n"
    );
    world.write("people.csv", &file);
    let path = world.path("people.csv");
    let import = ["import", path.to_str().unwrap()];
    for said in [
        "2 recorded, 0 amended, 0 unchanged",
        "0 recorded, 0 amended, 2 unchanged",
    ] {
        let printed = world.lapsed(&import).await;
        assert!(printed.stdout.starts_with(said), "{}", printed.stdout);
    }
    for who in [JANE, "bob@example.com"] {
        assert_eq!(revoke(&world, &[who]).await.code, 0);
    }
    assert!(world.whitelisted().is_empty());

    let printed = world.lapsed(&import).await;

    assert!(
        printed
            .stdout
            .starts_with("1 recorded, 0 amended, 1 unchanged"),
        "{}",
        printed.stdout
    );
    assert_eq!(world.whitelisted(), [JANE]);
}
