//! Held plans: exactly the actions that the guard held, and a person's approval of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::domain::event::{DatabaseConfirmed, DatabaseDoubted, HoldApproved, HoldTakenBack};
use crate::domain::{ActionKind, Email, Event, Obligation, Reason, TargetId, TargetRef};
use crate::store::ledger::obligation;
use crate::store::queries::sql::{HELD, TO_APPROVE};
use crate::store::trail;
use crate::store::{StoreError, db::values, tables::targets};

/// The holds' SQL.
#[derive(Debug)]
pub(crate) struct Holds;

/// The result of an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Approval {
    /// There is no such run.
    NoSuchRun,
    /// The run held nothing.
    NothingHeld,
    /// It was approved already.
    Already(Timestamp),
    /// Approved, with the number of actions that may go ahead and of those no longer held.
    Given {
        /// May go ahead.
        actions: usize,
        /// Done, withdrawn, or due since another moment.
        dropped: usize,
    },
}

/// A removal that waits for a person's approval.
#[derive(Debug, Clone)]
pub(crate) struct HeldRemoval {
    pub(crate) target: TargetRef,
    pub(crate) email: Email,
    pub(crate) kind: ActionKind,
    /// Why it is due.
    pub(crate) reason: Reason,
    /// Why the guard holds it.
    pub(crate) held_for: Option<String>,
}

impl Holds {
    /// Records what a run held: all that waits for a person when it has made its plan, also what it
    /// could not look at. The same plan held again is the same hold.
    pub(crate) fn note(db: &Connection, run: &str, at: Timestamp) -> Result<(), StoreError> {
        let stands = held(db)?;
        if stands.is_empty() {
            return Ok(());
        }
        let digest = digest(&stands);
        let known: Option<i64> = db
            .prepare_cached(
                "SELECT id FROM hold WHERE id = (SELECT max(id) FROM hold) AND digest = :digest
                 AND approved_at IS NULL",
            )?
            .query_row(named_params! { ":digest": digest }, |row| row.get(0))
            .optional()?;
        let hold = match known {
            Some(hold) => hold,
            None => {
                db.prepare_cached(
                    "INSERT INTO hold (digest, actions, held_at) VALUES (:digest, :actions, :at)",
                )?
                .execute(named_params! {
                    ":digest": digest, ":actions": json!(stands).to_string(), ":at": values::stored(at),
                })?;
                db.last_insert_rowid()
            }
        };
        db.prepare_cached("UPDATE run SET hold = :hold WHERE id = :run")?
            .execute(named_params! { ":hold": hold, ":run": run })?;
        Ok(())
    }

    /// The newest run that held something; one that names all that is held now, if anything is.
    pub(crate) fn last(db: &Connection) -> Result<Option<String>, StoreError> {
        Ok(db
            .prepare_cached(&format!("SELECT {TO_APPROVE}"))?
            .query_row([], |row| row.get(0))?)
    }

    /// Records that a run held its actions because the database is an older copy, and takes back the
    /// approvals that lie in it.
    pub(crate) fn doubt(
        db: &Connection,
        run: &str,
        why: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let event = Event::DatabaseDoubted(DatabaseDoubted {
            run: run.to_owned(),
            why: why.to_owned(),
        });
        trail::append_event(db, at, None, None, &event)?;
        take_back(db, run, at)
    }

    /// Records that a person has confirmed that this is the right database. Approvals from before do
    /// not count in it: what is held is held for another word, which may name this run.
    pub(crate) fn confirm_database(
        db: &Connection,
        run: &str,
        by: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let event = Event::DatabaseConfirmed(DatabaseConfirmed {
            by: by.to_owned(),
            run: run.to_owned(),
        });
        trail::append_event(db, at, None, None, &event)?;
        take_back(db, run, at)?;
        Self::note(db, run, at)
    }

