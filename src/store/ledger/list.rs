//! Lists of the ledger: a run's actions with their states, and the counts for the guard.

use std::collections::{BTreeMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Row, named_params};

use super::Ledger;
use crate::domain::{ActionResult, ActionState, Email, Obligation, TargetId, TargetRef, What};
use crate::store::queries::sql::STANDS;
use crate::store::{StoreError, db::values, tables::targets};

/// The period in which removals are counted.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

impl Ledger {
    /// All actions of a run, and all that are due and waiting, oldest first.
    pub(crate) fn of_run(db: &Connection, run: &str) -> Result<Vec<ActionResult>, StoreError> {
        let names = targets::names(db)?;
        let mut statement = db.prepare_cached(&format!(
            "SELECT kind, target, email, reason, {STANDS}, evidence, detail, next_try_at FROM action
             WHERE state <> 'withdrawn' AND (run = :run OR settled_at IS NULL)
             ORDER BY due_at, target, email_key, kind",
        ))?;
        let mut rows = statement.query(named_params! { ":run": run })?;
        let mut actions = Vec::new();
        while let Some(row) = rows.next()? {
            let target = TargetId(row.get(1)?);
            let unexpected = || StoreError::Corrupt("an action's target".to_owned());
            let target = names.get(&target).ok_or_else(unexpected)?;
            actions.push(result(row, target.clone())?);
        }
        Ok(actions)
    }

    /// What was settled of a person on a target since then, with the run that did it; `None` if nothing
    /// was, or if something is still due there.
    pub(crate) fn settled_since(
        db: &Connection,
        target: &TargetRef,
        people: &HashSet<String>,
        since: Timestamp,
    ) -> Result<Option<(String, Vec<ActionResult>)>, StoreError> {
        let mut statement = db.prepare_cached(&format!(
            "SELECT kind, target, email, reason, {STANDS}, evidence, detail, next_try_at,
                    run, email_key, settled_at FROM action
             WHERE target = :target AND state <> 'withdrawn' AND (settled_at IS NULL OR settled_at >= :since)
             ORDER BY id",
        ))?;
        let mut rows = statement.query(named_params! {
            ":target": target.id().0, ":since": values::stored(since),
        })?;
        let mut settled: Option<(String, Vec<ActionResult>)> = None;
        while let Some(row) = rows.next()? {
            if !people.contains(row.get_ref(9)?.as_str()?) {
                continue;
            }
            if row.get::<_, Option<i64>>(10)?.is_none() {
                return Ok(None);
            }
            let (run, actions) = settled.get_or_insert_default();
            *run = row.get(8)?;
            actions.push(result(row, target.clone())?);
        }
        Ok(settled)
    }

    /// What was removed in the last 24 hours. Calls without an answer count too: they may have been
    /// done.
    pub(crate) fn removed_lately(db: &Connection, now: Timestamp) -> Result<Lately, StoreError> {
        let since = now.checked_sub(WINDOW).unwrap_or(Timestamp::MIN);
        let params = named_params! { ":since": values::stored(since) };
        let mut statement = db.prepare_cached(
            "SELECT a.target, count(*), sum(a.kind <> 'member.demote'
                    AND (t.provider = 'sentius' OR a.evidence IS 'verified'))
             FROM action a JOIN target t ON t.id = a.target
             WHERE a.tried_at > :since AND a.approved_at IS NULL
               AND (a.state = 'done' OR (a.state = 'withdrawn' AND a.attempts > 0)
                    OR (a.state = 'absent' AND a.attempts > 1))
             GROUP BY a.target",
        )?;
        let settled = statement
            .query_map(params, |row| {
                Ok((TargetId(row.get(0)?), (row.get(1)?, row.get(2)?)))
            })?
            .collect::<Result<_, _>>()?;
        let mut statement = db.prepare_cached(
            "SELECT target, person, what FROM action
             WHERE tried_at > :since AND approved_at IS NULL AND state IN ('intent', 'unknown')",
        )?;
        let mut rows = statement.query(params)?;
        let mut unanswered = Vec::new();
        while let Some(row) = rows.next()? {
            unanswered.push(obligation(row)?);
        }
        Ok(Lately {
            settled,
            unanswered,
        })
    }
}

/// Removals of the last 24 hours.
#[derive(Debug, Default)]
pub(crate) struct Lately {
    /// By target: the numbers of removals, and of people who lost their access by them.
    pub(crate) settled: BTreeMap<TargetId, (u64, u64)>,
    /// Those that were sent and not answered yet; a plan may contain them again.
    pub(crate) unanswered: Vec<Obligation>,
}

/// Reads the columns `target`, `person` and `what`.
pub(in crate::store) fn obligation(row: &Row<'_>) -> Result<Obligation, StoreError> {
    let word = row.get_ref("what")?;
    let what = match word.as_str()? {
        "access" => What::Access,
        "invite" => What::Invite,
        role => What::Role(role.parse().map_err(StoreError::Corrupt)?),
    };
    Ok(Obligation {
        target: TargetId(row.get("target")?),
        person: row.get("person")?,
        what,
    })
}

/// An action as it is told: the columns in the order of `of_run`.
fn result(row: &Row<'_>, target: TargetRef) -> Result<ActionResult, StoreError> {
    Ok(ActionResult {
        action: row.get(0)?,
        target,
        email: Email::observed(row.get_ref(2)?.as_str()?),
        reason: row.get(3)?,
        state: ActionState::from_word(row.get_ref(4)?.as_str()?),
        evidence: row.get(5)?,
        detail: row.get(6)?,
    })
}
