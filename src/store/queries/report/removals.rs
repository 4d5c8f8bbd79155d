//! The report's removals: what ended, what is overdue, what is held and what is protected.

use rusqlite::{Row, named_params};

use super::Reader;
use crate::report::{Debt, Ended, Held, Protected, Summary};
use crate::store::queries::sql::{STANDS, TO_APPROVE};
use crate::store::{StoreError, db::values};

pub(super) fn fill(read: &Reader<'_>, summary: &mut Summary) -> Result<(), StoreError> {
    let mut statement = read.db.prepare_cached(
        "SELECT settled_at, kind, target, email, reason, evidence, state, detail FROM action
         WHERE settled_at > :since AND settled_at <= :now AND state IN ('done', 'absent')
         ORDER BY settled_at, id",
    )?;
    let params = named_params! { ":since": read.since(), ":now": read.now() };
    let rows = statement.query_map(params, |row| {
        Ok(Ended {
            at: values::read(row.get("settled_at")?),
            action: row.get("kind")?,
            target: read.target(row.get("target")?),
            email: row.get("email")?,
            reason: row.get("reason")?,
            evidence: row.get("evidence")?,
            state: row.get("state")?,
            detail: row.get("detail")?,
        })
    })?;
    summary.ended = rows.collect::<Result<_, _>>()?;

    let mut statement = read.db.prepare_cached(&format!(
        "SELECT kind, target, email, reason, {STANDS} AS state, due_at, attempts, next_try_at, detail,
                {TO_APPROVE} AS run FROM action
         WHERE settled_at IS NULL ORDER BY due_at, id",
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match row.get_ref("state")?.as_str()? {
            "held" => summary.held.push(held(read, row)?),
            "protected" => summary.protected.push(protected(read, row)?),
            _ => summary.debts.push(debt(read, row)?),
        }
    }
    Ok(())
}

fn debt(read: &Reader<'_>, row: &Row<'_>) -> rusqlite::Result<Debt> {
    let state: String = row.get("state")?;
    Ok(Debt {
        action: row.get("kind")?,
        target: read.target(row.get("target")?),
        email: row.get("email")?,
        reason: row.get("reason")?,
        state,
        since: values::read(row.get("due_at")?),
        attempts: row.get("attempts")?,
        next_try: values::read_if_any(row.get("next_try_at")?),
        detail: row.get("detail")?,
    })
}

fn held(read: &Reader<'_>, row: &Row<'_>) -> rusqlite::Result<Held> {
    Ok(Held {
        run: row.get("run")?,
        action: row.get("kind")?,
        target: read.target(row.get("target")?),
        email: row.get("email")?,
        reason: row.get("reason")?,
        since: values::read(row.get("due_at")?),
        why: row.get::<_, Option<String>>("detail")?.unwrap_or_default(),
    })
}

fn protected(read: &Reader<'_>, row: &Row<'_>) -> rusqlite::Result<Protected> {
    Ok(Protected {
        action: row.get("kind")?,
        target: read.target(row.get("target")?),
        email: row.get("email")?,
        reason: row.get("reason")?,
        since: values::read(row.get("due_at")?),
        why: row.get::<_, Option<String>>("detail")?.unwrap_or_default(),
    })
}
