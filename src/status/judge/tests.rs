//! What counts as well, late, failed and held.

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::super::{Daemon, Ends, Held, Mail, Overdue, Pass, Passes, Pile, Source, Sources};
use super::*;
use std::collections::BTreeMap;

use crate::domain::{Counts, Owed};
use crate::report::Trail;
use crate::schedule;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// So long before the moment of the facts.
fn ago(minutes: i64) -> Option<Timestamp> {
    let now = time("2026-11-22T07:10:00Z");
    Some(now - SignedDuration::from_mins(minutes))
}

/// A daemon that made its pass at 07:00, ten minutes ago, with nothing amiss.
pub(in crate::status) fn quiet() -> Status {
    let began = time("2026-11-22T07:00:00Z");
    let ended = time("2026-11-22T07:00:03Z");
    let mut status = Status {
        verdict: Health::Well,
        reasons: Vec::new(),
        at: time("2026-11-22T07:10:00Z"),
        daemon: Some(Daemon {
            pid: Some(4242),
            since: Some(time("2026-11-20T06:55:00Z")),
        }),
        passes: Passes {
            begun: Some(began),
            last: Some(Pass {
                run: "01a2014b".to_owned(),
                started_at: began,
                finished_at: ended,
                outcome: Verdict::Converged,
                counts: Counts {
                    done: 2,
                    ..Counts::default()
                },
            }),
            last_success: Some(ended),
            next: Some(time("2026-11-22T07:15:00Z")),
            ..Passes::default()
        },
        ends: Ends {
            next: Some(time("2026-11-22T18:00:00Z")),
            within_24h: 3,
            within_7d: 19,
        },
        overdue: Overdue::default(),
        owed: Owed::default(),
        observe_only: None,
        unconfirmed: None,
        clocks: BTreeMap::new(),
        elsewhere: BTreeMap::new(),
        held: Held::default(),
        protected: Pile::default(),
        mail: Mail::default(),
        sources: Sources::default(),
        trail: Trail {
            events: 1234,
            head: "a1".repeat(32),
        },
    };
    judged(&mut status);
    status
}

/// With everything that can be wrong.
pub(in crate::status) fn worst() -> Status {
    let mut status = quiet();
    let last = status.passes.last.as_mut().unwrap();
    last.outcome = Verdict::Held;
    last.counts = Counts {
        done: 1,
        failed: 2,
        held: 12,
        protected: 1,
        ..Counts::default()
    };
    status.at = time("2026-11-22T12:10:00Z");
    status.passes.last_success = Some(time("2026-11-21T07:00:03Z"));
    status.passes.running = true;
    status.passes.running_since = Some(time("2026-11-22T07:15:00Z"));
    status.passes.broken_off = 4;
    status.owed.confirm = 1;
    status.overdue = Overdue {
        count: 5,
        failed: 2,
        unknown: 1,
        planned: 1,
        untouched: 1,
        oldest: ago(300),
        untouched_since: ago(290),
        ..Overdue::default()
    };
    status.held = Held {
        count: 12,
        oldest: ago(60 * 24 * 3),
        run: Some("01a2014b".to_owned()),
    };
    status.protected.count = 1;
    status.mail = Mail {
        unsent: 2,
        failed: 2,
        oldest: ago(180),
        due: ago(5),
        ..Mail::default()
    };
    status.sources = Sources {
        failing: 2,
        forbidden: 1,
        list: vec![Source {
            source: "sapling:acme/Core".to_owned(),
            state: "unreadable".to_owned(),
            detail: "the server answered 500".to_owned(),
            since: time("2026-11-22T09:10:00Z"),
        }],
        ..Sources::default()
    };
    judged(&mut status);
    status
}

/// Judges as the quarter-hourly cron line of the defaults would have it.
fn judged(status: &mut Status) -> &[String] {
    with_timer(status, false)
}

fn with_timer(status: &mut Status, timer: bool) -> &[String] {
    judge(status, timer, |after| {
        schedule::next("0 */15 * * * *", &TimeZone::UTC, after)
    });
    &status.reasons
}

#[test]
fn a_daemon_that_made_its_pass_on_time_is_well() {
    let status = quiet();
    assert_eq!(status.verdict, Health::Well, "{:?}", status.reasons);
    assert_eq!(status.passes.late_since, None);
}

#[test]
fn without_a_daemon_it_is_not_well_unless_a_timer_makes_passes() {
    let mut status = quiet();
    status.daemon = None;
    assert_eq!(
        judged(&mut status),
        ["no daemon is running on this database"]
    );
    assert_eq!(status.verdict, Health::Failing);
    assert_eq!(with_timer(&mut status, true), [""; 0]);
    status.passes.begun = ago(26 * 60);
    let late = "passes are late: one was due 26 hours ago, and the last began 26 hours ago";
    assert_eq!(with_timer(&mut status, true), [late]);
    status.passes.begun = None;
    assert_eq!(with_timer(&mut status, true), ["no pass has been made yet"]);
}

#[test]
fn a_pass_is_late_once_its_time_is_past_by_more_than_a_little() {
    let mut status = quiet();
    status.at = time("2026-11-22T07:16:59Z");
    assert_eq!(judged(&mut status), [""; 0]);
    status.at = time("2026-11-22T07:17:01Z");
    let late = "passes are late: one was due 2 minutes ago, and the last began 17 minutes ago";
    assert_eq!(judged(&mut status), [late]);
    assert_eq!(status.passes.late_since, Some(time("2026-11-22T07:15:00Z")));
}

