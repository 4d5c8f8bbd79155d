//! What a report tells, as a plain value: the ledger fills it, the renderers read it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Serialize, Serializer};

use super::shown::Shown;
use crate::domain::Owed;

/// Weeks drawn in the look ahead: thirteen cover the 90 days that [`Summary::ending`] holds.
pub(crate) const WEEKS: usize = 13;

/// All that one report says.
///
/// Targets, actions, reasons, states and evidence are the words of the command line's JSON; the
/// renderers know how to say them to people and print those they do not know as they are. An
/// absent text is `None`, never the empty string.
#[derive(Debug, Clone, Serialize)]
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
    #[serde(serialize_with = "zone_by_name")]
    pub timezone: TimeZone,
    /// Removals and demotions that happened in the period.
    pub ended: Vec<Ended>,
    /// What is due and not done, whenever it became due.
    pub debts: Vec<Debt>,
    /// All that is owed, as in the outcome of a pass.
    pub owed: Owed,
    /// What the guard holds.
    pub held: Vec<Held>,
    /// What is due but never done, by a rule.
    pub protected: Vec<Protected>,
    /// Grants that end within 90 days after `to`, soonest first.
    pub ending: Vec<Ending>,
    /// Grants without an end.
    pub never_ends: Vec<NeverEnds>,
    /// Grants whose owners were asked whether they are still needed, and have not answered.
    pub unanswered: Vec<Unanswered>,
    /// Members without a grant that covers them.
    pub unmanaged: Vec<Unmanaged>,
    pub invites: Vec<Invite>,
    /// Addresses that mail does not reach.
    pub suppressed: Vec<Suppressed>,
    /// Other things that happened in the period.
    pub changes: Vec<Change>,
    /// Sources that could not be read or believed.
    pub sources: Vec<Source>,
    /// When the next report is due.
    pub next_report: Option<Timestamp>,
    /// The audit trail's state when the report was made.
    pub trail: Trail,
    /// The lengths of the lists before they were cut; see [`Summary::counts`].
    #[serde(skip)]
    pub totals: Totals,
    /// How much of it is shown.
    #[serde(skip)]
    pub(crate) shown: Shown,
}

/// A removal or demotion that happened.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ended {
    /// When it was done.
    pub at: Timestamp,
    /// Such as `whitelist.remove`.
    pub action: String,
    /// Such as `sentius:acme`.
    pub target: String,
    pub email: String,
    /// Such as `grant.ended`.
    pub reason: String,
    /// `acknowledged` or `verified`.
    pub evidence: Option<String>,
    /// `done` or `absent`.
    pub state: String,
    pub detail: Option<String>,
}

/// Something that is due and not done.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Debt {
    /// Such as `member.remove`.
    pub action: String,
    /// Such as `sapling:acme/Core`.
    pub target: String,
    pub email: String,
    /// Such as `grant.ended`.
    pub reason: String,
    /// `failed`, `unknown` or `planned`.
    pub state: String,
    /// When it became due.
    pub since: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again.
    pub next_try: Option<Timestamp>,
    /// What the provider said last.
    pub detail: Option<String>,
}

/// Something that waits for an approval.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Held {
    /// The run whose plan is held: what `lapsed approve` takes.
    pub run: Option<String>,
    /// Such as `member.remove`.
    pub action: String,
    /// Such as `sapling:acme/Core`.
    pub target: String,
    pub email: String,
    /// Why it is due, such as `grant.ended`.
    pub reason: String,
    /// When it became due.
    pub since: Timestamp,
    /// Why it is held, in words.
    pub why: String,
}

/// Something that is due and left alone by a rule.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Protected {
    /// Such as `member.remove`.
    pub action: String,
    /// Such as `sapling:acme/Core`.
    pub target: String,
    pub email: String,
    /// Why it is due, such as `grant.ended`.
    pub reason: String,
    /// When it became due.
    pub since: Timestamp,
    /// Which rule protects it, in words.
    pub why: String,
}

/// A grant that ends soon.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ending {
    pub email: String,
    /// Such as `sentius:acme`.
    pub target: String,
    pub end: Timestamp,
    /// Who answers for it.
    pub owner: Option<String>,
}

/// A grant without an end.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NeverEnds {
    pub email: String,
    /// Such as `sentius:acme`.
    pub target: String,
    /// Who answers for it.
    pub owner: Option<String>,
    pub since: Timestamp,
}

/// A grant that waits for the answer to its review.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Unanswered {
    pub email: String,
    /// Such as `sentius:acme`.
    pub target: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Since when an answer is waited for.
    pub since: Timestamp,
    /// When the owner was last reminded.
    pub reminded_at: Option<Timestamp>,
}

/// A member without a grant that covers them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Unmanaged {
    pub email: String,
    /// Such as `sapling:acme/Core`.
    pub target: String,
    /// Since when they are a member, as far as is known.
    pub since: Timestamp,
    /// Whether they administer the team.
    pub is_admin: bool,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Invite {
    pub email: String,
    /// Such as `sapling:acme/Core`.
    pub target: String,
    /// When it was first seen pending.
    pub first_seen: Timestamp,
    /// How far the person came: `not registered`, `registered` or `confirmed`.
    pub stage: String,
}

