//! Cron lines in their zones, and a daemon's years with an injected clock.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::*;

fn next_in(line: &str, zone: &str, now: &str) -> String {
    let zone = TimeZone::get(zone).unwrap();
    let next = next(line, &zone, now.parse().unwrap()).unwrap();
    next.to_string()
}

#[test]
fn the_next_occurrence_is_in_the_zones_own_time_on_both_sides_of_a_change() {
    let monday = "0 0 7 * * Mon";
    assert_eq!(
        next_in(monday, "UTC", "2026-11-22T07:00:00Z"),
        "2026-11-23T07:00:00Z"
    );
    assert_eq!(
        next_in(monday, "Europe/Berlin", "2026-03-24T07:00:00Z"),
        "2026-03-30T05:00:00Z"
    );
    assert_eq!(
        next_in(monday, "Europe/Berlin", "2026-10-20T07:00:00Z"),
        "2026-10-26T06:00:00Z"
    );
}

#[test]
fn the_latest_occurrence_may_be_now_and_is_found_across_a_change_of_the_clock() {
    let previous = |line: &str, zone: &str, now: &str| {
        let zone = TimeZone::get(zone).unwrap();
        let previous = previous(line, &zone, now.parse().unwrap()).unwrap();
        previous.to_string()
    };
    let daily = "0 30 2 * * *";
    assert_eq!(
        previous("0 */15 * * * *", "UTC", "2026-11-22T07:15:00Z"),
        "2026-11-22T07:15:00Z"
    );
    // 02:30 happens twice in Berlin on 25 October, and not at all in New York on 8 March.
    assert_eq!(
        previous(daily, "Europe/Berlin", "2026-10-25T12:00:00Z")
            .split('T')
            .next(),
        Some("2026-10-25")
    );
    assert_eq!(
        previous(daily, "America/New_York", "2026-03-08T20:00:00Z")
            .split('T')
            .next(),
        Some("2026-03-08")
    );
}

#[test]
fn an_occurrence_now_is_not_the_next_one() {
    assert_eq!(
        next_in("0 */15 * * * *", "UTC", "2026-11-22T07:15:00Z"),
        "2026-11-22T07:30:00Z"
    );
}

/// A daemon that does nothing but ask what is due, by a clock that the test moves.
struct Sleeper {
    lines: Schedule,
    zone: TimeZone,
    served: Served,
    now: Timestamp,
    passes: Vec<Timestamp>,
    reports: Vec<Timestamp>,
}

