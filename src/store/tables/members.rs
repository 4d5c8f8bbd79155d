//! Team members; each change begins a new version of the row.

mod look;

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, named_params, params};

use crate::domain::presence::Since;
use crate::domain::{Email, Flags, KnownMember, Missed, ReadMember, TargetId};
use crate::store::{StoreError, db::values};
pub(in crate::store) use look::{Absent, Look, end_stay, missed_again};

/// The rows of the memberships of one person, `:email_key`: current ones by team, and past ones.
pub(in crate::store) const OF_PERSON: &str = "(
    SELECT m.id FROM target t CROSS JOIN member m
        ON m.target = t.id AND m.email_key = :email_key AND m.valid_to IS NULL
    UNION ALL SELECT id FROM member WHERE email_key = :email_key AND valid_to IS NOT NULL)";

/// The members of one team who are present, or missing but not yet believed to be gone.
pub(in crate::store) fn known(
    db: &Connection,
    team: TargetId,
) -> Result<Vec<KnownMember>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, remote_id, email, is_admin, is_manager, edit_permission, inspect_permission,
                created_at, missing_since, missed, left_told
         FROM member WHERE target = :target AND valid_to IS NULL",
    )?;
    let rows = statement.query_map(named_params! { ":target": team.0 }, |row| {
        Ok(KnownMember {
            row: row.get(0)?,
            remote_id: row.get(1)?,
            email: Email::observed(row.get_ref(2)?.as_str()?),
            flags: values::flags(row, 3)?,
            created_at: values::read_if_any(row.get(7)?),
            missed: match values::read_if_any(row.get(8)?) {
                Some(since) => Some(Missed {
                    since,
                    readings: row.get(9)?,
                }),
                None => None,
            },
            left_told: row.get(10)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The flags of a membership, as it was last seen.
pub(in crate::store) fn flags(
    db: &Connection,
    team: TargetId,
    remote_id: &str,
) -> Result<Flags, StoreError> {
    // Each part has an index of its own; a membership that is there is the last version.
    let flags = db
        .prepare_cached(
            "SELECT is_admin, is_manager, edit_permission, inspect_permission FROM (
                 SELECT * FROM member WHERE target = :target AND remote_id = :remote_id AND valid_to IS NULL
                 UNION ALL
                 SELECT * FROM member WHERE target = :target AND remote_id = :remote_id AND valid_to IS NOT NULL)
             ORDER BY valid_from DESC, id DESC LIMIT 1",
        )?
        .query_row(
            named_params! { ":target": team.0, ":remote_id": remote_id },
            |row| values::flags(row, 0),
        )
        .optional()?;
    Ok(flags.unwrap_or_default())
}

/// A member without a grant that covers them.
pub(in crate::store) struct Unmanaged<'r> {
    pub(in crate::store) email: Email,
    row: &'r Row<'r>,
}

impl Unmanaged<'_> {
    /// Since when, by the provider's date where there is one.
    pub(in crate::store) fn since(&self) -> Result<Timestamp, StoreError> {
        Ok(values::read(self.row.get(1)?))
    }

    pub(in crate::store) fn is_admin(&self) -> Result<bool, StoreError> {
        Ok(self.row.get(2)?)
    }
}

/// Passes on the members of a team without a covering grant; `holder` is the key's own address,
/// which needs none. There may be very many, so their columns are read only on request. Returns the
/// people who have running grants and are not members.
pub(in crate::store) fn unmanaged(
    db: &Connection,
    team: TargetId,
    holder: Option<&Email>,
    now: Timestamp,
    mut take: impl FnMut(Unmanaged<'_>) -> Result<(), StoreError>,
) -> Result<Vec<String>, StoreError> {
    let mut covered: HashMap<String, Covered> = HashMap::new();
    let mut statement = db.prepare_cached(
        "SELECT person, ends_at IS NULL OR ends_at > ?2, ends_at FROM grants
         WHERE target = ?1 AND removed_at IS NULL AND starts_at <= ?2",
    )?;
    let mut rows = statement.query(params![team.0, values::stored(now)])?;
    while let Some(row) = rows.next()? {
        let of_person = covered.entry(row.get(0)?).or_default();
        of_person.runs |= row.get::<_, bool>(1)?;
        of_person.end = of_person.end.max(row.get(2)?);
    }
    let mut statement = db.prepare_cached(
        "SELECT email, min(ifnull(created_at, first_seen), first_seen), is_admin, returned_at, was_invite, first_seen, created_at
         FROM member WHERE target = ?1 AND valid_to IS NULL AND missing_since IS NULL",
    )?;
    let mut rows = statement.query(params![team.0])?;
    while let Some(row) = rows.next()? {
        let email = Email::observed(row.get_ref(0)?.as_str()?);
        match covered.get_mut(email.key()) {
            Some(of_person) => {
                of_person.is_there = true;
                // Who came back is there without a grant; who was never gone is due.
                if !of_person.runs && has_returned(row, of_person.end)? {
                    take(Unmanaged { email, row })?;
                }
            }
            None if holder == Some(&email) => {}
            None => take(Unmanaged { email, row })?,
        }
    }
    let is_missing = |of_person: &Covered| of_person.runs && !of_person.is_there;
    let mut missing: Vec<String> = covered
        .into_iter()
        .filter(|(_, of_person)| is_missing(of_person))
        .map(|(person, _)| person)
        .collect();
    missing.sort_unstable();
    Ok(missing)
}

/// What is known of somebody who has a grant in a team.
#[derive(Default)]
struct Covered {
    runs: bool,
    /// The last end, in milliseconds since 1970.
    end: Option<i64>,
    is_there: bool,
}

/// Whether a member came back after their access had ended.
fn has_returned(row: &Row<'_>, end: Option<i64>) -> Result<bool, StoreError> {
    let Some(end) = values::read_if_any(end) else {
        return Ok(false);
    };
    let since = Since {
        returned_at: values::read_if_any(row.get(3)?),
        continues: row.get(4)?,
        first_seen: values::read(row.get(5)?),
        created_at: values::read_if_any(row.get(6)?),
    };
    Ok(since.is_after(end))
}

/// Rows per statement: with more, the fixed cost of a statement no longer matters.
const ROWS_AT_ONCE: usize = 64;

/// Begins new versions. The parameters are positional, because names would be looked up each time.
fn insert(
    db: &Connection,
    team: TargetId,
    mut members: &[&ReadMember],
    first_seen: Timestamp,
    at: Timestamp,
) -> Result<(), StoreError> {
    while !members.is_empty() {
        // A power of two, so that a few prepared statements serve any number of members.
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
        bind(&values::stored(first_seen))?;
        bind(&values::stored(at))?;
        for member in some {
            bind(&member.remote_id)?;
            bind(&member.email.written())?;
            bind(&member.email.key())?;
            bind(&member.flags.is_admin)?;
            bind(&member.flags.is_manager)?;
            bind(&member.flags.edit_permission)?;
            bind(&member.flags.inspect_permission)?;
            bind(&member.created_at.map(values::stored))?;
            bind(&member.updated_at.map(values::stored))?;
        }
        statement.raw_execute()?;
        members = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, steps_of};

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