#[test]
fn in_the_middle_of_a_pass_nothing_is_late_until_the_pass_has_run_too_long() {
    let mut status = quiet();
    status.passes.running = true;
    status.passes.begun = Some(time("2026-11-22T07:15:00Z"));
    status.passes.running_since = status.passes.begun;
    status.overdue.untouched = 1;
    status.overdue.untouched_since = Some(time("2026-11-22T07:20:00Z"));
    status.overdue.unknown = 1;
    status.at = time("2026-11-22T08:55:00Z");
    assert_eq!(judged(&mut status), [""; 0]);
    status.at = time("2026-11-22T09:19:00Z");
    assert_eq!(judged(&mut status), ["a pass has been running for 2 hours"]);
}

#[test]
fn a_daemon_that_has_just_started_after_a_long_rest_is_not_late() {
    let mut status = quiet();
    status.at = time("2026-11-25T12:00:30Z");
    status.daemon.as_mut().unwrap().since = Some(time("2026-11-25T12:00:00Z"));
    status.overdue.untouched = 7;
    status.overdue.untouched_since = Some(time("2026-11-23T00:00:00Z"));
    assert_eq!(judged(&mut status), [""; 0]);
    status.at = time("2026-11-25T12:02:30Z");
    assert_eq!(judged(&mut status).len(), 2);
}

#[test]
fn an_end_that_nobody_acts_on_is_a_fault_after_a_minute() {
    let mut status = quiet();
    status.overdue.untouched = 2;
    status.overdue.untouched_since = ago(1);
    assert_eq!(judged(&mut status), [""; 0]);
    status.overdue.untouched_since = ago(5);
    let said = "2 ends have come and nobody has acted on them, for 5 minutes";
    assert_eq!(judged(&mut status), [said]);
    status.passes.running = true;
    assert_eq!(judged(&mut status), [""; 0]);
    status.daemon = None;
    assert_eq!(with_timer(&mut status, true), [""; 0], "the pass will");
}

#[test]
fn what_is_owed_and_waits_for_a_timer_is_told_at_once() {
    type Owe = fn(&mut Status);
    let cases: [(Owe, &str); 7] = [
        (
            |s| {
                s.overdue.untouched = 1;
                s.overdue.untouched_since = ago(0);
                s.owed.remove = 1;
            },
            "1 end has come and waits for the timer's next pass, for 0 seconds",
        ),
        (
            |s| {
                s.overdue.untouched = 2;
                s.overdue.untouched_since = ago(11 * 60);
                s.owed.remove = 2;
            },
            "2 ends have come and wait for the timer's next pass, for 11 hours",
        ),
        (
            |s| {
                s.overdue.planned = 2;
                s.overdue.oldest = ago(180);
                s.owed.remove = 2;
            },
            "2 removals are planned and not done, due for 3 hours",
        ),
        (|s| s.owed.give = 1, "1 grant is not given yet"),
        (
            |s| s.owed.doubt = 1,
            "owed and not done: 1 reading in doubt",
        ),
        (|s| s.owed.mail = 3, "owed and not done: 3 mails"),
        (
            |s| (s.owed.remove, s.owed.doubt) = (2, 2),
            "owed and not done: 2 removals, 2 readings in doubt",
        ),
    ];
    for (owe, said) in cases {
        let mut status = quiet();
        owe(&mut status);
        status.daemon = None;
        assert_eq!(with_timer(&mut status, true), [said]);
        assert_eq!(status.verdict, Health::Failing);
    }
    let mut status = quiet();
    status.daemon = None;
    assert_eq!(with_timer(&mut status, true), [""; 0], "nothing is owed");
}

#[test]
fn what_the_guard_holds_goes_before_all_else() {
    let status = worst();
    assert_eq!(status.verdict, Health::Held);
    assert!(status.reasons[0].starts_with("12 removals wait for an approval"));
    let mut status = quiet();
    status.protected.count = 3;
    assert_eq!(judged(&mut status), [""; 0], "a rule is no fault");
}

#[test]
fn each_thing_that_failed_is_a_reason() {
    type Spoil = fn(&mut Status);
    let cases: [(Spoil, &str); 8] = [
        (|s| s.overdue.failed = 1, "1 removal failed"),
        (
            |s| s.overdue.unknown = 2,
            "2 removals were sent and not answered",
        ),
        (
            |s| s.sources.failing = 1,
            "1 source cannot be read or believed",
        ),
        (|s| s.mail.failed = 1, "0 mails are not sent"),
        (|s| s.mail.due = ago(6), "0 mails are not sent"),
        (
            |s| s.passes.broken_off = 3,
            "the last 3 passes did not come to their end",
        ),
        (
            |s| s.passes.last.as_mut().unwrap().outcome = Verdict::Incomplete,
            "the last pass could not read or give all that it should",
        ),
        (
            |s| {
                s.passes.begun = None;
                s.passes.last = None;
            },
            "no pass has been made yet",
        ),
    ];
    for (spoil, said) in cases {
        let mut status = quiet();
        spoil(&mut status);
        assert_eq!(judged(&mut status), [said]);
        assert_eq!(status.verdict, Health::Failing);
    }
    let harmless: [Spoil; 5] = [
        |s| s.overdue.planned = 5,
        |s| s.sources.forbidden = 2,
        |s| s.mail.unsent = 1,
        |s| s.passes.broken_off = 2,
        |s| {
            s.daemon = Some(Daemon {
                pid: None,
                since: None,
            });
        },
    ];
    for spoil in harmless {
        let mut status = quiet();
        spoil(&mut status);
        assert_eq!(judged(&mut status), [""; 0]);
    }
}
