//! A disk that is full or read-only: what cannot be written down is not done, and the words say what
//! is wrong. Needs a file system of its own, and so the right to mount one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::world::{PAST, Printed, World};

/// A small file system in memory; gone when dropped.
struct Disk(PathBuf);

impl Disk {
    #[expect(clippy::print_stdout, reason = "a test that is left out says so")]
    /// `None` where nobody may mount anything; where everything is tested, that is a failure.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let mounted = Self::command("mount", &["-t", "tmpfs", "-o", "size=24m", "tmpfs"], at);
        if mounted {
            return Some(Self(at.to_owned()));
        }
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "this test needs the right to mount a tmpfs"
        );
        println!("skipped: no tmpfs can be mounted here");
        None
    }

    fn command(program: &str, args: &[&str], at: &Path) -> bool {
        let status = Command::new(program).args(args).arg(at).status();
        status.is_ok_and(|status| status.success())
    }

    fn remount(&self, how: &str) {
        let options = format!("remount,{how}");
        assert!(Self::command("mount", &["-o", &options], &self.0), "{how}");
    }

    /// Leaves so many KiB.
    fn fill(&self, leave: usize) {
        let block = [0_u8; 1024];
        let mut spare = File::create(self.0.join("spare")).unwrap();
        for _ in 0..leave {
            spare.write_all(&block).unwrap();
        }
        let mut filler = File::create(self.0.join("filler")).unwrap();
        while filler.write_all(&block).is_ok() {}
        fs::remove_file(self.0.join("spare")).unwrap();
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Self::command("umount", &["-l"], &self.0);
    }
}

/// A database on a small disk, with so many entries due.
async fn due(count: usize) -> Option<(World, Disk)> {
    let mut world = World::new().await;
    let disk = Disk::mount(&world.path("disk"))?;
    world.config.database = "disk/lapsed.db";
    world.config.guard = "max_removals = 1000\nmax_removal_percent = 100\n".to_owned();
    let people: Vec<String> = (0..count).map(|n| format!("p{n}@example.com")).collect();
    let emails: Vec<&str> = people.iter().map(String::as_str).collect();
    world.whitelist(&emails);
    world.whitelist(&["stays@example.com"]);
    let rows: Vec<String> = people
        .iter()
        .map(|who| format!("{who},sentius:acme,{PAST}"))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;
    Some((world, disk))
}

async fn run(world: &World) -> Printed {
    world.lapsed(&["--run-now"]).await
}

/// Whose entry the provider was asked to delete.
pub(crate) fn deleted(world: &World) -> BTreeSet<String> {
    let calls = world.sentius.calls();
    let deletes = calls.iter().filter(|c| c.method == "DELETE");
    deletes.map(|c| c.email().unwrap().to_owned()).collect()
}

pub(crate) fn intended(world: &World) -> BTreeSet<String> {
    let events = world.events();
    let intents = events.iter().filter(|e| e.kind == "action.intent");
    intents
        .map(|e| e.payload["email"].as_str().unwrap().to_owned())
        .collect()
}

