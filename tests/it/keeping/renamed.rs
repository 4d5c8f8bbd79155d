//! An account that was renamed or taken out of the configuration while access is on record there.

use crate::world::{FUTURE, Outcome, PAST, Printed, World};

const JANE: &str = "jane@example.com";

/// Runs the program with a configuration in which the whitelist is called `acme2`.
async fn renamed(world: &World, args: &[&str]) -> Printed {
    // Written as it is, and changed then.
    drop(world.command(args));
    let text = std::fs::read_to_string(world.path("lapsed.toml")).unwrap();
    let (before, after) = text.split_once("name = \"acme\"").unwrap();
    world.write("renamed.toml", &format!("{before}name = \"acme2\"{after}"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lapsed"));
    command
        .env_clear()
        .arg("--config")
        .arg(world.path("renamed.toml"))
        .args(args);
    let output = tokio::task::spawn_blocking(move || command.output());
    Printed::of(&output.await.unwrap().unwrap())
}

async fn granted(end: &str) -> World {
    let world = World::new().await;
    world.whitelist(&[JANE]);
    world.grants(&[&format!("{JANE},sentius:acme,{end}")]).await;
    world
}

const PASS: [&str; 3] = ["--run-now", "--format", "json"];

#[tokio::test(flavor = "multi_thread")]
async fn access_at_an_account_that_is_not_configured_is_told_before_its_end() {
    let world = granted(FUTURE).await;
    let run = Outcome::of(renamed(&world, &PASS).await);
    assert_eq!(run.code, 0, "nothing is due yet");
    assert_eq!(run.found("target.unknown"), ["sentius:acme -"]);
    let findings = run.json["findings"].to_string();
    assert!(
        findings.contains("1 open grant is there, and no [[sentius]] account named"),
        "{findings}"
    );
    let status = renamed(&world, &["status", "--no-daemon"]).await;
    assert_eq!(status.code, 0, "{}", status.stdout);
    let told = "; 1 grant is at sentius:acme, which is not configured";
    assert!(status.stdout.contains(told), "{}", status.stdout);
    let check = renamed(&world, &["check"]).await;
    let told = "sentius:acme: 1 grant is open there, and it is not configured";
    assert!(check.stdout.contains(told), "{}", check.stdout);

    // Under its old name there is nothing to tell.
    assert!(world.run().await.found("target.unknown").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_end_the_missing_account_is_the_reason_and_no_clock() {
    let world = granted(PAST).await;
    let why = "no [[sentius]] account named \"acme\" is configured";
    let run = Outcome::of(renamed(&world, &PASS).await);
    assert_eq!(run.code, 3);
    assert_eq!(run.json["actions"][0]["state"], "failed");
    assert_eq!(run.json["actions"][0]["detail"], why);
    let told = renamed(&world, &["why", JANE]).await.stdout;
    assert!(told.contains(why) && !told.contains("clock"), "{told}");
    assert_eq!(world.whitelisted(), [JANE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_does_not_say_that_access_ended_where_none_is_on_record() {
    let world = granted(FUTURE).await;
    let dry = renamed(&world, &["revoke", JANE, "--dry-run"]).await;
    let told = "sentius:acme2: nothing is on record; the address is taken off all the same";
    assert!(dry.stdout.contains(told), "{}", dry.stdout);
    let revoked = renamed(&world, &["revoke", JANE]).await;
    assert_eq!(revoked.code, 3, "{}", revoked.stderr);
    let first = revoked.stdout.lines().next().unwrap();
    assert!(
        first.ends_with("jane@example.com ended in sentius:acme (incomplete)"),
        "{}",
        revoked.stdout
    );
    let told = "called as well, with nothing on record there: sentius:acme2";
    assert!(revoked.stdout.contains(told), "{}", revoked.stdout);
}
