//! Stays: since when a person is in a team without a proven absence. A person who is shown again
//! and was never gone continues the same stay, with all that was due; grants that were closed for
//! the absence are reopened.

mod before;

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use crate::domain::event::Reopened;
use crate::domain::presence::joined_after;
use crate::domain::{Email, Event, GoneBy, Shown, TargetId};
use crate::store::trail;
use crate::store::{Provisions, StoreError, db::values};

pub(in crate::store) use before::{Before, before};

/// The word in the database; that a call was not answered is kept beside it.
pub(in crate::store) fn word(by: GoneBy) -> &'static str {
    match by {
        GoneBy::Ours | GoneBy::Unanswered => "ours",
        GoneBy::Readings => "readings",
    }
}

/// Begins the stay of a person who has just been stored: either the earlier stay continues, or a
/// new one begins because the person came back or was never there.
pub(in crate::store) fn begin(
    db: &Connection,
    team: TargetId,
    email: &Email,
    shown: Shown<'_>,
    before: Option<&Before>,
) -> Result<(), StoreError> {
    let table = if shown.id.is_some() {
        "member"
    } else {
        "invite"
    };
    let row = db.last_insert_rowid();
    let row = match shown.id {
        // Several rows may have been stored at once.
        Some(id) => db
            .prepare_cached(
                "SELECT id FROM member WHERE target = :target AND email_key = :person AND remote_id = :id
                 AND valid_to IS NULL",
            )?
            .query_row(
                named_params! { ":target": team.0, ":person": email.key(), ":id": id },
                |row| row.get(0),
            )?,
        None => row,
    };
    let returned = match before {
        Some(before) => before
            .gone
            .as_ref()
            .is_some_and(|gone| gone.returned_as(shown)),
        None => let_in_anew(db, team, email.key(), shown)?,
    };
    let came_back_at = before
        .and_then(|before| before.gone.as_ref())
        .map_or(shown.at, |gone| gone.came_back_at(shown));
    let Some(before) = before.filter(|_| !returned) else {
        db.prepare_cached(&format!(
            "UPDATE {table} SET there_since = :at WHERE id = :row"
        ))?
        .execute(named_params! { ":row": row, ":at": values::stored(shown.at) })?;
        if !returned {
            return reopen(db, team, email, shown.at);
        }
        db.prepare_cached(&format!(
            "UPDATE {table} SET returned_at = :at WHERE id = :row"
        ))?
        .execute(named_params! { ":row": row, ":at": values::stored(came_back_at) })?;
        return Ok(());
    };
    // The age of an invite starts again after it was missing; that of a membership continues.
    let (set, first_seen) = match (table, before.continues) {
        ("member", true) => (", was_invite = 1", shown.at),
        ("member", false) => ("", before.first_seen),
        _ => ("", shown.at),
    };
    db.prepare_cached(&format!(
        "UPDATE {table} SET first_seen = :first_seen, there_since = :there_since, returned_at = :returned_at {set}
         WHERE id = :row"
    ))?
    .execute(named_params! {
        ":row": row, ":first_seen": values::stored(first_seen),
        ":there_since": before.there_since.map(values::stored),
        ":returned_at": before.returned_at.map(values::stored),
    })?;
    let (was, was_row) = before.row;
    if before.gone.is_some() {
        db.prepare_cached(&format!(
            "UPDATE {was} SET gone_by = NULL, proven_at = NULL WHERE id = :row"
        ))?
        .execute(named_params! { ":row": was_row })?;
    }
    if let Some(id) = shown.id {
        // The address may be another one by now.
        let was_id = before.gone.as_ref().and_then(|gone| gone.id.as_deref());
        db.prepare_cached(
            "UPDATE grants SET person = :person, member_id = :id
             WHERE target = :target
               AND (member_id IN (:id, :was_id) OR (person = :was AND member_id IS NULL))",
        )?
        .execute(named_params! {
            ":target": team.0, ":id": id, ":person": email.key(), ":was": before.person,
            ":was_id": was_id,
        })?;
        Provisions::rebind(db, team, (&before.person, was_id), id)?;
    }
    reopen(db, team, email, shown.at)
}

