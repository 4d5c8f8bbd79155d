//! Gathers the content of a report.

mod access;
mod changes;
pub(super) mod removals;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{Connection, Row};

use crate::config::TeamRule;
use crate::domain::{Email, Pattern, TargetId, TargetRef, TeamPolicy};
use crate::report::{ReportLine, Summary, Trail};
use crate::store::queries::{self, OwedAt, person};
use crate::store::{StoreError, db::values, tables::targets, trail};

/// What a report is made for.
#[derive(Debug, Clone)]
pub(crate) struct ReportInput {
    /// How the reader knows the organization: the accounts' names.
    pub(crate) organization: String,
    /// The run that sends it, if one does.
    pub(crate) run: Option<String>,
    /// From when on things are news; absent: from the beginning.
    pub(crate) from: Option<Timestamp>,
    /// Now.
    pub(crate) to: Timestamp,
    pub(crate) timezone: TimeZone,
    pub(crate) next_report: Option<Timestamp>,
    /// The keys' holders by account, who need no grant.
    pub(crate) holders: BTreeMap<String, Email>,
    /// The rules of teams, which end memberships that no grant covers.
    pub(crate) rules: Vec<TeamRule>,
    /// Who is never removed, whatever the rules say.
    pub(crate) protected: Vec<Pattern>,
    /// The parameters of the query for what is owed.
    pub(crate) owed: OwedAt,
}

/// Everything the report tells, in one consistent view.
pub(crate) fn gather(db: &Connection, input: ReportInput) -> Result<Summary, StoreError> {
    let names = targets::names(db)?;
    let mut summary = Summary::new(&input.organization, input.timezone, input.to);
    summary.run = input.run;
    summary.from = input.from;
    summary.next_report = input.next_report;
    summary.owed = queries::owed(db, &input.owed)?;
    summary.observe_only = queries::observed(db, &input.owed)?;
    let read = ReportReader {
        db,
        names: &names,
        from: input.from,
        to: input.to,
        holders: &input.holders,
        rules: &person::policies(db, &input.rules)?,
        protected: &input.protected,
    };
    removals::fill(&read, &mut summary)?;
    access::fill(&read, &mut summary)?;
    changes::fill(&read, &mut summary)?;
    let head = trail::head(db)?;
    summary.trail = Trail {
        events: u64::try_from(head.seq).unwrap_or(0),
        head: head.hex(),
    };
    Ok(summary)
}

/// What the parts share.
struct ReportReader<'a> {
    db: &'a Connection,
    names: &'a HashMap<TargetId, TargetRef>,
    from: Option<Timestamp>,
    to: Timestamp,
    holders: &'a BTreeMap<String, Email>,
    rules: &'a BTreeMap<TargetRef, TeamPolicy>,
    protected: &'a [Pattern],
}

impl ReportReader<'_> {
    /// The target's name, as it is shown.
    fn target(&self, id: i64) -> String {
        removals::target(self.names, id)
    }

    /// A line of a query that tells an address first and a target second; `at` is the column of the
    /// line's time.
    fn line(&self, row: &Row<'_>, at: usize) -> rusqlite::Result<ReportLine> {
        Ok(ReportLine {
            at: values::read(row.get(at)?),
            email: row.get(0)?,
            target: Some(self.target(row.get(1)?)),
            ..ReportLine::default()
        })
    }

    /// The beginning of the period, in stored form.
    fn since(&self) -> i64 {
        self.from.map_or(i64::MIN, values::stored)
    }

    fn now(&self) -> i64 {
        values::stored(self.to)
    }
}
