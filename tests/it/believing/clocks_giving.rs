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
async fn no_span_is_counted_by_a_clock_that_an_account_is_known_to_contradict() {
    let world = behind().await;
    // A team is read before anything is given there; a whitelist cannot be, and its answer tells.
    let team = asked(&world, "grant", "sapling:acme/Core", "14d").await;
    refused(&team, "sapling:acme");
    let first = asked(&world, "grant", "sentius:acme", "14d").await;
    assert_eq!(first.code, 3, "{}", first.stderr);
    assert!(
        first.stderr.contains("the end may be wrong"),
        "{}",
        first.stderr
    );
    assert_eq!(world.writes().len(), 1);

    // From then on it is known.
    let status = world.lapsed(&["status", "--no-daemon"]).await;
    assert!(
        status.stdout.contains("sentius:acme differ"),
        "{}",
        status.stdout
    );
    for command in ["grant", "extend"] {
        let again = asked(&world, command, "sentius:acme", "15d").await;
        assert_eq!(again.code, 3, "{}", again.stderr);
        assert!(again.stderr.contains("give a date"), "{}", again.stderr);
    }
    world.write(
        "people.csv",
        "email,target,end\nt@example.com,sentius:acme,14d\n",
    );
    let file = world.path("people.csv");
    for more in [&[][..], &["--record-only"]] {
        let import = [&["import", file.to_str().unwrap()], more].concat();
        let import = world.lapsed(&import).await;
        assert_eq!(import.code, 3, "{}", import.stderr);
        assert!(import.stderr.contains("give a date"), "{}", import.stderr);
    }
    assert_eq!((world.writes().len(), world.list().await.len()), (1, 1));

    // Once the clocks agree, the same goes through.
    world.sentius.faults().clear();
    world.run().await;
    let given = asked(&world, "extend", "sentius:acme", "15d").await;
    assert_eq!(given.code, 0, "{}", given.stderr);
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
async fn check_tells_of_clocks_that_differ() {
    let world = behind().await;
    let check = world.lapsed(&["check"]).await;
    assert_eq!(check.code, 3, "{}", check.stdout);
    for account in ["sentius:acme", "sapling:acme"] {
        let line = format!("FAILED   {account}: this machine's clock is 479h");
        assert!(check.stdout.contains(&line), "{}", check.stdout);
    }
}
