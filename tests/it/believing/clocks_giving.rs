//! Access that is given while clocks disagree: no end is counted by a clock that is wrong, and what
//! goes ahead says so.

use lapsed_sandbox::{Fault, When};
use serde_json::{Value, json};

use crate::world::{FUTURE, Printed, World};

const DAY: i64 = 86_400;

/// A world in which both accounts tell a time 20 days ahead of this machine's.
async fn behind() -> World {
    let world = World::new().await;
    world.team("Core", &["amy@example.com"]);
    for faults in [world.sentius.faults(), world.sapling.faults()] {
        faults.always(When::any(), Fault::DateSkew(20 * DAY));
    }
    world
}

async fn asked(world: &World, command: &str, target: &str, end: &str) -> Printed {
    let args = [command, "s@example.com", "--target", target, "--end", end];
    world.lapsed(&args).await
}

fn refused(printed: &Printed, account: &str) {
    assert_eq!(printed.code, 3, "{}", printed.stderr);
    let (ours, theirs) = (
        "this machine's clock is 479h",
        format!("behind that of {account}"),
    );
    assert!(printed.stderr.contains(ours), "{}", printed.stderr);
    assert!(printed.stderr.contains(&theirs), "{}", printed.stderr);
    assert!(printed.stderr.contains("give a date"), "{}", printed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_span_is_counted_by_a_clock_that_an_account_contradicts() {
    let world = behind().await;
    for (target, account) in [
        ("sentius:acme", "sentius:acme"),
        ("sapling:acme/Core", "sapling:acme"),
    ] {
        refused(&asked(&world, "grant", target, "14d").await, account);
    }
    world.write(
        "people.csv",
        "email,target,end\ns@example.com,sentius:acme,14d\n",
    );
    let file = world.path("people.csv");
    let import = world.lapsed(&["import", file.to_str().unwrap()]).await;
    refused(&import, "sentius:acme");
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert!(world.list().await.is_empty());

    // It is told from then on, and what nobody is asked for is not counted by it either.
    let status = world.lapsed(&["status", "--no-daemon"]).await;
    assert!(
        status.stdout.contains("sentius:acme differ"),
        "{}",
        status.stdout
    );
    let noted = ["grant", "s@example.com", "--target", "sentius:acme"];
    let noted = [&noted[..], &["--end", "14d", "--record-only"]].concat();
    assert_eq!(world.lapsed(&noted).await.code, 3);
    assert!(world.list().await.is_empty());

    // Once the clocks agree, the same goes through.
    world.sentius.faults().clear();
    let given = asked(&world, "grant", "sentius:acme", "14d").await;
    assert_eq!(given.code, 0, "{}", given.stderr);
    assert_eq!(world.whitelisted(), ["s@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_with_a_date_goes_ahead_by_a_wrong_clock_and_says_so() {
    let world = behind().await;
    let args = ["grant", "s@example.com", "--target", "sentius:acme"];
    let args = [&args[..], &["--end", FUTURE, "--format", "json"]].concat();
    let given = world.lapsed(&args).await;
    assert_eq!(given.code, 3, "{}", given.stderr);
    let results: Value = serde_json::from_str(&given.stdout).unwrap();
    assert_eq!(results["results"][0]["state"], json!("done"));
    let detail = results["results"][0]["detail"].as_str().unwrap();
    assert!(detail.contains(" behind that of sentius:acme"));
    assert_eq!(world.whitelisted(), ["s@example.com"]);

    let moved = asked(&world, "extend", "sentius:acme", "2098-12-31").await;
    assert_eq!(moved.code, 3, "{}", moved.stderr);
    assert!(
        moved.stderr.contains(" behind that of sentius:acme"),
        "{}",
        moved.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_end_is_moved_by_a_span_of_a_wrong_clock() {
    let world = behind().await;
    let past = [
        "s@example.com,sentius:acme,2099-01-01",
        "s@example.com,sapling:acme/Core,2099-01-01",
    ];
    world.grants(&past).await;
    for (target, account) in [
        ("sentius:acme", "sentius:acme"),
        ("sapling:acme/Core", "sapling:acme"),
    ] {
        refused(&asked(&world, "extend", target, "14d").await, account);
    }
    let rows = world.list().await;
    let ends = rows.iter().map(|row| row["end"].as_str().unwrap());
    assert!(ends.clone().count() == 2 && ends.clone().all(|end| end.starts_with("2099-01-01")));
    assert!(world.writes().is_empty(), "{:?}", world.writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tells_of_clocks_that_differ() {
    let world = behind().await;
    let check = world.lapsed(&["check"]).await;
    assert_eq!(check.code, 3, "{}", check.stdout);
    for account in ["sentius:acme", "sapling:acme"] {
        let line = format!("FAILED   {account}: this machine's clock is 479h");
        assert!(check.stdout.contains(&line), "{}", check.stdout);
    }
}
