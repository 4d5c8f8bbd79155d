//! Closes grants that are over and whose people are gone. A closed grant only records that; it is
//! no evidence, and a reading can reopen it.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use crate::domain::event::Closed;
use crate::domain::{Email, Event, Role, TargetId};
use crate::store::trail;
use crate::store::{StoreError, db::values};

/// Whether a person with this address is there, by the last reading or acknowledgement. A person
/// who came back after a proven absence does not count for grants that ended before the return,
/// only for those that ended since.
pub(in crate::store) fn is_there(
    db: &Connection,
    target: TargetId,
    person: &str,
) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "WITH last AS (SELECT max(ends_at) AS end FROM grants
                           WHERE target = :target AND person = :person AND removed_at IS NULL)
             SELECT EXISTS (SELECT 1 FROM member, last WHERE target = :target AND email_key = :person
                            AND valid_to IS NULL AND ifnull(returned_at <= end, returned_at IS NULL))
                 OR EXISTS (SELECT 1 FROM invite, last WHERE target = :target AND email_key = :person
                            AND gone_at IS NULL AND ifnull(returned_at <= end, returned_at IS NULL))
                 OR EXISTS (SELECT 1 FROM entry WHERE target = :target AND person = :person)",
        )?
        .query_row(
            named_params! { ":target": target.0, ":person": person },
            |row| row.get(0),
        )?)
}

/// Closes a person's grants on a target that are over, access and roles, because nobody is there.
pub(in crate::store) fn access(
    db: &Connection,
    target: TargetId,
    person: &str,
    action: i64,
    at: Timestamp,
) -> Result<(), StoreError> {
    close(db, target, person, None, action, at)
}

/// Closes a person's grants of a role that are over.
pub(in crate::store) fn role(
    db: &Connection,
    target: TargetId,
    person: &str,
    role: Role,
    action: i64,
    at: Timestamp,
) -> Result<(), StoreError> {
    close(db, target, person, Some(role), action, at)
}

fn close(
    db: &Connection,
    target: TargetId,
    person: &str,
    role: Option<Role>,
    action: i64,
    at: Timestamp,
) -> Result<(), StoreError> {
    let over: Vec<(i64, String)> = db
        .prepare_cached(
            "UPDATE grants SET removed_at = :at
             WHERE target = :target AND person = :person AND removed_at IS NULL AND ends_at <= :at
               AND (:role IS NULL OR role = :role)
             RETURNING id, email",
        )?
        .query_map(
            named_params! {
                ":target": target.0, ":person": person, ":at": values::stored(at),
                ":role": role.map(Role::as_str),
            },
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?
        .collect::<Result<_, _>>()?;
    for (grant, email) in over {
        let event = Event::GrantRemoved(Closed {
            action_id: action,
            grant_id: grant,
        });
        trail::append_event(db, at, Some(target), Some(&Email::observed(&email)), &event)?;
    }
    Ok(())
}
