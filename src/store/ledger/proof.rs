//! Proof by reading: what a team's reading says about removals that were sent.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, named_params};
use serde_json::json;

use super::{Ledger, close_grants};
use crate::domain::{Email, TargetId};
use crate::store::trail::{self, Entry};
use crate::store::{Provisions, StoreError, time};

/// A removal that was sent, and whether what it was to remove is still there.
struct Unproven {
    row: i64,
    email: Email,
    acknowledged: bool,
    still_there: bool,
}

impl Ledger {
    /// The targets from which a removal waits to be read back.
    pub(crate) fn awaiting_proof(db: &Connection) -> Result<HashSet<TargetId>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT DISTINCT target FROM action
             WHERE state IN ('intent', 'unknown') OR (state IN ('done', 'absent') AND evidence = 'acknowledged')",
        )?;
        let rows = statement.query_map([], |row| row.get(0).map(TargetId))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Settles what the reading just stored proves: what is gone is `verified`; what was sent
    /// without an answer and is still there failed; what the provider had said yes to and is still
    /// there is due again, and its grants are open again.
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
            let (kind, sql) = match (action.still_there, action.acknowledged) {
                (false, _) => (
                    "action.verified",
                    "UPDATE action SET state = iif(state = 'absent', 'absent', 'done'), evidence = 'verified', detail = NULL,
                            next_try_at = NULL, settled_at = ifnull(settled_at, :at) WHERE id = :id",
                ),
                (true, false) => (
                    "action.not_done",
                    "UPDATE action SET state = 'failed', next_try_at = :at,
                            detail = 'sent without an answer, and still there' WHERE id = :id",
                ),
                (true, true) => (
                    "action.contradicted",
                    "UPDATE action SET state = 'failed', evidence = NULL, settled_at = NULL, next_try_at = :at,
                            detail = 'the provider said that it is gone, and it is still there' WHERE id = :id",
                ),
            };
            db.prepare_cached(sql)?
                .execute(named_params! { ":id": action.row, ":at": time::stored(at) })?;
            note(db, kind, team, &action, at)?;
            if !action.still_there {
                close_grants(db, action.row, at)?;
                if !action.acknowledged {
                    Provisions::after_removal(db, action.row, at)?;
                }
            } else if action.acknowledged {
                reopen_grants(db, action.row)?;
            }
        }
        Ok(())
    }
}

/// The membership counts as still there only under the same id, and the invite only if it was
/// never seen absent: who was let in anew meanwhile is no failed removal.
fn unproven(db: &Connection, team: TargetId) -> Result<Vec<Unproven>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT a.id, a.email, a.state IN ('done', 'absent'),
            CASE a.kind
              WHEN 'member.remove' THEN EXISTS (
                SELECT 1 FROM member m WHERE m.target = a.target AND m.email_key = a.email_key
                AND m.valid_to IS NULL AND m.missing_since IS NULL
                AND (a.remote_id IS NULL OR m.remote_id = a.remote_id))
              WHEN 'member.demote' THEN EXISTS (
                SELECT 1 FROM member m WHERE m.target = a.target AND m.email_key = a.email_key
                AND m.valid_to IS NULL AND m.missing_since IS NULL
                AND ((a.role = 'admin' AND m.is_admin) OR (a.role = 'manager' AND m.is_manager)
                     OR (a.role = 'edit' AND m.edit_permission) OR (a.role = 'inspect' AND m.inspect_permission)))
              ELSE EXISTS (
                SELECT 1 FROM invite i WHERE i.target = a.target AND i.email_key = a.email_key
                AND i.gone_at IS NULL AND i.first_seen <= a.tried_at)
            END
         FROM action a
         WHERE a.target = :target
           AND (a.state IN ('intent', 'unknown') OR (a.state IN ('done', 'absent') AND a.evidence = 'acknowledged'))
         ORDER BY a.id",
    )?;
    let rows = statement.query_map(named_params! { ":target": team.0 }, |row| {
        Ok(Unproven {
            row: row.get(0)?,
            email: Email::observed(row.get_ref(1)?.as_str()?),
            acknowledged: row.get(2)?,
            still_there: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn note(
    db: &Connection,
    kind: &'static str,
    team: TargetId,
    action: &Unproven,
    at: Timestamp,
) -> Result<(), StoreError> {
    trail::append(
        db,
        &Entry {
            at,
            kind,
            target: Some(team),
            email: Some(&action.email),
            payload: &json!({ "action_id": action.row }),
        },
    )
}

fn reopen_grants(db: &Connection, action: i64) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE grants SET removed_at = NULL
         FROM action a
         WHERE a.id = :action AND grants.target = a.target AND grants.email_key = a.email_key
           AND grants.ends_at <= a.due_at AND grants.removed_at >= a.tried_at
           AND (a.role IS NULL OR grants.role = a.role)",
    )?
    .execute(named_params! { ":action": action })?;
    Ok(())
}
