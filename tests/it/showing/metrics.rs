//! The metrics: what they say after real passes, that the documents tell of exactly those that there
//! are, and that the alerts shipped fire when they should.

mod documents;
mod exposition;

use lapsed::domain::{Owed, PassOutcome};
use lapsed::metrics::{Backlog, CONTENT_TYPE, Gauges, Metrics, Unread};
use lapsed::pass::{self, Options, PassError};
use lapsed::providers::accounts::Services;
use lapsed::store::Store;
use lapsed_sandbox::{Fault, When};

use crate::world::{FUTURE, Mail, PAST, SENTIUS_KEY, World, time};
use exposition::Exposition;

/// An organization with something of everything: removals that are made, protected and mailed.
async fn world() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.config.guard = "protected = [\"ceo@example.com\"]".to_owned();
    world.whitelist(&["jane@example.com", "bob@example.com", "ceo@example.com"]);
    world.team("Core", &["jane@example.com", "ada@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            &format!("bob@example.com,sentius:acme,{PAST}"),
            &format!("ceo@example.com,sentius:acme,{PAST}"),
            &format!("jane@example.com,sapling:acme/Core,{PAST}"),
            &format!("ada@example.com,sapling:acme/Core,{FUTURE}"),
        ])
        .await;
    world
}

/// Passes made by the library, as the daemon makes them, and counted.
struct Counted {
    world: World,
    metrics: Metrics,
    settings: lapsed::config::Settings,
    services: Services,
    store: Store,
}

impl Counted {
    fn of(world: World) -> Self {
        // Making the command writes the configuration.
        drop(world.command(&[]));
        let settings =
            lapsed::config::load_with(&world.path("lapsed.toml"), lapsed::config::Keys::Read, [])
                .unwrap();
        let metrics = Metrics::default();
        Self {
            world,
            services: Services::connect(&settings, &metrics).unwrap(),
            store: Store::open(&settings.database).unwrap(),
            metrics,
            settings,
        }
    }

    async fn try_pass(&self, options: Options) -> Result<PassOutcome, PassError> {
        pass::run(&self.settings, &self.services, &self.store, &options).await
    }

    async fn pass(&self, options: Options) {
        self.try_pass(options).await.unwrap();
    }

    async fn report(&self) {
        let report = Options {
            report: true,
            ..Options::default()
        };
        self.pass(report).await;
    }

    fn text(&self) -> String {
        self.metrics.text(&gauges())
    }

    #[track_caller]
    fn shows(&self, series: &[(&str, f64)]) {
        let all = Exposition::read(&self.text());
        for (series, value) in series {
            assert_eq!(all.value(series), *value, "{series}");
        }
    }
}

