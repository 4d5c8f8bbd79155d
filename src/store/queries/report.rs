//! Gathers the content of a report.

mod access;
mod changes;
mod removals;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::Connection;

use crate::domain::Email;
use crate::report::{Summary, Trail};
use crate::store::queries::{self, OwedAt};
use crate::store::{StoreError, tables::targets, trail};

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
    let read = Reader {
        db,
        names: &names,
        from: input.from,
        to: input.to,
        holders: &input.holders,
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
struct Reader<'a> {
    db: &'a Connection,
    names: &'a std::collections::HashMap<crate::domain::TargetId, crate::domain::TargetRef>,
    from: Option<Timestamp>,
    to: Timestamp,
    holders: &'a BTreeMap<String, Email>,
}

impl Reader<'_> {
    /// The target's name, as it is shown.
    fn target(&self, id: i64) -> String {
        let target = self.names.get(&crate::domain::TargetId(id));
        target.map_or_else(|| format!("target {id}"), ToString::to_string)
    }

    /// The beginning of the period, in stored form.
    fn since(&self) -> i64 {
        self.from.map_or(i64::MIN, crate::store::db::values::stored)
    }

    fn now(&self) -> i64 {
        crate::store::db::values::stored(self.to)
    }
}
