//! What a report tells, as a plain value: the ledger fills it, the renderers read it.

use std::ops::{Index, IndexMut};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;

use super::extent::Extent;
use super::fitting::MOST_ROWS;
use super::line::ReportLine;
use super::list::ReportList;
use crate::domain::{Observed, Owed};

/// Weeks drawn in the look ahead: thirteen cover the 90 days that [`ReportList::Ending`] holds.
pub(crate) const WEEKS: usize = 13;

/// All that one report says.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    /// The organization, or another name of this installation.
    pub organization: String,
    /// The run that made it, where one did.
    pub run: Option<String>,
    /// Where the period starts; `None` when it is everything so far.
    pub from: Option<Timestamp>,
    /// Where the period ends; ages and exposure are counted up to here.
    pub to: Timestamp,
    /// When it was put together.
    pub generated_at: Timestamp,
    pub timezone: TimeZone,
    /// All that is owed, as in the outcome of a pass.
    pub owed: Owed,
    /// What is due and left alone, where lapsed only observes (`guard.observe_only`).
    pub observe_only: Option<Observed>,
    /// When the next report is due.
    pub next_report: Option<Timestamp>,
    /// The audit trail's state when the report was made.
    pub trail: Trail,
    /// How much of it is shown.
    pub(crate) extent: Extent,
    /// The most rows of each list, where it has to be shorter still.
    pub(crate) most_rows: usize,
    /// Reached by indexing with the list.
    lists: [Vec<ReportLine>; ReportList::ALL.len()],
    /// The lengths of the lists before they were cut; see [`Summary::count`].
    totals: [u64; ReportList::ALL.len()],
}

impl Index<ReportList> for Summary {
    type Output = Vec<ReportLine>;

    fn index(&self, list: ReportList) -> &Vec<ReportLine> {
        &self.lists[list as usize]
    }
}

impl IndexMut<ReportList> for Summary {
    fn index_mut(&mut self, list: ReportList) -> &mut Vec<ReportLine> {
        &mut self.lists[list as usize]
    }
}

/// The state of the audit trail.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Trail {
    /// How many events it holds.
    pub events: u64,
    /// The last event's hash, in hexadecimal.
    pub head: String,
}

impl Summary {
    /// A report about nothing, to be filled.
    #[must_use]
    pub(crate) fn new(organization: &str, timezone: TimeZone, to: Timestamp) -> Self {
        Self {
            organization: organization.to_owned(),
            run: None,
            from: None,
            to,
            generated_at: to,
            timezone,
            owed: Owed::default(),
            observe_only: None,
            next_report: None,
            trail: Trail::default(),
            extent: Extent::default(),
            most_rows: MOST_ROWS,
            lists: Default::default(),
            totals: Default::default(),
        }
    }

    /// How long a list is, what was cut included.
    #[must_use]
    pub(crate) fn count(&self, list: ReportList) -> u64 {
        self.totals[list as usize].max(self[list].len() as u64)
    }

    /// Rows of each list that are shown.
    pub(super) fn rows(&self) -> usize {
        self.extent.rows().min(self.most_rows)
    }

    /// Notes how long a list is that holds its first lines only.
    pub(crate) fn set_total(&mut self, list: ReportList, total: u64) {
        self.totals[list as usize] = total;
    }

    /// Whole hours between something becoming due and the end of the period.
    #[must_use]
    pub(crate) fn hours_since(&self, due: Timestamp) -> u64 {
        u64::try_from(self.to.duration_since(due).as_hours()).unwrap_or(0)
    }

    /// Hours of access beyond its end because the guard holds it, summed over the list.
    #[must_use]
    pub(crate) fn exposure_hours(&self) -> u64 {
        let held = self[ReportList::Held].iter();
        held.map(|line| self.hours_since(line.at)).sum()
    }

    /// The run that an approval of this line names.
    pub(crate) fn run_of<'a>(&'a self, held: &'a ReportLine) -> Option<&'a str> {
        held.run.as_deref().or(self.run.as_deref())
    }
}

/// A week of the look ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Week {
    /// Its first day, in the report's zone.
    pub starts: Date,
    /// Grants that end in it.
    pub count: u64,
}

/// The coming 90 days as weeks, the first starting on the day the period ends.
#[must_use]
pub(crate) fn weeks(summary: &Summary) -> Vec<Week> {
    let first = summary.to.to_zoned(summary.timezone.clone()).date();
    let mut weeks: Vec<Week> = (0..WEEKS)
        .map(|week| Week {
            starts: first.saturating_add((week as i64 * 7).days()),
            count: 0,
        })
        .collect();
    for ending in &summary[ReportList::Ending] {
        let day = ending.at.to_zoned(summary.timezone.clone()).date();
        let days = day.duration_since(first).as_hours() / 24;
        if let Ok(days) = usize::try_from(days)
            && let Some(week) = weeks.get_mut(days / 7)
        {
            week.count += 1;
        }
    }
    weeks
}

/// The zone as its IANA name, or as an offset where it has none.
pub(crate) fn zone_name(zone: &TimeZone, at: Timestamp) -> String {
    match zone.iana_name() {
        Some(name) => name.to_owned(),
        None => format!("UTC{}", zone.to_offset(at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(end: &str) -> ReportLine {
        ReportLine {
            at: end.parse().unwrap(),
            ..ReportLine::default()
        }
    }

    #[test]
    fn an_end_belongs_to_the_week_of_its_local_day() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        // 23:30 UTC on the 21st is the 22nd in Berlin: the first week starts on the 22nd.
        let mut summary = Summary::new("acme", zone, "2026-11-21T23:30:00Z".parse().unwrap());
        summary[ReportList::Ending] = vec![
            ending("2026-11-22T00:00:00Z"),
            ending("2026-11-28T22:59:59Z"),
            ending("2026-11-28T23:00:00Z"),
            ending("2027-02-20T22:59:59Z"),
            ending("2027-02-20T23:00:00Z"),
            ending("2026-11-20T12:00:00Z"),
        ];
        let weeks = weeks(&summary);
        assert_eq!(weeks.len(), 13);
        assert_eq!(weeks[0].starts.to_string(), "2026-11-22");
        assert_eq!(weeks[0].count, 2);
        assert_eq!(weeks[1].count, 1);
        assert_eq!(weeks[12].starts.to_string(), "2027-02-14");
        assert_eq!(weeks[12].count, 1);
        assert_eq!(weeks.iter().map(|week| week.count).sum::<u64>(), 4);
    }

    #[test]
    fn a_cut_list_counts_as_long_as_it_was() {
        let mut summary = Summary::new(
            "acme",
            TimeZone::UTC,
            "2026-11-22T07:00:00Z".parse().unwrap(),
        );
        summary[ReportList::Ending] = vec![
            ending("2026-12-01T00:00:00Z"),
            ending("2026-12-02T00:00:00Z"),
        ];
        assert_eq!(summary.count(ReportList::Ending), 2);
        summary.set_total(ReportList::Ending, 5000);
        assert_eq!(summary.count(ReportList::Ending), 5000);
    }

    #[test]
    fn what_becomes_due_later_has_not_been_exposed() {
        let summary = Summary::new(
            "acme",
            TimeZone::UTC,
            "2026-11-22T07:00:00Z".parse().unwrap(),
        );
        let hours = |due: &str| summary.hours_since(due.parse().unwrap());
        assert_eq!(hours("2026-11-20T06:30:00Z"), 48);
        assert_eq!(hours("2026-11-22T08:00:00Z"), 0);
        assert_eq!(hours("2027-11-22T08:00:00Z"), 0);
    }
}
