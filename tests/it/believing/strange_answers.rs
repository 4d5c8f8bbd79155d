//! Answers that are neither the documented success nor an error: nothing is done on their word.

use std::process::Child;
use std::time::Duration;

use lapsed_sandbox::{Answer, Fault, Sentius, SentiusState, When};
use serde_json::json;

use crate::world::{Outcome, PAST, Printed, World, until};

/// Bob's grant on Core is over, and Jane's on the whitelist; Docs has a grant that is over too.
async fn all_are_due() -> (World, String) {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    let core = world.team("Core", &["bob@example.com", "amy@example.com"]);
    world.team("Docs", &["joe@example.com", "amy@example.com"]);
    let rows = [
        format!("jane@example.com,sentius:acme,{PAST}"),
        format!("bob@example.com,sapling:acme/Core,{PAST}"),
        format!("joe@example.com,sapling:acme/Docs,{PAST}"),
    ];
    world.grants(&rows.each_ref().map(String::as_str)).await;
    (world, core)
}

/// Core was doubtful: it kept everybody, the rest is done.
fn only_core_was_doubted(world: &World, run: &Outcome) {
    assert_eq!(run.code, 3);
    assert_eq!(run.found("observation.doubtful"), ["sapling:acme/Core -"]);
    assert_eq!(
        world.members("Core"),
        ["bob@example.com", "amy@example.com"]
    );
    assert_eq!(world.members("Docs"), ["amy@example.com"]);
    assert!(world.whitelisted().is_empty());
    assert_eq!(run.json["counts"]["done"], json!(2));
    assert_eq!(run.json["counts"]["failed"], json!(1));
    assert!(run.found("member.left").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_page_instead_of_a_team_removes_nobody() {
    let (world, core) = all_are_due().await;
    world
        .sapling
        .faults()
        .always(When::method("GET").path(&core), Fault::Html);

    let run = world.run().await;

    only_core_was_doubted(&world, &run);
    let reads = world
        .sapling_calls()
        .into_iter()
        .filter(|c| c.contains(&core));
    assert_eq!(reads.count(), 1, "not asked again within the run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_without_one_of_its_lists_removes_nobody() {
    for key in ["pending_users", "users"] {
        let (world, core) = all_are_due().await;
        let fault = Fault::Omit(key.to_owned());
        world
            .sapling
            .faults()
            .always(When::method("GET").path(&core), fault);

        let run = world.run().await;

        only_core_was_doubted(&world, &run);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_page_instead_of_the_teams_removes_nobody_from_any() {
    let (world, _) = all_are_due().await;
    let when = When::method("GET").path("/team");
    world.sapling.faults().always(when, Fault::Html);

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(run.found("observation.doubtful"), ["sapling:acme -"]);
    assert_eq!(world.members("Core").len(), 2);
    assert_eq!(world.members("Docs").len(), 2);
    assert!(world.whitelisted().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_page_is_no_yes_to_a_removal() {
    let (world, _) = all_are_due().await;
    world
        .sentius
        .faults()
        .once(When::method("DELETE"), Fault::Html);

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(
        run.actions()[0],
        "whitelist.remove sentius:acme jane@example.com grant.ended unknown -"
    );
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_with_404_is_no_proof_that_an_entry_is_gone() {
    let (world, _) = all_are_due().await;
    let page = Answer::new(404).body("text/html", "<h1>404 Not Found</h1>");
    world
        .sentius
        .faults()
        .once(When::method("DELETE"), Fault::Status(page));

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(
        run.actions()[0],
        "whitelist.remove sentius:acme jane@example.com grant.ended failed -"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_elsewhere_with_the_key() {
    let (world, core) = all_are_due().await;
    let elsewhere = Sentius::start(SentiusState::new("any")).await.unwrap();
    let to = |path: &str| Fault::Redirect {
        status: 307,
        to: format!("{}{path}", elsewhere.base_url()),
    };
    world
        .sapling
        .faults()
        .always(When::method("GET").path(&core), to("/api/v1/team"));
    world
        .sentius
        .faults()
        .once(When::method("DELETE"), to("/admin/whitelist"));

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(run.json["counts"]["unknown"], json!(1));
    assert_eq!(run.found("observation.doubtful"), ["sapling:acme/Core -"]);
    assert!(elsewhere.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_cut_off_before_it_fills_the_memory() {
    let (world, core) = all_are_due().await;
    world
        .sapling
        .faults()
        .always(When::method("GET").path(&core), Fault::Endless);
    world
        .sentius
        .faults()
        .once(When::method("DELETE"), Fault::Endless);

    let mut child = world.start();
    let peak = peak_memory_kb(&mut child).await;
    let run = Outcome::of(Printed::of(&child.wait_with_output().unwrap()));

    assert_eq!(run.code, 3);
    assert_eq!(run.found("observation.doubtful"), ["sapling:acme/Core -"]);
    assert_eq!(run.json["counts"]["unknown"], json!(1));
    assert_eq!(world.members("Docs"), ["amy@example.com"]);
    // Two bodies of the largest size that is taken, and room for the program itself.
    assert!(peak < 250_000, "{peak} kB");
}

/// Watches a process until it ends; its output must fit into a pipe.
async fn peak_memory_kb(child: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
        peak = peak.max(now.unwrap_or(0));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(peak > 0);
    peak
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_trickles_in_is_waited_for() {
    let (world, _) = all_are_due().await;
    world.sapling.set_latency(Duration::from_millis(50));
    world.sentius.set_latency(Duration::from_millis(50));
    let slow = Fault::Delay(Duration::from_millis(300));
    world.sapling.faults().always(When::method("DELETE"), slow);

    assert_eq!(world.run().await.code, 0);

    until("all is over", || {
        world.members("Core") == ["amy@example.com"]
    })
    .await;
}
