//! A process is killed while it calls the providers, and the database loses its log before the next
//! start: whatever was called that the rest of the database does not know, that is noticed.

use std::fs;
use std::time::Duration;

use lapsed_sandbox::{Fault, When};
use serde_json::Value;

use crate::world::asking::die;
use crate::world::{FUTURE, Mail, PAST, World, until};

/// Entries and members whose time is over, and others whose time is not. All that is on record so
/// far is in the database itself.
async fn settled() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::None;
    "max_removal_percent = 100\n".clone_into(&mut world.config.guard);
    let entries: Vec<String> = (0..12).map(|n| format!("w{n}@example.com")).collect();
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    world.whitelist(&entries);
    world.whitelist(&["stays@example.com"]);
    world.team("Core", &["c1@example.com", "c2@example.com"]);
    let over = |target| move |who: &&str| format!("{who},{target},{PAST}");
    let mut rows: Vec<String> = entries.iter().map(over("sentius:acme")).collect();
    rows.push(format!("c1@example.com,sapling:acme/Core,{PAST}"));
    rows.push(format!("stays@example.com,sentius:acme,{FUTURE}"));
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;
    world.whitelist_is_known();
    // A process that ends by itself leaves nothing in the log.
    world.lapsed(&["list"]).await;
    world
}

fn lose_the_log(world: &World) {
    assert!(world.path("lapsed.db-wal").exists());
    for ending in ["-wal", "-shm"] {
        let _ = fs::remove_file(world.path(&format!("lapsed.db{ending}")));
    }
}

async fn it_is_noticed(world: &World, what: &str) {
    world.forget_calls();
    let verified = world.lapsed(&["audit", "verify"]).await;
    assert_eq!(verified.code, 4, "{what}: {}", verified.stdout);
    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run.code, 4, "{what}: {:?}", run.actions());
        assert_eq!(run.found("database.unconfirmed"), ["database -"], "{what}");
    }
    assert!(world.writes().is_empty(), "{what}: {:?}", world.writes());
    let args = ["status", "--no-daemon", "--format", "json"];
    let status = world.lapsed(&args).await;
    let json: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status.code, 4, "{what}: {}", status.stdout);
    assert!(json["unconfirmed"].is_string(), "{what}: {json}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_and_is_on_no_record_any_more_is_noticed() {
    let jane = "jane@example.com";
    let whitelist = ["grant", jane, "--target", "sentius:acme", "--end", "never"];
    let team = ["grant", jane, "--target", "sapling:acme/Core"];
    for args in [&whitelist[..], &team] {
        for place in ["give-after-intent", "give-after-call", "give-after-result"] {
            let world = settled().await;
            die(&world, args, place).await;
            let is_called = place != "give-after-intent";
            assert_eq!(world.writes().len(), usize::from(is_called), "{place}");
            lose_the_log(&world);
            it_is_noticed(&world, &format!("{args:?} {place}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_extended_imported_or_revoked_before_the_loss_is_noticed() {
    let extend = [
        "extend",
        "stays@example.com",
        "--target",
        "sentius:acme",
        "--end",
        "never",
    ];
    let revoke = ["revoke", "stays@example.com"];
    let file = "email,target,end\na@example.com,sapling:acme/Core,never\nb@example.com,sapling:acme/Core,never\n";
    for (args, place) in [
        (&extend[..], "give-after-call"),
        (&revoke, "after-call"),
        (&["import", "many.csv"], "give-after-call"),
        (&["import", "many.csv"], "give-after-result"),
    ] {
        let world = settled().await;
        world.write("many.csv", file);
        let file = world.path("many.csv");
        let given = |arg: &&str| match *arg {
            "many.csv" => file.to_str().unwrap().to_owned(),
            arg => arg.to_owned(),
        };
        let args: Vec<String> = args.iter().map(given).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        die(&world, &args, place).await;
        assert!(!world.writes().is_empty(), "{args:?}");
        lose_the_log(&world);
        it_is_noticed(&world, &format!("{args:?} {place}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_was_taken_off_to_be_replaced_before_the_loss_is_noticed() {
    for place in ["give-before-replace", "give-after-replace"] {
        let world = settled().await;
        let exists = Fault::status(409);
        world.sentius.faults().always(When::method("POST"), exists);
        let args = ["extend", "stays@example.com", "--target", "sentius:acme"];
        die(&world, &[&args[..], &["--end", "never"]].concat(), place).await;
        world.sentius.faults().clear();
        lose_the_log(&world);
        it_is_noticed(&world, place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pass_removed_before_the_loss_is_noticed() {
    for place in ["after-intent", "after-call", "after-result"] {
        for _ in 0..2 {
            let mut world = settled().await;
            // Others that were under way would reach the provider only afterwards.
            "concurrency = 1\n".clone_into(&mut world.config.http);
            die(&world, &["--run-now"], place).await;
            lose_the_log(&world);
            it_is_noticed(&world, place).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_brought_in_between_two_calls_hides_nothing_of_the_later_ones() {
    let mut world = settled().await;
    "timeout = \"30s\"\nconcurrency = 1\n".clone_into(&mut world.config.http);
    let slow = Fault::Delay(Duration::from_millis(200));
    world.sentius.faults().always(When::method("DELETE"), slow);
    let calls = |world: &World| world.sentius.calls().len();
    let mut pass = world.start();
    until("some calls are made", || calls(&world) >= 2).await;
    // Another process does the same when its log is full.
    world.sql("PRAGMA wal_checkpoint(PASSIVE)");
    let before = calls(&world);
    // Some of the next ones have their intents in the database by now.
    until("later ones are made", || calls(&world) >= before + 7).await;
    pass.kill().unwrap();
    pass.wait().unwrap();
    world.sentius.faults().clear();
    lose_the_log(&world);
    it_is_noticed(&world, "checkpoint").await;
}