    /// Whether a run held its actions because it took the database for an older copy; a person who
    /// approves them was told so.
    pub(crate) fn doubted(db: &Connection, run: &str) -> Result<bool, StoreError> {
        Ok(db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM event e JOIN event_payload p USING (seq)
                 WHERE e.kind = 'database.doubted' AND p.body ->> 'run' = :run)",
            )?
            .query_row(named_params! { ":run": run }, |row| row.get(0))?)
    }

    /// What an approval of this run would let go ahead: nothing where [`Self::approve`] refuses.
    pub(crate) fn to_approve(db: &Connection, run: &str) -> Result<Vec<HeldRemoval>, StoreError> {
        let names = targets::names(db)?;
        let mut statement = db.prepare_cached(
            "SELECT a.target, a.email, a.kind, a.reason, a.detail
             FROM run r JOIN hold h ON h.id = r.hold AND h.approved_at IS NULL, json_each(h.actions) pair
             JOIN action a ON a.id = pair.value ->> 0 AND a.due_at = pair.value ->> 1
             WHERE r.id = :run AND a.settled_at IS NULL AND a.approved_at IS NULL AND a.state <> 'protected'
             ORDER BY a.id",
        )?;
        let mut rows = statement.query(named_params! { ":run": run })?;
        let mut waiting = Vec::new();
        while let Some(row) = rows.next()? {
            let target = names.get(&TargetId(row.get("target")?));
            let target =
                target.ok_or_else(|| StoreError::Corrupt("an action's target".to_owned()))?;
            waiting.push(HeldRemoval {
                target: target.clone(),
                email: Email::observed(row.get_ref("email")?.as_str()?),
                kind: row.get("kind")?,
                reason: row.get("reason")?,
                held_for: row.get("detail")?,
            });
        }
        Ok(waiting)
    }

    /// Approves what stood held in a run, once and exactly: not actions that are no longer held, or are
    /// due since another moment.
    pub(crate) fn approve(
        db: &Connection,
        run: &str,
        by: &str,
        at: Timestamp,
    ) -> Result<Approval, StoreError> {
        let hold: Option<Option<i64>> = db
            .prepare_cached("SELECT hold FROM run WHERE id = :run")?
            .query_row(named_params! { ":run": run }, |row| row.get(0))
            .optional()?;
        let hold = match hold {
            None => return Ok(Approval::NoSuchRun),
            Some(None) => return Ok(Approval::NothingHeld),
            Some(Some(hold)) => hold,
        };
        let (actions, approved): (String, Option<i64>) = db.query_row(
            "SELECT actions, approved_at FROM hold WHERE id = :hold",
            named_params! { ":hold": hold },
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if let Some(approved) = approved {
            return Ok(Approval::Already(values::read(approved)));
        }
        let held: Vec<(i64, i64)> = serde_json::from_str(&actions)
            .map_err(|e| StoreError::Corrupt(format!("a held plan: {e}")))?;
        let ids: Vec<i64> = held.iter().map(|(id, _)| *id).collect();
        let mut given = 0;
        let mut before: Option<i64> = None;
        for (id, due) in &held {
            let approved: Option<i64> = db
                .prepare_cached("SELECT approved_at FROM action WHERE id = :id AND due_at = :due")?
                .query_row(named_params! { ":id": id, ":due": due }, |row| row.get(0))
                .optional()?
                .flatten();
            if approved.is_some() {
                before = before.max(approved);
                continue;
            }
            // Once it is approved it is held no more, whatever keeps it from being done.
            given += db
                .prepare_cached(
                    "UPDATE action SET approved_at = :at, state = iif(state = 'held', 'planned', state)
                     WHERE id = :id AND due_at = :due AND settled_at IS NULL AND state <> 'protected'",
                )?
                .execute(named_params! { ":id": id, ":due": due, ":at": values::stored(at) })?;
        }
        // All of it was approved by the name of another run.
        if let Some(before) = before.filter(|_| given == 0) {
            return Ok(Approval::Already(values::read(before)));
        }
        db.execute(
            "UPDATE hold SET approved_at = :at, approved_by = :by WHERE id = :hold",
            named_params! { ":hold": hold, ":at": values::stored(at), ":by": by },
        )?;
        let dropped = ids.len() - given;
        let event = Event::HoldApproved(HoldApproved {
            action_ids: ids,
            actions: given,
            by: by.to_owned(),
            run: run.to_owned(),
        });
        trail::append_event(db, at, None, None, &event)?;
        Ok(Approval::Given {
            actions: given,
            dropped,
        })
    }

    /// Whether something is held that no alarm has reported.
    pub(crate) fn is_untold(db: &Connection) -> Result<bool, StoreError> {
        Ok(db
            .prepare_cached(&format!(
                "SELECT EXISTS (SELECT 1 FROM action WHERE {HELD} AND alarmed_at IS NULL)"
            ))?
            .query_row([], |row| row.get(0))?)
    }

    /// Records that the alarm has reported all that is held.
    pub(crate) fn told(db: &Connection, at: Timestamp) -> Result<(), StoreError> {
        db.prepare_cached(&format!(
            "UPDATE action SET alarmed_at = :at WHERE {HELD} AND alarmed_at IS NULL"
        ))?
        .execute(named_params! { ":at": values::stored(at) })?;
        Ok(())
    }

    /// The approved actions that are not done yet, with since when each was due.
    pub(crate) fn approved(db: &Connection) -> Result<BTreeMap<Obligation, Timestamp>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT target, person, what, due_at FROM action
             WHERE settled_at IS NULL AND approved_at IS NOT NULL",
        )?;
        let mut rows = statement.query([])?;
        let mut approved = BTreeMap::new();
        while let Some(row) = rows.next()? {
            approved.insert(obligation(row)?, values::read(row.get("due_at")?));
        }
        Ok(approved)
    }
}

