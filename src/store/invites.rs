//! Pending invites and suppressed addresses: present from first sight until a complete reading
//! without them. One that comes back is a new one.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::{Connection, named_params};
use serde_json::json;

use super::sources::{Complete, SourceKind, Sources};
use super::trail::{self, Entry};
use super::{StoreError, time};
use crate::domain::{Email, ReadInvite, TargetId};

/// How far an invite has come: registered, confirmed, and with which permissions.
type Stage = (bool, bool, String);

/// What a reading changed about a team's invites: addresses as written.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub(super) appeared: Vec<String>,
    pub(super) gone: Vec<String>,
    pub(super) changed: Vec<String>,
}

impl Changed {
    pub(super) fn is_empty(&self) -> bool {
        self.appeared.is_empty() && self.gone.is_empty() && self.changed.is_empty()
    }
}

/// Takes over the invites of a complete reading.
pub(super) fn take(
    db: &Connection,
    team: TargetId,
    read: &[ReadInvite],
    at: Timestamp,
) -> Result<Changed, StoreError> {
    let mut known: HashMap<String, (i64, String, Stage)> = db
        .prepare_cached(
            "SELECT id, email, email_key, registered, confirmed, permissions FROM invite
             WHERE target = :target AND gone_at IS NULL",
        )?
        .query_map(named_params! { ":target": team.0 }, |row| {
            let stage = (row.get(3)?, row.get(4)?, row.get(5)?);
            Ok((row.get(2)?, (row.get(0)?, row.get(1)?, stage)))
        })?
        .collect::<Result<_, _>>()?;
    let mut changed = Changed::default();
    let mut seen = HashSet::new();
    for invite in read {
        if !seen.insert(invite.email.key()) {
            continue;
        }
        let stage = (
            invite.registered,
            invite.confirmed,
            invite.permissions.clone(),
        );
        match known.remove(invite.email.key()) {
            Some((_, _, was)) if was == stage => {}
            Some((id, ..)) => {
                db.prepare_cached(
                    "UPDATE invite SET registered = :registered, confirmed = :confirmed,
                                       permissions = :permissions WHERE id = :id",
                )?
                .execute(named_params! {
                    ":id": id, ":registered": stage.0, ":confirmed": stage.1, ":permissions": stage.2,
                })?;
                changed.changed.push(invite.email.written().to_owned());
            }
            None => {
                db.prepare_cached(
                    "INSERT INTO invite (target, email, email_key, registered, confirmed, permissions, first_seen)
                     VALUES (:target, :email, :email_key, :registered, :confirmed, :permissions, :at)",
                )?
                .execute(named_params! {
                    ":target": team.0, ":email": invite.email.written(), ":email_key": invite.email.key(),
                    ":registered": stage.0, ":confirmed": stage.1, ":permissions": stage.2,
                    ":at": time::stored(at),
                })?;
                changed.appeared.push(invite.email.written().to_owned());
            }
        }
    }
    for (id, email, _) in known.into_values() {
        db.prepare_cached("UPDATE invite SET gone_at = :at WHERE id = :id")?
            .execute(named_params! { ":id": id, ":at": time::stored(at) })?;
        changed.gone.push(email);
    }
    changed.gone.sort();
    Ok(changed)
}

/// Suppressed addresses where they matter at `:now`, and how: as an invite, a membership or a running
/// grant. CROSS JOIN keeps the order: the few suppressed ones go before all grants, and the members,
/// who are found by team, before them.
pub(super) const SUPPRESSED: &str = "
    SELECT s.email AS email, s.first_seen AS first_seen, 'invited' AS how, i.target AS target
      FROM suppressed s
      JOIN invite i ON i.email_key = s.email_key AND i.gone_at IS NULL
      JOIN target t ON t.id = i.target AND t.account = s.account
      WHERE s.gone_at IS NULL
    UNION SELECT s.email, s.first_seen, 'member', m.target
      FROM target t
      CROSS JOIN member m ON m.target = t.id AND m.valid_to IS NULL
      CROSS JOIN suppressed s ON s.email_key = m.email_key AND s.account = t.account AND s.gone_at IS NULL
      WHERE EXISTS (SELECT 1 FROM suppressed WHERE gone_at IS NULL)
    UNION SELECT s.email, s.first_seen, 'granted', g.target
      FROM suppressed s
      CROSS JOIN grants g ON g.email_key = s.email_key AND g.removed_at IS NULL
        AND g.starts_at <= :now AND ifnull(g.ends_at > :now, 1)
      WHERE s.gone_at IS NULL";

/// Takes over an organization's complete list of suppressed emails.
pub(crate) fn take_suppressed(
    db: &Connection,
    account: &str,
    read: &[Email],
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut known: HashMap<String, (i64, String)> = db
        .prepare_cached(
            "SELECT email_key, id, email FROM suppressed WHERE account = :account AND gone_at IS NULL",
        )?
        .query_map(named_params! { ":account": account }, |row| {
            Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
        })?
        .collect::<Result<_, _>>()?;
    let mut appeared = Vec::new();
    let mut seen = HashSet::new();
    for email in read {
        if !seen.insert(email.key()) || known.remove(email.key()).is_some() {
            continue;
        }
        db.prepare_cached(
            "INSERT INTO suppressed (account, email, email_key, first_seen)
             VALUES (:account, :email, :email_key, :at)",
        )?
        .execute(named_params! {
            ":account": account, ":email": email.written(), ":email_key": email.key(),
            ":at": time::stored(at),
        })?;
        appeared.push(email.written());
    }
    let mut gone = Vec::new();
    for (id, email) in known.into_values() {
        db.prepare_cached("UPDATE suppressed SET gone_at = :at WHERE id = :id")?
            .execute(named_params! { ":id": id, ":at": time::stored(at) })?;
        gone.push(email);
    }
    gone.sort();
    if !appeared.is_empty() || !gone.is_empty() {
        trail::append(
            db,
            &Entry {
                at,
                kind: "suppressed.observed",
                target: None,
                email: None,
                payload: &json!({ "account": account, "appeared": appeared, "gone": gone }),
            },
        )?;
    }
    let complete = Complete {
        digest: None,
        settled: true,
    };
    Sources::complete(db, account, SourceKind::Suppressed, complete, at)
}
