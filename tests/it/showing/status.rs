//! `status`: whether all is well, seen from outside and told in the exit code.

use std::time::Duration;

use lapsed_sandbox::{Fault, When};
use serde_json::Value;

use crate::desk::Desk;
use crate::world::{Daemon, FUTURE, Mail, PAST, Printed, SENTIUS_KEY, World, until};

/// The status as JSON and its exit code.
async fn status(world: &World, more: &[&str]) -> (i32, Value) {
    let args = [&["status", "--format", "json"], more].concat();
    let printed = world.lapsed(&args).await;
    let json = serde_json::from_str(&printed.stdout);
    let json = json.unwrap_or_else(|_| panic!("{}{}", printed.stdout, printed.stderr));
    (printed.code, json)
}

/// The status of passes that a timer makes.
async fn by_timer(world: &World) -> (i32, Value) {
    status(world, &["--no-daemon"]).await
}

fn reasons(json: &Value) -> String {
    let reasons = json["reasons"].as_array().unwrap().iter();
    let reasons: Vec<&str> = reasons.map(|r| r.as_str().unwrap()).collect();
    reasons.join("; ")
}

fn ten_lines(printed: &Printed) -> Vec<&str> {
    let lines: Vec<&str> = printed.stdout.lines().collect();
    assert_eq!(lines.len(), 10, "{}", printed.stdout);
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_daemon_that_did_all_that_was_due_it_is_well_and_zero() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            &format!("joe@example.com,sentius:acme,{FUTURE}"),
            "ann@example.com,sentius:acme,20h",
            "bob@example.com,sentius:acme,6d",
            // Outlasted by the next: no end of anything.
            "eve@example.com,sentius:acme,2h",
            "eve@example.com,sentius:acme,40d",
        ])
        .await;
    let daemon = Daemon::past_first_pass(&world).await;

    let printed = world.lapsed(&["status"]).await;
    assert_eq!(printed.code, 0, "{}{}", printed.stdout, printed.stderr);
    let lines = ten_lines(&printed);
    assert_eq!(lines[0], "well: all that was due is done");
    assert!(lines[5].starts_with("     1  ends within 24 hours, 2 within 7 days, the next on 20"));
    assert!(
        lines[6].starts_with("daemon: alive since 20"),
        "{}",
        lines[6]
    );
    let runs = world.lapsed(&["runs", "--limit", "1"]).await.stdout;
    let run = runs.lines().nth(1).unwrap().split(' ').next().unwrap();
    let ending = format!("converged: 1 done (run {run})");
    assert!(lines[7].ends_with(&ending), "{}", lines[7]);

    let (code, json) = status(&world, &[]).await;
    assert_eq!((code, &json["verdict"]), (0, &"well".into()), "{json:#}");
    assert_eq!(json["daemon"]["pid"], daemon.pid());
    assert_eq!(json["passes"]["last"]["counts"]["done"], 1);
    assert_eq!(
        json["passes"]["last"]["finished_at"],
        json["passes"]["last_success"]
    );
    assert_eq!(json["overdue"]["count"], 0);
    assert_eq!(
        json["trail"]["events"],
        world.number("SELECT max(seq) FROM event")
    );

    assert_eq!(daemon.stop().await, 0);
    let (code, json) = status(&world, &[]).await;
    assert_eq!(code, 3);
    assert_eq!(reasons(&json), "no daemon is running on this database");
    assert!(json["daemon"].is_null() && json["passes"]["next"].is_null());
    assert_eq!(by_timer(&world).await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_was_killed_is_gone_whatever_its_file_says() {
    let world = World::new().await;
    let daemon = Daemon::past_first_pass(&world).await;
    assert_eq!(status(&world, &[]).await.0, 0);
    drop(daemon);
    assert!(world.path("lapsed.db.daemon").exists());
    let (code, json) = status(&world, &[]).await;
    assert_eq!((code, &json["daemon"]), (3, &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_the_same_database_is_refused() {
    let world = World::new().await;
    let daemon = Daemon::past_first_pass(&world).await;
    let second = world.lapsed(&[]).await;
    assert_ne!(second.code, 0);
    assert!(
        second.stderr.contains("another daemon is running on"),
        "{}",
        second.stderr
    );
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_pass_runs_it_answers_and_finds_nothing_late() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    let slow = Fault::Delay(Duration::from_secs(5));
    world.sentius.faults().once(When::method("DELETE"), slow);
    let daemon = Daemon::start(&world);
    until("the call is under way", || {
        world.sentius.calls().iter().any(|c| c.method == "DELETE")
    })
    .await;

    let (code, json) = status(&world, &[]).await;
    assert_eq!((code, reasons(&json)), (0, String::new()), "{json:#}");
    let printed = world.lapsed(&["status"]).await;
    let said = ten_lines(&printed)[0];
    assert!(said.starts_with("well: 1 removal owed, due for "), "{said}");
    assert!(said.ends_with("; a pass is running"), "{said}");
    assert_eq!(json["passes"]["running"], true);
    assert!(json["passes"]["running_since"].is_string());
    assert_eq!(
        (&json["overdue"]["count"], &json["overdue"]["unknown"]),
        (&1.into(), &1.into())
    );
    drop(daemon);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guard_holds_is_four_with_the_run_to_approve() {
    let mut world = World::new().await;
    "max_removals = 1\n".clone_into(&mut world.config.guard);
    world.whitelist(&["jane@example.com", "joe@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            &format!("joe@example.com,sentius:acme,{PAST}"),
        ])
        .await;
    let held = world.run().await;

    let (code, json) = by_timer(&world).await;
    assert_eq!((code, &json["verdict"]), (4, &"held".into()));
    assert_eq!(
        (&json["held"]["count"], &json["held"]["oldest"]),
        (&2.into(), &PAST.into())
    );
    assert_eq!(json["held"]["run"], held.id());
    assert_eq!(json["overdue"]["count"], 0);
    assert_eq!(
        status(&world, &[]).await.0,
        4,
        "a hold goes before a missing daemon"
    );

    let approved = world.lapsed(&["approve", held.id()]).await;
    assert_eq!(approved.code, 0, "{}", approved.stderr);
    let (code, json) = by_timer(&world).await;
    assert_eq!((code, &json["held"]["count"]), (3, &0.into()), "{json:#}");
    assert_eq!(json["overdue"]["planned"], 2);
    let said = reasons(&json);
    assert!(
        said.starts_with("2 removals are planned and not done, due for "),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_waits_for_the_timer_is_three_and_told_until_it_is_done() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world.grants(&["jane@example.com,sentius:acme,12h"]).await;
    world.whitelist_is_known();
    assert_eq!(world.run().await.code, 0);
    assert_eq!(by_timer(&world).await.0, 0);
    world.later(23 * 60);

    let (code, json) = by_timer(&world).await;
    assert_eq!((code, &json["owed"]["remove"]), (3, &1.into()), "{json:#}");
    assert_eq!(
        reasons(&json),
        "1 end has come and waits for the timer's next pass, for 11 hours"
    );
    let printed = world.lapsed(&["status", "--no-daemon"]).await;
    assert_eq!(
        ten_lines(&printed)[0],
        format!("failing: {}", reasons(&json))
    );

    assert_eq!(world.run().await.code, 0);
    let printed = world.lapsed(&["status", "--no-daemon"]).await;
    assert_eq!(printed.code, 0);
    assert_eq!(ten_lines(&printed)[0], "well: all that was due is done");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_or_could_not_be_read_is_three() {
    let world = World::new().await;
    world.team("Core", &["ann@example.com"]);
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world
        .sentius
        .faults()
        .always(When::method("DELETE"), Fault::status(403));
    world
        .sapling
        .faults()
        .always(When::method("GET").path("team_user"), Fault::status(500));
    assert_eq!(world.run().await.code, 3);

    let (code, json) = by_timer(&world).await;
    assert_eq!((code, &json["verdict"]), (3, &"failing".into()));
    assert_eq!(json["overdue"]["failed"], 1, "{json:#}");
    assert_eq!(json["overdue"]["oldest"], PAST);
    assert_eq!(json["sources"]["failing"], 1);
    assert_eq!(json["sources"]["list"][0]["source"], "sapling:acme/Core");
    assert_eq!(json["sources"]["list"][0]["state"], "unreadable");
    let said = reasons(&json);
    assert!(said.contains("1 removal failed, due for "), "{said}");
    assert!(
        said.contains("1 source cannot be read or believed"),
        "{said}"
    );

    // An account that is configured no longer is no source.
    world.sentius.faults().clear();
    world.sapling.faults().clear();
    let text = std::fs::read_to_string(world.path("lapsed.toml")).unwrap();
    let (before, rest) = text.split_once("[[sapling]]").unwrap();
    let (_, after) = rest.split_once("[http]").unwrap();
    world.write("other.toml", &format!("{before}[http]{after}"));
    let other = world.path("other.toml");
    let args = [
        "status",
        "--format",
        "json",
        "--config",
        other.to_str().unwrap(),
    ];
    let json: Value = serde_json::from_str(&world.lapsed(&args).await.stdout).unwrap();
    assert_eq!(json["sources"]["failing"], 0, "{json:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_the_key_may_not_read_is_named_and_no_fault() {
    let mut world = World::new().await;
    world.config.sapling += "organization_id = \"acme\"\n";
    world.team("Core", &[]);
    world
        .sapling
        .with(|state| state.set_forbidden("Core", true));
    // Suppressed addresses are shown to few, and this key is not among them.
    assert_eq!(world.run().await.code, 0);
    let (code, json) = by_timer(&world).await;
    assert_eq!(
        (code, &json["sources"]["forbidden"]),
        (0, &2.into()),
        "{json:#}"
    );
    assert_eq!(json["sources"]["failing"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_is_not_sent_is_three() {
    let mut world = World::new().await;
    world.config.mail = Mail::Nobody;
    assert_eq!(world.run().await.code, 3);
    let (code, json) = by_timer(&world).await;
    assert_eq!((code, &json["mail"]["unsent"]), (3, &1.into()));
    assert!(
        reasons(&json).starts_with("1 mail is not sent, for "),
        "{json:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_no_pass_has_taken_up_is_overdue_from_its_grace_on() {
    let mut world = World::new().await;
    "grace = \"1d\"\n".clone_into(&mut world.config.policy);
    let ago = |hours: i64| {
        let now = lapsed::clock::now().as_millisecond();
        jiff::Timestamp::from_millisecond(now - hours * 3_600_000).unwrap()
    };
    world
        .grants(&[
            &format!("late@example.com,sentius:acme,{}", ago(26)),
            &format!("grace@example.com,sentius:acme,{}", ago(5)),
            &format!("two@example.com,sentius:acme,{}", ago(30)),
            &format!("two@example.com,sentius:acme,{FUTURE}"),
        ])
        .await;
    let (_, json) = by_timer(&world).await;
    assert_eq!(json["overdue"]["untouched"], 1, "{json:#}");
    let said = reasons(&json);
    assert!(
        said.contains("; 1 end has come and waits for the timer's next pass, for "),
        "recorded just now: {said}"
    );

    world.sql("UPDATE grants SET recorded_at = recorded_at - 864000000");
    let (code, json) = status(&world, &[]).await;
    let said = reasons(&json);
    assert_eq!(code, 3);
    assert!(
        said.contains("1 end has come and nobody has acted on it, for 2 hours"),
        "{said}"
    );
}

#[test]
fn a_database_that_is_not_there_is_not_made() {
    let desk = Desk::new();
    desk.run(&["status"])
        .failed(1, "there is no database at lapsed.db");
    assert!(!desk.path("lapsed.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_in_what_it_prints() {
    let world = World::new().await;
    world.run().await;
    for args in [
        &["--log-level", "trace", "status"][..],
        &["--log-level", "trace", "status", "--format", "json"],
    ] {
        let printed = world.lapsed(args).await;
        for key in [SENTIUS_KEY, &world.sapling_key()] {
            assert!(!printed.stdout.contains(key) && !printed.stderr.contains(key));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_is_overdue_also_of_somebody_who_was_removed_before() {
    let world = World::new().await;
    let give = ["grant", "jane@example.com", "--target", "sentius:acme"];
    let give = [&give[..], &["--end", "1h"]].concat();
    assert_eq!(world.lapsed(&give).await.code, 0);
    world.later(61);
    assert_eq!(world.run().await.code, 0);
    world.later(24 * 60);
    assert_eq!(world.lapsed(&give).await.code, 0);
    world.later(5 * 60);

    let (code, json) = by_timer(&world).await;

    assert_eq!((code, &json["owed"]["remove"]), (3, &1.into()), "{json:#}");
}
