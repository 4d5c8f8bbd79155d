//! Write-offs: a person settles rows that were never done, with the reason on record.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::{Ledger, closing};
use crate::domain::event::WrittenOff;
use crate::domain::{ActionState, Email, Event, Evidence, GoneBy, TargetId, TargetRef};
use crate::store::queries::bearer::bearer;
use crate::store::queries::sql;
use crate::store::trail;
use crate::store::{
    Grants, Provisions, Runs, StoreError, db::values, tables::entry, tables::invites,
    tables::members,
};

impl Ledger {
    /// Writes off what is owed to or from a person on a target. Returns the numbers of removals and
    /// provisions.
    pub(crate) fn write_off(
        db: &Connection,
        target: &TargetRef,
        email: &Email,
        reason: &str,
        by: &str,
        at: Timestamp,
    ) -> Result<(usize, usize), StoreError> {
        let email = &bearer(db, target.id(), email)?;
        let mut removals = open(db, target.id(), email)?;
        if removals.is_empty() && is_untouched(db, target.id(), email, at)? {
            removals.push(take_up(db, target, email, at)?);
        }
        for row in &removals {
            settle(db, target, email, *row, reason, by, at)?;
        }
        let gifts = Provisions::withdraw(db, target.id(), email, reason, at)?;
        if gifts > 0 && target.team().is_none() {
            // Until the grants come to something else, the entry counts as right.
            let next = Grants::on_whitelist(db, target, email, at)?.next_change(at);
            entry::right_until(db, target.id(), email.key(), next)?;
        }
        if let Some(row) = removals.first() {
            forget_presence(db, target.id(), email, at)?;
            closing::access(db, target.id(), email.key(), *row, at)?;
        }
        Ok((removals.len(), gifts))
    }
}

fn open(db: &Connection, target: TargetId, email: &Email) -> Result<Vec<i64>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id FROM action WHERE email_key = :email_key AND target = :target AND settled_at IS NULL
         ORDER BY id",
    )?;
    let params = named_params! { ":email_key": email.key(), ":target": target.0 };
    let rows = statement.query_map(params, |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether access is over that no pass has recorded yet.
fn is_untouched(
    db: &Connection,
    target: TargetId,
    email: &Email,
    at: Timestamp,
) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(&format!(
            "SELECT EXISTS (SELECT 1 FROM grants g WHERE g.target = :target AND g.person = :person
                            AND g.removed_at IS NULL AND g.ends_at <= :now AND {})",
            sql::uncovered()
        ))?
        .query_row(
            named_params! {
                ":target": target.0, ":person": email.key(), ":now": values::stored(at),
                ":cutoff": values::stored(at),
            },
            |row| row.get(0),
        )?)
}

/// Records what no pass has recorded, so that it can be written off.
fn take_up(
    db: &Connection,
    target: &TargetRef,
    email: &Email,
    at: Timestamp,
) -> Result<i64, StoreError> {
    let kind = match target.team() {
        Some(_) => "member.remove",
        None => "whitelist.remove",
    };
    db.prepare_cached(
        "INSERT INTO action (kind, target, person, what, email, email_key, reason, due_at, planned_at, run, state)
         SELECT :kind, :target, :person, 'access', :email, :person,
                iif(max(revoked), 'grant.revoked', 'grant.ended'), max(ends_at), :at, :run, 'planned'
         FROM grants WHERE target = :target AND person = :person AND removed_at IS NULL",
    )?
    .execute(named_params! {
        ":kind": kind, ":target": target.id().0, ":person": email.key(), ":email": email.written(),
        ":at": values::stored(at), ":run": Runs::newest(db)?,
    })?;
    Ok(db.last_insert_rowid())
}

fn settle(
    db: &Connection,
    target: &TargetRef,
    email: &Email,
    row: i64,
    reason: &str,
    by: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let evidence = Evidence::WrittenOff;
    db.prepare_cached(
        "UPDATE action SET state = 'absent', evidence = :evidence, detail = :reason, settled_at = :at,
                next_try_at = NULL WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": row, ":evidence": evidence.as_str(), ":reason": reason, ":at": values::stored(at),
    })?;
    let event = Event::ActionWrittenOff(WrittenOff {
        action_id: row,
        by: by.to_owned(),
        email: email.clone(),
        evidence,
        state: ActionState::Absent,
        target: target.to_target(),
        why: reason.to_owned(),
    });
    trail::append_event(db, at, Some(target.id()), Some(email), &event)
}

/// Treats the person as gone until a reading shows them.
fn forget_presence(
    db: &Connection,
    target: TargetId,
    email: &Email,
    at: Timestamp,
) -> Result<(), StoreError> {
    let rows = |sql: &str| -> Result<Vec<i64>, StoreError> {
        let mut statement = db.prepare_cached(sql)?;
        let params = named_params! { ":target": target.0, ":person": email.key() };
        let rows = statement.query_map(params, |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    for row in rows(
        "SELECT id FROM member WHERE target = :target AND email_key = :person AND valid_to IS NULL",
    )? {
        members::end_stay(db, row, GoneBy::Readings, true, at, at)?;
    }
    for row in rows(
        "SELECT id FROM invite WHERE target = :target AND email_key = :person AND gone_at IS NULL",
    )? {
        invites::end_stay(db, row, GoneBy::Readings, true, at)?;
    }
    db.prepare_cached("DELETE FROM entry WHERE target = :target AND person = :person")?
        .execute(named_params! { ":target": target.0, ":person": email.key() })?;
    // An unchanged reading would show them, so it must not be skipped.
    db.prepare_cached("UPDATE source SET settled = 0 WHERE kind = 'team' AND target = :target")?
        .execute(named_params! { ":target": target.0 })?;
    Ok(())
}
