//! The process dies at the worst moments: between a note and what it is about. The next run brings
//! everything to its end.

use std::collections::BTreeMap;

use lapsed_sandbox::{Fault, When};
use serde_json::json;

use crate::world::{FUTURE, HOLDER, Mail, Outcome, PAST, Printed, World};

/// Two entries, three members and an invite are due; as many stay.
async fn due() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.config.to = vec!["it@acme.example", "boss@acme.example"];
    world.whitelist(&["w1@example.com", "w2@example.com", "stays@example.com"]);
    world.team(
        "Core",
        &[
            "c1@example.com",
            "c2@example.com",
            "stays@example.com",
            "free@example.com",
        ],
    );
    world.team("Docs", &["d1@example.com", "stays@example.com"]);
    world.invite("Docs", "i1@example.com");
    world.invite("Docs", "invited@example.com");
    let mut rows = Vec::new();
    for (who, target) in [
        ("w1", "sentius:acme"),
        ("w2", "sentius:acme"),
        ("c1", "sapling:acme/Core"),
        ("c2", "sapling:acme/Core"),
        ("d1", "sapling:acme/Docs"),
        ("i1", "sapling:acme/Docs"),
    ] {
        rows.push(format!("{who}@example.com,{target},{PAST}"));
    }
    for target in ["sentius:acme", "sapling:acme/Core", "sapling:acme/Docs"] {
        rows.push(format!("stays@example.com,{target},{FUTURE}"));
    }
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;
    // A process that dies may take with it that its first call was answered.
    world.whitelist_is_known();
    world
}

/// A pass that dies at this place.
async fn die(world: &World, place: &str) -> Printed {
    let mut command = world.command(&["--run-now", "--format", "json"]);
    command.env("LAPSED_FAILPOINT", place);
    let output = tokio::task::spawn_blocking(move || command.output());
    let printed = Printed::of(&output.await.unwrap().unwrap());
    assert_eq!(printed.code, -1, "{place} was not reached: {printed:?}");
    printed
}

fn all_is_done(world: &World) {
    assert_eq!(world.whitelisted(), ["stays@example.com"]);
    assert_eq!(
        world.members("Core"),
        ["stays@example.com", "free@example.com"]
    );
    assert_eq!(world.members("Docs"), ["stays@example.com"]);
    assert_eq!(world.invited("Docs"), ["invited@example.com"]);
}

fn nobody_else_was_named(world: &World) {
    let mut calls = [world.sentius.calls(), world.sapling.calls()].concat();
    calls.retain(|call| call.method != "GET");
    for call in calls {
        for email in &call.emails {
            let due = ["w1@", "w2@", "c1@", "c2@", "d1@", "i1@"];
            assert!(
                due.iter().any(|d| email.starts_with(d)),
                "{email}: {call:?}"
            );
        }
        assert!(!call.emails.iter().any(|e| e == HOLDER));
    }
}

/// The mails by Message-ID and recipient: how often each came. One id carries one text only.
fn mails(world: &World) -> BTreeMap<(String, String), usize> {
    let mut count = BTreeMap::new();
    let mut bodies: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for mail in world.mail.mails() {
        let parser = mail_parser::MessageParser::default();
        let id = parser.parse(&mail.data).unwrap();
        let id = id.message_id().unwrap().to_owned();
        let first = bodies
            .entry(id.clone())
            .or_insert_with(|| mail.data.clone());
        assert_eq!(*first, mail.data, "two mails share the id {id}");
        *count.entry((id, mail.to[0].clone())).or_default() += 1;
    }
    count
}

async fn the_next_run_ends_it(world: &World) -> Outcome {
    let mut run = world.run().await;
    for _ in 0..3 {
        if run.code == 0 {
            break;
        }
        run = world.run().await;
    }
    assert_eq!(run.code, 0, "{:?} {:?}", run.actions(), run.errors());
    all_is_done(world);
    nobody_else_was_named(world);
    world.all_settled_once().await;
    assert_eq!(world.number("SELECT count(*) FROM action"), 6);
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_between_intent_call_and_result_is_settled_by_the_next_run() {
    for place in ["after-intent", "after-call", "after-result"] {
        let world = due().await;
        die(&world, place).await;
        let intents = world
            .events()
            .iter()
            .filter(|e| e.kind == "action.intent")
            .count();
        assert!(intents > 0, "{place}");
        assert!(
            world.writes().len() <= intents,
            "{place}: {:?}",
            world.writes()
        );

        let run = the_next_run_ends_it(&world).await;

        if place != "after-result" {
            let interrupted = world.events();
            assert!(interrupted.iter().any(|e| e.kind == "action.interrupted"));
            assert!(run.json["counts"]["failed"] == json!(0), "{place}");
        }
        let mails = mails(&world);
        assert!(mails.len() >= 2, "{place}: {mails:?}");
        assert!(
            mails.values().all(|times| *times == 1),
            "{place}: {mails:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_after_an_unanswered_call_leaves_it_to_be_settled_too() {
    let world = due().await;
    let lost = When::method("DELETE");
    world
        .sentius
        .faults()
        .always(lost.clone(), Fault::DropAfter);
    world.sapling.faults().always(lost, Fault::DropAfter);
    die(&world, "after-result").await;
    world.sentius.faults().clear();
    world.sapling.faults().clear();
    the_next_run_ends_it(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_again_and_again_is_settled_at_last() {
    let world = due().await;
    for place in [
        "after-intent",
        "after-intent",
        "after-call",
        "after-intent",
        "after-call",
    ] {
        let mut command = world.command(&["--run-now", "--format", "json"]);
        command.env("LAPSED_FAILPOINT", place);
        let output = tokio::task::spawn_blocking(move || command.output());
        output.await.unwrap().unwrap();
    }
    the_next_run_ends_it(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_around_a_mail_loses_none_and_repeats_it_only_with_its_id() {
    for (place, most) in [("after-claim", 1), ("after-send", 2), ("after-mark", 1)] {
        let world = due().await;
        die(&world, place).await;
        all_is_done(&world);
        let before = mails(&world);
        assert_eq!(before.len(), usize::from(place != "after-claim"), "{place}");
        let queued = world.number("SELECT count(*) FROM outbox");
        assert_eq!(queued, 2, "{place}");

        the_next_run_ends_it(&world).await;

        let mails = mails(&world);
        // Two reports of the run that died, and two of the next.
        assert_eq!(mails.len(), 4, "{place}: {mails:?}");
        let twice = mails.values().filter(|times| **times == 2).count();
        assert_eq!(twice, most - 1, "{place}: {mails:?}");
        assert!(mails.values().all(|times| *times <= most), "{place}");
        let unsent = world.number("SELECT count(*) FROM outbox WHERE state <> 'sent'");
        assert_eq!(unsent, 0, "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_before_the_report_was_decided_leaves_its_period_to_the_next() {
    let world = due().await;
    die(&world, "after-result").await;
    let run = the_next_run_ends_it(&world).await;
    assert_eq!(run.mails().len(), 2);
    let report = world.mail_texts().swap_remove(0);
    for who in ["w1@", "w2@", "c1@", "c2@", "d1@", "i1@"] {
        assert!(report.contains(who), "{who} is in no report:\n{report}");
    }
}
