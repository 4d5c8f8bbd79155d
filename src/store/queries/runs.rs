//! The last passes, and the one that a person names.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, named_params};
use serde::Serialize;

use crate::domain::{Counts, TargetId, TargetRef, Verdict};
use crate::status::Pass;
use crate::store::{StoreError, db::values, tables::targets};
use crate::text;

/// How many runs an ambiguous part of an id is explained with.
const EXPLAINED: usize = 3;

/// A pass that was no dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RunRow {
    /// Its id.
    pub run: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; absent while it runs, or if it died.
    pub finished_at: Option<Timestamp>,
    /// `everything`, or the targets that it had something to do at.
    pub reach: String,
    /// How it ended; absent as its end.
    pub outcome: Option<Verdict>,
    /// Its actions by state.
    pub counts: Counts,
}

impl RunRow {
    /// The part of the id that people are shown; a command takes it for the whole.
    pub(crate) fn short(&self) -> &str {
        text::short_run(&self.run)
    }

    /// The pass, if it came to its end.
    pub(crate) fn ended(&self) -> Option<Pass> {
        Some(Pass {
            run: self.run.clone(),
            started_at: self.started_at,
            finished_at: self.finished_at?,
            outcome: self.outcome?,
            counts: self.counts,
        })
    }
}

/// The last passes, newest first.
pub(crate) fn last(db: &Connection, limit: u32) -> Result<Vec<RunRow>, StoreError> {
    let names = targets::names(db)?;
    let mut statement = db.prepare_cached(
        "SELECT id, started_at, finished_at, reach, outcome, counts FROM run
         WHERE dry_run = 0 ORDER BY rowid DESC LIMIT :limit",
    )?;
    let mut rows = statement.query(named_params! { ":limit": limit })?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        let run: String = row.get("id")?;
        let mut reach: String = row.get("reach")?;
        if reach == "targets" {
            let named = targets_of(db, &run, &names)?;
            if !named.is_empty() {
                reach = named.join(", ");
            }
        }
        let counts: Option<String> = row.get("counts")?;
        let counts = counts
            .map(|counts| serde_json::from_str(&counts))
            .transpose();
        runs.push(RunRow {
            run,
            started_at: values::read(row.get("started_at")?),
            finished_at: values::read_if_any(row.get("finished_at")?),
            reach,
            outcome: row.get("outcome")?,
            counts: counts
                .map_err(|e| StoreError::Corrupt(format!("a run's counts: {e}")))?
                .unwrap_or_default(),
        });
    }
    Ok(runs)
}

fn targets_of(
    db: &Connection,
    run: &str,
    names: &HashMap<TargetId, TargetRef>,
) -> Result<Vec<String>, StoreError> {
    let mut statement = db.prepare_cached("SELECT DISTINCT target FROM action WHERE run = :run")?;
    let found = statement.query_map(named_params! { ":run": run }, |row| row.get(0))?;
    let found: Vec<i64> = found.collect::<Result<_, _>>()?;
    let found = found.into_iter().filter_map(|id| names.get(&TargetId(id)));
    let mut named: Vec<String> = found.map(ToString::to_string).collect();
    named.sort();
    Ok(named)
}

/// The newest pass that removed something.
pub(crate) fn last_that_removed(db: &Connection) -> Result<Option<String>, StoreError> {
    Ok(that_removed(db, 1)?.into_iter().next())
}

/// The last passes that removed something, the newest first.
pub(crate) fn that_removed(db: &Connection, limit: u32) -> Result<Vec<String>, StoreError> {
    let newest_first = "SELECT run FROM action WHERE state = 'done' AND settled_at IS NOT NULL
         GROUP BY run ORDER BY max(settled_at) DESC, max(id) DESC LIMIT :limit";
    ids(db, newest_first, limit)
}

/// The last passes that an approval can name: in which something is held that is held still, or which
/// asked for the database to be confirmed. The newest comes first.
pub(crate) fn to_approve(db: &Connection, limit: u32) -> Result<Vec<String>, StoreError> {
    let newest_first = "SELECT r.id FROM run r
         WHERE EXISTS (SELECT 1 FROM hold h, json_each(h.actions) pair
                       JOIN action a ON a.id = pair.value ->> 0 AND a.due_at = pair.value ->> 1
                       WHERE h.id = r.hold AND h.approved_at IS NULL AND a.settled_at IS NULL
                         AND a.approved_at IS NULL AND a.state <> 'protected')
            OR r.id IN (SELECT p.body ->> 'run' FROM event e JOIN event_payload p USING (seq)
                        WHERE e.kind = 'database.doubted' AND e.seq > ifnull(
                            (SELECT max(seq) FROM event WHERE kind = 'database.confirmed'), 0))
         ORDER BY r.rowid DESC LIMIT :limit";
    ids(db, newest_first, limit)
}

fn ids(db: &Connection, sql: &str, limit: u32) -> Result<Vec<String>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_map(named_params! { ":limit": limit }, |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The run with this id, or the only one whose id has this part. Otherwise what is wrong with it.
pub(crate) fn named(db: &Connection, part: &str) -> Result<Result<String, String>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id FROM run WHERE instr(id, lower(:text)) > 0
         ORDER BY id <> lower(:text), rowid DESC LIMIT :most",
    )?;
    let most = i64::try_from(EXPLAINED + 1).unwrap_or(i64::MAX);
    let params = named_params! { ":text": part, ":most": most };
    let found = statement.query_map(params, |row| row.get(0))?;
    let found: Vec<String> = found.collect::<Result<_, _>>()?;
    Ok(match found.as_slice() {
        [first, ..] if part.eq_ignore_ascii_case(first) => Ok(first.clone()),
        [only] if !part.is_empty() => Ok(only.clone()),
        [] | [_] => Err(format!(
            "there is no run {part:?} in the database; lapsed runs shows the last ones"
        )),
        several => {
            let more = if several.len() > EXPLAINED {
                ", …"
            } else {
                ""
            };
            let shown = several.iter().take(EXPLAINED);
            let shown = shown.map(|run| text::short_run(run)).collect::<Vec<_>>();
            let shown = shown.join(", ");
            Err(format!(
                "{part:?} is in the ids of several runs: {shown}{more}"
            ))
        }
    })
}
