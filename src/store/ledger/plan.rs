//! The plan in the ledger: what is due gets a row, and what is no longer due is withdrawn.

use std::collections::{BTreeMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::{Ledger, Tracked};
use crate::domain::event::{NotTried, Withdrawn};
use crate::domain::{
    Action, ActionKind, ActionState, Email, Event, Means, Reason, Role, Scope, TargetId, TargetRef,
    UNREADABLE,
};
use crate::guard::Refused;
use crate::store::trail;
use crate::store::{Holds, Provisions, StoreError, apart, db::values, tables::targets};

impl Ledger {
    /// Records what is due, one row for each obligation however many passes it takes. Withdraws
    /// what an earlier pass planned and this one did not, except for teams that were not read or
    /// are beyond the plan's scope. A target whose data cause an error does not stop the others.
    pub(crate) fn record_plan(
        db: &Connection,
        run: &str,
        approved: &[Action],
        refused: &[(ActionState, Refused)],
        read: &HashSet<TargetId>,
        scope: &Scope,
        at: Timestamp,
    ) -> Result<Recorded, StoreError> {
        let mut recorded = Recorded::default();
        let planned = by_target(approved, refused);
        for (target, of_target) in &planned {
            let written = apart(db, || {
                let mut tracked = Vec::with_capacity(of_target.approved.len());
                for action in &of_target.approved {
                    tracked.extend(upsert(db, run, action, None, at)?);
                }
                let mut rows: HashSet<i64> = tracked.iter().map(|tracked| tracked.row).collect();
                for (state, refused) in &of_target.refused {
                    let why = Some((*state, &refused.why));
                    let row = upsert(db, run, &refused.action, why, at)?;
                    rows.extend(row.map(|tracked| tracked.row));
                }
                if scope.holds(target.id())
                    && (target.team().is_none() || read.contains(&target.id()))
                {
                    withdraw_others(db, &rows, target.id(), at)?;
                }
                Ok(tracked)
            });
            match written {
                Ok(tracked) => recorded.tracked.extend(tracked),
                Err(error) if error.is_of_data() => {
                    recorded.errors.push((target.clone(), error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        // Targets on which nothing is due any more.
        let others: Vec<(i64, bool)> = db
            .prepare_cached(
                "SELECT DISTINCT a.target, t.provider = 'sentius' FROM action a JOIN target t ON t.id = a.target
                 WHERE a.settled_at IS NULL",
            )?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let has_due: HashSet<TargetId> = planned.keys().map(TargetRef::id).collect();
        for (target, is_whitelist) in others {
            let target = TargetId(target);
            if !scope.holds(target) {
                continue;
            }
            if !(is_whitelist || read.contains(&target)) {
                leave_others(db, run, target, at)?;
            } else if !has_due.contains(&target) {
                withdraw_others(db, &HashSet::new(), target, at)?;
            }
        }
        Holds::note(db, run, at)?;
        // In the order of the plan: oldest first.
        recorded.tracked.sort_by(|a, b| {
            (a.action.due, &a.action.target, &a.action.email).cmp(&(
                b.action.due,
                &b.action.target,
                &b.action.email,
            ))
        });
        Ok(recorded)
    }
}

/// A plan on record.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    /// The approved actions with their rows, oldest first.
    pub(crate) tracked: Vec<Tracked>,
    /// Targets whose rows could not be written, and why.
    pub(crate) errors: Vec<(TargetRef, String)>,
}

#[derive(Default)]
struct OfTarget<'a> {
    approved: Vec<&'a Action>,
    refused: Vec<&'a (ActionState, Refused)>,
}

fn by_target<'a>(
    approved: &'a [Action],
    refused: &'a [(ActionState, Refused)],
) -> BTreeMap<TargetRef, OfTarget<'a>> {
    let mut targets: BTreeMap<TargetRef, OfTarget<'a>> = BTreeMap::new();
    for action in approved {
        let target = targets.entry(action.target.clone()).or_default();
        target.approved.push(action);
    }
    for refused in refused {
        let target = targets.entry(refused.1.action.target.clone()).or_default();
        target.refused.push(refused);
    }
    targets
}

/// Withdraws what is open on a target and is not in the plan.
fn withdraw_others(
    db: &Connection,
    planned: &HashSet<i64>,
    target: TargetId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let open: Vec<i64> = db
        .prepare_cached("SELECT id FROM action WHERE target = :target AND settled_at IS NULL")?
        .query_map(named_params! { ":target": target.0 }, |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for row in open.into_iter().filter(|row| !planned.contains(row)) {
        withdraw(db, row, "it is no longer due", at)?;
    }
    Ok(())
}

/// Records that what an earlier run planned in a team could not be tried in this one, which could not
/// tell whether it is still due: who a rule concerns, only a reading shows.
fn leave_others(
    db: &Connection,
    run: &str,
    target: TargetId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let left: Vec<i64> = db
        .prepare_cached(
            "SELECT id FROM action
             WHERE target = :target AND settled_at IS NULL AND run <> :run AND state = 'planned' ORDER BY id",
        )?
        .query_map(named_params! { ":run": run, ":target": target.0 }, |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for row in left {
        refuse(db, row, ActionState::Failed, UNREADABLE, at)?;
    }
    Ok(())
}

/// Records one obligation, in its open row or a new one. Nothing is written if an acknowledged
/// removal only waits for a reading and the team cannot be read now.
fn upsert(
    db: &Connection,
    run: &str,
    action: &Action,
    refused: Option<(ActionState, &String)>,
    at: Timestamp,
) -> Result<Option<Tracked>, StoreError> {
    let remote_id = match &action.means {
        Means::Membership(id) => Some(id.as_str()),
        _ => None,
    };
    let what = action.what().as_str();
    let key = named_params! {
        ":target": action.target.id().0, ":person": action.person, ":what": what,
    };
    if action.means == Means::Unreadable {
        let awaits_proof: bool = db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM action WHERE target = :target AND person = :person AND what = :what
                 AND settled_at IS NOT NULL AND state IN ('done', 'absent') AND evidence = 'acknowledged')",
            )?
            .query_row(key, |row| row.get(0))?;
        if awaits_proof {
            return Ok(None);
        }
    }
    let open: Option<(i64, Option<i64>, u32)> = db
        .prepare_cached(
            "SELECT id, next_try_at, attempts FROM action
             WHERE target = :target AND person = :person AND what = :what AND settled_at IS NULL",
        )?
        .query_row(key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let (row, next_try, attempts) = match open {
        Some(open) => {
            // A row that waits for its next try or its proof keeps its state until it is tried
            // again.
            db.prepare_cached(
                "UPDATE action SET run = :run, kind = :kind, reason = :reason, email = :email, email_key = :email_key,
                    role = :role, remote_id = ifnull(:remote_id, remote_id),
                    approved_at = CASE WHEN due_at = :due THEN approved_at END,
                    alarmed_at = CASE WHEN due_at = :due THEN alarmed_at END, due_at = :due,
                    state = CASE WHEN state = 'protected' OR (state = 'held' AND NOT (:unreadable AND approved_at IS NULL))
                                 THEN 'planned' ELSE state END
                 WHERE id = :id",
            )?
            .execute(named_params! {
                ":id": open.0, ":run": run, ":kind": action.kind.as_str(),
                ":reason": action.reason.as_str(), ":email": action.email.written(),
                ":email_key": action.email.key(), ":role": action.role.map(Role::as_str),
                ":remote_id": remote_id, ":due": values::stored(action.due),
                ":unreadable": action.means == Means::Unreadable,
            })?;
            open
        }
        None => {
            db.prepare_cached(
                "INSERT INTO action (kind, target, person, what, email, email_key, reason, remote_id, role, due_at, planned_at, run, state)
                 VALUES (:kind, :target, :person, :what, :email, :email_key, :reason, :remote_id, :role, :due, :at, :run, 'planned')",
            )?
            .execute(named_params! {
                ":kind": action.kind.as_str(), ":target": action.target.id().0,
                ":person": action.person, ":what": what,
                ":email": action.email.written(), ":email_key": action.email.key(),
                ":reason": action.reason.as_str(), ":remote_id": remote_id,
                ":role": action.role.map(Role::as_str),
                ":due": values::stored(action.due), ":at": values::stored(at), ":run": run,
            })?;
            (db.last_insert_rowid(), None, 0)
        }
    };
    if let Some((state, why)) = refused {
        refuse(db, row, state, why, at)?;
    }
    Ok(Some(Tracked {
        row,
        action: action.clone(),
        // A row that was never sent has no backoff once it can be tried.
        next_try: values::read_if_any(next_try).filter(|_| attempts > 0),
        tries: attempts,
    }))
}

/// What is told of an action that cannot go ahead.
struct Refusable {
    kind: String,
    target: TargetId,
    email: Email,
    reason: String,
    due: Timestamp,
    /// Why it could not go ahead before.
    detail: Option<String>,
}

/// Records why an action cannot go ahead, with an event only when the reason is new.
fn refuse(
    db: &Connection,
    row: i64,
    state: ActionState,
    why: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let read = |r: &Row<'_>| {
        Ok(Refusable {
            kind: r.get("kind")?,
            target: TargetId(r.get("target")?),
            email: Email::observed(r.get_ref("email")?.as_str()?),
            reason: r.get("reason")?,
            due: values::read(r.get("due_at")?),
            detail: r.get("detail")?,
        })
    };
    let action = db
        .prepare_cached(
            "SELECT kind, target, email, reason, due_at, detail FROM action WHERE id = :id",
        )?
        .query_row(named_params! { ":id": row }, read)?;
    // Rows that are unknown or held stay so: that they are not tried now does not mean that they
    // failed. What was approved is held no more, and fails like any other. Where lapsed only observes,
    // nothing is held.
    db.prepare_cached(
        "UPDATE action SET detail = :why,
                next_try_at = CASE WHEN attempts > 0 THEN max(ifnull(next_try_at, 0), :next_try) ELSE :next_try END,
                state = CASE WHEN :state = 'failed' AND state IN ('unknown', 'held') THEN state
                             WHEN :state = 'planned' AND state = 'unknown' THEN state ELSE :state END
         WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": row, ":state": state.as_str(), ":why": why,
        ":next_try": (state == ActionState::Failed).then(|| values::stored(soon(action.due, at))),
    })?;
    if action.detail.as_deref() == Some(why) {
        return Ok(());
    }
    let kind = match state {
        ActionState::Held => Event::ActionHeld,
        ActionState::Protected => Event::ActionProtected,
        _ => Event::ActionNotTried,
    };
    let event = kind(NotTried {
        action: ActionKind::from_word(&action.kind),
        action_id: row,
        email: Some(action.email.clone()),
        reason: Reason::from_word(&action.reason),
        target: Some(targets::shown(db, action.target)?.to_target()),
        why: why.to_owned(),
    });
    trail::append_event(db, at, Some(action.target), Some(&action.email), &event)
}

/// When an action that could not be tried is tried again: soon after it became due, and less and
/// less often the longer that is ago.
fn soon(due: Timestamp, at: Timestamp) -> Timestamp {
    let wait = at.duration_since(due) / 8;
    let wait = wait.clamp(SignedDuration::from_secs(15), SignedDuration::from_mins(15));
    at.checked_add(wait).unwrap_or(at)
}

impl Ledger {
    /// Records that an action could not be tried, with an event only when the reason is new. One
    /// that was sent earlier without an answer stays unknown until a reading settles it.
    pub(crate) fn not_tried(
        db: &Connection,
        tracked: &Tracked,
        why: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        refuse(db, tracked.row, ActionState::Failed, why, at)
    }
}

/// Withdraws an action that is no longer due.
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
            named_params! { ":id": row, ":why": why, ":at": values::stored(at) },
            |r| Ok((r.get(0)?, r.get(1)?)),
        )?;
    let event = Event::ActionWithdrawn(Withdrawn {
        action_id: row,
        why: why.to_owned(),
    });
    let email = Email::observed(&email);
    trail::append_event(db, at, Some(TargetId(target)), Some(&email), &event)?;
    if may_be_done {
        Provisions::after_removal(db, row, at)?;
    }
    Ok(())
}
