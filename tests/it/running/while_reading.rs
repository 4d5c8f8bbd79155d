//! While a pass reads, which takes long in a large organization, other processes give, take and
//! report; what they did is newer than what it has read.

use std::time::Duration;

use lapsed_sandbox::{Fault, When};
use serde_json::json;

use crate::running::daemon_meanwhile::slow_teams;
use crate::world::{Daemon, FUTURE, Mail, Outcome, PAST, Printed, World, until};

const T05: &str = "sapling:acme/T05";

fn reading(world: &World, team: &str) -> When {
    let id = world
        .sapling
        .with(|state| state.team(team).unwrap().id().to_owned());
    When::method("GET").path(&format!("/team/{id}/team_user"))
}

/// What a pass of another process made of it.
async fn end(pass: std::process::Child) -> Outcome {
    let output = tokio::task::spawn_blocking(move || pass.wait_with_output());
    Outcome::of(Printed::of(&output.await.unwrap().unwrap()))
}

fn person_in(world: &World, table: &str, email: &str, team: &str) -> i64 {
    let until = match table {
        "member" => "valid_to",
        _ => "gone_at",
    };
    world.number(&format!(
        "SELECT count(*) FROM {table} x JOIN target t ON t.id = x.target
         WHERE x.email_key = '{email}' AND t.name = '{team}' AND x.{until} IS NULL
           AND x.missing_since IS NULL"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn access_is_given_moved_and_taken_at_once() {
    let world = slow_teams().await;
    world.whitelist(&["sue@example.com"]);
    world
        .grants(&[&format!("sue@example.com,sentius:acme,{FUTURE}")])
        .await;
    // The last team hangs until all is done.
    let hangs = Fault::Delay(Duration::from_secs(12));
    world.sapling.faults().once(reading(&world, "T29"), hangs);
    let mut pass = world.start();
    until("it reads", || world.sapling_calls().len() > 3).await;

    let team = ["--target", T05];
    let give = [&["grant", "new@example.com"], &team[..], &["--end", FUTURE]].concat();
    let extend = [
        "extend",
        "sue@example.com",
        "--target",
        "sentius:acme",
        "--end",
        "2098-01-01",
    ];
    let revoke = [&["revoke", "goes@example.com"], &team[..]].concat();
    for args in [&give[..], &extend, &revoke] {
        let printed = world.lapsed(args).await;
        assert_eq!(printed.code, 0, "{args:?}: {}", printed.stderr);
    }
    assert!(pass.try_wait().unwrap().is_none(), "the pass is over");
    assert_eq!(world.invited("T05"), ["new@example.com"]);
    assert_eq!(world.members("T05"), ["stays@example.com"]);

    let run = end(pass).await;

    assert_eq!((run.code, &run.json["actions"]), (0, &json!([])));
    assert_eq!(person_in(&world, "invite", "new@example.com", "T05"), 1);
    assert_eq!(person_in(&world, "member", "goes@example.com", "T05"), 0);
    assert_eq!(person_in(&world, "member", "goes@example.com", "T06"), 1);
    world.all_settled_once().await;
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_pass_steps_back_though_the_first_one_reads() {
    let world = slow_teams().await;
    let pass = world.start();
    until("it reads", || world.sapling_calls().len() > 3).await;

    let second = world.lapsed(&["--run-now"]).await;

    assert_eq!(second.code, 5, "{}", second.stderr);
    assert_eq!(end(pass).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_from_before_a_gift_or_a_removal_of_another_process_is_not_taken_over() {
    let world = slow_teams().await;
    assert_eq!(world.run().await.code, 0);
    world.forget_calls();
    // So that the reading is not the same as the last one.
    world.member("T05", "joins@example.com");
    let late = Fault::Late(Duration::from_secs(4));
    world.sapling.faults().once(reading(&world, "T05"), late);
    let pass = world.start();
    until("T05 is asked for", || {
        let id = world
            .sapling
            .with(|state| state.team("T05").unwrap().id().to_owned());
        world.sapling_calls().iter().any(|call| call.contains(&id))
    })
    .await;
    let team = ["--target", T05];
    let give = [&["grant", "new@example.com"], &team[..], &["--end", FUTURE]].concat();
    let revoke = [&["revoke", "goes@example.com"], &team[..]].concat();
    for args in [&give[..], &revoke] {
        assert_eq!(world.lapsed(args).await.code, 0);
    }

    let run = end(pass).await;

    assert_eq!(run.code, 0, "{:?}", run.json);
    let left = run.findings();
    let left: Vec<_> = left
        .iter()
        .filter(|f| f.contains("T05") && !f.contains("unmanaged"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(person_in(&world, "invite", "new@example.com", "T05"), 1);
    assert_eq!(person_in(&world, "member", "goes@example.com", "T05"), 0);
    world.all_settled_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_another_process_was_changing_is_read_again_when_it_is_done() {
    let world = slow_teams().await;
    assert_eq!(world.run().await.code, 0);
    world.forget_calls();
    world.member("T05", "joins@example.com");
    // The pass asks for the list of teams first, and gets it late: the other process looks at the team
    // before the pass does, and gives while the pass reads it.
    let list = When::method("GET").path("/team/managed");
    let late = |seconds| Fault::Late(Duration::from_secs(seconds));
    world.sapling.faults().once(list, late(3));
    let pass = world.start();
    until("the list is asked for", || {
        !world.sapling_calls().is_empty()
    })
    .await;
    let slowly = Fault::Delay(Duration::from_secs(6));
    world.sapling.faults().once(When::method("POST"), slowly);
    let team = ["--target", T05];
    let give = [&["grant", "new@example.com"], &team[..], &["--end", FUTURE]].concat();
    let mut give = world.command(&give);
    let give = tokio::task::spawn_blocking(move || give.output());
    until("it is being given", || {
        world.number("SELECT count(*) FROM provision WHERE state = 'intent'") == 1
    })
    .await;
    world.sapling.faults().once(reading(&world, "T05"), late(8));

    let given = Printed::of(&give.await.unwrap().unwrap());
    assert_eq!(given.code, 0, "{}", given.stderr);
    let run = end(pass).await;

    assert_eq!(run.code, 0, "{:?}", run.json);
    let id = world
        .sapling
        .with(|state| state.team("T05").unwrap().id().to_owned());
    let asked = world.sapling_calls();
    let asked = asked
        .iter()
        .filter(|call| call.starts_with("GET") && call.contains(&id));
    // The look of the command, the reading that came too late, and the one after it.
    assert_eq!(asked.count(), 3);
    assert_eq!(person_in(&world, "invite", "new@example.com", "T05"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_acts_on_an_end_while_another_process_reads() {
    let world = slow_teams().await;
    world.whitelist(&["sue@example.com"]);
    let daemon = Daemon::past_first_pass(&world).await;
    world.forget_calls();
    let hangs = Fault::Delay(Duration::from_secs(10));
    world.sapling.faults().once(reading(&world, "T29"), hangs);
    let mut pass = world.start();
    until("it reads", || world.sapling_calls().len() > 3).await;

    world
        .grants(&[&format!("sue@example.com,sentius:acme,{PAST}")])
        .await;

    until("she is gone", || world.whitelisted().is_empty()).await;
    assert!(pass.try_wait().unwrap().is_none(), "the pass is over");
    assert_eq!(end(pass).await.code, 0);
    assert_eq!(daemon.stop().await, 0);
    world.all_settled_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_does_not_wait_for_a_pass_that_takes_long() {
    let mut world = slow_teams().await;
    world.config.mail = Mail::Smtp;
    let daemon = Daemon::past_first_pass(&world).await;
    assert_eq!(daemon.stop().await, 0);
    assert_eq!(world.mail_texts().len(), 0);
    // The last report has been due for longer than a report waits.
    let second = (world.now().as_second() + 15).rem_euclid(60);
    world.config.schedule =
        format!("pass = \"{second} * * * * *\"\nreport = \"{second} * * * * *\"\n");
    world.later(2);
    let hangs = Fault::Delay(Duration::from_secs(8));
    world.sapling.faults().always(reading(&world, "T29"), hangs);

    let daemon = Daemon::start(&world);

    until("a report arrives", || !world.mail_texts().is_empty()).await;
    assert!(!daemon.log().contains("pass ended"), "{}", daemon.log());
    assert!(
        daemon
            .log()
            .contains("the report is made while a pass is still under way")
    );
    until("the pass ends", || daemon.log().contains("pass ended")).await;
    assert_eq!(daemon.stop().await, 0);
    assert_eq!(world.mail_texts().len(), 1, "told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_left_behind_is_noted_before_the_pass_acts() {
    let world = slow_teams().await;
    world.whitelist(&["sue@example.com", "goes@example.com"]);
    world
        .grants(&[&format!("sue@example.com,sentius:acme,{FUTURE}")])
        .await;
    assert_eq!(world.run().await.code, 0);
    world.whitelist_is_known();
    world.forget_calls();
    let pass = world.start();
    until("it reads", || world.sapling_calls().len() > 3).await;
    let mut revoke = world.command(&["revoke", "sue@example.com", "--target", "sentius:acme"]);
    revoke.env("LAPSED_FAILPOINT", "after-call");
    let died = tokio::task::spawn_blocking(move || revoke.output());
    assert_eq!(died.await.unwrap().unwrap().status.code(), None);

    let run = end(pass).await;

    assert_eq!(run.code, 0, "{:?}", run.json);
    assert_eq!(world.whitelisted(), ["goes@example.com"]);
    let kinds: Vec<String> = world.texts("SELECT kind FROM event ORDER BY seq");
    let calls: Vec<&str> = kinds
        .iter()
        .map(String::as_str)
        .filter(|kind| ["action.intent", "action.interrupted", "action.result"].contains(kind))
        .collect();
    assert_eq!(
        calls,
        [
            "action.intent",
            "action.interrupted",
            "action.intent",
            "action.result"
        ]
    );
    world.trail_is_whole().await;
}
