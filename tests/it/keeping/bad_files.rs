//! Databases that are none, or not to be used: told, and left as they are.
#![expect(
    clippy::disallowed_methods,
    reason = "files are made here that the program must refuse"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;

use rusqlite::Connection;

use crate::desk::{Desk, Ran};

/// The user "nobody" on common systems.
const NOBODY: u32 = 65534;

/// Runs every kind of command and expects code 1, these words, and the file as it was.
#[track_caller]
fn refuses(desk: &Desk, said: &str) {
    let before = fs::read(desk.path("lapsed.db")).ok();
    for command in [
        &["--run-now"][..],
        &["list"],
        &["members"],
        &["report"],
        &["audit", "verify"],
    ] {
        let ran = desk.run(command);
        ran.failed(1, said);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
    let check = desk.run(&["check"]);
    assert_eq!(check.code, Some(1));
    assert!(
        check.out.contains(&format!("FAILED   database: {said}")),
        "{}",
        check.out
    );
    assert_eq!(fs::read(desk.path("lapsed.db")).ok(), before);
    assert!(!desk.path("lapsed.db-wal").exists());
}

#[test]
fn a_text_file_is_no_database() {
    let desk = Desk::new();
    desk.write("lapsed.db", "my notes, which are longer than a hundred bytes, so that nobody can take them for the header of a new database file");
    refuses(
        &desk,
        "lapsed.db is not a database of lapsed: it is no SQLite file; point state.path at the right file, or at a new one",
    );
}

#[test]
fn another_programs_database_is_left_alone() {
    let desk = Desk::new();
    let other = Connection::open(desk.path("lapsed.db")).unwrap();
    other
        .execute_batch("CREATE TABLE song (name TEXT); INSERT INTO song VALUES ('x')")
        .unwrap();
    drop(other);
    refuses(
        &desk,
        "lapsed.db is not a database of lapsed: it is a SQLite database of something else",
    );
}

#[test]
fn a_newer_database_is_left_alone() {
    let desk = Desk::new();
    desk.import("email,target\njane@acme.example,sentius:acme\n");
    let newer = Connection::open(desk.path("lapsed.db")).unwrap();
    newer
        .execute_batch(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
             VALUES (9999, 'later', '2030-01-01T00:00:00Z', '1')",
        )
        .unwrap();
    newer.close().unwrap();
    refuses(
        &desk,
        "lapsed.db was written by a newer lapsed (form 9999, this program knows",
    );
}

#[test]
fn a_directory_in_its_place_is_told() {
    let desk = Desk::new();
    fs::create_dir(desk.path("lapsed.db")).unwrap();
    refuses(&desk, "cannot use lapsed.db: is a directory");
}

#[test]
fn a_path_below_a_file_is_told() {
    let desk = Desk::new();
    for (command, said) in [
        (
            &["list"][..],
            "cannot use lapsed.toml/lapsed.db: Not a directory",
        ),
        (&["--run-now"], "cannot use lapsed.toml: not a directory"),
    ] {
        let output = desk
            .command(command)
            .env("LAPSED__STATE__PATH", "lapsed.toml/lapsed.db")
            .output()
            .unwrap();
        Ran::from(output).failed(1, said);
    }
}

#[test]
fn a_file_or_folder_that_may_not_be_written_is_told() {
    let desk = Desk::new();
    desk.import("email,target\njane@acme.example,sentius:acme\n");
    let before = fs::read(desk.path("lapsed.db")).unwrap();
    let is_root = fs::metadata(desk.root()).unwrap().uid() == 0;
    if is_root {
        // Nothing is read-only for root, so somebody else tries.
        for name in desk.files() {
            chown(desk.path(&name), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        chown(desk.root(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let run = |args: &[&str]| {
        let mut command = desk.command(args);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.output().map(Ran::from)
    };
    if run(&["list"]).map_or(true, |ran| ran.code != Some(0)) {
        // The program lies where only root can reach it.
        return;
    }
    let set = |name: &str, mode| {
        fs::set_permissions(desk.path(name), Permissions::from_mode(mode)).unwrap();
    };
    set("lapsed.db", 0o400);
    assert_eq!(run(&["list"]).unwrap().code, Some(0), "looking is allowed");
    let ran = run(&["--run-now"]).unwrap();
    ran.failed(
        1,
        "is read-only for this user: attempt to write a readonly database\n",
    );
    set("lapsed.db", 0o000);
    let ran = run(&["list"]).unwrap();
    ran.failed(
        1,
        "cannot be opened by this user: unable to open database file: lapsed.db\n",
    );
    fs::rename(desk.path("lapsed.db"), desk.path("kept.db")).unwrap();
    set(".", 0o500);
    let ran = run(&["--run-now"]).unwrap();
    set(".", 0o700);
    ran.failed(1, "cannot use lapsed.db: Permission denied");
    set("kept.db", 0o600);
    assert_eq!(fs::read(desk.path("kept.db")).unwrap(), before);
}

#[test]
fn only_its_owner_can_read_what_is_stored() {
    let desk = Desk::new();
    let mode = |name: &str| fs::metadata(desk.path(name)).unwrap().mode() & 0o777;
    desk.run(&["--run-now"]);
    assert_eq!(mode("lapsed.db"), 0o600);
    assert_eq!(mode("lapsed.db.lock"), 0o600);
    // Open, so that the log beside it stays.
    let open = Connection::open(desk.path("lapsed.db")).unwrap();
    open.execute_batch("BEGIN; SELECT count(*) FROM grants")
        .unwrap();
    desk.import("email,target\njane@acme.example,sentius:acme\n");
    assert_eq!(mode("lapsed.db-wal"), 0o600);
    desk.good(&["backup", "copy.db"]);
    assert_eq!(mode("copy.db"), 0o600);
    let output = desk
        .command(&["import", "grants.csv", "--record-only"])
        .env("LAPSED__STATE__PATH", "new/folder/lapsed.db")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(mode("new/folder"), 0o700);
}

#[test]
fn a_backup_overwrites_nothing() {
    let desk = Desk::new();
    desk.import("email,target\njane@acme.example,sentius:acme\n");
    desk.good(&["backup", "copy.db"]);
    let copy = fs::read(desk.path("copy.db")).unwrap();
    desk.run(&["backup", "copy.db"]).failed(1, "copy.db");
    desk.run(&["backup", "no/such/copy.db"])
        .failed(1, "no/such/copy.db");
    assert_eq!(fs::read(desk.path("copy.db")).unwrap(), copy);
    let output = desk
        .command(&["list", "--format", "csv"])
        .env("LAPSED__STATE__PATH", "copy.db")
        .output()
        .unwrap();
    assert!(Ran::from(output).out.contains("jane@acme.example"));
}
