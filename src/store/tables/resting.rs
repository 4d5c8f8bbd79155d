//! What waits for an account whose calls fail: all of it until one moment, or no more.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use crate::store::{Runs, StoreError, db::values};

/// That a row is at the account.
const HERE: &str = "target IN (SELECT id FROM target WHERE provider || ':' || account = :account)";

/// The rows of removals and gifts, by when they are tried next.
#[derive(Debug)]
pub(crate) struct Resting;

impl Resting {
    /// Until when an account, such as `sentius:acme`, rests, if what waits for it was not woken since.
    pub(crate) fn until(db: &Connection, account: &str) -> Result<Option<Timestamp>, StoreError> {
        Runs::fact(db, &name(account))
    }

    /// All accounts that rest.
    pub(crate) fn accounts(db: &Connection) -> Result<BTreeSet<String>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT substr(name, 7) FROM fact WHERE name >= 'rests.' AND name < 'rests/'",
        )?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Records that it rests until then. What failed there in earlier passes waits until then as well.
    pub(crate) fn begin(
        db: &Connection,
        account: &str,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        for (table, moment, only) in [
            ("action", "next_try_at", "attempts > 0"),
            ("provision", "due_at", "gap_since IS NULL"),
        ] {
            db.prepare_cached(&format!(
                "UPDATE {table} SET {moment} = :until
                 WHERE settled_at IS NULL AND {moment} IS NOT NULL AND state IN ('failed', 'unknown')
                   AND {only} AND {HERE}"
            ))?
            .execute(named_params! { ":account": account, ":until": values::stored(until) })?;
        }
        Runs::set_fact(db, &name(account), until)
    }

    /// Has these removals wait until then.
    pub(crate) fn removals(
        db: &Connection,
        rows: impl IntoIterator<Item = i64>,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let mut statement = db.prepare_cached(
            "UPDATE action SET next_try_at = :until WHERE id = :id AND settled_at IS NULL",
        )?;
        for row in rows {
            statement.execute(named_params! { ":id": row, ":until": values::stored(until) })?;
        }
        Ok(())
    }

    /// Has these gifts wait until then. Half-replaced entries do not: somebody may be without access.
    pub(crate) fn gifts(
        db: &Connection,
        rows: impl IntoIterator<Item = i64>,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let mut statement = db.prepare_cached(
            "UPDATE provision SET due_at = :until
             WHERE id = :id AND settled_at IS NULL AND gap_since IS NULL",
        )?;
        for row in rows {
            statement.execute(named_params! { ":id": row, ":until": values::stored(until) })?;
        }
        Ok(())
    }

    /// Makes due now what waits at this account for the end of its rest. What the provider asked to leave
    /// alone for longer waits on.
    pub(crate) fn wake(
        db: &Connection,
        account: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for (table, moment) in [("action", "next_try_at"), ("provision", "due_at")] {
            db.prepare_cached(&format!(
                "UPDATE {table} SET {moment} = :now
                 WHERE settled_at IS NULL AND {moment} = :until AND {HERE}"
            ))?
            .execute(named_params! {
                ":account": account, ":until": values::stored(until), ":now": values::stored(now),
            })?;
        }
        db.prepare_cached("DELETE FROM fact WHERE name = :name")?
            .execute(named_params! { ":name": name(account) })?;
        Ok(())
    }
}

/// Under which name it is kept, so that every process knows and a restart does not forget.
fn name(account: &str) -> String {
    format!("rests.{account}")
}
