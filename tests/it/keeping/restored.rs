//! A database that is older than the one that last acted here: it does not know of extensions since,
//! so nothing is removed before a person has looked.

use std::fs;
use std::path::PathBuf;

use lapsed_sandbox::{Fault, When};
use serde_json::json;

use crate::world::{FUTURE, Mail, Outcome, PAST, World};

/// Three entries; jane's time is over, and a pass has removed her.
async fn acted() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.whitelist(&["jane@example.com", "bob@example.com", "amy@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            &format!("amy@example.com,sentius:acme,{FUTURE}"),
        ])
        .await;
    assert_eq!(world.run().await.code, 0);
    world
}

fn beside(world: &World, ending: &str) -> PathBuf {
    world.path(&format!("lapsed.db{ending}"))
}

fn remove(path: PathBuf) {
    if path.exists() {
        fs::remove_file(path).unwrap();
    }
}

/// Puts a copy in place of the database.
fn restore(world: &World, copy: &str) {
    for ending in ["-wal", "-shm"] {
        remove(beside(world, ending));
    }
    fs::copy(world.path(copy), world.database()).unwrap();
}

async fn backup(world: &World, name: &str) {
    let file = world.path(name);
    let printed = world.lapsed(&["backup", file.to_str().unwrap()]).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
}

/// Bob's time is over in the copy; since then he was given more.
async fn restored() -> World {
    let world = acted().await;
    world
        .grants(&[&format!("bob@example.com,sentius:acme,{PAST}")])
        .await;
    backup(&world, "copy.db").await;
    world
        .grants(&[&format!("bob@example.com,sentius:acme,{FUTURE}")])
        .await;
    assert_eq!(world.run().await.code, 0);
    restore(&world, "copy.db");
    world.forget_calls();
    world.mail.clear();
    world
}