/// Gauges with something in each.
fn gauges() -> Gauges {
    let waits = |count, oldest| Backlog {
        count,
        oldest: Some(time(oldest)),
    };
    Gauges {
        at: time("2026-11-22T07:00:00Z"),
        started_at: time("2026-11-20T07:00:00Z"),
        overdue: waits(2, "2026-11-22T06:59:30Z"),
        held: waits(3, "2026-11-21T07:00:00Z"),
        failing: waits(1, "2026-11-22T06:00:00Z"),
        outbox: waits(4, "2026-11-22T06:58:00Z"),
        last_pass: Some(time("2026-11-22T06:45:00.250Z")),
        last_success: Some(time("2026-11-22T06:30:00Z")),
        next_end: Some(time("2026-11-23T00:00:00Z")),
        unread: vec![Unread {
            account: "sapling:acme".to_owned(),
            state: "doubtful".to_owned(),
            sources: 2,
        }],
        owed: Owed {
            remove: 5,
            give: 1,
            doubt: 2,
            confirm: 1,
            mail: 4,
        },
        doubtful_clocks: vec!["sentius:acme".to_owned()],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_moves_what_it_did() {
    let counted = Counted::of(world().await);
    counted.shows(&[
        (
            r#"lapsed_passes_total{kind="report",verdict="converged"}"#,
            0.0,
        ),
        (
            r#"lapsed_actions_total{action="whitelist.remove",state="done"}"#,
            0.0,
        ),
        (
            r#"lapsed_removal_lag_seconds_count{reason="grant.ended"}"#,
            0.0,
        ),
    ]);

    counted.report().await;

    counted.shows(&[
        (r#"lapsed_passes_total{kind="report",verdict="converged"}"#, 1.0),
        (r#"lapsed_pass_duration_seconds_count{kind="report"}"#, 1.0),
        (r#"lapsed_actions_total{action="whitelist.remove",state="done"}"#, 2.0),
        (r#"lapsed_actions_total{action="whitelist.remove",state="protected"}"#, 1.0),
        (r#"lapsed_actions_total{action="member.remove",state="done"}"#, 1.0),
        (r#"lapsed_removal_lag_seconds_count{reason="grant.ended"}"#, 3.0),
        // The ends lie more than a week back.
        (r#"lapsed_removal_lag_seconds_bucket{le="604800.0",reason="grant.ended"}"#, 0.0),
        (r#"lapsed_provider_calls_total{account="sentius:acme",method="DELETE",outcome="2xx"}"#, 2.0),
        (r#"lapsed_provider_calls_total{account="sapling:acme",method="DELETE",outcome="2xx"}"#, 1.0),
        (r#"lapsed_provider_call_duration_seconds_count{account="sentius:acme",method="DELETE"}"#, 2.0),
        (r#"lapsed_mails_total{kind="report",state="sent"}"#, 1.0),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_counts_each_time_and_what_is_found_gone_is_known_as_made() {
    let mut world = world().await;
    world.config.mail = Mail::Nobody;
    world.drop_member("Core", "jane@example.com");
    let delete = When::method("DELETE");
    world.sentius.faults().always(delete, Fault::status(400));
    let counted = Counted::of(world);

    counted.report().await;
    // As if the first reading without jane were ten minutes old.
    counted
        .world
        .sql("UPDATE absence SET since = since - 600000");
    counted.pass(Options::default()).await;

    counted.shows(&[
        (
            r#"lapsed_passes_total{kind="report",verdict="incomplete"}"#,
            1.0,
        ),
        (
            r#"lapsed_passes_total{kind="pass",verdict="incomplete"}"#,
            1.0,
        ),
        (
            r#"lapsed_actions_total{action="whitelist.remove",state="failed"}"#,
            4.0,
        ),
        (
            r#"lapsed_actions_total{action="whitelist.remove",state="protected"}"#,
            2.0,
        ),
        (
            r#"lapsed_actions_total{action="member.remove",state="absent"}"#,
            1.0,
        ),
        (
            r#"lapsed_removal_lag_seconds_count{reason="grant.ended"}"#,
            1.0,
        ),
        (
            r#"lapsed_provider_calls_total{account="sentius:acme",method="DELETE",outcome="4xx"}"#,
            4.0,
        ),
        (r#"lapsed_mails_total{kind="report",state="failed"}"#, 2.0),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_counts_and_a_look_counts_nothing_as_done() {
    let mut world = world().await;
    world.config.guard = "max_removals = 1".to_owned();
    let counted = Counted::of(world);
    let look = Options {
        dry_run: true,
        ..Options::default()
    };

    counted.pass(look).await;
    counted.shows(&[
        (r#"lapsed_passes_total{kind="dry_run",verdict="held"}"#, 1.0),
        (
            r#"lapsed_actions_total{action="whitelist.remove",state="held"}"#,
            0.0,
        ),
    ]);
    counted.pass(Options::default()).await;
    counted.shows(&[
        (r#"lapsed_passes_total{kind="pass",verdict="held"}"#, 1.0),
        (
            r#"lapsed_actions_total{action="whitelist.remove",state="held"}"#,
            3.0,
        ),
        (
            r#"lapsed_actions_total{action="member.remove",state="held"}"#,
            1.0,
        ),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_cannot_be_made_is_told_from_one_that_another_process_makes() {
    let counted = Counted::of(world().await);
    let lock = counted.store.lock().unwrap();
    assert!(counted.try_pass(Options::default()).await.is_err());
    drop(lock);

    counted.shows(&[
        (r#"lapsed_passes_total{kind="pass",verdict="busy"}"#, 1.0),
        (r#"lapsed_passes_total{kind="pass",verdict="error"}"#, 0.0),
        (r#"lapsed_pass_duration_seconds_count{kind="pass"}"#, 0.0),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grace_after_an_end_is_no_lag() {
    let mut world = World::new().await;
    world.config.policy = "grace = \"36h\"".to_owned();
    world.whitelist(&["jane@example.com", "old@example.com"]);
    let hours_ago = |hours: i64| {
        let ago = jiff::SignedDuration::from_hours(hours);
        lapsed::clock::now().checked_sub(ago).unwrap()
    };
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{}", hours_ago(38)),
            &format!("old@example.com,sentius:acme,{}", hours_ago(39)),
        ])
        .await;
    let counted = Counted::of(world);

    counted.pass(Options::default()).await;

    counted.shows(&[
        (
            r#"lapsed_removal_lag_seconds_bucket{le="3600.0",reason="grant.ended"}"#,
            0.0,
        ),
        (
            r#"lapsed_removal_lag_seconds_bucket{le="21600.0",reason="grant.ended"}"#,
            2.0,
        ),
    ]);
}

#[test]
fn the_database_s_numbers_are_told_in_seconds_up_to_the_moment_of_the_scrape() {
    let text = Metrics::default().text(&gauges());
    let all = Exposition::read(&text);
    for (series, value) in [
        ("process_start_time_seconds", 1_795_158_000.0),
        ("lapsed_overdue_actions", 2.0),
        ("lapsed_overdue_oldest_age_seconds", 30.0),
        ("lapsed_held_actions", 3.0),
        ("lapsed_held_oldest_age_seconds", 86_400.0),
        ("lapsed_failing_actions", 1.0),
        ("lapsed_failing_oldest_age_seconds", 3600.0),
        ("lapsed_outbox_mails", 4.0),
        ("lapsed_outbox_oldest_age_seconds", 120.0),
        ("lapsed_last_pass_timestamp_seconds", 1_795_329_900.25),
        ("lapsed_last_success_timestamp_seconds", 1_795_329_000.0),
        ("lapsed_next_end_timestamp_seconds", 1_795_392_000.0),
        (
            r#"lapsed_unread_sources{account="sapling:acme",state="doubtful"}"#,
            2.0,
        ),
        (r#"lapsed_owed{what="give"}"#, 1.0),
        (r#"lapsed_owed{what="confirm"}"#, 1.0),
        (r#"lapsed_clock_doubtful{account="sentius:acme"}"#, 1.0),
        (
            concat!(
                "lapsed_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"}"
            ),
            1.0,
        ),
    ] {
        assert_eq!(all.value(series), value, "{series}");
    }
    assert!(CONTENT_TYPE.starts_with("application/openmetrics-text; version=1.0.0"));
}

#[test]
fn a_database_without_anything_has_ages_of_zero_and_no_next_end() {
    let nothing = Gauges {
        at: time("2026-11-22T07:00:00Z"),
        held: Backlog {
            count: 1,
            // By a clock that was ahead.
            oldest: Some(time("2026-11-22T08:00:00Z")),
        },
        ..Gauges::default()
    };
    let all = Exposition::read(&Metrics::default().text(&nothing));
    for series in [
        "lapsed_overdue_oldest_age_seconds",
        "lapsed_held_oldest_age_seconds",
        "lapsed_last_success_timestamp_seconds",
    ] {
        assert_eq!(all.value(series), 0.0, "{series}");
    }
    assert!(
        !all.families
            .contains_key("lapsed_next_end_timestamp_seconds")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_no_team_and_no_key_stands_in_the_text() {
    let counted = Counted::of(world().await);
    counted.report().await;
    let sapling_key = counted.world.sapling_key();

    let text = counted.text();

    for secret in ["@", "example", "Core", "Jane", SENTIUS_KEY, &sapling_key] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}
