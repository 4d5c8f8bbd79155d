//! Team members, as versions.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, Statement, named_params, params};

use super::{StoreError, time};
use crate::domain::{Changes, Email, Flags, KnownMember, ReadMember, TargetId};

/// The members of one team who are there, or missing for the first time.
pub(super) fn known(db: &Connection, team: TargetId) -> Result<Vec<KnownMember>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, remote_id, email, is_admin, is_manager, edit_permission, inspect_permission,
                created_at, missing_since IS NOT NULL
         FROM member WHERE target = :target AND valid_to IS NULL",
    )?;
    let rows = statement.query_map(named_params! { ":target": team.0 }, |row| {
        Ok(KnownMember {
            row: row.get(0)?,
            remote_id: row.get(1)?,
            email: Email::observed(row.get_ref(2)?.as_str()?),
            flags: Flags {
                is_admin: row.get(3)?,
                is_manager: row.get(4)?,
                edit_permission: row.get(5)?,
                inspect_permission: row.get(6)?,
            },
            created_at: time::read_if_any(row.get(7)?),
            missing: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A member whom no grant covers.
pub(super) struct Unmanaged {
    pub(super) email: Email,
    pub(super) since: Timestamp,
    pub(super) is_admin: bool,
}

/// The members of a team whom no grant covers, by address; `holder` is the key's own address, which
/// needs none.
pub(super) fn unmanaged(
    db: &Connection,
    team: TargetId,
    holder: Option<&Email>,
    now: Timestamp,
) -> Result<Vec<Unmanaged>, StoreError> {
    let covered: HashSet<String> = db
        .prepare_cached(
            "SELECT email_key FROM grants WHERE target = ?1 AND removed_at IS NULL AND starts_at <= ?2",
        )?
        .query_map(params![team.0, time::stored(now)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut statement = db.prepare_cached(
        "SELECT email, email_key, ifnull(created_at, first_seen), is_admin FROM member
         WHERE target = ?1 AND valid_to IS NULL AND missing_since IS NULL",
    )?;
    let mut rows = statement.query(params![team.0])?;
    let mut unmanaged = Vec::new();
    while let Some(row) = rows.next()? {
        let key = row.get_ref(1)?.as_str()?;
        if covered.contains(key) || holder.is_some_and(|holder| holder.key() == key) {
            continue;
        }
        unmanaged.push(Unmanaged {
            email: Email::stored(row.get_ref(0)?.as_str()?, key),
            since: time::read(row.get(2)?),
            is_admin: row.get(3)?,
        });
    }
    unmanaged.sort_by(|a, b| a.email.cmp(&b.email));
    Ok(unmanaged)
}

/// Stores what changed. Members whom lapsed itself removed (`ours`) are gone at once, others after
/// a second reading without them. Returns whether a second reading is awaited.
pub(super) fn apply(
    db: &Connection,
    team: TargetId,
    changes: &Changes<'_>,
    ours: &HashSet<String>,
    last_seen: Timestamp,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let mut inserting = db.prepare_cached(INSERT)?;
    for is in &changes.appeared {
        insert(&mut inserting, team, is, at, at)?;
    }
    for change in &changes.changed {
        let first_seen = close(db, change.was.row, at, at)?;
        insert(&mut inserting, team, change.is, first_seen, at)?;
    }
    for member in &changes.returned {
        db.prepare_cached("UPDATE member SET missing_since = NULL WHERE id = :id")?
            .execute(named_params! { ":id": member.row })?;
    }
    for member in &changes.left {
        close(db, member.row, last_seen, at)?;
    }
    let mut waiting = false;
    for member in &changes.missing {
        if ours.contains(member.email.key()) {
            close(db, member.row, last_seen, at)?;
        } else {
            waiting = true;
            db.prepare_cached("UPDATE member SET missing_since = :at WHERE id = :id")?
                .execute(named_params! { ":id": member.row, ":at": time::stored(at) })?;
        }
    }
    Ok(waiting)
}

/// Ends a version; a member who is gone was so from the first reading without them. Returns when
/// the member was first seen.
fn close(
    db: &Connection,
    row: i64,
    last_seen: Timestamp,
    at: Timestamp,
) -> Result<Timestamp, StoreError> {
    let first_seen = db
        .prepare_cached(
            "UPDATE member SET valid_to = ifnull(missing_since, :at), missing_since = NULL,
                               last_seen = min(:last_seen, ifnull(missing_since, :at))
             WHERE id = :id RETURNING first_seen",
        )?
        .query_row(
            named_params! {
                ":id": row, ":at": time::stored(at), ":last_seen": time::stored(last_seen),
            },
            |row| row.get(0),
        )?;
    Ok(time::read(first_seen))
}

/// By place: it runs once for each member of each team, and names are looked up anew each time.
const INSERT: &str =
    "INSERT INTO member (target, remote_id, email, email_key, is_admin, is_manager,
     edit_permission, inspect_permission, created_at, updated_at, first_seen, valid_from)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

fn insert(
    statement: &mut Statement<'_>,
    team: TargetId,
    member: &ReadMember,
    first_seen: Timestamp,
    at: Timestamp,
) -> Result<(), StoreError> {
    statement.execute(params![
        team.0,
        member.remote_id,
        member.email.written(),
        member.email.key(),
        member.flags.is_admin,
        member.flags.is_manager,
        member.flags.edit_permission,
        member.flags.inspect_permission,
        member.created_at.map(time::stored),
        member.updated_at.map(time::stored),
        time::stored(first_seen),
        time::stored(at),
    ])?;
    Ok(())
}
