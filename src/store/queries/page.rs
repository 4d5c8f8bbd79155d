//! The content of the page for people: the first rows of each list, and its length. The rows read
//! grow with the open ones; the rows kept in memory do not.

mod calendar;
mod entries;
mod lists;

use std::collections::{BTreeMap, HashMap};

use jiff::tz::TimeZone;
use rusqlite::{Connection, named_params};

use crate::domain::{Email, TargetId, TargetRef};
use crate::report::{ReportLine, ReportList, Summary};
use crate::status::{Source, Status};
use crate::store::queries::report::removals;
use crate::store::queries::runs::{self, RunRow};
use crate::store::queries::sql::{self, STANDS};
use crate::store::queries::status::Wanted;
use crate::store::{StoreError, Teams, db::values, tables::targets};
pub(crate) use calendar::{Day, ends_in, weeks};
pub(crate) use entries::{Entries, EntriesOfKind, entries, whitelists};
pub(crate) use lists::some_never_end;

/// The most rows of a list, as people read no more.
const MOST_ROWS: usize = 100;
/// The most passes shown: five hours, at one each quarter of an hour.
const MOST_PASSES: u32 = 20;
/// Names shown of one team's covered people, and of its others.
const MOST_NAMES: usize = 200;

/// The lists of the page.
#[derive(Debug)]
pub(crate) struct Board {
    /// The lists, cut, with their totals but for those of what ends and of what never does.
    pub(crate) summary: Summary,
    /// The coming days, with the first ends of each.
    pub(crate) days: Vec<Day>,
    /// The last passes, newest first.
    pub(crate) passes: Vec<RunRow>,
}

/// A team, and which of its people a grant covers now.
#[derive(Debug)]
pub(crate) struct TeamCoverage {
    pub(crate) name: String,
    /// Whether its people were ever read.
    pub(crate) is_known: bool,
    pub(crate) covered: People,
    pub(crate) uncovered: People,
}

/// People of one kind: the first by address, and how many there are.
#[derive(Debug, Default)]
pub(crate) struct People {
    pub(crate) count: usize,
    pub(crate) names: Vec<String>,
}

impl People {
    fn add(&mut self, name: String) {
        self.count += 1;
        if self.names.len() < MOST_NAMES {
            self.names.push(name);
        }
    }
}

/// The lists as they are now, to go with a status read just before.
pub(crate) fn gather(
    db: &Connection,
    wanted: &Wanted,
    status: &Status,
    zone: TimeZone,
) -> Result<Board, StoreError> {
    let read = PageReader {
        db,
        wanted,
        names: targets::names(db)?,
    };
    let mut summary = Summary::new("", zone, wanted.now);
    summary.observe_only = status.observe_only;
    read.ledger(&mut summary)?;
    read.untouched(&mut summary)?;
    let debts = &mut summary[ReportList::Debts];
    debts.sort_by_key(|debt| debt.at);
    debts.truncate(MOST_ROWS);
    summary[ReportList::Ending] = read.ending(&summary.timezone)?;
    summary[ReportList::NeverEnds] = read.never_ends()?;
    summary[ReportList::Invites] = read.invites()?;
    let days = read.days(&summary.timezone)?;
    let source = |source: &Source| ReportLine {
        at: source.since,
        target: Some(source.source.clone()),
        detail: Some(format!("{}: {}", source.state, source.detail)),
        ..ReportLine::default()
    };
    summary[ReportList::Sources] = status.sources.list.iter().map(source).collect();
    for (list, total) in [
        (ReportList::Held, status.held.count),
        (
            ReportList::Debts,
            match status.observe_only {
                Some(due) => due.remove,
                None => status.overdue.count,
            },
        ),
        (ReportList::Protected, status.protected.count),
        (
            ReportList::Sources,
            status.sources.failing + status.sources.forbidden,
        ),
        (ReportList::Invites, lists::pending_invites(db)?),
    ] {
        summary.set_total(list, total);
    }
    Ok(Board {
        summary,
        days,
        passes: runs::last(db, MOST_PASSES)?,
    })
}

