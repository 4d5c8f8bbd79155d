//! `--as-of`: grants and memberships as they were, also where they have been changed since.

use jiff::Timestamp;
use serde_json::Value;

use crate::world::{PAST, World};

async fn as_of(world: &World, command: &str, at: Timestamp) -> Vec<Value> {
    let at = at.to_string();
    world
        .rows(&[command, "--as-of", &at, "--format", "json"])
        .await
}

/// A moment between what was before and what comes after.
async fn now() -> Timestamp {
    let between = || tokio::time::sleep(std::time::Duration::from_millis(5));
    between().await;
    let now = lapsed::clock::now();
    between().await;
    now
}

fn file(end: &str, owner: &str, name: &str) -> String {
    format!(
        "email,target,name,start,end,owner\nJane@Example.com,sapling:acme/Core,{name},2024-01-01,{end},{owner}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_was_amended_since_is_listed_in_its_form_of_then() {
    let world = World::new().await;
    world
        .import(&file("2099-01-01", "it@acme.example", "Jane"))
        .await;
    let first = now().await;
    world
        .import(&file("2099-01-01", "ann@acme.example", ""))
        .await;
    let second = now().await;
    world
        .import(&file("2099-01-01", "bob@acme.example", "J."))
        .await;

    for (at, owner, name) in [
        (
            "2024-06-30T00:00:00Z".parse().unwrap(),
            "it@acme.example",
            Some("Jane"),
        ),
        (first, "it@acme.example", Some("Jane")),
        (second, "ann@acme.example", None),
        (now().await, "bob@acme.example", Some("J.")),
    ] {
        let rows = as_of(&world, "list", at).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (&rows[0]["owner"], &rows[0]["name"]),
            (&owner.into(), &name.into()),
            "{at}"
        );
        assert_eq!(rows[0]["state"], "active");
    }
    assert_eq!(world.list().await[0]["owner"], "bob@acme.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_was_removed_since_was_active_then_ended_then_removed() {
    let world = World::new().await;
    world.team("Core", &["jane@example.com", "bob@example.com"]);
    world.import(&file(PAST, "it@acme.example", "")).await;
    world
        .import("email,target,start,end\nlater@example.com,sentius:acme,2024-01-01,2099-01-01\n")
        .await;
    let recorded = now().await;
    world.run().await;
    for (at, state) in [
        ("2025-06-30T11:59:59Z".parse().unwrap(), "active"),
        (PAST.parse().unwrap(), "ended"),
        (recorded, "ended"),
        (now().await, "removed"),
    ] {
        let rows = as_of(&world, "list", at).await;
        let jane = rows
            .iter()
            .find(|row| row["email"] == "Jane@Example.com")
            .unwrap();
        assert_eq!(jane["state"], state, "{at}");
        assert_eq!(jane["removed_at"].is_null(), state != "removed");
        let at = at.to_string();
        let only = [
            "list",
            "--as-of",
            &at,
            "--state",
            state,
            "--target",
            "sapling:acme/Core",
            "--format",
            "json",
        ];
        assert_eq!(world.rows(&only).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_moved_since_counts_as_it_was_for_grants_and_for_members() {
    let world = World::new().await;
    world.team("Core", &["jane@example.com"]);
    world
        .import(&file("2098-01-01T00:00:00Z", "it@acme.example", ""))
        .await;
    world.dry_run(None).await;
    let before = now().await;
    // As a person's word ends it, in another version of the program.
    let ended = now().await;
    let millis = ended.as_millisecond();
    world.sql(&format!(
        r#"UPDATE grants SET ends_at = {millis}, revoked = 1;
           INSERT INTO event (seq, at, kind, payload, hash) SELECT max(seq) + 1, {millis}, 'grant.revoked', zeroblob(32), zeroblob(32) FROM event;
           INSERT INTO event_payload SELECT max(seq), zeroblob(16), 1, 'jane@example.com',
               '{{"grant_id": 1, "was": "2098-01-01T00:00:00Z", "end": "{ended}", "by": "ann"}}' FROM event;"#,
    ));
    let after = now().await;

    let state = |rows: &[Value]| (rows[0]["state"].clone(), rows[0]["end"].clone());
    let then = as_of(&world, "list", before).await;
    assert_eq!(
        state(&then),
        ("active".into(), "2098-01-01T00:00:00Z".into())
    );
    let then = as_of(&world, "list", after).await;
    assert_eq!(then[0]["state"], "ended");
    let soon = ["list", "--ending-within", "1d", "--format", "json"];
    let at = before.to_string();
    let then = [&soon[..], &["--as-of", &at]].concat();
    assert_eq!(world.rows(&then).await.len(), 0);

    let covered = |rows: &[Value]| {
        let jane = rows.iter().find(|row| row["email"] == "jane@example.com");
        jane.unwrap()["covered"].clone()
    };
    assert_eq!(covered(&as_of(&world, "members", before).await), true);
    assert_eq!(covered(&as_of(&world, "members", after).await), false);
    // Before anybody knew of it, the grant had begun.
    let early = "2025-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(
        state(&as_of(&world, "list", early).await),
        ("active".into(), "2098-01-01T00:00:00Z".into())
    );
}
