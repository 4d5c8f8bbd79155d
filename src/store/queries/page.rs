//! The content of the page for people: the first rows of each list, and its length. The rows read
//! grow with the open ones; the rows kept in memory do not.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rusqlite::{Connection, named_params};

use crate::domain::{Email, TargetId, TargetRef};
use crate::report::{ReportLine, ReportList, Summary, WEEKS};
use crate::status::{Pass, Source, Status};
use crate::store::queries::report::removals;
use crate::store::queries::sql::{self, STANDS, not_outlasted};
use crate::store::queries::status::{Wanted, last_passes};
use crate::store::{StoreError, Teams, db::values, tables::targets};

/// The most rows of a list, as people read no more.
const MOST_ROWS: usize = 100;
/// The most passes shown: five hours, at one each quarter of an hour.
const MOST_PASSES: usize = 20;
/// Names shown of one team's covered people, and of its others.
const MOST_NAMES: usize = 200;

/// The lists of the page.
#[derive(Debug)]
pub(crate) struct Board {
    /// Held, overdue, protected, ending and sources, cut, with their totals except for what ends.
    pub(crate) summary: Summary,
    /// The last passes, newest first.
    pub(crate) passes: Vec<Pass>,
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
    read.ledger(&mut summary)?;
    read.untouched(&mut summary)?;
    let debts = &mut summary[ReportList::Debts];
    debts.sort_by_key(|debt| debt.at);
    debts.truncate(MOST_ROWS);
    summary[ReportList::Ending] = read.ending(&summary.timezone)?;
    let source = |source: &Source| ReportLine {
        at: source.since,
        target: Some(source.source.clone()),
        detail: Some(format!("{}: {}", source.state, source.detail)),
        ..ReportLine::default()
    };
    summary[ReportList::Sources] = status.sources.list.iter().map(source).collect();
    for (list, total) in [
        (ReportList::Held, status.held.count),
        (ReportList::Debts, status.overdue.count),
        (ReportList::Protected, status.protected.count),
        (
            ReportList::Sources,
            status.sources.failing + status.sources.forbidden,
        ),
    ] {
        summary.set_total(list, total);
    }
    Ok(Board {
        summary,
        passes: last_passes(db, MOST_PASSES)?,
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

    /// The first ends of the weeks that are drawn.
    fn ending(&self, zone: &TimeZone) -> Result<Vec<ReportLine>, StoreError> {
        let weeks = weeks(self.wanted.now, zone);
        let until = weeks.last().map_or(self.wanted.now, |week| week.until);
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT g.email, g.target, g.ends_at, g.owner FROM grants g INDEXED BY grants_due
             WHERE g.removed_at IS NULL AND g.ends_at > :now AND g.ends_at < :until AND {}
             ORDER BY g.ends_at LIMIT :most",
            not_outlasted()
        ))?;
        let params = named_params! {
            ":now": self.wanted.now(), ":until": values::stored(until), ":most": MOST_ROWS,
        };
        let rows = statement.query_map(params, |row| {
            Ok(ReportLine {
                at: values::read(row.get(2)?),
                email: row.get(0)?,
                target: Some(removals::target(&self.names, row.get(1)?)),
                owner: row.get(3)?,
                ..ReportLine::default()
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// A week that is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WeekSpan {
    /// Its first day.
    pub(crate) starts: Date,
    /// From this moment; the first week is only what is left of it.
    from: Timestamp,
    until: Timestamp,
}

/// The coming weeks in this zone, the first from today on.
pub(crate) fn weeks(now: Timestamp, zone: &TimeZone) -> Vec<WeekSpan> {
    let today = now.to_zoned(zone.clone()).date();
    let first_day = |week: usize| today.saturating_add((week as i64 * 7).days());
    let midnight = |day: Date| {
        let at = day.to_zoned(zone.clone());
        at.map_or(Timestamp::MAX, |at| at.timestamp())
    };
    (0..WEEKS)
        .map(|week| WeekSpan {
            starts: first_day(week),
            from: midnight(first_day(week)).max(now),
            until: midnight(first_day(week + 1)),
        })
        .collect()
}

/// How many ends a week has. Read week by week: with a million ends, each takes a while.
pub(crate) fn ends_in(db: &Connection, week: WeekSpan) -> Result<u64, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT count(*) FROM grants g INDEXED BY grants_due
         WHERE g.removed_at IS NULL AND g.ends_at >= :from AND g.ends_at < :until AND {}",
        not_outlasted()
    ))?;
    let params = named_params! {
        ":from": values::stored(week.from), ":until": values::stored(week.until),
    };
    Ok(statement.query_row(params, |row| row.get(0))?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn each_end_is_in_the_week_of_its_local_day() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("lapsed.db")).unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        // 23:30 UTC on the 21st is the 22nd in Berlin: the first week starts on the 22nd.
        let now: Timestamp = "2026-11-21T23:30:00Z".parse().unwrap();
        let ends = [
            "2026-11-21T23:29:59Z", // over
            "2026-11-21T23:30:00Z",
            "2026-11-28T22:59:59.999Z",
            "2026-11-28T23:00:00Z",
            "2027-02-20T22:59:59.999Z",
            "2027-02-20T23:00:00Z", // beyond
        ];
        let ends = ends.map(|end| values::stored(end.parse().unwrap()));
        let insert = move |db: &Connection| {
            db.execute_batch("INSERT INTO target (id, provider, account, name) VALUES (1, 'sentius', 'acme', '')")?;
            for end in ends {
                db.execute(
                    "INSERT INTO grants (target, email, email_key, person, starts_at, ends_at, recorded_at)
                     VALUES (1, :email, :email, :email, 0, :end, 0)",
                    named_params! { ":email": end.to_string(), ":end": end },
                )?;
            }
            Ok(())
        };
        store.write(insert).await.unwrap();

        let weeks = weeks(now, &zone);

        let days: Vec<String> = weeks.iter().map(|week| week.starts.to_string()).collect();
        assert_eq!(
            (days[0].as_str(), days[12].as_str()),
            ("2026-11-22", "2027-02-14")
        );
        let mut counts = Vec::new();
        for week in weeks {
            counts.push(store.read(move |db| ends_in(db, week)).await.unwrap());
        }
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
