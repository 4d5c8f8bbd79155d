//! Clocks that disagree and a database that was restored: nothing is removed until that is mended.

use lapsed::sandbox::{Fault, When};
use serde_json::json;

use crate::world::{PAST, World};

/// Jane's whitelist grant and Bob's team grant are over.
async fn two_are_due() -> World {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    let rows = [
        format!("jane@example.com,sentius:acme,{PAST}"),
        format!("bob@example.com,sapling:acme/Core,{PAST}"),
    ];
    world.grants(&[&rows[0], &rows[1]]).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_while_a_provider_says_it_is_another_time() {
    for seconds in [3600, -3600] {
        let world = two_are_due().await;
        world
            .sapling
            .faults()
            .always(When::any(), Fault::DateSkew(seconds));

        let run = world.run().await;

        assert_eq!(run.code, 3);
        assert_eq!(run.json["counts"]["failed"], json!(2));
        assert!(
            run.detail().contains("guard.max_clock_skew"),
            "{}",
            run.detail()
        );
        assert!(world.writes().is_empty());
        world.sapling.faults().clear();
        let next = world.run().await;
        assert_eq!(next.code, 0, "{:#}", next.json);
        assert_eq!(next.json["counts"]["done"], json!(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_is_asked_for_its_time_without_the_key_where_nobody_else_tells_it() {
    let world = two_are_due().await;
    world
        .sapling
        .faults()
        .always(When::any(), Fault::DropBefore);
    let skew = Fault::DateSkew(-86_400);
    world.sentius.faults().always(When::any(), skew);

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
    let calls = world.sentius.calls();
    assert!(!calls.is_empty());
    let key = crate::world::SENTIUS_KEY;
    let holds_key = |text: &str| text.contains(key);
    assert!(
        calls
            .iter()
            .all(|c| !holds_key(&c.query) && !holds_key(&c.body))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_whose_first_answers_tell_another_time_is_left_alone_from_there() {
    let world = World::new().await;
    let people: Vec<String> = (0..8).map(|n| format!("p{n}@example.com")).collect();
    world.whitelist(&people.iter().map(String::as_str).collect::<Vec<_>>());
    let rows: Vec<String> = people
        .iter()
        .map(|who| format!("{who},sentius:acme,{PAST}"))
        .collect();
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    world
        .sentius
        .faults()
        .always(When::any(), Fault::DateSkew(86_400));

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(world.writes().len(), 5, "the first batch");
    assert_eq!(run.json["counts"]["failed"], json!(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_minutes_are_within_the_limit() {
    let world = two_are_due().await;
    world
        .sapling
        .faults()
        .always(When::any(), Fault::DateSkew(240));

    assert_eq!(world.run().await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_removes_nothing_until_a_person_says_so() {
    let world = two_are_due().await;
    let copy = world.path("copy.db");
    let backup = world.lapsed(&["backup", copy.to_str().unwrap()]).await;
    assert_eq!(backup.code, 0, "{}", backup.stderr);
    world.run().await;
    world.whitelist(&["jane@example.com"]);
    std::fs::copy(&copy, world.path("lapsed.db")).unwrap();
    for rest in ["lapsed.db-wal", "lapsed.db-shm"] {
        let _ = std::fs::remove_file(world.path(rest));
    }
    world.forget_calls();

    let held = world.run().await;

    assert_eq!(held.code, 4);
    assert!(held.detail().contains("older copy"), "{}", held.detail());
    assert!(world.writes().is_empty());
    assert_eq!(world.run().await.code, 4, "not by trying again");
    let run = held.json["run"].as_str().unwrap();
    let approved = world.lapsed(&["approve", run]).await;
    assert_eq!(approved.code, 0, "{}", approved.stderr);
    let next = world.run().await;
    assert_eq!(next.code, 0, "{:#}", next.json);
    assert!(world.whitelisted().is_empty());
}
