//! Between passes: ends are acted on where they are and nowhere else, what failed is tried again in
//! its time, an approval is heard, and nothing waits for a mail server.

use std::time::Duration;

use jiff::Timestamp;
use lapsed_sandbox::{Fault, MailFault, MailStage, Times, When};

use crate::world::{Daemon, FUTURE, Mail, PAST, World, until};

/// Passes once a year: what happens meanwhile happens between them.
const RARELY: &str = "pass = \"0 0 0 1 1 *\"\nreport = \"0 0 0 1 1 *\"\n";

async fn world() -> World {
    let mut world = World::new().await;
    world.config.schedule = RARELY.to_owned();
    world
}

/// The daemon, after its first pass.
async fn started(world: &World) -> Daemon {
    let daemon = Daemon::start(world);
    until("the first pass is over", || {
        daemon.log().contains("pass ended")
    })
    .await;
    world.forget_calls();
    daemon
}

fn soon() -> Timestamp {
    let now = lapsed::clock::now().as_millisecond();
    Timestamp::from_millisecond(now + 1500).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_on_the_whitelist_reads_no_team() {
    let world = world().await;
    world.whitelist(&["jane@example.com", "stays@example.com"]);
    world.team("Core", &["bob@example.com"]);
    let daemon = started(&world).await;

    world
        .grants(&[&format!("jane@example.com,sentius:acme,{}", soon())])
        .await;

    until("it is gone", || {
        world.whitelisted() == ["stays@example.com"]
    })
    .await;
    assert_eq!(daemon.stop().await, 0);
    assert_eq!(world.sapling_calls(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_in_a_team_reads_that_team_and_no_other() {
    let mut world = world().await;
    world.config.sapling += "organization_id = \"acme\"\n";
    let core = world.team("Core", &["bob@example.com", "amy@example.com"]);
    let other = world.team("Other", &["cleo@example.com"]);
    world
        .grants(&[
            &format!("bob@example.com,sapling:acme/Core,{FUTURE}"),
            &format!("cleo@example.com,sapling:acme/Other,{FUTURE}"),
        ])
        .await;
    let daemon = started(&world).await;

    world
        .grants(&[&format!("amy@example.com,sapling:acme/Core,{}", soon())])
        .await;

    until("she is gone", || {
        world.members("Core") == ["bob@example.com"]
    })
    .await;
    until("it is proven", || {
        daemon.log().matches("pass ended").count() == 2
    })
    .await;
    assert_eq!(daemon.stop().await, 0);
    let calls = world.sapling_calls().join("\n");
    assert!(calls.contains(&core), "{calls}");
    assert!(!calls.contains(&other), "{calls}");
    assert!(!calls.contains("suppressed"), "{calls}");
    let grants = world.list().await;
    let amy = grants.iter().find(|g| g["email"] == "amy@example.com");
    assert_eq!(amy.unwrap()["state"], "removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_follows_the_whitelist_follows_an_end_between_passes_too() {
    let mut world = world().await;
    world.config.teams =
        "[[sapling.team]]\nname = \"Core\"\nfollow = \"sentius:acme\"\n".to_owned();
    world.whitelist(&["jane@example.com"]);
    world.team("Core", &["jane@example.com", "amy@example.com"]);
    world.team("Other", &["jane@example.com"]);
    let daemon = started(&world).await;

    world
        .grants(&[&format!("jane@example.com,sentius:acme,{}", soon())])
        .await;

    until("she is in the team no more", || {
        world.members("Core") == ["amy@example.com"]
    })
    .await;
    assert_eq!(daemon.stop().await, 0);
    assert!(world.whitelisted().is_empty());
    assert_eq!(world.members("Other"), ["jane@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_at_its_end_is_tried_again_when_its_wait_is_over() {
    let mut world = world().await;
    world.config.guard = "max_clock_skew = \"6h\"\n".to_owned();
    world.whitelist(&["jane@example.com"]);
    world.write("clock", "0");
    let clock = world.path("clock");
    let daemon = Daemon::start_with(&world, &[("LAPSED_CLOCK", clock.to_str().unwrap())]);
    until("the first pass is over", || {
        daemon.log().contains("pass ended")
    })
    .await;
    let refused = Fault::status(403);
    world.sentius.faults().once(When::method("DELETE"), refused);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{}", soon())])
        .await;
    until("it failed", || daemon.log().contains("failed=1")).await;
    assert_eq!(world.whitelisted(), ["jane@example.com"]);

    // A failure waits five minutes, and up to a fifth of it more.
    world.write("clock", "370000");

    until("it is gone", || world.whitelisted().is_empty()).await;
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_approves_is_done_at_once() {
    let mut world = world().await;
    world.config.guard = "max_removals = 1\n".to_owned();
    world.whitelist(&["jane@example.com", "bob@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            &format!("bob@example.com,sentius:acme,{PAST}"),
        ])
        .await;
    let daemon = started(&world).await;
    assert_eq!(world.whitelisted().len(), 2);
    let log = daemon.log();
    let run = log
        .split("run=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());

    let approved = world.lapsed(&["approve", run.unwrap()]).await;

    assert_eq!(approved.code, 0, "{}", approved.stderr);
    until("both are gone", || world.whitelisted().is_empty()).await;
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_does_not_wait_for_a_mail_server_that_is_silent() {
    let mut world = world().await;
    world.config.mail = Mail::Smtp;
    world.config.guard = "max_removals = 1\n".to_owned();
    world.whitelist(&["jane@example.com", "bob@example.com"]);
    world.team("Core", &["amy@example.com", "cleo@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            &format!("bob@example.com,sentius:acme,{PAST}"),
        ])
        .await;
    let hangs = MailFault::Hang {
        stage: MailStage::Greeting,
        time: Duration::from_secs(60),
    };
    world.mail.add_fault(Times::Count(1), hangs);
    // What is held is mailed; the server takes the connection and says nothing.
    let daemon = started(&world).await;
    assert!(world.mail.mails().is_empty());

    world.sql("UPDATE grants SET ends_at = 4000000000000 WHERE email LIKE 'bob%'");
    world
        .grants(&[&format!("amy@example.com,sapling:acme/Core,{}", soon())])
        .await;

    until("she is gone", || {
        world.members("Core") == ["cleo@example.com"]
    })
    .await;
    assert!(world.mail.mails().is_empty(), "the server is still silent");
    assert_eq!(daemon.stop().await, 0);
}
