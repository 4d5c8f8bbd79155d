//! Copies of the database, made while it is used.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::world::{PAST, Printed, World};

async fn backup(world: &World, to: &Path) -> Printed {
    world.lapsed(&["backup", to.to_str().unwrap()]).await
}

/// Runs a command on a copy.
async fn on_copy(world: &World, copy: &Path, args: &[&str]) -> Printed {
    let mut command = world.command(args);
    command.env("LAPSED__STATE__PATH", copy);
    let output = tokio::task::spawn_blocking(move || command.output());
    Printed::of(&output.await.unwrap().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_while_passes_run_is_whole_and_for_the_owner_alone() {
    let world = World::new().await;
    world.overdue(60).await;

    let mut pass = world.start();
    let mut copies = Vec::new();
    while copies.len() < 4 || pass.try_wait().unwrap().is_none() {
        let copy = world.path(&format!("copy{}.db", copies.len()));
        let printed = backup(&world, &copy).await;
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        copies.push(copy);
    }

    for copy in &copies {
        let mode = copy.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", copy.display());
        for ending in ["-wal", "-shm", "-journal"] {
            let beside = format!("{}{ending}", copy.display());
            assert!(!Path::new(&beside).exists(), "{beside}");
        }
        let verified = on_copy(&world, copy, &["audit", "verify"]).await;
        assert_eq!(verified.code, 0, "{}", verified.stderr);
        let listed = on_copy(&world, copy, &["list", "--format", "json"]).await;
        let rows: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).unwrap();
        assert_eq!(rows.len(), 60);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_overwrites_nothing() {
    let world = World::new().await;
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world.write("precious.txt", "precious");
    let file = world.path("precious.txt");

    let printed = backup(&world, &file).await;

    assert_eq!(printed.code, 1);
    assert!(
        printed.stderr.contains("precious.txt"),
        "{}",
        printed.stderr
    );
    assert!(printed.stderr.contains("exists"), "{}", printed.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    // Not even the database itself, by any name.
    let own = backup(&world, &world.database()).await;
    assert_eq!(own.code, 1);
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_into_a_folder_that_is_not_there_says_so() {
    let world = World::new().await;
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    let printed = backup(&world, &world.path("nowhere/copy.db")).await;
    assert_eq!(printed.code, 1);
    assert!(printed.stderr.contains("nowhere"), "{}", printed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_damaged_database_fails_and_leaves_nothing() {
    let world = World::new().await;
    let rows: Vec<String> = (0..400)
        .map(|n| format!("p{n}@example.com,sentius:acme,{PAST}"))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;
    world.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    assert!(spoil(&world, b"p200@example.com"), "nothing to spoil");
    let copy = world.path("copy.db");

    let printed = backup(&world, &copy).await;

    assert_eq!(printed.code, 1, "{}", printed.stdout);
    assert!(
        printed.stderr.contains("the database is damaged"),
        "{}",
        printed.stderr
    );
    assert!(!copy.exists());
}

/// Changes a letter in the file, so that an index and its table no longer agree.
fn spoil(world: &World, text: &[u8]) -> bool {
    let file = world.database();
    let whole = std::fs::read(&file).unwrap();
    let mut places = whole.windows(text.len()).enumerate();
    places.any(|(place, found)| {
        let mut spoilt = whole.clone();
        spoilt[place] = b'q';
        found == text && {
            std::fs::write(&file, &spoilt).unwrap();
            world.texts("PRAGMA integrity_check(1)") != ["ok"]
        }
    })
}