impl Sleeper {
    fn new(zone: &str, report: &str, now: &str) -> Self {
        Self {
            lines: Schedule {
                pass: "0 0 */6 * * *".to_owned(),
                report: report.to_owned(),
            },
            zone: TimeZone::get(zone).unwrap(),
            served: Served::default(),
            now: now.parse().unwrap(),
            passes: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// Acts on what is due until nothing is; returns when to wake.
    fn act(&mut self) -> Timestamp {
        loop {
            match moment(&self.lines, &self.zone, self.served, None, self.now) {
                Moment::Pass(slots) => {
                    self.passes.push(self.now);
                    self.served.pass = Some(slots.pass.unwrap_or(self.now));
                    if slots.report.is_some() {
                        self.reports.push(self.now);
                    }
                    if self.served.report.is_none() || slots.report.is_some() {
                        self.served.report = Some(slots.report.unwrap_or(self.now));
                    }
                }
                Moment::Ends => panic!("there are no ends"),
                Moment::Until(at) => return at,
            }
        }
    }

    /// Goes through time in steps of at most a minute, as the daemon does, and in larger ones where
    /// nothing can be due before.
    fn live_until(&mut self, end: &str) {
        let end: Timestamp = end.parse().unwrap();
        while self.now < end {
            let wake = self.act();
            assert!(wake > self.now, "it would not rest at {}", self.now);
            let zone = self.zone.clone();
            let slots = [&self.lines.pass, &self.lines.report].map(|l| next(l, &zone, self.now));
            self.now = slots.into_iter().flatten().min().unwrap().max(wake);
        }
    }

    /// How many reports there were on each local day.
    fn reports_by_day(&self) -> BTreeMap<Date, usize> {
        let mut days = BTreeMap::new();
        for at in &self.reports {
            *days
                .entry(at.to_zoned(self.zone.clone()).date())
                .or_default() += 1;
        }
        days
    }
}

/// Zones whose clocks change by an hour in spring and autumn, on the other half of the earth, and by
/// half an hour.
const ZONES: [&str; 3] = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];

/// The changes of a zone's clock in three years.
fn changes(zone: &str) -> Vec<Timestamp> {
    let from: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let to: Timestamp = "2029-01-01T00:00:00Z".parse().unwrap();
    let zone = TimeZone::get(zone).unwrap();
    let changes = zone.following(from).map(|change| change.timestamp());
    let changes: Vec<_> = changes.take_while(|at| *at < to).collect();
    assert_eq!(changes.len(), 6, "two a year");
    changes
}

/// Days around a change.
fn around(change: Timestamp) -> (String, String) {
    let days = SignedDuration::from_hours(4 * 24);
    ((change - days).to_string(), (change + days).to_string())
}

#[test]
fn a_daily_line_is_served_once_a_local_day_through_both_changes_of_the_clock() {
    for zone in ZONES {
        // At an hour that is there twice, or not at all, on the days of the changes; at midnight;
        // and at noon.
        for line in [
            "0 30 2 * * *",
            "0 45 1 * * *",
            "0 0 0 * * *",
            "0 0 12 * * *",
        ] {
            for change in changes(zone) {
                let (from, to) = around(change);
                let mut daemon = Sleeper::new(zone, line, &from);
                daemon.live_until(&to);
                let days = daemon.reports_by_day();
                assert!(days.len() >= 7, "{zone} {line}: {days:?}");
                assert!(
                    days.values().all(|times| *times == 1),
                    "{zone} {line}: {days:?}"
                );
                let first = *days.keys().next().unwrap();
                for (day, there) in first.series(jiff::Span::new().days(1)).zip(days.keys()) {
                    assert_eq!(day, *there, "{zone} {line}: a day without a report");
                }
            }
        }
    }
}

#[test]
fn a_quarterly_pass_is_made_every_fifteen_minutes_of_time_through_both_changes() {
    for zone in ZONES {
        let change = changes(zone)[1];
        let (from, _) = around(change);
        let mut daemon = Sleeper::new(zone, "0 0 7 * * Mon", &from);
        daemon.lines.pass = "0 */15 * * * *".to_owned();
        daemon.now = change - SignedDuration::from_hours(5);
        daemon.live_until(&(change + SignedDuration::from_hours(5)).to_string());
        assert!(daemon.passes.len() >= 40, "{zone}: {}", daemon.passes.len());
        let gaps = daemon.passes.windows(2).map(|p| p[1].duration_since(p[0]));
        for gap in gaps {
            assert!(gap <= SignedDuration::from_mins(15), "{zone}: {gap}");
        }
    }
}

#[test]
fn what_was_missed_is_caught_up_once_however_long_it_was() {
    for zone in ZONES {
        let mut daemon = Sleeper::new(zone, "0 30 2 * * *", "2026-03-01T00:00:00Z");
        daemon.live_until("2026-03-05T00:00:00Z");
        let (passes, reports) = (daemon.passes.len(), daemon.reports.len());
        // Five weeks asleep, over a change of the clock.
        daemon.now = "2026-04-09T05:00:00Z".parse().unwrap();
        daemon.act();
        assert_eq!(daemon.passes.len(), passes + 1, "{zone}");
        assert_eq!(daemon.reports.len(), reports + 1, "{zone}");
        daemon.act();
        assert_eq!(daemon.reports.len(), reports + 1, "{zone}");
    }
}

#[test]
fn a_clock_that_jumps_by_a_day_and_back_repeats_no_report_and_loses_none() {
    let mut daemon = Sleeper::new("Europe/Berlin", "0 0 7 * * *", "2026-06-01T00:00:00Z");
    daemon.live_until("2026-06-04T12:00:00Z");
    let before = daemon.reports.len();
    // Ahead: the next day's report goes out, early by the true time.
    daemon.now = "2026-06-05T12:00:00Z".parse().unwrap();
    daemon.act();
    assert_eq!(daemon.reports.len(), before + 1);
    // Put right: what was served is not served again, and a pass is made at once.
    let passes = daemon.passes.len();
    daemon.now = "2026-06-04T12:30:00Z".parse().unwrap();
    daemon.act();
    assert_eq!(daemon.reports.len(), before + 1);
    assert_eq!(daemon.passes.len(), passes + 1);
    // And the days after have theirs.
    daemon.live_until("2026-06-08T12:00:00Z");
    assert_eq!(daemon.reports.len(), before + 4);
}

#[test]
fn a_first_start_makes_a_pass_at_once_and_leaves_the_report_to_its_line() {
    let mut daemon = Sleeper::new("UTC", "0 0 7 * * Mon", "2026-11-25T09:07:00Z");
    daemon.act();
    assert_eq!(daemon.passes, [daemon.now]);
    assert!(daemon.reports.is_empty());
    daemon.live_until("2026-12-01T00:00:00Z");
    assert_eq!(daemon.reports, ["2026-11-30T07:00:00Z".parse().unwrap()]);
}

#[test]
fn an_end_between_passes_is_waited_for_and_is_not_early() {
    let lines = Schedule {
        pass: "0 */15 * * * *".to_owned(),
        report: "0 0 7 * * Mon".to_owned(),
    };
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let served = Served {
        pass: Some(at("2026-11-22T07:00:00Z")),
        report: Some(at("2026-11-22T00:00:00Z")),
        ends: Some(at("2026-11-22T07:00:01Z")),
    };
    let end = at("2026-11-22T07:01:30.250Z");
    let asked = |now: &str| moment(&lines, &TimeZone::UTC, served, Some(end), at(now));
    assert_eq!(asked("2026-11-22T07:01:00Z"), Moment::Until(end));
    assert_eq!(asked("2026-11-22T07:01:30.249Z"), Moment::Until(end));
    assert_eq!(asked("2026-11-22T07:01:30.250Z"), Moment::Ends);
    // What is far away is asked for again in a minute.
    assert_eq!(
        asked("2026-11-22T07:00:00Z"),
        Moment::Until(at("2026-11-22T07:01:00Z"))
    );
}

#[test]
fn an_end_at_the_moment_of_a_pass_goes_first_and_once() {
    let lines = Schedule {
        pass: "0 0 0 * * *".to_owned(),
        report: "0 0 7 * * Mon".to_owned(),
    };
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let midnight = at("2026-11-22T00:00:00Z");
    let mut served = Served {
        pass: Some(at("2026-11-21T00:00:00Z")),
        report: Some(at("2026-11-16T07:00:00Z")),
        ends: Some(at("2026-11-21T18:00:00Z")),
    };
    let asked = |served, now: &str| moment(&lines, &TimeZone::UTC, served, Some(midnight), at(now));
    assert_eq!(asked(served, "2026-11-22T00:00:00Z"), Moment::Ends);

    // However many are due again at once, the pass comes next.
    served.ends = Some(at("2026-11-22T00:00:00.020Z"));
    let slots = Slots {
        pass: Some(midnight),
        report: None,
    };
    assert_eq!(asked(served, "2026-11-22T00:00:01Z"), Moment::Pass(slots));

    // A first pass looks at everything before anything is done.
    let first = Served::default();
    assert!(matches!(
        asked(first, "2026-11-22T00:00:00Z"),
        Moment::Pass(_)
    ));
}
