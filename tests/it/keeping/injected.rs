//! System calls that fail, one after the other, on the database and what is beside it: what cannot be
//! written down is not done, what was done is not lost, and the words say what is wrong.

use std::collections::BTreeSet;
use std::process::Command;

use crate::keeping::full_disk::{deleted, intended};
use crate::world::{FUTURE, PAST, Printed, World};

const STRACE: &str = "/usr/bin/strace";

/// Whether calls can be made to fail here; where everything is tested, they have to.
#[expect(clippy::print_stdout, reason = "a test that is left out says so")]
fn can_inject() -> bool {
    let tried = Command::new(STRACE)
        .args(["-qq", "-o", "/dev/null", "true"])
        .status();
    if tried.is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "this test needs strace, and the right to use it"
    );
    println!("skipped: no strace can be used here");
    false
}

/// The program with these arguments, where this fails at the files beside the database.
async fn with(world: &World, inject: &str, endings: &[&str], args: &[&str]) -> Printed {
    let plain = world.command(args);
    let mut command = Command::new(STRACE);
    command.args(["-f", "-qq", "-o", "/dev/null", "-e"]);
    command.arg(format!("inject={inject}"));
    for ending in endings {
        command.arg("-P");
        command.arg(world.path(&format!("lapsed.db{ending}")));
    }
    command
        .arg("--")
        .arg(plain.get_program())
        .args(plain.get_args());
    command.env_clear();
    for (name, value) in plain.get_envs() {
        command.env(name, value.unwrap());
    }
    let output = tokio::task::spawn_blocking(move || command.output());
    let printed = Printed::of(&output.await.unwrap().unwrap());
    assert!(
        !printed.stderr.contains("panicked"),
        "{inject}: {}",
        printed.stderr
    );
    printed
}

const DATABASE: [&str; 3] = ["", "-wal", "-shm"];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_write_fails_under_a_pass_nothing_is_done_that_is_not_written_down() {
    if !can_inject() {
        return;
    }
    let mut world = World::new().await;
    world.config.guard = "max_removals = 1000\nmax_removal_percent = 100\n".to_owned();
    world.whitelist(&["stays@example.com"]);
    world
        .grants(&[&format!("stays@example.com,sentius:acme,{FUTURE}")])
        .await;
    world.whitelist_is_known();
    let mut codes = BTreeSet::new();
    let mut number = 0;
    for (call, error) in [
        ("pwrite64", "ENOSPC"),
        ("pwrite64", "EIO"),
        ("fsync,fdatasync", "EIO"),
        ("openat", "EIO"),
        ("openat", "ENOSPC"),
    ] {
        for from in [1, 2, 4, 7, 12] {
            number += 1;
            let who = format!("p{number}@example.com");
            world.whitelist(&[&who]);
            world.grants(&[&format!("{who},sentius:acme,{PAST}")]).await;
            let inject = format!("{call}:error={error}:when={from}+");

            let failed = with(&world, &inject, &DATABASE, &["--run-now"]).await;

            codes.insert(failed.code);
            assert!(matches!(failed.code, 0 | 1), "{inject}: {}", failed.stderr);
            if failed.code == 1 {
                assert!(failed.stderr.contains("lapsed"), "{}", failed.stderr);
            } else {
                assert!(!world.whitelisted().contains(&who), "{inject}");
            }
            let (deleted, intended) = (deleted(&world), intended(&world));
            let unwritten: Vec<_> = deleted.difference(&intended).collect();
            assert!(unwritten.is_empty(), "{inject}: {unwritten:?}");
            let run = world.run().await;
            assert_eq!(run.code, 0, "{inject}: {:?} {}", run.errors(), run.stderr);
            assert_eq!(world.whitelisted(), ["stays@example.com"], "{inject}");
        }
    }
    assert!(codes.contains(&1), "nothing ever failed");
    world.all_settled_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_acknowledges_is_there_whatever_fails() {
    if !can_inject() {
        return;
    }
    let world = World::new().await;
    world
        .grants(&[&format!("first@example.com,sentius:acme,{FUTURE}")])
        .await;
    let mut codes = BTreeSet::new();
    let mut number = 0;
    for (call, error) in [
        ("pwrite64", "ENOSPC"),
        ("fsync,fdatasync", "EIO"),
        ("openat", "EIO"),
    ] {
        for when in ["1", "2", "3", "5", "1+", "3+"] {
            number += 1;
            let who = format!("p{number}@example.com");
            let inject = format!("{call}:error={error}:when={when}");
            let args = ["grant", &who, "--target", "sentius:acme", "--end", FUTURE];
            let args = [&args[..], &["--record-only"]].concat();
            let endings = ["", "-wal", "-shm", ".turn", ".open", ".mark"];

            let printed = with(&world, &inject, &endings, &args).await;

            codes.insert(printed.code);
            assert!(
                matches!(printed.code, 0 | 1),
                "{inject}: {}",
                printed.stderr
            );
            let is_there = world
                .list()
                .await
                .iter()
                .any(|row| row["email"] == who.as_str());
            assert!(is_there || printed.code == 1, "{inject}: {who} was lost");
        }
    }
    assert_eq!(codes, BTreeSet::from([0, 1]));
    assert_eq!(world.run().await.code, 0);
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_cannot_be_written_cancels_nothing_and_is_told() {
    if !can_inject() {
        return;
    }
    let world = World::new().await;
    world.whitelist(&["jane@example.com", "bob@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    let mark = || std::fs::read_to_string(world.path("lapsed.db.mark")).unwrap();
    let before = mark();
    let inject = "rename,renameat,renameat2:error=EIO";
    let said = "lapsed.db.mark could not be written";

    let grant = [
        "grant",
        "bob@example.com",
        "--target",
        "sentius:acme",
        "--end",
        FUTURE,
        "--record-only",
    ];
    let granted = with(&world, inject, &[".mark"], &grant).await;
    assert_eq!(granted.code, 0, "{}", granted.stderr);
    assert!(granted.stderr.contains(said), "{}", granted.stderr);
    let pass = with(&world, inject, &[".mark"], &["--run-now"]).await;
    assert_eq!(pass.code, 0, "{}", pass.stderr);
    assert!(pass.stderr.contains(said), "{}", pass.stderr);

    assert_eq!(mark(), before);
    assert_eq!(world.whitelisted(), ["bob@example.com"]);
    assert_eq!(world.run().await.code, 0);
    assert_ne!(mark(), before, "the next one mends it");
    let left = std::fs::read_dir(world.folder()).unwrap().flatten();
    let mut left = left.map(|entry| entry.file_name().into_string().unwrap());
    assert!(!left.any(|name| name.ends_with(".new")));
}
