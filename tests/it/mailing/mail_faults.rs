//! The mail server is away, refuses or falls silent: access ends on time all the same, no mail is
//! lost, and the exit code says that some wait.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lapsed_sandbox::{MailFault, MailStage, Times};

use crate::world::{Mail, Outcome, PAST, Printed, World, until};

const IT: &str = "it@acme.example";
const BOSS: &str = "boss@acme.example";

async fn due() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.config.to = vec![IT, BOSS];
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world
}

/// The mails taken, by recipient and Message-ID: how often.
fn taken(world: &World) -> BTreeMap<(String, String), usize> {
    let mut taken = BTreeMap::new();
    for mail in world.mail.mails() {
        let parser = mail_parser::MessageParser::default();
        let message = parser.parse(&mail.data).unwrap();
        let id = message.message_id().unwrap().to_owned();
        for to in mail.to {
            *taken.entry((to, id.clone())).or_default() += 1;
        }
    }
    taken
}

fn of(taken: &BTreeMap<(String, String), usize>, who: &str) -> Vec<usize> {
    let mine = taken.iter().filter(|((to, _), _)| to == who);
    mine.map(|(_, times)| *times).collect()
}

/// The removal was done, and the exit code tells that only mail waits.
fn removed_but_unsent(world: &World, run: &Outcome) {
    assert!(world.whitelisted().is_empty());
    assert_eq!(run.json["counts"]["done"], serde_json::json!(1));
    assert_eq!(run.code, 3, "{:?}", run.mails());
}

