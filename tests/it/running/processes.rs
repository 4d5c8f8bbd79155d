//! More than one process on a database, one that dies in the middle of a run, and exit codes.

use std::time::Duration;

use lapsed_sandbox::{Fault, When};
use serde_json::json;

use crate::world::{Mail, Outcome, PAST, Printed, World, until};

const LONG: Duration = Duration::from_secs(60);

/// Jane's whitelist grant and Bob's team grant are over.
async fn two_are_due() -> World {
    let world = World::new().await;
    world.whitelist(&["jane@example.com", "stays@example.com"]);
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    let rows = [
        format!("jane@example.com,sentius:acme,{PAST}"),
        format!("bob@example.com,sapling:acme/Core,{PAST}"),
    ];
    world.grants(&[&rows[0], &rows[1]]).await;
    // A process that dies may take with it that its first call was answered.
    world.whitelist_is_known();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_pass_on_the_same_database_is_refused_and_the_first_goes_on() {
    let world = two_are_due().await;
    let slow = Fault::Delay(Duration::from_secs(2));
    world.sapling.faults().once(When::method("GET"), slow);
    let first = world.start();
    until("the first pass reads", || !world.sapling.calls().is_empty()).await;

    let second = world.lapsed(&["--run-now", "--format", "json"]).await;
    assert_eq!(second.code, 5);
    assert_eq!(second.stdout, "");
    assert!(
        second.stderr.contains("another pass is running"),
        "{}",
        second.stderr
    );
    assert_eq!(world.list().await.len(), 2, "reading goes on meanwhile");

    let output = tokio::task::spawn_blocking(|| first.wait_with_output())
        .await
        .unwrap();
    let run = Outcome::of(Printed::of(&output.unwrap()));
    assert_eq!(run.json["counts"]["done"], json!(2));
    assert_eq!(world.writes().len(), 2, "each once");
    assert_eq!(world.run().await.code, 0, "the lock is free again");
}

/// Starts a pass, kills it once it is so, and starts everything anew.
async fn killed_once(world: &World, what: &str, is_so: impl Fn() -> bool) {
    let mut child = world.start();
    until(what, is_so).await;
    child.kill().unwrap();
    assert_eq!(
        child.wait().unwrap().code(),
        None,
        "it did not end by itself"
    );
    world.sentius.faults().clear();
    world.sapling.faults().clear();
    world.forget_calls();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_between_call_and_answer_the_next_run_settles_what_is_unknown() {
    let world = two_are_due().await;
    world
        .sentius
        .faults()
        .once(When::method("DELETE"), Fault::HangAfter(LONG));
    world
        .sapling
        .faults()
        .once(When::method("DELETE"), Fault::HangAfter(LONG));
    killed_once(&world, "both are removed", || {
        world.whitelisted().len() == 1 && world.members("Core").len() == 1
    })
    .await;
    assert!(world.list().await.iter().all(|row| row["state"] == "ended"));

    let run = world.run().await;

    assert_eq!(run.code, 0);
    let mut actions = run.actions();
    actions.sort();
    assert_eq!(
        actions,
        [
            "member.remove sapling:acme/Core bob@example.com grant.ended done verified",
            "whitelist.remove sentius:acme jane@example.com grant.ended absent acknowledged",
        ]
    );
    assert_eq!(world.writes(), ["DELETE /admin/whitelist 404"]);
    assert!(run.found("member.left").is_empty());
    assert!(
        world
            .list()
            .await
            .iter()
            .all(|row| row["state"] == "removed")
    );
    let trail = world.lapsed(&["audit", "export"]).await.stdout;
    assert_eq!(trail.matches("\"action.interrupted\"").count(), 2);
    assert_eq!(world.lapsed(&["audit", "verify"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_before_anything_was_done_the_next_run_does_it() {
    let world = two_are_due().await;
    world
        .sentius
        .faults()
        .once(When::method("DELETE"), Fault::Hang(LONG));
    world
        .sapling
        .faults()
        .once(When::method("DELETE"), Fault::Hang(LONG));
    killed_once(&world, "both were asked for", || world.writes().len() == 2).await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(run.json["counts"]["done"], json!(2));
    assert_eq!(world.whitelisted(), ["stays@example.com"]);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_while_reading_nothing_is_lost() {
    let world = two_are_due().await;
    world
        .sapling
        .faults()
        .once(When::method("GET").path("team_user"), Fault::Hang(LONG));
    killed_once(&world, "a team is read", || {
        world.sapling.calls().len() == 2
    })
    .await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(run.json["counts"]["done"], json!(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_after_a_kill_settles_by_reading_and_sends_nothing() {
    let world = two_are_due().await;
    world
        .sentius
        .faults()
        .once(When::method("DELETE"), Fault::HangAfter(LONG));
    world
        .sapling
        .faults()
        .once(When::method("DELETE"), Fault::HangAfter(LONG));
    killed_once(&world, "both are removed", || {
        world.whitelisted().len() == 1 && world.members("Core").len() == 1
    })
    .await;

    let look = world.dry_run(None).await;

    assert_eq!(
        look.actions(),
        ["whitelist.remove sentius:acme jane@example.com grant.ended planned -"]
    );
    assert!(world.writes().is_empty());
    assert_eq!(world.run().await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_it_dies_the_next_run_ends_all_access_and_loses_no_mail() {
    for place in [
        "after-intent",
        "after-call",
        "after-result",
        "after-claim",
        "after-send",
        "after-mark",
    ] {
        let mut world = two_are_due().await;
        world.config.mail = Mail::Smtp;
        world.dies(place).await;
        let before = world.mail.mails().len();

        let run = world.run().await;

        assert_eq!(run.code, 0, "{place}: {:#}", run.json);
        assert_eq!(world.whitelisted(), ["stays@example.com"], "{place}");
        assert_eq!(world.members("Core"), ["amy@example.com"], "{place}");
        let rows = world.list().await;
        assert!(
            rows.iter().all(|r| r["state"] == "removed"),
            "{place}: {rows:#?}"
        );
        assert!(run.found("member.left").is_empty(), "{place}");
        assert_eq!(world.lapsed(&["audit", "verify"]).await.code, 0, "{place}");
        // The report of the run that died, if it came that far, and that of this one; the former
        // twice at most, where the server's yes was not noted.
        let reports: usize = match place {
            "after-claim" | "after-mark" => 2,
            "after-send" => 3,
            _ => 1,
        };
        assert_eq!(
            world.mail.mails().len(),
            reports,
            "{place}, {before} before"
        );
        assert!(world.run().await.actions().is_empty(), "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_used_is_exit_code_1() {
    let world = World::new().await;
    world.write("lapsed.db", "this is a letter, and no database\n");

    let printed = world.lapsed(&["--run-now", "--format", "json"]).await;

    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert_eq!(printed.stdout, "");
    assert!(printed.stderr.contains("lapsed.db"), "{}", printed.stderr);
    assert!(world.sapling.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn for_people_a_run_says_in_words_what_it_did() {
    let world = two_are_due().await;

    let printed = world.lapsed(&["--run-now"]).await;

    assert_eq!(printed.code, 0);
    for words in [
        "2 done",
        "jane@example.com",
        "bob@example.com",
        "done, verified",
        "member.unmanaged",
    ] {
        assert!(
            printed.stdout.contains(words),
            "{words}: {}",
            printed.stdout
        );
    }
    let again = world.lapsed(&["--run-now"]).await;
    assert!(again.stdout.contains("nothing is due"), "{}", again.stdout);
}
