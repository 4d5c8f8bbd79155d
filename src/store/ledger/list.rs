//! What the ledger tells: the actions of a run with their states, and what the guard counts.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, named_params};

use super::Ledger;
use crate::domain::{ActionKind, ActionResult, ActionState, Email, Evidence, Reason, TargetId};
use crate::store::{StoreError, targets, time};

/// Over how long removals are counted.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

impl Ledger {
    /// Every action of a run, and every one that is due and waits, oldest first.
    pub(crate) fn of_run(db: &Connection, run: &str) -> Result<Vec<ActionResult>, StoreError> {
        let names = targets::names(db)?;
        let mut statement = db.prepare_cached(
            "SELECT kind, target, email, reason, state, evidence, detail, next_try_at FROM action
             WHERE state <> 'withdrawn' AND (run = :run OR settled_at IS NULL)
             ORDER BY due_at, target, email_key, kind",
        )?;
        let mut rows = statement.query(named_params! { ":run": run })?;
        let mut actions = Vec::new();
        while let Some(row) = rows.next()? {
            let word = |column| -> rusqlite::Result<String> { row.get(column) };
            let target = TargetId(row.get(1)?);
            let unexpected = |what: &str| StoreError::Corrupt(format!("an action's {what}"));
            actions.push(ActionResult {
                action: ActionKind::from_word(&word(0)?).ok_or_else(|| unexpected("kind"))?,
                target: names
                    .get(&target)
                    .ok_or_else(|| unexpected("target"))?
                    .clone(),
                email: Email::observed(row.get_ref(2)?.as_str()?),
                reason: Reason::from_word(&word(3)?).ok_or_else(|| unexpected("reason"))?,
                state: ActionState::from_word(&word(4)?),
                evidence: row
                    .get::<_, Option<String>>(5)?
                    .and_then(|e| Evidence::from_word(&e)),
                detail: row.get(6)?,
            });
        }
        Ok(actions)
    }

    /// How many removals were done in the last 24 hours, by target.
    pub(crate) fn removed_lately(
        db: &Connection,
        now: Timestamp,
    ) -> Result<BTreeMap<TargetId, u64>, StoreError> {
        let since = now.checked_sub(WINDOW).unwrap_or(Timestamp::MIN);
        let mut statement = db.prepare_cached(
            "SELECT target, count(*) FROM action
             WHERE tried_at > :since AND state = 'done' GROUP BY target",
        )?;
        let rows = statement.query_map(named_params! { ":since": time::stored(since) }, |row| {
            Ok((TargetId(row.get(0)?), row.get(1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
