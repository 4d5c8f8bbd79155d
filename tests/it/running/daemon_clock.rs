//! The daemon and the clock: one that jumps, and a machine that slept for a week.

use jiff::SignedDuration;
use lapsed_sandbox::{MailFault, Times};

use crate::world::{Daemon, FUTURE, Mail, World, until};

const HOUR: i64 = 3_600_000;

struct Clocked {
    daemon: Daemon,
    world: World,
}

/// A daemon whose clock the test sets, after its first pass. One entry ends in twelve hours.
async fn clocked() -> Clocked {
    let mut world = World::new().await;
    world.config.schedule = "pass = \"0 0 0 1 1 *\"\nreport = \"0 0 0 1 1 *\"\n".to_owned();
    world.whitelist(&["later@example.com", "stays@example.com"]);
    world
        .grants(&[
            "later@example.com,sentius:acme,12h",
            &format!("stays@example.com,sentius:acme,{FUTURE}"),
        ])
        .await;
    world.write("clock", "0");
    let clock = world.path("clock");
    let daemon = Daemon::start_with(&world, &[("LAPSED_CLOCK", clock.to_str().unwrap())]);
    until("the first pass is over", || {
        daemon.log().contains("pass ended")
    })
    .await;
    Clocked { daemon, world }
}

impl Clocked {
    fn set(&self, hours: i64) {
        self.world.write("clock", &(hours * HOUR).to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_a_day_ahead_ends_nothing_early_and_goes_on_when_it_is_put_right() {
    let mut clocked = clocked().await;
    clocked.set(24);
    until(
        "the jump is noticed, and the end that seems over is not acted on",
        || {
            clocked.daemon.log().contains("the clock was set")
                && clocked.daemon.log().contains("failed=1")
        },
    )
    .await;
    assert_eq!(clocked.world.whitelisted().len(), 2);
    assert!(clocked.world.writes().is_empty());

    clocked.set(0);
    until("it notices", || {
        clocked.daemon.log().matches("the clock was set").count() == 2
    })
    .await;
    let now = lapsed::clock::now() + SignedDuration::from_millis(1500);
    clocked.world.whitelist(&["soon@example.com"]);
    clocked
        .world
        .grants(&[&format!("soon@example.com,sentius:acme,{now}")])
        .await;
    until("the end that is over is acted on", || {
        clocked.world.whitelisted() == ["later@example.com", "stays@example.com"]
    })
    .await;
    assert!(clocked.daemon.is_running());
    assert_eq!(clocked.daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_a_day_back_removes_nothing_and_the_daemon_stays_up() {
    let mut clocked = clocked().await;
    clocked.set(-24);
    until("the jump is noticed", || {
        clocked.daemon.log().contains("the clock was set")
    })
    .await;
    // Over by the true clock, and by this one too.
    clocked.world.whitelist(&["old@example.com"]);
    clocked
        .world
        .grants(&["old@example.com,sentius:acme,2025-06-30"])
        .await;
    until("it is looked at, and left alone", || {
        clocked.daemon.log().contains("failed=1")
    })
    .await;
    assert!(clocked.world.writes().is_empty());

    clocked.set(0);
    until("it is gone once the clock is right", || {
        clocked.world.whitelisted() == ["later@example.com", "stays@example.com"]
    })
    .await;
    assert!(clocked.daemon.is_running());
    assert_eq!(clocked.daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_week_asleep_thousands_of_ends_are_held_until_a_person_says_so() {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.config.schedule = "pass = \"0 0 0 1 1 *\"\nreport = \"0 0 0 1 1 *\"\n".to_owned();
    let people: Vec<String> = (0..5000).map(|n| format!("p{n}@example.com")).collect();
    world.whitelist(&people.iter().map(String::as_str).collect::<Vec<_>>());
    let rows: Vec<String> = people
        .iter()
        .map(|who| format!("{who},sentius:acme,{FUTURE}"))
        .collect();
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    let mut daemon = Daemon::start(&world);
    until("the first pass is over", || {
        daemon.log().contains("pass ended")
    })
    .await;

    // As if all of them had ended one by one in the week before.
    let now = lapsed::clock::now().as_millisecond();
    world.sql(&format!(
        "UPDATE grants SET ends_at = {now} - id * {HOUR} * 24 * 7 / 5000, recorded_at = {now} + 1000"
    ));

    until("they are held, and somebody is told", || {
        daemon.log().contains("held=5000") && !world.mail.mails().is_empty()
    })
    .await;
    assert!(world.writes().is_empty());
    assert!(daemon.is_running());
    let log = daemon.log();
    let held = log.lines().find(|line| line.contains("held=5000")).unwrap();
    let run = held.split("run=\"").nth(1).unwrap().split('"').next();
    let approved = world.lapsed(&["approve", run.unwrap()]).await;
    assert_eq!(approved.code, 0, "{}", approved.stderr);
    for _ in 0..6 {
        // A debug build takes its time.
        if world.whitelisted().is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    }
    assert_eq!(world.whitelisted(), Vec::<String>::new());
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_clock_falls_before_1970_waits_until_it_is_right() {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.whitelist(&["jane@example.com"]);
    world.write("clock", "0");
    let clock = world.path("clock");
    let env = [
        ("LAPSED_CLOCK", clock.to_str().unwrap()),
        ("LAPSED_HURRY", "1"),
    ];
    let mut daemon = Daemon::start_with(&world, &env);
    until("the first pass is over", || {
        daemon.log().contains("pass ended")
    })
    .await;
    let before = -(lapsed::clock::now().as_millisecond() + HOUR);
    world.write("clock", &before.to_string());
    world
        .grants(&["jane@example.com,sentius:acme,2025-06-30"])
        .await;
    until("it says so", || {
        daemon.log().contains("which is before 1970; set it right")
    })
    .await;
    assert!(daemon.is_running() && world.writes().is_empty());
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());

    world.write("clock", "0");
    until("it goes on", || world.whitelisted().is_empty()).await;
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_was_tried_by_a_clock_years_ahead_goes_out_when_it_is_put_right() {
    let refused = MailFault::RefuseData(452);
    for fault in [refused, MailFault::CloseAfterData] {
        let mut world = World::new().await;
        world.config.mail = Mail::Smtp;
        world.mail.add_fault(Times::Always, fault.clone());
        let years = 10 * 365 * 24 * 60;
        world.later(years);
        assert_eq!(world.run().await.code, 3, "{fault:?}");
        world.later(-years);
        world.mail.clear_faults();

        let daemon = Daemon::start(&world);
        until("the mail is there", || world.mail.mails().len() == 1).await;
        assert_eq!(daemon.stop().await, 0);
    }
}