/// All that waits for a person: the ledger's rows, and since when each is due.
fn held(db: &Connection) -> Result<Vec<(i64, i64)>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT id, due_at FROM action WHERE {HELD} ORDER BY id"
    ))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes back all approvals of what is not done: whoever gave them knew another database. What was not
/// sent is held again, and told again.
fn take_back(db: &Connection, run: &str, at: Timestamp) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, target, email FROM action WHERE settled_at IS NULL AND approved_at IS NOT NULL
         ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let approved: Vec<(i64, i64, String)> = rows.collect::<Result<_, _>>()?;
    db.execute(
        "UPDATE hold SET approved_at = NULL, approved_by = NULL
         WHERE approved_at IS NOT NULL AND EXISTS (
             SELECT 1 FROM json_each(hold.actions) pair JOIN action a ON a.id = pair.value ->> 0
             WHERE a.settled_at IS NULL)",
        [],
    )?;
    const WHY: &str = "its approval was given before the database was restored, and does not count";
    for (id, target, email) in approved {
        db.prepare_cached(
            "UPDATE action SET approved_at = NULL, alarmed_at = NULL,
                    detail = CASE WHEN attempts = 0 AND state <> 'protected' THEN :why ELSE detail END,
                    state = CASE WHEN attempts = 0 AND state <> 'protected' THEN 'held' ELSE state END
             WHERE id = :id",
        )?
        .execute(named_params! { ":id": id, ":why": WHY })?;
        let event = Event::HoldTakenBack(HoldTakenBack {
            action_id: id,
            run: run.to_owned(),
            why: WHY.to_owned(),
        });
        let email = Email::observed(&email);
        trail::append_event(db, at, Some(TargetId(target)), Some(&email), &event)?;
    }
    Ok(())
}

fn digest(actions: &[(i64, i64)]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for (id, due) in actions {
        hasher.update(id.to_be_bytes());
        hasher.update(due.to_be_bytes());
    }
    hasher.finalize().into()
}