fn says_so_clearly(printed: &Printed) {
    let words = &printed.stderr;
    assert_eq!(printed.code, 1, "{words}");
    assert!(
        ["disk is full", "No space left", "no storage space"]
            .iter()
            .any(|said| words.contains(said)),
        "{words}"
    );
    assert!(!words.contains("panicked"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_is_removed_that_was_not_written_down_first() {
    let mut codes = BTreeSet::new();
    // From no room at all to enough for a part of it.
    for leave in [0, 40, 100, 160, 220, 300, 400, 520] {
        let Some((world, disk)) = due(150).await else {
            return;
        };
        disk.fill(leave);

        let full = run(&world).await;

        let on_the_wire = deleted(&world);
        codes.insert((full.code, !on_the_wire.is_empty()));
        if full.code != 0 {
            says_so_clearly(&full);
        }
        disk.make_room();
        let written_down = intended(&world);
        let unwritten: Vec<_> = on_the_wire.difference(&written_down).collect();
        assert!(unwritten.is_empty(), "{leave} KiB: {unwritten:?}");

        let again = run(&world).await;
        assert_eq!(again.code, 0, "{leave} KiB: {}", again.stderr);
        assert_eq!(world.whitelisted(), ["stays@example.com"]);
        world.all_settled_once().await;
    }
    assert!(codes.contains(&(1, false)), "never full at once: {codes:?}");
    assert!(codes.contains(&(1, true)), "never full midway: {codes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_disk_is_told_in_clear_words_and_nothing_is_removed() {
    let Some((world, disk)) = due(3).await else {
        return;
    };
    disk.remount("ro");

    let printed = run(&world).await;

    disk.remount("rw");
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    let words = printed.stderr.to_lowercase();
    assert!(
        words.contains("read-only") || words.contains("cannot be opened by this user"),
        "{words}"
    );
    assert!(deleted(&world).is_empty());
    assert_eq!(run(&world).await.code, 0);
    assert_eq!(world.whitelisted(), ["stays@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_onto_a_full_disk_leaves_no_half_copy() {
    let Some((world, disk)) = due(3).await else {
        return;
    };
    let copy = world.path("disk/copy.db");
    disk.fill(40);
    let printed = world.lapsed(&["backup", copy.to_str().unwrap()]).await;
    says_so_clearly(&printed);
    // The disk of the copy, and not that of the database.
    assert!(printed.stderr.contains("copy.db"), "{}", printed.stderr);
    assert!(!copy.exists());
    disk.make_room();
    let printed = world.lapsed(&["backup", copy.to_str().unwrap()]).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
}

/// What only asks.
const ASKING: [&[&str]; 5] = [
    &["status", "--no-daemon"],
    &["list"],
    &["audit", "verify"],
    &["report"],
    &["members"],
];

/// They all answer, by what was last written.
async fn all_answer(world: &World, what: &str) {
    for command in ASKING {
        let printed = world.lapsed(command).await;
        let words = format!("{what}: {command:?}: {}{}", printed.stdout, printed.stderr);
        let expected = if command[0] == "status" { 0..=3 } else { 0..=0 };
        assert!(
            expected.contains(&printed.code) && printed.code != 1,
            "{words}"
        );
        if command == ["list"] {
            assert!(printed.stdout.contains("last@example.com"), "{words}");
        }
    }
}

/// A pass that dies leaves what it wrote in SQLite's log.
async fn with_a_log() -> Option<(World, Disk)> {
    let (world, disk) = due(3).await?;
    world
        .grants(&[&format!("last@example.com,sentius:acme,{PAST}")])
        .await;
    world.dies("after-intent").await;
    let log = world.path("disk/lapsed.db-wal");
    assert!(log.metadata().unwrap().len() > 0);
    Some((world, disk))
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_written_all_that_asks_still_answers() {
    let Some((world, disk)) = due(3).await else {
        return;
    };
    world
        .grants(&[&format!("last@example.com,sentius:acme,{PAST}")])
        .await;
    disk.remount("ro");
    all_answer(&world, "read-only").await;
    disk.remount("rw");
    disk.fill(0);
    all_answer(&world, "full").await;
    says_so_clearly(&run(&world).await);
    disk.make_room();
    assert_eq!(run(&world).await.code, 0);

    let Some((world, disk)) = with_a_log().await else {
        return;
    };
    disk.remount("ro");
    all_answer(&world, "read-only, with a log").await;
    disk.remount("rw");
    disk.fill(0);
    all_answer(&world, "full, with a log").await;
    disk.make_room();
    assert_eq!(run(&world).await.code, 0);
    world.all_settled_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_as_a_whole_is_not_shown_in_part() {
    let Some((world, disk)) = with_a_log().await else {
        return;
    };
    fs::remove_file(world.path("disk/lapsed.db-shm")).unwrap();
    disk.remount("ro");
    for command in ASKING {
        let printed = world.lapsed(command).await;
        assert_eq!(printed.code, 1, "{command:?}: {}", printed.stdout);
        let said = "lapsed.db-wal holds what is not yet in the database";
        assert!(printed.stderr.contains(said), "{}", printed.stderr);
        assert_eq!(printed.stdout, "");
    }
    disk.remount("rw");
    assert_eq!(run(&world).await.code, 0);
}
