//! Who runs the program: an administrator, whose shell has no keys, and root beside the service's
//! user.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt as _, chown};

use crate::desk::{Desk, Ran, accounts};
use crate::world::{FUTURE, Mail, PAST, World};

const NOBODY: &str = "http://127.0.0.1:9";

/// A desk whose keys are credentials, as systemd hands them to the service alone.
fn desk_with_credentials() -> Desk {
    let desk = Desk::new();
    let accounts = accounts(NOBODY, NOBODY).replace("api_key_file", "api_key_credential");
    desk.configure(&format!(
        "{accounts}[mail]\nfrom = \"lapsed@acme.example\"\nto = [\"it@acme.example\"]\n\
         [mail.smtp]\nhost = \"127.0.0.1\"\nport = 9\ntls = \"none\"\nusername = \"lapsed\"\n\
         password_credential = \"smtp.key\"\n"
    ));
    desk
}

#[test]
fn what_asks_the_database_alone_needs_no_keys() {
    let desk = desk_with_credentials();
    desk.import(format!(
        "email,target,end\njane@example.com,sentius:acme,{FUTURE}\n"
    ));
    for command in [
        &["list"][..],
        &["members"],
        &["report"],
        &["audit", "verify"],
        &["audit", "export"],
        &["backup", "copy.db"],
    ] {
        desk.good(command);
    }
    desk.run(&["approve", "no-run"])
        .failed(2, "there is no run \"no-run\" in the database");
}

#[test]
fn what_calls_somebody_takes_them_from_beside_the_configuration() {
    let desk = desk_with_credentials();
    let calling = [
        &[][..],
        &["check"],
        &["--run-now"],
        &["--run-now", "--dry-run"],
    ];
    let missing = "the credential smtp.key (smtp.key) is missing: there is no such file";
    for command in calling {
        let ran = desk.run(command);
        ran.failed(2, missing);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
    desk.key("smtp.key", "PASSWORD-0123456789abcdefghij");
    let ran = desk.run(&["check"]);
    assert!(ran.out.contains("key present"), "{}{}", ran.out, ran.err);
    fs::set_permissions(desk.path("smtp.key"), Permissions::from_mode(0o640)).unwrap();
    desk.run(&["check"]).failed(
        2,
        "smtp.key can be read by others than its owner; mend it with: chmod 600 smtp.key",
    );
}

#[test]
fn what_systemd_hands_over_goes_before_what_lies_beside_the_configuration() {
    let desk = desk_with_credentials();
    let handed = |folder: &str| {
        let mut command = desk.command(&["check"]);
        command.env("CREDENTIALS_DIRECTORY", desk.path(folder));
        Ran::from(command.output().unwrap())
    };
    fs::create_dir(desk.path("handed")).unwrap();
    handed("handed").failed(2, "the credential sentius.key is missing");
    for name in ["sentius.key", "sapling.key", "smtp.key"] {
        desk.key(
            &format!("handed/{name}"),
            "HANDED-OVER-0123456789abcdefghij",
        );
    }
    let ran = handed("handed");
    assert!(ran.out.contains("key present"), "{}{}", ran.out, ran.err);
    // As the units do for a file that is not there.
    desk.key("handed/sapling.key", "\n");
    handed("handed").failed(
        2,
        "the credential sapling.key is missing: the file that LoadCredential= names",
    );
}

#[test]
fn each_of_several_organizations_has_the_keys_in_its_own_directory() {
    let desk = desk_with_credentials();
    desk.key("smtp.key", "PASSWORD-0123456789abcdefghij");
    fs::create_dir(desk.path("lapsed")).unwrap();
    desk.run(&["check"]).failed(
        2,
        "the credential sentius.key (lapsed/sentius.key) is missing",
    );
    for name in ["sentius.key", "sapling.key", "smtp.key"] {
        fs::rename(desk.path(name), desk.path(&format!("lapsed/{name}"))).unwrap();
    }
    let ran = desk.run(&["check"]);
    assert!(ran.out.contains("key present"), "{}{}", ran.out, ran.err);
}

#[test]
fn a_mistake_in_how_a_key_is_named_is_told_by_every_command() {
    let desk = Desk::new();
    let good = accounts(NOBODY, NOBODY);
    let place = "api_key_file = \"sentius.key\"";
    for (instead, said) in [
        ("", "exactly one of api_key_file"),
        ("api_key_credential = \"../key\"", "without a path"),
        ("api_key_file = 5", "this is not a text"),
        (
            "api_key_env = \"A\"\napi_key_file = \"a\"",
            "there are several",
        ),
    ] {
        desk.configure(&good.replace(place, instead));
        desk.run(&["list"]).failed(2, said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_root_leaves_beside_the_database_belongs_to_the_directorys_owner() {
    let mut world = World::new().await;
    if chown(world.folder(), Some(65534), Some(65533)).is_err() {
        return; // Only root can give a directory away.
    }
    world.config.database = "state/deep/lapsed.db";
    world.config.mail = Mail::Directory;
    world.whitelist(&["old@example.com"]);
    world
        .grants(&[&format!("old@example.com,sentius:acme,{PAST}")])
        .await;
    world.run().await;
    world
        .grants(&[&format!("older@example.com,sentius:acme,{PAST}")])
        .await;
    // A process that dies leaves SQLite's own files.
    world.dies("after-intent").await;

    let state = world.path("state/deep");
    let mut found = vec![world.path("state"), state.clone(), world.path("outbox")];
    for entry in fs::read_dir(&state).unwrap() {
        found.push(entry.unwrap().path());
    }
    for ending in ["", "-wal", "-shm", ".lock", ".mark"] {
        assert!(
            found.contains(&state.join(format!("lapsed.db{ending}"))),
            "{ending}: {found:?}"
        );
    }
    for path in found {
        let metadata = fs::metadata(&path).unwrap();
        let owner = (metadata.uid(), metadata.gid());
        assert_eq!(owner, (65534, 65533), "{}", path.display());
    }
}