/// An address that mail does not reach.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Suppressed {
    pub email: String,
    /// When it was first seen suppressed.
    pub first_seen: Timestamp,
    /// Where that matters, such as `pending in sapling:acme/Core`.
    pub places: Vec<String>,
}

/// Something else that happened in the period.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Change {
    pub at: Timestamp,
    /// What, such as `member.appeared` or `grant extended`.
    pub kind: String,
    /// Where, if it is about a target.
    pub target: Option<String>,
    /// To whom, if it is about a person.
    pub email: Option<String>,
    pub detail: Option<String>,
}

/// A source that could not be read or believed; nothing is removed from it meanwhile.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Source {
    /// The source, such as `sapling:acme/Core`.
    pub target: String,
    /// What is wrong, in words.
    pub problem: String,
    pub since: Timestamp,
}

/// The state of the audit trail.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Trail {
    /// How many events it holds.
    pub events: u64,
    /// The last event's hash, in hexadecimal.
    pub head: String,
}

/// The number of entries of each list. A list that was cut holds fewer; zero here means that the
/// list was not cut, so the larger number counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    pub ended: u64,
    pub debts: u64,
    pub held: u64,
    pub protected: u64,
    pub ending: u64,
    pub never_ends: u64,
    pub unanswered: u64,
    pub unmanaged: u64,
    pub invites: u64,
    pub suppressed: u64,
    pub changes: u64,
    pub sources: u64,
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
            ended: Vec::new(),
            debts: Vec::new(),
            owed: Owed::default(),
            held: Vec::new(),
            protected: Vec::new(),
            ending: Vec::new(),
            never_ends: Vec::new(),
            unanswered: Vec::new(),
            unmanaged: Vec::new(),
            invites: Vec::new(),
            suppressed: Vec::new(),
            changes: Vec::new(),
            sources: Vec::new(),
            next_report: None,
            trail: Trail::default(),
            totals: Totals::default(),
            shown: Shown::default(),
        }
    }

    /// How many there are of each kind, cut lists included.
    #[must_use]
    pub(crate) fn counts(&self) -> Totals {
        fn longer<T>(list: &[T], total: u64) -> u64 {
            total.max(list.len() as u64)
        }
        Totals {
            ended: longer(&self.ended, self.totals.ended),
            debts: longer(&self.debts, self.totals.debts),
            held: longer(&self.held, self.totals.held),
            protected: longer(&self.protected, self.totals.protected),
            ending: longer(&self.ending, self.totals.ending),
            never_ends: longer(&self.never_ends, self.totals.never_ends),
            unanswered: longer(&self.unanswered, self.totals.unanswered),
            unmanaged: longer(&self.unmanaged, self.totals.unmanaged),
            invites: longer(&self.invites, self.totals.invites),
            suppressed: longer(&self.suppressed, self.totals.suppressed),
            changes: longer(&self.changes, self.totals.changes),
            sources: longer(&self.sources, self.totals.sources),
        }
    }

    /// Whole hours between something becoming due and the end of the period.
    #[must_use]
    pub(crate) fn hours_since(&self, due: Timestamp) -> u64 {
        u64::try_from(self.to.duration_since(due).as_hours()).unwrap_or(0)
    }

    /// Hours of access beyond its end because the guard holds it, summed over the list.
    #[must_use]
    pub(crate) fn exposure_hours(&self) -> u64 {
        self.held
            .iter()
            .map(|held| self.hours_since(held.since))
            .sum()
    }

    /// The run that an approval of this entry names.
    pub(crate) fn run_of<'a>(&'a self, held: &'a Held) -> Option<&'a str> {
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
    for ending in &summary.ending {
        let day = ending.end.to_zoned(summary.timezone.clone()).date();
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

fn zone_by_name<S: Serializer>(zone: &TimeZone, serializer: S) -> Result<S::Ok, S::Error> {
    match zone.iana_name() {
        Some(name) => serializer.serialize_some(name),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(end: &str) -> Ending {
        Ending {
            email: "jane@example.com".into(),
            target: "sentius:acme".into(),
            end: end.parse().unwrap(),
            owner: None,
        }
    }

    #[test]
    fn an_end_belongs_to_the_week_of_its_local_day() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        // 23:30 UTC on the 21st is the 22nd in Berlin: the first week starts on the 22nd.
        let mut summary = Summary::new("acme", zone, "2026-11-21T23:30:00Z".parse().unwrap());
        summary.ending = vec![
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
        summary.ending = vec![
            ending("2026-12-01T00:00:00Z"),
            ending("2026-12-02T00:00:00Z"),
        ];
        assert_eq!(summary.counts().ending, 2);
        summary.totals.ending = 5000;
        assert_eq!(summary.counts().ending, 5000);
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
