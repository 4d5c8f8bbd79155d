//! The earlier stay of a person who is shown.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use crate::domain::{Gone, GoneBy, Shown, TargetId};
use crate::store::{StoreError, db::values};

/// A person's earlier stay in a team, before they were shown again.
pub(in crate::store) struct Before {
    /// The table and the number of the row.
    pub(super) row: (&'static str, i64),
    pub(super) person: String,
    /// Whether they were there otherwise when last seen: as an invite, or by another membership. What the
    /// provider says of when this one began is then nothing new.
    pub(super) continues: bool,
    pub(super) first_seen: Timestamp,
    pub(super) there_since: Option<Timestamp>,
    pub(super) returned_at: Option<Timestamp>,
    /// How it ended; `None` if it did not.
    pub(super) gone: Option<Gone>,
}

/// The earlier stay of a person who is shown: of the same membership, else one of their address that
/// is not over, else the last of it. The reading does not show the memberships `missing`.
pub(in crate::store) fn before(
    db: &Connection,
    team: TargetId,
    person: &str,
    shown: Shown<'_>,
    missing: &HashSet<&str>,
) -> Result<Option<Before>, StoreError> {
    let pending = match shown.id {
        Some(_) => pending_invite(db, team, person)?,
        None => None,
    };
    if pending.is_some() {
        return Ok(pending);
    }
    let same = match shown.id {
        Some(id) => past_member(db, team, "remote_id = :key", id)?,
        None => None,
    };
    if same.is_some() {
        return Ok(same);
    }
    let beside = match shown.id {
        Some(id) => never_gone(db, (team, person, id), shown.at, missing)?,
        None => None,
    };
    if beside.is_some() {
        return Ok(beside);
    }
    let member = past_member(db, team, "email_key = :key", person)?;
    let invite = past_invite(db, team, person)?;
    let missed = |before: &Before| before.gone.as_ref().map(|gone| gone.missed_at);
    Ok([member, invite].into_iter().flatten().max_by_key(missed))
}

fn pending_invite(
    db: &Connection,
    team: TargetId,
    person: &str,
) -> Result<Option<Before>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT id, first_seen, there_since, returned_at FROM invite
             WHERE target = :target AND email_key = :person AND gone_at IS NULL ORDER BY id LIMIT 1",
        )?
        .query_row(named_params! { ":target": team.0, ":person": person }, |row| {
            let continues = true;
            stay("invite", row, person.to_owned(), continues, None)
        })
        .optional()?)
}

/// Another membership of the address that was there before, and is not known to be gone: this reading
/// shows it too, or a removal of it is owed, or was until readings missed it. What is owed does not lapse because the id is another now.
fn never_gone(
    db: &Connection,
    (team, person, id): (TargetId, &str, &str),
    at: Timestamp,
    missing: &HashSet<&str>,
) -> Result<Option<Before>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, first_seen, there_since, returned_at, remote_id,
                EXISTS (SELECT 1 FROM action a WHERE a.target = m.target AND a.person = m.remote_id
                        AND a.kind = 'member.remove'
                        AND (a.settled_at IS NULL
                             OR a.state = 'withdrawn' AND a.settled_at >= m.missing_since))
         FROM member m
         WHERE target = :target AND email_key = :person AND valid_to IS NULL
           AND remote_id <> :id AND valid_from < :at ORDER BY id",
    )?;
    let mut rows = statement.query(named_params! {
        ":target": team.0, ":person": person, ":id": id, ":at": values::stored(at),
    })?;
    while let Some(row) = rows.next()? {
        let is_owed: bool = row.get(5)?;
        if !is_owed && missing.contains(row.get_ref(4)?.as_str()?) {
            continue;
        }
        let continues = true;
        return Ok(Some(stay(
            "member",
            row,
            person.to_owned(),
            continues,
            None,
        )?));
    }
    Ok(None)
}

fn past_member(
    db: &Connection,
    team: TargetId,
    which: &str,
    key: &str,
) -> Result<Option<Before>, StoreError> {
    // Finds a membership by its id in the team, or among the past ones of an address.
    let found = db
        .prepare_cached(&format!(
            "SELECT id, first_seen, there_since, returned_at, remote_id, gone_by, valid_to,
                    proven_at IS NOT NULL, was_invite, email_key, unanswered
             FROM member WHERE target = :target AND {which} AND valid_to IS NOT NULL AND gone_by IS NOT NULL
             ORDER BY valid_to DESC, id DESC LIMIT 1"
        ))?
        .query_row(named_params! { ":target": team.0, ":key": key }, |row| {
            let gone = Gone {
                id: Some(row.get(4)?),
                by: by(row.get_ref(5)?.as_str()?, row.get(10)?),
                missed_at: values::read(row.get(6)?),
                proven: row.get(7)?,
            };
            stay("member", row, row.get(9)?, row.get(8)?, Some(gone))
        })
        .optional()?;
    Ok(found)
}

fn past_invite(
    db: &Connection,
    team: TargetId,
    person: &str,
) -> Result<Option<Before>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT id, first_seen, there_since, returned_at, gone_by, gone_at,
                    proven_at IS NOT NULL
             FROM invite
             WHERE target = :target AND email_key = :person AND gone_at IS NOT NULL AND gone_by IS NOT NULL
             ORDER BY gone_at DESC, id DESC LIMIT 1",
        )?
        .query_row(named_params! { ":target": team.0, ":person": person }, |row| {
            let gone = Gone {
                id: None,
                by: by(row.get_ref(4)?.as_str()?, false),
                missed_at: values::read(row.get(5)?),
                proven: row.get(6)?,
            };
            let continues = true;
            stay("invite", row, person.to_owned(), continues, Some(gone))
        })
        .optional()?)
}

fn by(word: &str, unanswered: bool) -> GoneBy {
    match (word, unanswered) {
        ("ours", false) => GoneBy::Ours,
        ("ours", true) => GoneBy::Unanswered,
        _ => GoneBy::Readings,
    }
}

/// The stay in a row of this table that begins with its number, `first_seen`, `there_since` and
/// `returned_at`.
fn stay(
    table: &'static str,
    row: &Row<'_>,
    person: String,
    continues: bool,
    gone: Option<Gone>,
) -> rusqlite::Result<Before> {
    Ok(Before {
        row: (table, row.get(0)?),
        person,
        continues,
        first_seen: values::read(row.get(1)?),
        there_since: values::read_if_any(row.get(2)?),
        returned_at: values::read_if_any(row.get(3)?),
        gone,
    })
}
