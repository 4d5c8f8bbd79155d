//! Who runs the program: an administrator, whose shell has no keys, and root beside the service's
//! user.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};

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
fn what_calls_somebody_needs_them_and_tells_root_where_they_are() {
    let desk = desk_with_credentials();
    let calling = [
        &[][..],
        &["check"],
        &["--run-now"],
        &["--run-now", "--dry-run"],
    ];
    for command in calling {
        let ran = desk.run(command);
        ran.failed(
            2,
            "sentius[0].api_key_credential: $CREDENTIALS_DIRECTORY is not set",
        );
        for said in [
            "sapling[0].api_key_credential: ",
            "mail.smtp.password_credential: ",
            "CREDENTIALS_DIRECTORY=/run/credentials/lapsed.service lapsed …",
        ] {
            assert!(ran.err.contains(said), "{}", ran.err);
        }
    }
    desk.key("smtp.key", "PASSWORD-0123456789abcdefghij");
    let mut command = desk.command(&["check"]);
    command.env("CREDENTIALS_DIRECTORY", desk.root());
    let ran = Ran::from(command.output().unwrap());
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
