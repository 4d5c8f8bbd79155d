//! Team members, as versions.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, Row, ToSql, named_params, params};

use super::{StoreError, time};
use crate::domain::{Changes, Email, Flags, KnownMember, ReadMember, TargetId};

/// The rows of one person's memberships, `:email_key`: those that stand, team by team, and those
/// that are past.
pub(super) const OF_PERSON: &str = "(
    SELECT m.id FROM target t CROSS JOIN member m
        ON m.target = t.id AND m.email_key = :email_key AND m.valid_to IS NULL
    UNION ALL SELECT id FROM member WHERE email_key = :email_key AND valid_to IS NOT NULL)";

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
pub(super) struct Unmanaged<'r> {
    pub(super) email: Email,
    row: &'r Row<'r>,
}

impl Unmanaged<'_> {
    /// Since when, by the provider's date where there is one.
    pub(super) fn since(&self) -> Result<Timestamp, StoreError> {
        Ok(time::read(self.row.get(1)?))
    }

    pub(super) fn is_admin(&self) -> Result<bool, StoreError> {
        Ok(self.row.get(2)?)
    }
}

/// Hands over the members of a team whom no grant covers; `holder` is the key's own address, which
/// needs none. All members of all teams may be such, so that nothing is read of them that is not
/// asked for.
pub(super) fn unmanaged(
    db: &Connection,
    team: TargetId,
    holder: Option<&Email>,
    now: Timestamp,
    mut take: impl FnMut(Unmanaged<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let covered: HashSet<String> = db
        .prepare_cached(
            "SELECT email_key FROM grants WHERE target = ?1 AND removed_at IS NULL AND starts_at <= ?2",
        )?
        .query_map(params![team.0, time::stored(now)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut statement = db.prepare_cached(
        "SELECT email, ifnull(created_at, first_seen), is_admin FROM member
         WHERE target = ?1 AND valid_to IS NULL AND missing_since IS NULL",
    )?;
    let mut rows = statement.query(params![team.0])?;
    while let Some(row) = rows.next()? {
        let email = Email::observed(row.get_ref(0)?.as_str()?);
        if !covered.contains(email.key()) && holder != Some(&email) {
            take(Unmanaged { email, row })?;
        }
    }
    Ok(())
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
    insert(db, team, &changes.appeared, at, at)?;
    for change in &changes.changed {
        let first_seen = close(db, change.was.row, at, at)?;
        insert(db, team, &[change.is], first_seen, at)?;
    }
    for member in &changes.returned {
        db.prepare_cached(
            "UPDATE member SET missing_since = NULL, last_seen = NULL WHERE id = :id",
        )?
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
            db.prepare_cached(
                "UPDATE member SET missing_since = :at, last_seen = :last_seen WHERE id = :id",
            )?
            .execute(named_params! {
                ":id": member.row, ":at": time::stored(at), ":last_seen": time::stored(last_seen),
            })?;
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
                               last_seen = ifnull(last_seen, min(:last_seen, ifnull(missing_since, :at)))
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

/// So many rows go into one statement: at more, its start and its end no longer count.
const ROWS_AT_ONCE: usize = 64;

/// Begins new versions. The parameters go by place: names are looked up anew each time.
fn insert(
    db: &Connection,
    team: TargetId,
    mut members: &[&ReadMember],
    first_seen: Timestamp,
    at: Timestamp,
) -> Result<(), StoreError> {
    while !members.is_empty() {
        // A power of two, so that few statements serve all numbers of members.
        let (some, rest) = members.split_at(1 << members.len().min(ROWS_AT_ONCE).ilog2());
        let rows = vec!["(?1, ?2, ?3, ?, ?, ?, ?, ?, ?, ?, ?, ?)"; some.len()].join(",");
        let mut statement = db.prepare_cached(&format!(
            "INSERT INTO member (target, first_seen, valid_from, remote_id, email, email_key, is_admin,
             is_manager, edit_permission, inspect_permission, created_at, updated_at) VALUES {rows}"
        ))?;
        let mut place = 0;
        let mut bind = |value: &dyn ToSql| {
            place += 1;
            statement.raw_bind_parameter(place, value)
        };
        bind(&team.0)?;
        bind(&time::stored(first_seen))?;
        bind(&time::stored(at))?;
        for member in some {
            bind(&member.remote_id)?;
            bind(&member.email.written())?;
            bind(&member.email.key())?;
            bind(&member.flags.is_admin)?;
            bind(&member.flags.is_manager)?;
            bind(&member.flags.edit_permission)?;
            bind(&member.flags.inspect_permission)?;
            bind(&member.created_at.map(time::stored))?;
            bind(&member.updated_at.map(time::stored))?;
        }
        statement.raw_execute()?;
        members = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Store, steps_of};
    use super::*;

    #[tokio::test]
    async fn each_of_many_members_is_stored_as_they_were_read() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("l.db")).unwrap();
        let read: Vec<ReadMember> = (0..2 * ROWS_AT_ONCE + 3)
            .map(|number| ReadMember {
                remote_id: format!("id {number}"),
                email: Email::observed(&format!("Person.{number}@example.com")),
                flags: Flags {
                    is_admin: number % 2 == 0,
                    is_manager: number % 3 == 0,
                    edit_permission: number % 5 == 0,
                    inspect_permission: number % 7 == 0,
                },
                created_at: (number % 4 > 0).then_some(crate::clock::millis(Timestamp::UNIX_EPOCH)),
                updated_at: None,
            })
            .collect();
        let team = TargetId(1);
        let mut stored = store
            .write({
                let read = read.clone();
                move |db| {
                    db.execute_batch(
                        "INSERT INTO target (id, provider, account, name) VALUES (1, 'sapling', 'acme', 'Core')",
                    )?;
                    let read: Vec<&ReadMember> = read.iter().collect();
                    let at = crate::clock::now();
                    insert(db, team, &read, at, at)?;
                    known(db, team)
                }
            })
            .await
            .unwrap();
        assert_eq!(stored.len(), read.len());
        stored.sort_by_key(|member| member.row);
        for (is, was) in stored.iter().zip(&read) {
            assert_eq!(is.remote_id, was.remote_id);
            assert_eq!(is.email.written(), was.email.written());
            assert_eq!((is.flags, is.created_at), (was.flags, was.created_at));
        }
    }

    #[tokio::test]
    async fn no_question_about_one_person_walks_all_members() {
        let sql = format!("SELECT * FROM member WHERE id IN {OF_PERSON}");
        let plan = steps_of(&sql).await;
        for index in ["member_team (target=? AND email_key=?)", "member_past"] {
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:?}");
        }
        let walked = |step: &String| step.starts_with("SCAN m");
        assert!(!plan.iter().any(walked), "{plan:?}");
    }
}
