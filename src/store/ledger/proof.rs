//! Proof by reading: what a team's reading shows about removals that were sent.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::{Ledger, close_grants};
use crate::domain::event::ActionOnly;
use crate::domain::{Email, Event, Flags, Role, TargetId};
use crate::schedule::backoff;
use crate::store::trail;
use crate::store::{Provisions, StoreError, db::values, tables::members};

/// A removal that was sent, and whether its object is still there.
struct Unproven {
    row: i64,
    email: Email,
    acknowledged: bool,
    still_there: bool,
    /// Whether the ledger has another, open row for the same obligation.
    superseded: bool,
    /// Whether a process died between the intent and the result.
    interrupted: bool,
    /// How often it was tried.
    attempts: u32,
}

impl Unproven {
    /// When a removal is tried again that had no effect: at once where a process died before the
    /// call, else later with each try.
    fn next_try(&self, at: Timestamp) -> Timestamp {
        match self.interrupted {
            true => at,
            false => backoff::next_try(at, self.attempts, true),
        }
    }
}

impl Ledger {
    /// The targets with removals that wait for a proof by reading.
    pub(crate) fn awaiting_proof(db: &Connection) -> Result<HashSet<TargetId>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT DISTINCT target FROM action
             WHERE state IN ('intent', 'unknown') OR (state IN ('done', 'absent') AND evidence = 'acknowledged')",
        )?;
        let rows = statement.query_map([], |row| row.get(0).map(TargetId))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Settles removals by the reading just stored. What is gone is `verified`. What is still there
    /// after a call without an answer has failed. What is still there although the provider
    /// acknowledged the removal is due again, and its grants are reopened.
    pub(crate) fn settle_by_reading(
        db: &Connection,
        run: &str,
        team: TargetId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        for action in unproven(db, team)? {
            if !action.acknowledged || action.still_there {
                // News of this run; the proof of an earlier run's success is not.
                // A command that only looks at the team is no run.
                db.prepare_cached(
                    "UPDATE action SET run = :run
                     WHERE id = :id AND EXISTS (SELECT 1 FROM run WHERE id = :run)",
                )?
                .execute(named_params! { ":id": action.row, ":run": run })?;
            }
            let next_try = action.next_try(at);
            let (kind, sql, when): (fn(ActionOnly) -> Event, &str, Timestamp) = match (action.still_there, action.acknowledged) {
                (false, _) => (
                    Event::ActionVerified,
                    "UPDATE action SET state = iif(state = 'absent', 'absent', 'done'), evidence = 'verified', detail = NULL,
                            next_try_at = NULL, settled_at = ifnull(settled_at, :when) WHERE id = :id",
                    at,
                ),
                (true, false) => (
                    Event::ActionNotDone,
                    "UPDATE action SET state = 'failed', next_try_at = max(ifnull(next_try_at, 0), :when),
                            detail = 'sent without an answer, and still there' WHERE id = :id",
                    next_try,
                ),
                (true, true) if action.superseded => (
                    Event::ActionContradicted,
                    "UPDATE action SET state = 'withdrawn', evidence = NULL, settled_at = :when,
                            detail = 'the provider said that it is gone, and it is still there' WHERE id = :id",
                    at,
                ),
                (true, true) => (
                    Event::ActionContradicted,
                    "UPDATE action SET state = 'failed', evidence = NULL, settled_at = NULL, next_try_at = :when,
                            detail = 'the provider said that it is gone, and it is still there' WHERE id = :id",
                    next_try,
                ),
            };
            db.prepare_cached(sql)?
                .execute(named_params! { ":id": action.row, ":when": values::stored(when) })?;
            note(db, kind, team, &action, at)?;
            if !action.still_there {
                close_grants(db, action.row, at)?;
                if !action.acknowledged {
                    Provisions::after_removal(db, action.row, at)?;
                }
            }
        }
        Ok(())
    }
}

/// A membership counts as still there only under the same id, and an invite only if it was there at
/// the time of the call: a person who was added again meanwhile is no failed removal.
fn unproven(db: &Connection, team: TargetId) -> Result<Vec<Unproven>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT a.id, a.email, a.state IN ('done', 'absent'), a.kind, a.person, a.role,
            a.kind = 'invite.revoke' AND EXISTS (
                SELECT 1 FROM invite i WHERE i.target = a.target AND i.email_key = a.email_key
                AND i.gone_at IS NULL AND i.missing_since IS NULL
                AND ifnull(i.there_since, i.first_seen) <= a.tried_at),
            a.settled_at IS NOT NULL AND EXISTS (
                SELECT 1 FROM action o WHERE o.target = a.target AND o.person = a.person AND o.what = a.what
                AND o.settled_at IS NULL),
            a.state = 'intent' OR (a.state = 'unknown' AND a.next_try_at IS NULL), a.attempts
         FROM action a
         WHERE a.target = :target
           AND (a.state IN ('intent', 'unknown') OR (a.state IN ('done', 'absent') AND a.evidence = 'acknowledged'))
         ORDER BY a.id",
    )?;
    let mut rows = statement.query(named_params! { ":target": team.0 })?;
    let mut found = Vec::new();
    let mut members: Option<HashMap<String, Flags>> = None;
    while let Some(row) = rows.next()? {
        let kind = row.get_ref(3)?.as_str()?;
        let still_there = if kind == "invite.revoke" {
            row.get(6)?
        } else {
            let members = match &mut members {
                Some(members) => members,
                none => none.insert(shown(db, team)?),
            };
            let role: Option<Role> = row.get(5)?;
            let flags = members.get(row.get_ref(4)?.as_str()?);
            flags.is_some_and(|flags| role.is_none_or(|role| flags.has(role)))
        };
        found.push(Unproven {
            row: row.get(0)?,
            email: Email::observed(row.get_ref(1)?.as_str()?),
            acknowledged: row.get(2)?,
            still_there,
            superseded: row.get(7)?,
            interrupted: row.get(8)?,
            attempts: row.get(9)?,
        });
    }
    Ok(found)
}

/// The memberships that the reading just stored shows, with their flags.
fn shown(db: &Connection, team: TargetId) -> Result<HashMap<String, Flags>, StoreError> {
    let known = members::known(db, team)?.into_iter();
    let there = known.filter(|member| member.missed.is_none());
    Ok(there
        .map(|member| (member.remote_id, member.flags))
        .collect())
}

fn note(
    db: &Connection,
    kind: fn(ActionOnly) -> Event,
    team: TargetId,
    action: &Unproven,
    at: Timestamp,
) -> Result<(), StoreError> {
    let event = kind(ActionOnly {
        action_id: action.row,
    });
    trail::append_event(db, at, Some(team), Some(&action.email), &event)
}
