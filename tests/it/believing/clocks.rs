//! Clocks that disagree: an end is only as true as the clock it is measured by, so nothing is
//! removed until they agree again.

use lapsed_sandbox::{Fault, When};
use serde_json::json;

use crate::world::{Daemon, Mail, Outcome, PAST, World, until};

const DAY: i64 = 86_400;

/// One entry and one member are due.
async fn due() -> World {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            &format!("bob@example.com,sapling:acme/Core,{PAST}"),
        ])
        .await;
    world
}

/// Nothing was removed at this account, and somebody is told why.
fn nothing_was_removed(world: &World, run: &Outcome, account: &str) {
    let elsewhere = |call: &String| match account {
        "sapling:acme" => call.starts_with("DELETE /admin/whitelist"),
        _ => !call.starts_with("DELETE /admin/whitelist"),
    };
    assert!(world.writes().iter().all(elsewhere), "{:?}", world.writes());
    assert_eq!(run.code, 3);
    assert_eq!(run.found("clock.doubtful"), [format!("{account} -")]);
    let of_account = |a: &&serde_json::Value| a["target"].as_str().unwrap().starts_with(account);
    for action in run.json["actions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(of_account)
    {
        assert_eq!(action["state"], "failed");
        let detail = action["detail"].as_str().unwrap();
        assert!(
            detail.contains("clock") && detail.contains(account),
            "{detail}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_from_the_teams_while_their_clock_is_a_day_off() {
    for skew in [DAY, -DAY] {
        let world = due().await;
        world
            .sapling
            .faults()
            .always(When::any(), Fault::DateSkew(skew));
        let run = world.run().await;
        nothing_was_removed(&world, &run, "sapling:acme");
        assert!(
            world.whitelisted().is_empty(),
            "one account's trouble is its own"
        );
        assert_eq!(world.members("Core").len(), 2);

        // Once the clocks agree, it goes on by itself.
        world.sapling.faults().clear();
        assert_eq!(world.run().await.code, 0);
        assert!(world.whitelisted().is_empty());
        assert_eq!(world.members("Core"), ["amy@example.com"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_within_the_limit_is_no_reason_to_wait() {
    for skew in [240, -240] {
        let world = due().await;
        let faults = [world.sapling.faults(), world.sentius.faults()];
        for faults in faults {
            faults.always(When::any(), Fault::DateSkew(skew));
        }
        assert_eq!(world.run().await.code, 0);
        assert!(world.whitelisted().is_empty());
        assert_eq!(world.members("Core"), ["amy@example.com"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_the_configured_one() {
    let mut world = due().await;
    world.config.guard = "max_clock_skew = \"30s\"\n".to_owned();
    world
        .sapling
        .faults()
        .always(When::any(), Fault::DateSkew(120));
    let run = world.run().await;
    nothing_was_removed(&world, &run, "sapling:acme");
}

/// A pass that had nothing to do, and ended in two days' time.
fn last_pass_in_the_future(world: &World) {
    world.sql(&format!(
        "INSERT INTO run (id, started_at, finished_at, dry_run, outcome) VALUES ('then', 0, {}, 0, 'converged')",
        lapsed::clock::now().as_millisecond() + 2 * DAY * 1000
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_wrong_and_was_put_right_does_not_wait_until_it_is_late_again() {
    let world = due().await;
    last_pass_in_the_future(&world);
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_where_no_answer_has_confirmed_the_clock() {
    let world = due().await;
    let faults = world.sentius.faults();
    faults.always(When::method("GET"), Fault::DropBefore);
    let run = world.run().await;
    assert_eq!(run.code, 3);
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    let mut actions = run.json["actions"].as_array().unwrap().iter();
    let detail = actions.find(|a| a["email"] == "jane@example.com").unwrap()["detail"].as_str();
    assert!(
        detail
            .unwrap()
            .contains("no answer of sentius:acme has confirmed"),
        "{detail:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_differs_is_told_where_nothing_is_due() {
    let world = World::new().await;
    world.team("Core", &["amy@example.com"]);
    world
        .sentius
        .faults()
        .always(When::any(), Fault::DateSkew(20 * DAY));
    let run = world.run().await;
    assert_eq!(run.code, 3);
    assert_eq!(run.found("clock.doubtful"), ["sentius:acme -"]);
    assert!(
        run.errors()[0].contains(" behind that of sentius:acme"),
        "{:?}",
        run.errors()
    );
    let status = world.lapsed(&["status", "--no-daemon"]).await;
    assert_eq!(status.code, 3, "{}", status.stdout);
    assert!(
        status.stdout.contains("sentius:acme differ"),
        "{}",
        status.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_in_doubt_is_still_in_doubt_in_the_next_pass() {
    let world = due().await;
    world
        .sapling
        .faults()
        .always(When::any(), Fault::DateSkew(DAY));
    for _ in 0..3 {
        let run = world.run().await;
        nothing_was_removed(&world, &run, "sapling:acme");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_is_asked_for_its_time_without_the_key_where_nobody_else_tells_it() {
    let world = due().await;
    world
        .sapling
        .faults()
        .always(When::any(), Fault::DropBefore);
    let skew = Fault::DateSkew(-86_400);
    world.sentius.faults().always(When::any(), skew);

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
    let calls = world.sentius.calls();
    assert!(!calls.is_empty());
    let key = crate::world::SENTIUS_KEY;
    let holds_key = |text: &str| text.contains(key);
    assert!(
        calls
            .iter()
            .all(|c| !holds_key(&c.query) && !holds_key(&c.body))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_whose_first_answer_tells_another_time_is_left_alone() {
    let world = World::new().await;
    let people: Vec<String> = (0..8).map(|n| format!("p{n}@example.com")).collect();
    world.whitelist(&people.iter().map(String::as_str).collect::<Vec<_>>());
    let rows: Vec<String> = people
        .iter()
        .map(|who| format!("{who},sentius:acme,{PAST}"))
        .collect();
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    world
        .sentius
        .faults()
        .always(When::any(), Fault::DateSkew(86_400));

    let run = world.run().await;

    assert_eq!(run.code, 3);
    // It is asked for its time before anything is sent.
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(run.json["counts"]["failed"], json!(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_before_1970_is_told_in_a_sentence_and_nothing_is_done_by_it() {
    let world = due().await;
    let a_day_before = -(lapsed::clock::now().as_millisecond() + DAY * 1000);
    let clock = world.path("early");
    for millis in [a_day_before, i64::MIN] {
        world.write("early", &millis.to_string());
        for args in [
            &["--run-now"][..],
            &["--run-now", "--dry-run", "--at", "30d"],
            &["check"],
            &["status"],
            &["list"],
            &["report"],
            &["why", "jane@example.com"],
            &["audit", "verify"],
            &["grant", "joe@example.com", "--target", "sentius:acme"],
            &["revoke", "jane@example.com"],
            &[],
        ] {
            let mut command = world.command(args);
            command.env("LAPSED_CLOCK", &clock);
            let output = tokio::task::spawn_blocking(move || command.output());
            let output = output.await.unwrap().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
            assert!(
                said.starts_with("lapsed: this machine's clock says "),
                "{said}"
            );
            assert!(said.ends_with(", which is before 1970; set it right, and try again\n"));
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
    assert!(world.writes().is_empty(), "{:?}", world.writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_by_a_clock_that_was_ahead_hides_nothing_from_the_next() {
    let mut world = due().await;
    world.config.mail = Mail::Smtp;
    assert_eq!(world.run().await.code, 0);
    world.later(30 * 24 * 60);
    world.run().await;
    world.later(-30 * 24 * 60);
    world.whitelist(&["late@example.com"]);
    world
        .grants(&[&format!("late@example.com,sentius:acme,{PAST}")])
        .await;
    let asked = world.lapsed(&["report"]).await;
    assert_eq!(asked.code, 0, "{}", asked.stderr);

    let run = world.run().await;

    assert_eq!(run.code, 0, "{}", run.stderr);
    let texts = world.mail_texts();
    let last = texts.last().unwrap();
    assert!(last.contains("late@example.com"), "{last}");
    // What was reported before that is not reported again.
    assert!(!last.contains("jane@example.com"), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_come_again_once_a_clock_that_was_ahead_is_right() {
    let mut world = due().await;
    world.config.mail = Mail::Smtp;
    world.config.schedule = "pass = \"0 0 0 1 1 *\"\nreport = \"* * * * * *\"\n".to_owned();
    assert_eq!(world.run().await.code, 0);
    let sent = world.mail.mails().len();
    // As a daemon leaves it whose clock was ahead.
    world.sql("INSERT INTO fact VALUES ('served.report', '2099-01-01T00:00:00Z')");
    let daemon = Daemon::start(&world);
    until("a report comes", || world.mail.mails().len() > sent).await;
    assert_eq!(daemon.stop().await, 0);
}