fn held_as_older(run: &Outcome, held: u64) {
    assert_eq!(run.code, 4, "{:?}", run.actions());
    assert_eq!(run.json["counts"]["held"], json!(held));
    assert!(run.detail().contains("older copy"), "{}", run.detail());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_removes_nobody_and_says_why() {
    let world = restored().await;
    let run = world.run().await;
    held_as_older(&run, 1);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert!(world.whitelisted().contains(&"bob@example.com".to_owned()));
    assert!(world.mail_texts()[0].contains("older copy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_by_themselves_do_not_make_an_older_copy_the_right_one() {
    let world = restored().await;
    // Its trail grows longer than the one that acted here: that does not make it that one.
    for _ in 0..5 {
        let run = world.run().await;
        assert_eq!(run.code, 4, "{:?}", run.actions());
        assert!(world.writes().is_empty(), "{:?}", world.writes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_approves_confirms_the_database_and_it_goes_on() {
    let world = restored().await;
    let held = world.run().await;
    let printed = world.lapsed(&["approve", held.id()]).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert!(printed.stdout.contains("confirmed"), "{}", printed.stdout);

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.actions());
    assert_eq!(run.json["counts"]["done"], json!(1));
    assert_eq!(world.whitelisted(), ["amy@example.com"]);
    // What becomes due later needs no word any more.
    world.whitelist(&["late@example.com"]);
    world
        .grants(&[&format!("late@example.com,sentius:acme,{PAST}")])
        .await;
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_renewed_after_the_backup_is_renewed_in_the_copy_before_anything_is_removed() {
    let world = restored().await;
    let held = world.run().await;
    world
        .grants(&[&format!("bob@example.com,sentius:acme,{FUTURE}")])
        .await;
    assert_eq!(world.lapsed(&["approve", held.id()]).await.code, 0);
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().contains(&"bob@example.com".to_owned()));
    assert!(world.writes().is_empty(), "{:?}", world.writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_database_where_another_one_acted_removes_nobody() {
    let world = acted().await;
    for ending in ["", "-wal", "-shm"] {
        remove(beside(&world, ending));
    }
    world
        .grants(&[&format!("bob@example.com,sentius:acme,{PAST}")])
        .await;
    world.forget_calls();

    let run = world.run().await;

    held_as_older(&run, 1);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(world.lapsed(&["approve", run.id()]).await.code, 0);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_a_mark_goes_on() {
    let world = acted().await;
    world
        .grants(&[&format!("bob@example.com,sentius:acme,{PAST}")])
        .await;
    remove(beside(&world, ".mark"));
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), ["amy@example.com"]);
    assert!(beside(&world, ".mark").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_cannot_be_understood_holds_what_is_due() {
    let world = acted().await;
    world
        .grants(&[&format!("bob@example.com,sentius:acme,{PAST}")])
        .await;
    world.write("lapsed.db.mark", "");
    world.forget_calls();
    let run = world.run().await;
    assert_eq!(run.code, 4);
    assert!(run.detail().contains("cannot be understood"));
    assert!(world.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_from_before_the_backup_was_restored_does_not_confirm_it() {
    let mut world = acted().await;
    world.config.guard = "max_removals = 1\n".to_owned();
    world
        .grants(&[&format!("bob@example.com,sentius:acme,{PAST}")])
        .await;
    let held = world.run().await;
    assert_eq!(held.code, 4);
    backup(&world, "copy.db").await;
    world
        .grants(&[&format!("bob@example.com,sentius:acme,{FUTURE}")])
        .await;
    assert_eq!(world.run().await.code, 0);
    restore(&world, "copy.db");
    world.forget_calls();

    // Somebody follows the old alarm, and knows of no restored database.
    world.lapsed(&["approve", held.id()]).await;
    let run = world.run().await;

    assert_eq!(run.code, 4, "{:?}", run.actions());
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert!(run.detail().contains("older copy"), "{}", run.detail());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_came_with_the_backup_lets_nothing_go_ahead() {
    let mut world = acted().await;
    world.config.guard = "max_removals = 1\n".to_owned();
    world
        .grants(&[&format!("bob@example.com,sentius:acme,{PAST}")])
        .await;
    let held = world.run().await;
    assert_eq!(world.lapsed(&["approve", held.id()]).await.code, 0);
    backup(&world, "copy.db").await;
    assert_eq!(world.run().await.code, 0);
    // Bob comes back, and the copy does not know.
    world.whitelist(&["bob@example.com"]);
    restore(&world, "copy.db");
    world.forget_calls();

    let run = world.run().await;

    held_as_older(&run, 1);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(world.lapsed(&["approve", run.id()]).await.code, 0);
    let run = world.run().await;
    assert_eq!(run.code, 4, "it is over the limit, and needs a new word");
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(world.lapsed(&["approve", run.id()]).await.code, 0);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), ["amy@example.com"]);
}

/// Twelve of a team of twenty are held and approved; the copy was made then, and the first of them was
/// extended after it.
async fn approved_in_a_copy() -> (World, Outcome) {
    let world = World::new().await;
    let all: Vec<String> = (0..20).map(|n| format!("p{n:02}@example.com")).collect();
    world.team("Core", &all.iter().map(String::as_str).collect::<Vec<_>>());
    let rows: Vec<String> = all[..12]
        .iter()
        .map(|who| format!("{who},sapling:acme/Core,{PAST}"))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;
    let held = world.run().await;
    assert_eq!((held.code, &held.json["counts"]["held"]), (4, &json!(12)));
    let approved = world.lapsed(&["approve", held.id()]).await;
    assert_eq!(approved.code, 0, "{}", approved.stderr);
    backup(&world, "copy.db").await;
    world
        .grants(&[&format!("p00@example.com,sapling:acme/Core,{FUTURE}")])
        .await;
    restore(&world, "copy.db");
    world.forget_calls();
    (world, held)
}

async fn held_by_status(world: &World) -> (i32, serde_json::Value) {
    let printed = world
        .lapsed(&["status", "--no-daemon", "--format", "json"])
        .await;
    let status: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(status["verdict"], json!("held"), "{status:#}");
    (printed.code, status["held"]["count"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_came_with_the_backup_is_taken_back_before_the_database_is_confirmed() {
    for unreadable in [false, true] {
        let (world, old) = approved_in_a_copy().await;
        assert_eq!(held_by_status(&world).await.0, 4);
        if unreadable {
            let reading = When::method("GET").path("team_user");
            world.sapling.faults().always(reading, Fault::status(503));
        }
        let run = world.run().await;
        assert_eq!((run.code, &run.json["counts"]["held"]), (4, &json!(12)));
        assert_eq!(held_by_status(&world).await, (4, json!(12)));
        let confirmed = world.lapsed(&["approve", run.id()]).await;
        assert!(
            confirmed.stdout.contains("confirmed"),
            "{}",
            confirmed.stderr
        );
        assert_eq!(held_by_status(&world).await, (4, json!(12)));
        let history = world.lapsed(&["history", "p00@example.com"]).await;
        assert!(history.stdout.contains("taken back"), "{}", history.stdout);
        world.sapling.faults().clear();
        world.later(16);

        let run = world.run().await;

        assert_eq!((run.code, &run.json["counts"]["held"]), (4, &json!(12)));
        assert!(world.writes().is_empty(), "{:?}", world.writes());
        let verified = world.lapsed(&["audit", "verify"]).await;
        assert_eq!(verified.code, 0, "{}", verified.stdout);
        // The extension is recorded again, and the word of before is as good as any that comes now.
        world
            .grants(&[&format!("p00@example.com,sapling:acme/Core,{FUTURE}")])
            .await;
        let approved = world
            .lapsed(&["approve", old.id(), "--format", "json"])
            .await;
        assert_eq!(approved.code, 0, "{}", approved.stderr);
        let run = world.run().await;
        assert_eq!((run.code, &run.json["counts"]["done"]), (0, &json!(11)));
        assert_eq!(world.members("Core").len(), 9);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_gives_nothing_that_was_taken_away_since() {
    let world = acted().await;
    world
        .sentius
        .faults()
        .once(When::method("POST"), Fault::status(500));
    let grant = ["grant", "new@example.com", "--target", "sentius:acme"];
    assert_eq!(world.lapsed(&grant).await.code, 3);
    backup(&world, "copy.db").await;
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().contains(&"new@example.com".to_owned()));
    assert_eq!(world.lapsed(&["revoke", "new@example.com"]).await.code, 0);
    restore(&world, "copy.db");
    world.forget_calls();

    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run.code, 4);
        assert_eq!(run.found("database.unconfirmed"), ["database -"]);
        assert!(run.errors()[0].contains("older copy"), "{:?}", run.errors());
    }
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    // A person's word gives it, and does not make the copy the right database.
    let printed = world.lapsed(&grant).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert!(
        printed
            .stderr
            .contains("not known to be the one that acts here"),
        "{}",
        printed.stderr
    );
    world
        .grants(&[&format!("bob@example.com,sentius:acme,{PAST}")])
        .await;
    assert_eq!(world.run().await.code, 4);
}