/// The next run delivers what waited, with its own reports: each once.
async fn all_arrives_once(world: &World) {
    world.mail.clear_faults();
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.mails());
    let taken = taken(world);
    assert_eq!(of(&taken, IT), [1, 1], "{taken:?}");
    assert_eq!(of(&taken, BOSS), [1, 1], "{taken:?}");
    assert_eq!(world.run().await.mails().len(), 2, "nothing waits any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_access_ends_and_the_mail_waits() {
    let mut world = due().await;
    world.config.mail = Mail::Nobody;
    let run = world.run().await;
    removed_but_unsent(&world, &run);
    assert_eq!(
        run.mails(),
        [
            format!("report {IT} failed"),
            format!("report {BOSS} failed")
        ]
    );
    world.config.mail = Mail::Smtp;
    all_arrives_once(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refused_recipient_does_not_keep_the_mail_from_the_others() {
    let world = due().await;
    let fault = MailFault::RefuseRecipient {
        address: IT.to_owned(),
        code: 450,
    };
    world.mail.add_fault(Times::Always, fault);
    let run = world.run().await;
    removed_but_unsent(&world, &run);
    assert_eq!(
        run.mails(),
        [format!("report {IT} failed"), format!("report {BOSS} sent")]
    );
    assert!(run.stderr.contains("450"), "{}", run.stderr);
    all_arrives_once(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_at_any_stage_loses_nothing() {
    for fault in [
        MailFault::RefuseConnection(421),
        MailFault::RefuseConnection(554),
        MailFault::RefuseSender(451),
        MailFault::RefuseSender(530),
        MailFault::RefuseData(451),
    ] {
        let world = due().await;
        world.mail.add_fault(Times::Always, fault.clone());
        let run = world.run().await;
        removed_but_unsent(&world, &run);
        assert!(taken(&world).is_empty(), "{fault:?}");
        all_arrives_once(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_passes_costs_nobody_a_mail() {
    for fault in [
        MailFault::RefuseConnection(421),
        MailFault::RefuseSender(451),
        MailFault::RefuseData(451),
    ] {
        let world = due().await;
        world.mail.add_fault(Times::Count(1), fault);
        world.run().await;
        all_arrives_once(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_was_sent_whole_and_not_answered_comes_again_after_hours_as_the_same_mail() {
    for (fault, copies) in [
        (MailFault::CloseUnanswered, 2),
        (MailFault::CloseAfterData, 1),
    ] {
        let world = due().await;
        world.mail.add_fault(Times::Count(1), fault);
        let run = world.run().await;
        removed_but_unsent(&world, &run);
        assert!(run.stderr.contains("may have arrived"), "{}", run.stderr);
        // What waits behind it goes out, and it is owed, but not sent again at once.
        for _ in 0..2 {
            let next = world.run().await;
            assert_eq!((next.code, &next.json["owed"]["mail"]), (3, &1.into()));
        }
        let waiting = "SELECT count(*) FROM outbox WHERE state = 'failed' AND attempts = 1";
        assert_eq!(world.number(waiting), 1);
        world.later(4 * 60 + 1);
        assert_eq!(world.run().await.code, 0);
        let taken = taken(&world);
        assert_eq!(taken.len(), 8, "{taken:?}");
        let mut times: Vec<usize> = taken.values().copied().collect();
        times.sort_unstable();
        assert_eq!(times, [1, 1, 1, 1, 1, 1, 1, copies]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_never_answered_is_given_up_after_some_days_and_told() {
    let mut world = due().await;
    world.config.to = vec![IT];
    world
        .mail
        .add_fault(Times::Always, MailFault::CloseUnanswered);
    world.run().await;
    for _ in 0..6 {
        world.later(24 * 60 + 1);
        world.lapsed(&["--run-now"]).await;
    }
    let first = "SELECT attempts FROM outbox ORDER BY id LIMIT 1";
    assert_eq!(world.number(first), 6, "once, and five times again");
    assert_eq!(
        world.number("SELECT count(*) FROM outbox WHERE id = 1 AND state = 'refused'"),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_mail_server_delays_no_removal_is_left_alone_and_loses_nothing() {
    let mut world = due().await;
    world.config.to = vec![
        IT,
        BOSS,
        "a@acme.example",
        "b@acme.example",
        "c@acme.example",
    ];
    // No connection is greeted.
    let fault = MailFault::Hang {
        stage: MailStage::Greeting,
        time: Duration::from_secs(60),
    };
    world.mail.add_fault(Times::Always, fault);
    let mut command = world.command(&["--run-now", "--format", "json"]);
    // Half a minute for a mail is a second and a half here.
    command.env("LAPSED_HURRY", "1");
    let begin = Instant::now();
    let mut pass = command.spawn().unwrap();
    until("the entry is gone", || world.whitelisted().is_empty()).await;
    assert!(pass.try_wait().unwrap().is_none(), "the mail waits still");
    let output = tokio::task::spawn_blocking(move || pass.wait_with_output());
    let run = Outcome::of(Printed::of(&output.await.unwrap().unwrap()));
    let took = begin.elapsed();
    // Two are waited for, and not all five.
    assert!(took > Duration::from_secs(3), "{took:?}");
    let tried = "SELECT count(*) FROM outbox WHERE attempts > 0";
    assert_eq!(world.number(tried), 2);
    removed_but_unsent(&world, &run);
    assert_eq!(run.mails().len(), 5);
    assert!(run.mails().iter().all(|mail| mail.ends_with(" failed")));
    assert!(taken(&world).is_empty());

    world.mail.clear_faults();
    assert_eq!(world.run().await.code, 0);
    let taken = taken(&world);
    assert_eq!(taken.len(), 10, "{taken:?}");
    assert!(taken.values().all(|times| *times == 1), "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_could_not_go_out_is_in_the_outbox_with_the_reason() {
    let world = due().await;
    world
        .mail
        .add_fault(Times::Always, MailFault::RefuseData(452));
    for _ in 0..3 {
        assert_eq!(world.run().await.code, 3);
    }
    let waiting = "SELECT count(*) FROM outbox WHERE state = 'failed' AND detail LIKE '%452%'";
    assert_eq!(world.number(waiting), 6);
    world.mail.clear_faults();
    assert_eq!(world.run().await.code, 0);
    assert_eq!(taken(&world).len(), 8);
    assert!(taken(&world).values().all(|times| *times == 1));
}
