//! The plan in the ledger: what is due gets a row, what is due no longer is withdrawn.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};
use serde_json::json;

use super::{Ledger, Tracked};
use crate::domain::{Action, ActionKind, ActionState, Email, Means, Reach, Role, TargetId};
use crate::guard::Refused;
use crate::store::trail::{self, Entry};
use crate::store::{Holds, Provisions, StoreError, time};

impl Ledger {
    /// Writes down what is due, each action once however many passes it takes, and withdraws what
    /// an earlier pass had planned and this one has not, unless its team is not among those that
    /// were read and nothing is known of it, or beyond the plan's reach. Returns the approved actions with their rows, in
    /// order.
    pub(crate) fn record_plan(
        db: &Connection,
        run: &str,
        approved: &[Action],
        refused: &[(ActionState, Refused)],
        read: &HashSet<TargetId>,
        reach: &Reach,
        at: Timestamp,
    ) -> Result<Vec<Tracked>, StoreError> {
        let mut tracked = Vec::with_capacity(approved.len());
        for action in approved {
            let action = &continued(db, action)?;
            tracked.push(upsert(db, run, action, None, at)?);
        }
        let mut held = Vec::new();
        for (state, refused) in refused {
            let row = upsert(db, run, &refused.action, Some((*state, &refused.why)), at)?.row;
            if *state == ActionState::Held {
                held.push((row, refused.action.due));
            }
        }
        Holds::note(db, run, &held, at)?;
        let gone: Vec<(i64, i64, bool)> = db
            .prepare_cached(
                "SELECT a.id, a.target, t.provider = 'sapling' FROM action a JOIN target t ON t.id = a.target
                 WHERE a.settled_at IS NULL AND a.run <> :run",
            )?
            .query_map(named_params! { ":run": run }, |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<Result<_, _>>()?;
        for (row, target, is_team) in gone {
            let target = TargetId(target);
            if reach.holds(target) && (!is_team || read.contains(&target)) {
                withdraw(db, row, "it is no longer due", at)?;
            }
        }
        Ok(tracked)
    }
}

/// Where nothing shows whether there is a membership or an invite, the action goes on with what an
/// earlier pass knew it to be: one removal must not stand in the ledger as two.
fn continued(db: &Connection, action: &Action) -> Result<Action, StoreError> {
    let mut action = action.clone();
    let unseen = matches!(action.means, Means::AlreadyGone | Means::Unreadable);
    if unseen && action.kind == ActionKind::MemberRemove {
        let open: Option<String> = db
            .prepare_cached(
                "SELECT kind FROM action WHERE target = :target AND email_key = :email_key
                 AND kind IN ('member.remove', 'invite.revoke') AND settled_at IS NULL
                 ORDER BY kind DESC LIMIT 1",
            )?
            .query_row(
                named_params! {
                    ":target": action.target.id().0, ":email_key": action.email.key(),
                },
                |row| row.get(0),
            )
            .optional()?;
        let known = open.and_then(|kind| ActionKind::from_word(&kind));
        action.kind = known.unwrap_or(action.kind);
    }
    Ok(action)
}

fn upsert(
    db: &Connection,
    run: &str,
    action: &Action,
    refused: Option<(ActionState, &String)>,
    at: Timestamp,
) -> Result<Tracked, StoreError> {
    let remote_id = match &action.means {
        Means::Membership(id) => Some(id.as_str()),
        _ => None,
    };
    let open: Option<(i64, Option<i64>, u32)> = db
        .prepare_cached(
            "SELECT id, next_try_at, attempts FROM action
             WHERE target = :target AND email_key = :email_key AND kind = :kind AND role IS :role
               AND settled_at IS NULL",
        )?
        .query_row(
            named_params! {
                ":target": action.target.id().0, ":email_key": action.email.key(),
                ":kind": action.kind.as_str(), ":role": action.role.map(Role::as_str),
            },
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    let (row, next_try, attempts) = match open {
        Some(open) => {
            // What waits for its next try, or for its proof, keeps that state until it is tried again.
            db.prepare_cached(
                "UPDATE action SET run = :run, reason = :reason, email = :email, role = :role,
                    remote_id = ifnull(:remote_id, remote_id),
                    approved_at = CASE WHEN due_at = :due THEN approved_at END, due_at = :due,
                    state = CASE WHEN state IN ('held', 'protected') THEN 'planned' ELSE state END
                 WHERE id = :id",
            )?
            .execute(named_params! {
                ":id": open.0, ":run": run, ":reason": action.reason.as_str(),
                ":email": action.email.written(), ":role": action.role.map(Role::as_str),
                ":remote_id": remote_id, ":due": time::stored(action.due),
            })?;
            open
        }
        None => {
            db.prepare_cached(
                "INSERT INTO action (kind, target, person, what, email, email_key, reason, remote_id, role, due_at, planned_at, run, state)
                 VALUES (:kind, :target, ifnull(:remote_id, :email_key), :what, :email, :email_key, :reason, :remote_id, :role, :due, :at, :run, 'planned')",
            )?
            .execute(named_params! {
                ":kind": action.kind.as_str(), ":target": action.target.id().0,
                ":what": match action.kind {
                    ActionKind::InviteRevoke => "invite",
                    _ => action.role.map_or("access", Role::as_str),
                },
                ":email": action.email.written(), ":email_key": action.email.key(),
                ":reason": action.reason.as_str(), ":remote_id": remote_id,
                ":role": action.role.map(Role::as_str),
                ":due": time::stored(action.due), ":at": time::stored(at), ":run": run,
            })?;
            (db.last_insert_rowid(), None, 0)
        }
    };
    if let Some((state, why)) = refused {
        refuse(db, row, action, state, why, at)?;
    }
    Ok(Tracked {
        row,
        action: action.clone(),
        next_try: time::read_if_any(next_try),
        tried: attempts > 0,
    })
}

/// Notes what stands before an action; an event only when that is news.
fn refuse(
    db: &Connection,
    row: i64,
    action: &Action,
    state: ActionState,
    why: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let was: Option<String> = db
        .prepare_cached("SELECT detail FROM action WHERE id = :id")?
        .query_row(named_params! { ":id": row }, |r| r.get(0))?;
    // What was sent and not answered is not known to have failed because it is not tried now.
    db.prepare_cached(
        "UPDATE action SET detail = :why,
                state = CASE WHEN state = 'unknown' AND :state = 'failed' THEN state ELSE :state END
         WHERE id = :id",
    )?
    .execute(named_params! { ":id": row, ":state": state.as_str(), ":why": why })?;
    if was.as_deref() == Some(why) {
        return Ok(());
    }
    trail::append(
        db,
        &Entry {
            at,
            kind: match state {
                ActionState::Held => "action.held",
                ActionState::Protected => "action.protected",
                _ => "action.not_tried",
            },
            target: Some(action.target.id()),
            email: Some(&action.email),
            payload: &json!({
                "action_id": row, "action": action.kind, "reason": action.reason,
                "target": action.target, "email": action.email.written(), "why": why,
            }),
        },
    )
}

impl Ledger {
    /// Notes that an action could not even be tried; an event only when the reason is news. One
    /// that was sent earlier and not answered stays unknown: a reading is still to settle it.
    pub(crate) fn not_tried(
        db: &Connection,
        tracked: &Tracked,
        why: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        refuse(
            db,
            tracked.row,
            &tracked.action,
            ActionState::Failed,
            why,
            at,
        )
    }
}

/// Ends an action that is due no longer.
pub(super) fn withdraw(
    db: &Connection,
    row: i64,
    why: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let may_be_done = Provisions::may_be_done(db, row)?;
    let (target, email): (i64, String) = db
        .prepare_cached(
            "UPDATE action SET state = 'withdrawn', detail = :why, settled_at = :at, next_try_at = NULL
             WHERE id = :id RETURNING target, email",
        )?
        .query_row(
            named_params! { ":id": row, ":why": why, ":at": time::stored(at) },
            |r| Ok((r.get(0)?, r.get(1)?)),
        )?;
    trail::append(
        db,
        &Entry {
            at,
            kind: "action.withdrawn",
            target: Some(TargetId(target)),
            email: Some(&Email::observed(&email)),
            payload: &json!({ "action_id": row, "why": why }),
        },
    )?;
    if may_be_done {
        Provisions::after_removal(db, row, at)?;
    }
    Ok(())
}