/// Whether a person who was never seen there joined only after the access on record had ended: by the
/// date of joining, or without one because their absence was proven since.
fn let_in_anew(
    db: &Connection,
    team: TargetId,
    person: &str,
    shown: Shown<'_>,
) -> Result<bool, StoreError> {
    let found: Option<(Option<i64>, bool)> = db
        .prepare_cached(
            "SELECT max(ends_at), sum(removed_at IS NULL) = 0 FROM (
                 SELECT ends_at, removed_at FROM grants WHERE target = :target AND person = :person
                   AND removed_at IS NULL AND role IS NULL
                 UNION ALL SELECT ends_at, removed_at FROM grants WHERE target = :target AND person = :person
                   AND removed_at IS NOT NULL AND role IS NULL AND NOT refused)
             HAVING sum(ends_at IS NULL OR ends_at > :at) = 0",
        )?
        .query_row(
            named_params! {
                ":target": team.0, ":person": person, ":at": values::stored(shown.at),
            },
            |row| Ok((row.get(0)?, row.get::<_, Option<bool>>(1)?.unwrap_or_default())),
        )
        .optional()?;
    let (end, proven_absent) = found.unwrap_or_default();
    let Some(end) = values::read_if_any(end).filter(|_| shown.id.is_some()) else {
        return Ok(false);
    };
    Ok(match shown.created_at {
        Some(_) => joined_after(end, shown.created_at),
        None => proven_absent,
    })
}

/// Reopens the last of the closed grants of a person who turns out to be still there: access is
/// over when nobody is there, not when a row says so.
pub(in crate::store) fn reopen(
    db: &Connection,
    team: TargetId,
    email: &Email,
    at: Timestamp,
) -> Result<(), StoreError> {
    let opened: Vec<i64> = db
        .prepare_cached(
            "UPDATE grants SET removed_at = NULL
             WHERE target = :target AND person = :person AND removed_at IS NOT NULL AND NOT refused AND role IS NULL
               AND ends_at = (SELECT max(ends_at) FROM grants WHERE target = :target AND person = :person
                              AND removed_at IS NOT NULL AND NOT refused AND role IS NULL)
             RETURNING id",
        )?
        .query_map(
            named_params! { ":target": team.0, ":person": email.key() },
            |row| row.get(0),
        )?
        .collect::<Result<_, _>>()?;
    for grant in opened {
        let event = Event::GrantReopened(Reopened {
            grant_id: grant,
            why: None,
        });
        trail::append_event(db, at, Some(team), Some(email), &event)?;
    }
    Ok(())
}

/// Who has a grant on a team.
pub(in crate::store) fn granted(
    db: &Connection,
    team: TargetId,
) -> Result<HashSet<String>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT person FROM grants WHERE target = :target AND removed_at IS NULL
         UNION SELECT person FROM grants WHERE target = :target AND removed_at IS NOT NULL",
    )?;
    let rows = statement.query_map(named_params! { ":target": team.0 }, |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Binds grants, and what is to be given, to the membership that has their address, while it exists. A
/// missing membership gives way to another one that is shown with the address, so that they follow that
/// one's next change.
pub(in crate::store) fn bind(db: &Connection, team: TargetId) -> Result<(), StoreError> {
    for (table, person, open) in [
        ("grants", "person", "removed_at IS NULL"),
        ("provision", "email_key", "settled_at IS NULL"),
    ] {
        db.prepare_cached(&format!(
            "UPDATE {table} SET member_id = (
                    SELECT m.remote_id FROM member m WHERE m.target = {table}.target AND m.email_key = {table}.{person}
                    AND m.valid_to IS NULL AND m.missing_since IS NULL ORDER BY m.id LIMIT 1)
             WHERE target = :target AND {open}
               AND (member_id IS NULL OR NOT EXISTS (
                    SELECT 1 FROM member m WHERE m.target = {table}.target AND m.remote_id = {table}.member_id
                    AND m.valid_to IS NULL AND m.missing_since IS NULL))
               AND EXISTS (SELECT 1 FROM member m WHERE m.target = {table}.target AND m.email_key = {table}.{person}
                           AND m.valid_to IS NULL AND m.missing_since IS NULL)",
        ))?
        .execute(named_params! { ":target": team.0 })?;
    }
    Ok(())
}

/// The membership of `:person` at `:target` for one grant, as it is recorded; also one that is missing,
/// which may be shown again with another address.
pub(in crate::store) const MEMBERSHIP: &str = "(
    SELECT m.remote_id FROM member m WHERE m.target = :target AND m.email_key = :person
    AND m.valid_to IS NULL ORDER BY m.missing_since IS NOT NULL, m.id LIMIT 1)";

/// Unbinds the grants of a membership that is gone: each belongs again to the address it was given
/// to, and to the membership should it be shown again. Where lapsed took the membership itself, they
/// stay with the last address: what was taken may have to be given back, and that is its owner.
pub(in crate::store) fn unbind(
    db: &Connection,
    team: TargetId,
    member_id: &str,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE grants SET person = email_key
         WHERE target = :target AND member_id = :id AND removed_at IS NULL AND person <> email_key
           AND NOT EXISTS (SELECT 1 FROM action WHERE target = :target AND person = :id AND what = 'access'
                           AND (state IN ('intent', 'unknown', 'done')))",
    )?
    .execute(named_params! { ":target": team.0, ":id": member_id })?;
    Provisions::unbind(db, team, member_id)
}
