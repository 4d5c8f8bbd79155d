//! What is told of a new end, and who is put down as the one who asked.

use std::process::Command;

use crate::world::asking::ask;
use crate::world::{FUTURE, PAST, Printed, World};

const JANE: &str = "jane@example.com";
const CORE: &str = "sapling:acme/Core";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_end_that_another_grant_outlasts_is_told() {
    let world = World::new().await;
    world.team("Core", &[JANE]);
    world.import(&format!("email,target,role,end\n{JANE},{CORE},,2098-01-01\n{JANE},{CORE},manager,2099-12-31T12:00:00Z\n")).await;
    let keeps = "jane@example.com keeps access until 2099-12-31 12:00 by another grant of sapling:acme/Core";
    for asked in [
        &["extend", JANE, "--target", CORE, "--end", "2097-01-01"][..],
        &["grant", JANE, "--target", CORE, "--end", "2096-01-01"],
        &[
            "grant",
            JANE,
            "--target",
            CORE,
            "--end",
            "2095-01-01",
            "--record-only",
        ],
    ] {
        let said = ask(&world, asked).await;
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert!(said.stderr.contains(keeps), "{asked:?}: {}", said.stderr);
    }
    // The last end itself is told of nothing, and neither is one without an end.
    for end in ["2099-12-31T12:00:01Z", "never"] {
        let said = ask(&world, &["extend", JANE, "--target", CORE, "--end", end]).await;
        assert_eq!(said.code, 0, "{end}");
        assert!(!said.stderr.contains("another grant"), "{}", said.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_past_is_told_where_it_is_only_recorded() {
    let world = World::new().await;
    world.whitelist(&[JANE]);
    let grant = ["grant", JANE, "--target", "sentius:acme", "--end"];
    let said = ask(&world, &[&grant[..], &[PAST, "--record-only"]].concat()).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stderr
            .contains("the end 2025-06-30 12:00 is past: the next pass removes"),
        "{}",
        said.stderr
    );
    let given = world.lapsed(&[&grant[..], &[PAST]].concat()).await;
    assert_eq!(given.code, 2, "{}", given.stderr);
}

/// Who the trail says has recorded the last grant.
fn recorded_by(world: &World) -> String {
    let events = world.events();
    let last = events.iter().rfind(|e| e.kind == "grant.recorded").unwrap();
    last.payload["by"].as_str().unwrap().to_owned()
}

async fn with(world: &World, sudo: Option<&str>, args: &[&str]) -> Printed {
    let mut command = world.command(args);
    command.envs(sudo.map(|user| ("SUDO_USER", user)));
    // A name in the environment that anybody may set is not the user's.
    command.env("USER", "somebody");
    let output = tokio::task::spawn_blocking(move || command.output());
    Printed::of(&output.await.unwrap().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_is_the_one_named_else_the_one_before_sudo_else_the_user() {
    let world = World::new().await;
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let user = String::from_utf8(user).unwrap().trim().to_owned();
    world.write("p.csv", "email,target\nbob@example.com,sentius:acme\n");
    let file = world.path("p.csv");
    let import = ["import", file.to_str().unwrap(), "--record-only"];
    let grant = ["grant", JANE, "--target", "sentius:acme", "--record-only"];
    let until = |end| [&grant[..], &["--end", end]].concat();
    for (sudo, args, by) in [
        (
            Some("anna"),
            [&grant[..], &["--by", "olga"]].concat(),
            "olga",
        ),
        (Some("anna"), import.to_vec(), "anna"),
        (Some("anna"), until("2098-01-01"), "anna"),
        (Some(""), until("2097-01-01"), user.as_str()),
        (None, until("2096-01-01"), user.as_str()),
    ] {
        let printed = with(&world, sudo, &args).await;
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        assert_eq!(recorded_by(&world), by, "{args:?}");
    }
    let empty = world.lapsed(&[&grant[..], &["--by", ""]].concat()).await;
    assert_eq!(empty.code, 2, "{}", empty.stderr);
    let history = world.lapsed(&["history", JANE]).await;
    assert!(history.stdout.contains("olga"), "{}", history.stdout);
    world
        .lapsed(&[
            "extend",
            JANE,
            "--target",
            "sentius:acme",
            "--end",
            FUTURE,
            "--by",
            "kim",
        ])
        .await;
    world.trail_is_whole().await;
}
