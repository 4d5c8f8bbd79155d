//! After an upgrade: reopens grants that an older version closed although their people are there.
//! What is due for them waits for a person's approval.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};
use serde_json::json;

use crate::domain::event::Reopened;
use crate::domain::{Email, Event, TargetId};
use crate::store::queries::sql;
use crate::store::trail;
use crate::store::{StoreError, db::values};

/// The fact that a migration leaves for the first passes; it lists the teams already checked.
const PENDING: &str = "upgrade.reopen";

/// Checks each team that was read once: reopens the last grant of a person who is there, if it is
/// closed and the person did not come back after it. Returns how many.
pub(crate) fn reopen(
    db: &Connection,
    read: &HashSet<TargetId>,
    at: Timestamp,
) -> Result<usize, StoreError> {
    let Some(seen) = pending(db)? else {
        return Ok(0);
    };
    let mut reopened = 0;
    for team in read.difference(&seen) {
        reopened += reopen_in(db, *team, at)?;
    }
    let seen: HashSet<TargetId> = seen.union(read).copied().collect();
    let is_open: bool = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM target WHERE listed = 1 AND id NOT IN (SELECT value FROM json_each(:seen)))")?
        .query_row(named_params! { ":seen": words(&seen) }, |row| row.get(0))?;
    match is_open {
        true => db
            .prepare_cached("UPDATE fact SET value = :seen WHERE name = :name")?
            .execute(named_params! { ":name": PENDING, ":seen": words(&seen) })?,
        false => db
            .prepare_cached("DELETE FROM fact WHERE name = :name")?
            .execute(named_params! { ":name": PENDING })?,
    };
    Ok(reopened)
}

/// The teams checked since the upgrade; `None` when all were, or there was no upgrade.
fn pending(db: &Connection) -> Result<Option<HashSet<TargetId>>, StoreError> {
    let value: Option<String> = db
        .prepare_cached("SELECT value FROM fact WHERE name = :name")?
        .query_row(named_params! { ":name": PENDING }, |row| row.get(0))
        .optional()?;
    Ok(value.map(|text| {
        let ids: Vec<i64> = serde_json::from_str(&text).unwrap_or_default();
        ids.into_iter().map(TargetId).collect()
    }))
}

fn words(teams: &HashSet<TargetId>) -> String {
    let mut ids: Vec<i64> = teams.iter().map(|team| team.0).collect();
    ids.sort_unstable();
    json!(ids).to_string()
}

fn reopen_in(db: &Connection, team: TargetId, at: Timestamp) -> Result<usize, StoreError> {
    let opened: Vec<(i64, String)> = db
        .prepare_cached(&format!(
            "UPDATE grants AS g SET removed_at = NULL, reopened_at = :now
             WHERE g.target = :target AND g.removed_at IS NOT NULL AND NOT g.refused AND g.role IS NULL
               AND g.ends_at = (SELECT max(l.ends_at) FROM grants l WHERE l.target = g.target AND l.person = g.person
                                AND l.removed_at IS NOT NULL AND NOT l.refused AND l.role IS NULL)
               AND NOT EXISTS (SELECT 1 FROM grants o WHERE o.target = g.target AND o.person = g.person
                               AND o.removed_at IS NULL)
               AND NOT EXISTS (SELECT 1 FROM action a WHERE a.email_key = g.person AND a.target = g.target
                               AND a.kind <> 'member.demote' AND a.state = 'done' AND a.evidence = 'verified'
                               AND a.due_at >= g.ends_at)
               AND (EXISTS (SELECT 1 FROM member m WHERE m.target = g.target AND m.email_key = g.person
                            AND m.valid_to IS NULL AND m.missing_since IS NULL AND NOT {})
                    OR EXISTS (SELECT 1 FROM invite i WHERE i.target = g.target AND i.email_key = g.person
                               AND i.gone_at IS NULL AND i.missing_since IS NULL))
             RETURNING id, email",
            sql::returned()
        ))?
        .query_map(
            named_params! { ":target": team.0, ":now": values::stored(at), ":cutoff": values::stored(at) },
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?
        .collect::<Result<_, _>>()?;
    for (grant, email) in &opened {
        let event = Event::GrantReopened(Reopened {
            grant_id: *grant,
            why: Some("an older version closed it, and the person is there".to_owned()),
        });
        trail::append_event(db, at, Some(team), Some(&Email::observed(email)), &event)?;
    }
    Ok(opened.len())
}
