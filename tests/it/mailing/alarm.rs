//! `[alarm]`: others hear that lapsed lives, and once of each episode; nothing waits for them, and the
//! URLs are seen nowhere.

mod hook;

use lapsed_sandbox::{Fault, When};
use serde_json::Value;

use crate::showing::schemas::Schema;
use crate::world::{Daemon, FUTURE, PAST, World, short, until};
use hook::Hook;

const TOKEN: &str = "t0ken-7f3a91c2";

/// Two who are due, where one may be removed.
async fn held(hook: &Hook) -> World {
    let mut world = World::new().await;
    world.config.alarm = format!("webhook_url = {:?}\n", hook.url("/hook"));
    "max_removals = 1\n".clone_into(&mut world.config.guard);
    world.whitelist(&["ann@example.com", "ben@example.com", "cyd@example.com"]);
    due(&world, &["ann", "ben"]).await;
    world
}

async fn due(world: &World, who: &[&str]) {
    let row = |who: &&str| format!("{who}@example.com,sentius:acme,{PAST}");
    let rows: Vec<String> = who.iter().map(row).collect();
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
}

/// The kinds of alarm that came.
fn alarms(hook: &Hook) -> Vec<String> {
    let kind = |body: &String| {
        let body: Value = serde_json::from_str(body).unwrap();
        body["alarm"].as_str().unwrap().to_owned()
    };
    hook.bodies().iter().map(kind).collect()
}

