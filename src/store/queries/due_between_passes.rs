//! What is to be done between passes, and when: ends, starts, retries, and what a person approved.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, named_params};

use crate::domain::{Provider, Scope, TargetId};
use crate::store::{StoreError, db::values, tables::targets};

/// What is to be done between passes.
#[derive(Debug)]
pub(crate) struct Agenda {
    /// When the next end that was not acted on yet is to be acted on.
    pub next_end: Option<Timestamp>,
    /// When the next retry or the next start is due.
    next_try: Option<Timestamp>,
    /// The targets where something is due now; everything if a team has still to be found by its
    /// name.
    pub scope: Scope,
}

impl Agenda {
    /// What has become due after `since`, the time of the last check.
    pub(crate) fn load(
        db: &Connection,
        since: Timestamp,
        grace: SignedDuration,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        // An end is acted on after the grace period, a revoked one at once.
        let before = |at: Timestamp| at.checked_sub(grace).unwrap_or(Timestamp::MIN);
        let earliest = |sql: &str, after: Timestamp| -> Result<Option<Timestamp>, StoreError> {
            let params = named_params! { ":after": values::stored(after) };
            let at = db
                .prepare_cached(sql)?
                .query_row(params, |row| row.get(0))?;
            Ok(values::read_if_any(at))
        };
        let end = earliest(
            "SELECT min(ends_at) FROM grants WHERE removed_at IS NULL AND ends_at > :after",
            before(since),
        )?;
        let next_try = earliest(
            "SELECT min(at) FROM (
                 SELECT min(next_try_at) AS at FROM action WHERE settled_at IS NULL AND next_try_at > :after
                 UNION ALL SELECT min(due_at) FROM provision WHERE settled_at IS NULL AND due_at > :after
                 UNION ALL SELECT min(look_at) FROM entry WHERE look_at > :after)",
            since,
        )?;
        // Not UNION: SQLite would then scan all open grants in the order of their targets.
        let mut statement = db.prepare_cached(
            "SELECT target FROM grants
             WHERE removed_at IS NULL AND ends_at <= :cutoff AND (ends_at > :since_end OR recorded_at > :since)
             UNION ALL SELECT target FROM grants
             WHERE removed_at IS NULL AND ends_at > :since AND ends_at <= :now AND revoked
             UNION ALL SELECT target FROM grants
             WHERE dropped_at > :since AND dropped_at IS NOT NULL AND revoked = 0 AND removed_at IS NULL
             UNION ALL SELECT target FROM action
             WHERE settled_at IS NULL AND (next_try_at > :since AND next_try_at <= :now OR approved_at > :since)
             UNION ALL SELECT target FROM provision
             WHERE settled_at IS NULL AND due_at <= :now AND (due_at > :since OR planned_at > :since)
             UNION ALL SELECT target FROM entry WHERE look_at > :since AND look_at <= :now",
        )?;
        let params = named_params! {
            ":since": values::stored(since), ":since_end": values::stored(before(since)),
            ":now": values::stored(now), ":cutoff": values::stored(before(now)),
        };
        let due: BTreeSet<TargetId> = statement
            .query_map(params, |row| row.get(0).map(TargetId))?
            .collect::<Result<_, _>>()?;
        Ok(Self {
            next_end: end.and_then(|at| at.checked_add(grace).ok()),
            next_try,
            scope: scope(db, &due)?,
        })
    }

    /// When there is something to do, be it now or later.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        match &self.scope {
            Scope::Only(targets) if targets.is_empty() => {
                [self.next_end, self.next_try].into_iter().flatten().min()
            }
            _ => Some(Timestamp::MIN),
        }
    }
}

/// How long after an end it is still asked for by [`waits_elsewhere`]: by then it was acted on, or
/// nobody will.
const JUST_ENDED: SignedDuration = SignedDuration::from_mins(1);

/// Whether something has just come due at another account than this one, such as `sentius:acme`: access
/// ended and no removal is on record yet, or one that failed is to be tried again, or a person approved
/// one.
pub(crate) fn waits_elsewhere(
    db: &Connection,
    account: &str,
    grace: SignedDuration,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let before =
        |at: Timestamp, span| values::stored(at.checked_sub(span).unwrap_or(Timestamp::MIN));
    let waits = db
        .prepare_cached(
            "SELECT EXISTS (
                 SELECT 1 FROM grants g JOIN target t ON t.id = g.target
                 WHERE g.removed_at IS NULL AND g.ends_at > :earliest AND g.ends_at <= :now
                   AND iif(g.revoked, g.ends_at > :since, g.ends_at <= :cutoff)
                   AND t.provider || ':' || t.account <> :account
                   AND NOT EXISTS (SELECT 1 FROM action a WHERE a.target = g.target
                                   AND a.person = g.person AND a.settled_at IS NULL))
             OR EXISTS (
                 SELECT 1 FROM action a JOIN target t ON t.id = a.target
                 WHERE a.settled_at IS NULL AND t.provider || ':' || t.account <> :account
                   AND (a.next_try_at > :just AND a.next_try_at <= :now
                        OR a.approved_at > :just AND ifnull(a.tried_at < a.approved_at, TRUE)))",
        )?
        .query_row(
            named_params! {
                ":earliest": before(now, grace.saturating_add(JUST_ENDED)), ":now": values::stored(now),
                ":since": before(now, JUST_ENDED), ":just": before(now, JUST_ENDED), ":cutoff": before(now, grace), ":account": account,
            },
            |row| row.get(0),
        )?;
    Ok(waits)
}

fn scope(db: &Connection, due: &BTreeSet<TargetId>) -> Result<Scope, StoreError> {
    if due.is_empty() {
        return Ok(Scope::only([]));
    }
    let names = targets::names(db)?;
    let mut found = Vec::with_capacity(due.len());
    for id in due {
        let target = targets::named(&names, *id)?;
        let matched: bool = db
            .prepare_cached("SELECT remote_id IS NOT NULL FROM target WHERE id = :id")?
            .query_row(named_params! { ":id": id.0 }, |row| row.get(0))?;
        if target.provider() == Provider::Sapling && !matched {
            return Ok(Scope::Everything);
        }
        found.push(target.clone());
    }
    Ok(Scope::only(found))
}
