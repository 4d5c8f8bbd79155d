//! A database that is older than the one that acted here, or new beside its mark, waits for a
//! person's word, whether or not anything is due.

use std::fs;

use serde_json::json;

use super::{agree, status};
use crate::world::{FUTURE, PAST, World};

/// A database that has acted is gone or older, and nothing is due.
async fn acted() -> World {
    let world = World::new().await;
    world.whitelist(&["jane@example.com", "amy@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            &format!("amy@example.com,sentius:acme,{FUTURE}"),
        ])
        .await;
    assert_eq!(world.run().await.code, 0);
    world
}

fn remove(world: &World, endings: &[&str]) {
    for ending in endings {
        let path = world.path(&format!("lapsed.db{ending}"));
        if path.exists() {
            fs::remove_file(path).unwrap();
        }
    }
}

async fn unconfirmed_until_approved(world: &World) {
    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run.code, 4, "{:?}", run.findings());
        assert_eq!(run.found("database.unconfirmed").len(), 1);
        assert_eq!(run.json["owed"]["confirm"], json!(1));
        agree(world, &run).await;
        let (code, status) = status(world).await;
        assert_eq!(code, 4, "{status:#}");
        let check = world.lapsed(&["check"]).await;
        assert_eq!(check.code, 4, "{}", check.stdout);
    }
    let wrong = world.lapsed(&["approve", "01nonsense"]).await;
    assert_eq!(wrong.code, 2);
    let run = world.run().await;
    let said = world.lapsed(&["approve", run.id()]).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    let run = world.run().await;
    assert!(run.found("database.unconfirmed").is_empty());
    assert_eq!(run.json["owed"]["confirm"], json!(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_deleted_beside_its_mark_waits_for_a_persons_word_though_nothing_is_due()
 {
    let world = acted().await;
    remove(&world, &["", "-wal", "-shm"]);
    let verify = world.lapsed(&["audit", "verify"]).await;
    assert_ne!(verify.code, 0, "{}", verify.stdout);
    unconfirmed_until_approved(&world).await;
    assert_eq!(world.run().await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_whose_log_was_lost_waits_for_a_persons_word() {
    let world = acted().await;
    let copy = world.path("copy.db");
    let backup = world.lapsed(&["backup", copy.to_str().unwrap()]).await;
    assert_eq!(backup.code, 0, "{}", backup.stderr);
    // What was written since stands in the log alone.
    world
        .grants(&[&format!("amy@example.com,sentius:acme,{PAST}")])
        .await;
    assert_eq!(world.run().await.code, 0);
    remove(&world, &["-wal", "-shm"]);
    fs::copy(copy, world.database()).unwrap();
    unconfirmed_until_approved(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_of_an_unconfirmed_database_lets_nothing_of_its_plan_go_ahead() {
    let mut world = acted().await;
    world.config.guard = "max_removals = 0\n".to_owned();
    remove(&world, &["", "-wal", "-shm"]);
    world
        .grants(&[&format!("amy@example.com,sentius:acme,{PAST}")])
        .await;
    world.forget_calls();
    let run = world.run().await;
    assert_eq!(run.code, 4);
    assert_eq!(world.lapsed(&["approve", run.id()]).await.code, 0);
    let run = world.run().await;
    assert_eq!(run.code, 4, "the plan waits for a word of its own");
    assert!(run.found("database.unconfirmed").is_empty());
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(world.lapsed(&["approve", run.id()]).await.code, 0);
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());
}