async fn approve(world: &World) {
    let run = world
        .texts("SELECT id FROM run ORDER BY rowid DESC LIMIT 1")
        .remove(0);
    let printed = world.lapsed(&["approve", &run, "--by", "jane"]).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_heartbeat_follows_each_pass_that_converged_and_no_other() {
    let hook = Hook::start();
    let mut world = World::new().await;
    world.config.alarm = format!("heartbeat_url = {:?}\n", hook.url("/beat?x=1"));
    world.team("Core", &["amy@example.com"]);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(hook.lines(), ["GET /beat?x=1 HTTP/1.1"]);

    assert_eq!(world.dry_run(None).await.code, 0);
    world
        .sapling
        .faults()
        .always(When::any(), Fault::status(500));
    assert_eq!(world.run().await.code, 3);
    assert_eq!(hook.lines().len(), 1, "silence tells");

    world.sapling.faults().clear();
    world.later(30);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(hook.lines().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_hears_once_of_an_episode_and_again_of_the_next() {
    let hook = Hook::start();
    let world = held(&hook).await;
    for _ in 0..3 {
        assert_eq!(world.run().await.code, 4);
    }
    assert_eq!(alarms(&hook), ["held"]);
    assert_eq!(hook.lines(), ["POST /hook HTTP/1.1"]);
    let body: Value = serde_json::from_str(&hook.bodies()[0]).unwrap();
    Schema::of("webhook").holds(&body);
    assert_eq!(body["count"], 2);
    assert_eq!(body["accounts"][0], "sentius:acme");
    let text = body["text"].as_str().unwrap();
    let approve_it = format!("lapsed approve {}", short(body["run"].as_str().unwrap()));
    assert!(
        text.contains("2 removals") && text.contains(&approve_it),
        "{text}"
    );
    assert!(!hook.bodies()[0].contains("@example.com"), "{body}");

    approve(&world).await;
    assert_eq!(world.run().await.code, 0);
    assert_eq!(alarms(&hook).len(), 1, "an end is noticed and not told");
    world.later(48 * 60);
    world.whitelist(&["ann@example.com"]);
    due(&world, &["cyd", "dee", "eve"]).await;
    assert_eq!(world.run().await.code, 4);
    assert_eq!(alarms(&hook), ["held", "held"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_that_was_not_taken_is_told_after_the_next_pass_and_changes_no_exit_code() {
    let hook = Hook::start();
    let world = held(&hook).await;
    hook.answer(500);
    let run = world.run().await;
    assert_eq!(run.code, 4);
    assert!(run.stderr.contains("answered 500"), "{}", run.stderr);
    hook.answer(204);
    assert_eq!(world.run().await.code, 4);
    assert_eq!(world.run().await.code, 4);
    assert_eq!(alarms(&hook), ["held", "held"], "once in vain, once heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_and_a_restored_database_are_told_too() {
    let hook = Hook::start();
    let mut world = World::new().await;
    world.config.alarm = format!("webhook_url = {:?}\n", hook.url("/hook"));
    world.team("Core", &["amy@example.com"]);
    assert_eq!(world.run().await.code, 0);
    let copy = world.path("copy.db");
    let printed = world.lapsed(&["backup", copy.to_str().unwrap()]).await;
    assert_eq!(printed.code, 0);
    world
        .sapling
        .faults()
        .always(When::any(), Fault::DateSkew(86_400));
    assert_eq!(world.run().await.code, 3);
    assert_eq!(alarms(&hook), ["clock"]);
    world.sapling.faults().clear();

    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(world.path(&format!("lapsed.db{ending}")));
    }
    std::fs::copy(&copy, world.database()).unwrap();
    assert_eq!(world.run().await.code, 4);
    assert_eq!(alarms(&hook), ["clock", "unconfirmed"]);
    let schema = Schema::of("webhook");
    for body in hook.bodies() {
        schema.holds(&serde_json::from_str(&body).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_beats_and_a_restart_repeats_no_alarm() {
    let (beats, hook) = (Hook::start(), Hook::start());
    let mut world = held(&hook).await;
    world.config.alarm += &format!("heartbeat_url = {:?}\n", beats.url("/beat"));
    for _ in 0..2 {
        // The first pass of a daemon is a whole one.
        world.sql("DELETE FROM fact WHERE name LIKE 'served.%'");
        let daemon = Daemon::past_first_pass(&world).await;
        until("the webhook has heard", || alarms(&hook).len() == 1).await;
        assert_eq!(daemon.stop().await, 0);
    }
    assert!(beats.lines().is_empty(), "nothing converged");
    approve(&world).await;
    world.sql("DELETE FROM fact WHERE name LIKE 'served.%'");
    let _daemon = Daemon::past_first_pass(&world).await;
    until("it beats", || !beats.lines().is_empty()).await;
    assert_eq!(alarms(&hook), ["held"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_answer_holds_up_neither_a_command_nor_the_daemon() {
    let hook = Hook::start();
    hook.hang();
    let mut world = World::new().await;
    let url = hook.url("/");
    world.config.alarm = format!("heartbeat_url = {url:?}\nwebhook_url = {url:?}\n");
    world.whitelist(&["ann@example.com", "ben@example.com"]);
    due(&world, &["ann"]).await;
    let mut command = world.command(&["--run-now", "--format", "json"]);
    command.env("LAPSED_HURRY", "1");
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"converged\""));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the alarm was given up"));

    let daemon = Daemon::past_first_pass(&world).await;
    until("it hangs there", || hook.lines().len() >= 2).await;
    due(&world, &["ben"]).await;
    until("ends come all the same", || world.whitelisted().is_empty()).await;
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let (hook, other) = (Hook::start(), Hook::start());
    hook.redirect(&other.url("/elsewhere"));
    let world = held(&hook).await;
    let run = world.run().await;
    assert_eq!(run.code, 4);
    assert!(run.stderr.contains("answered 307"), "{}", run.stderr);
    assert!(other.lines().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_of_a_url_is_seen_anywhere() {
    let hook = Hook::start();
    let at = hook.url("");
    let at = at.strip_prefix("http://").unwrap();
    let url = format!("http://{TOKEN}:{TOKEN}@{at}/{TOKEN}?key={TOKEN}");
    let nobody = format!("http://{TOKEN}@127.0.0.1:1/{TOKEN}?key={TOKEN}");
    let mut world = held(&hook).await;
    let mut seen = String::new();
    for (webhook, status) in [(&url, 403), (&nobody, 200), (&url, 200)] {
        world.config.alarm = format!("heartbeat_url = {nobody:?}\nwebhook_url = {webhook:?}\n");
        hook.answer(status);
        for args in [
            &["--log-level", "trace", "--run-now"][..],
            &["--log-level", "trace", "check"],
            &["--log-level", "trace", "status", "--no-daemon"],
            &["--help"],
        ] {
            let printed = world.lapsed(args).await;
            seen += &(printed.stdout + &printed.stderr);
        }
    }
    assert!(seen.contains("http://127.0.0.1:1"), "{seen}");
    let asked = hook.lines();
    assert!(asked[0].contains(TOKEN), "{asked:?}");

    // Nor by a configuration that is wrong.
    for wrong in [
        format!("webhook_url = \"http://chat.acme.example/{TOKEN}\"\n"),
        format!("webhook_url = \"https://chat.acme.example/{TOKEN}#x\"\n"),
        format!("webhook_url = \"ftp://{TOKEN}\"\n"),
        format!("webhook_url = \"{TOKEN}\"\n"),
        format!("webhook_url = [\"{TOKEN}\"]\n"),
    ] {
        world.config.alarm = wrong;
        let printed = world.lapsed(&["check"]).await;
        assert_eq!(printed.code, 2);
        assert!(
            printed.stderr.contains("alarm.webhook_url: "),
            "{}",
            printed.stderr
        );
        seen += &(printed.stdout + &printed.stderr);
    }
    assert!(!seen.contains(TOKEN), "{seen}");
    let kept = std::fs::read(world.database()).unwrap();
    let token = TOKEN.as_bytes();
    assert!(!kept.windows(token.len()).any(|bytes| bytes == token));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tells_whether_the_hosts_take_connections_and_sends_nothing() {
    let hook = Hook::start();
    let mut world = World::new().await;
    world
        .grants(&[&format!("ann@example.com,sentius:acme,{FUTURE}")])
        .await;
    world.config.alarm = format!(
        "heartbeat_url = {:?}\nwebhook_url = \"http://127.0.0.1:1/x\"\n",
        hook.url("/beat")
    );
    let printed = world.lapsed(&["check"]).await;
    assert_eq!(printed.code, 3, "{}", printed.stdout);
    let lines: Vec<&str> = printed.stdout.lines().collect();
    let line = |what: &str| *lines.iter().find(|line| line.contains(what)).unwrap();
    assert!(line("heartbeat: ").starts_with("ok "), "{}", printed.stdout);
    assert!(
        line("webhook: ").starts_with("FAILED"),
        "{}",
        printed.stdout
    );
    assert!(hook.lines().is_empty(), "{:?}", hook.lines());
}