struct PageReader<'a> {
    db: &'a Connection,
    wanted: &'a Wanted,
    names: HashMap<TargetId, TargetRef>,
}

impl PageReader<'_> {
    /// The first rows of what is held, of what is protected, and of all else that is open.
    fn ledger(&self, summary: &mut Summary) -> Result<(), StoreError> {
        for kind in ["= 'held'", "= 'protected'", "NOT IN ('held', 'protected')"] {
            let mut statement = self.db.prepare_cached(&format!(
                "{} AND {STANDS} {kind} ORDER BY due_at, id LIMIT :most",
                removals::all_open()
            ))?;
            let mut rows = statement.query(named_params! { ":most": MOST_ROWS })?;
            while let Some(row) = rows.next()? {
                let (list, line) = removals::open(&self.names, row)?;
                summary[list].push(line);
            }
        }
        Ok(())
    }

    /// The first rows of what is over and not yet recorded by a pass.
    fn untouched(&self, summary: &mut Summary) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT u.target, u.email, u.due, u.revoked, u.is_role, t.provider = 'sentius'
             FROM ({}) u JOIN target t ON t.id = u.target ORDER BY u.due LIMIT :most",
            sql::untouched()
        ))?;
        let mut rows = statement.query(named_params! {
            ":now": self.wanted.now(), ":cutoff": self.wanted.cutoff(), ":most": MOST_ROWS,
        })?;
        while let Some(row) = rows.next()? {
            let (revoked, is_role, is_whitelist) = (row.get(3)?, row.get(4)?, row.get(5)?);
            let (action, reason) = match (is_role, revoked) {
                (true, _) => ("member.demote", "role.ended"),
                (_, true) => ("member.remove", "grant.revoked"),
                (_, false) => ("member.remove", "grant.ended"),
            };
            let action = if is_whitelist {
                "whitelist.remove"
            } else {
                action
            };
            summary[ReportList::Debts].push(ReportLine {
                at: values::read(row.get(2)?),
                action: Some(action.to_owned()),
                target: Some(removals::target(&self.names, row.get(0)?)),
                email: row.get(1)?,
                reason: Some(reason.to_owned()),
                state: Some("planned".to_owned()),
                attempts: Some(0),
                ..ReportLine::default()
            });
        }
        Ok(())
    }
}

/// The teams that are read, by name.
pub(crate) fn teams(db: &Connection) -> Result<Vec<TargetRef>, StoreError> {
    targets::listed(db)
}

/// Which of these teams' people a grant covers; `holders` are the keys' own addresses, which need
/// none. Ends before `cutoff` are acted on.
pub(crate) fn coverage(
    db: &Connection,
    teams: &[TargetRef],
    holders: &BTreeMap<String, Email>,
    wanted: &Wanted,
) -> Result<Vec<TeamCoverage>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT m.email, m.email_key, {}
         FROM member m WHERE m.target = :team AND m.valid_to IS NULL AND m.missing_since IS NULL
         ORDER BY m.email_key",
        sql::member_covered("o.removed_at IS NULL")
    ))?;
    let mut covered = Vec::with_capacity(teams.len());
    for team in teams {
        let holder = holders.get(team.account()).map(Email::key);
        let mut found = TeamCoverage {
            name: team.to_string(),
            is_known: Teams::was_read(db, team)?,
            covered: People::default(),
            uncovered: People::default(),
        };
        let params = named_params! {
            ":team": team.id().0, ":now": wanted.now(), ":cutoff": wanted.cutoff(),
        };
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            let email: String = row.get(0)?;
            if holder == Some(row.get_ref(1)?.as_str()?) {
                found.covered.add(format!("{email} (holds the key)"));
            } else if row.get(2)? {
                found.covered.add(email);
            } else {
                found.uncovered.add(email);
            }
        }
        covered.push(found);
    }
    Ok(covered)
}
