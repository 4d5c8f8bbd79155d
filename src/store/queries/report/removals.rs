//! The report's removals: what ended, what is overdue, what is held and what is protected.

use std::collections::HashMap;

use rusqlite::{Row, named_params};

use super::ReportReader;
use crate::domain::{TargetId, TargetRef};
use crate::report::{ReportLine, ReportList, Summary};
use crate::store::queries::sql::{STANDS, TO_APPROVE};
use crate::store::{StoreError, db::values};

pub(super) fn fill(read: &ReportReader<'_>, summary: &mut Summary) -> Result<(), StoreError> {
    let mut statement = read.db.prepare_cached(
        "SELECT settled_at, kind, target, email, reason, evidence, state, detail FROM action
         WHERE settled_at > :since AND settled_at <= :now AND state IN ('done', 'absent')
         ORDER BY settled_at, id",
    )?;
    let params = named_params! { ":since": read.since(), ":now": read.now() };
    let rows = statement.query_map(params, |row| {
        Ok(ReportLine {
            at: values::read(row.get("settled_at")?),
            evidence: row.get("evidence")?,
            ..removal(read.names, row)?
        })
    })?;
    summary[ReportList::Ended] = rows.collect::<Result<_, _>>()?;

    let mut statement = read
        .db
        .prepare_cached(&format!("{} ORDER BY due_at, id", all_open()))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (list, line) = open(read.names, row)?;
        summary[list].push(line);
    }
    Ok(())
}

/// What is due and not settled; a row of it is read by [`open`].
pub(in crate::store::queries) fn all_open() -> String {
    format!(
        "SELECT kind, target, email, reason, {STANDS} AS state, due_at, attempts, next_try_at, detail,
                {TO_APPROVE} AS run
         FROM action WHERE settled_at IS NULL"
    )
}

/// A removal that is due, and its list.
pub(in crate::store::queries) fn open(
    names: &HashMap<TargetId, TargetRef>,
    row: &Row<'_>,
) -> rusqlite::Result<(ReportList, ReportLine)> {
    let due = ReportLine {
        at: values::read(row.get("due_at")?),
        ..removal(names, row)?
    };
    let why = due.detail.clone().unwrap_or_default();
    Ok(match due.state.as_deref() {
        Some("held") => {
            let run = row.get("run")?;
            let detail = Some(why);
            (ReportList::Held, ReportLine { run, detail, ..due })
        }
        Some("protected") => {
            let detail = Some(why);
            (ReportList::Protected, ReportLine { detail, ..due })
        }
        _ => {
            let debt = ReportLine {
                attempts: row.get("attempts")?,
                next_try: values::read_if_any(row.get("next_try_at")?),
                ..due
            };
            (ReportList::Debts, debt)
        }
    })
}

/// What every removal tells, but for when.
fn removal(names: &HashMap<TargetId, TargetRef>, row: &Row<'_>) -> rusqlite::Result<ReportLine> {
    Ok(ReportLine {
        action: row.get("kind")?,
        target: Some(target(names, row.get("target")?)),
        email: row.get("email")?,
        reason: row.get("reason")?,
        state: row.get("state")?,
        detail: row.get("detail")?,
        ..ReportLine::default()
    })
}

/// The target's name, as it is shown.
pub(in crate::store::queries) fn target(names: &HashMap<TargetId, TargetRef>, id: i64) -> String {
    let target = names.get(&TargetId(id));
    target.map_or_else(|| format!("target {id}"), ToString::to_string)
}
