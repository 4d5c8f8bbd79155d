//! One database, whatever path leads to it and however many come at once; and none where nobody
//! asked for one.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use lapsed_sandbox::{Fault, When};

use crate::world::{FUTURE, PAST, Printed, World, until};

/// How many come at once.
const CROWD: usize = 48;

#[tokio::test(flavor = "multi_thread")]
async fn of_many_first_starts_at_once_none_fails() {
    let world = World::new().await;
    let commands = (0..CROWD).map(|n| {
        let who = format!("p{n}@example.com");
        let grant = ["grant", &who, "--target", "sentius:acme", "--end", FUTURE];
        world.command(&[&grant[..], &["--record-only"]].concat())
    });
    let children: Vec<_> = commands.map(|mut c| c.spawn().unwrap()).collect();
    for child in children {
        let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
        let printed = Printed::of(&ended.await.unwrap().unwrap());
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        assert!(!printed.stderr.contains("WARN"), "{}", printed.stderr);
    }
    assert_eq!(world.list().await.len(), CROWD);
    world.trail_is_whole().await;
    // The mark came as far as the trail, and what was written on the way is gone.
    let head = world.number("SELECT max(seq) FROM event");
    let mark = fs::read_to_string(world.path("lapsed.db.mark")).unwrap();
    assert!(mark.starts_with(&format!("{head}:")), "{mark} {head}");
    assert_eq!(unfinished(&world), Vec::<String>::new());
    assert_eq!(world.run().await.code, 0, "and nothing is doubted");
}

fn unfinished(world: &World) -> Vec<String> {
    let names = fs::read_dir(world.folder()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".new")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_of_a_mark_by_who_died_is_removed() {
    let world = World::new().await;
    for name in ["lapsed.db.mark.new", "lapsed.db.mark.x7f.new"] {
        world.write(name, "1:00");
    }
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{FUTURE}")])
        .await;
    assert_eq!(unfinished(&world), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_a_link_is_the_same_database() {
    let mut world = World::new().await;
    world.whitelist(&["jane@example.com", "stays@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    fs::create_dir(world.path("elsewhere")).unwrap();
    symlink(world.database(), world.path("elsewhere/other.db")).unwrap();
    let slowly = Fault::Delay(Duration::from_millis(2000));
    world.sentius.faults().once(When::method("DELETE"), slowly);
    let first = world.start();
    until("a removal is under way", || {
        world.sentius.calls().iter().any(|c| c.method == "DELETE")
    })
    .await;

    world.config.database = "elsewhere/other.db";
    let second = world.lapsed(&["--run-now"]).await;

    assert_eq!(second.code, 5, "{}", second.stderr);
    let first = tokio::task::spawn_blocking(move || first.wait_with_output());
    assert_eq!(Printed::of(&first.await.unwrap().unwrap()).code, 0);
    // All is beside the database itself, and nothing beside the link.
    assert_eq!(world.run().await.code, 0);
    assert_eq!(fs::read_dir(world.path("elsewhere")).unwrap().count(), 1);
    let deletes = world.writes();
    assert_eq!(deletes.len(), 1, "{deletes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_with_a_second_name_is_refused_by_either() {
    let mut world = World::new().await;
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{FUTURE}")])
        .await;
    fs::hard_link(world.database(), world.path("second.db")).unwrap();
    for name in ["lapsed.db", "second.db"] {
        world.config.database = name;
        let printed = world.lapsed(&["--run-now"]).await;
        assert_eq!(printed.code, 1, "{name}: {}", printed.stdout);
        let said = format!("{name} has 2 names (hard links)");
        assert!(printed.stderr.contains(&said), "{}", printed.stderr);
    }
    fs::remove_file(world.path("second.db")).unwrap();
    world.config.database = "lapsed.db";
    assert_eq!(world.run().await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_asks_makes_no_database() {
    let world = World::new().await;
    let copy = world.path("copy.db");
    let asking = [
        &["list"][..],
        &["list", "--as-of", "2026-01-01"],
        &["members"],
        &["status"],
        &["report"],
        &["audit", "verify"],
        &["audit", "export"],
        &["why", "jane@example.com"],
        &["history", "jane@example.com"],
        &["review"],
        &["backup", copy.to_str().unwrap()],
    ];
    let database = world.database();
    for command in asking {
        let printed = world.lapsed(command).await;
        assert_eq!(printed.code, 1, "{command:?}: {}", printed.stdout);
        let said = format!(
            "there is no database at {} (state.path)",
            database.display()
        );
        assert!(printed.stderr.contains(&said), "{}", printed.stderr);
        assert_eq!(printed.stdout, "", "{command:?}");
    }
    let checked = world.lapsed(&["check"]).await;
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    assert!(
        checked
            .stdout
            .contains("unknown  database: there is no database at"),
        "{}",
        checked.stdout
    );
    let names = fs::read_dir(world.folder()).unwrap();
    let names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".db"))
        .collect();
    assert_eq!(names, Vec::<String>::new());
}
