//! Pending invites and suppressed addresses: present from the first reading that shows them until a
//! complete reading without them. One that comes back is a new one.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use crate::domain::event::SuppressedObserved;
use crate::domain::{Email, Event, GoneBy, Missed, ReadInvite, Shown, TargetId};
use crate::store::tables::members::{Look, missed_again};
use crate::store::tables::sources::{Complete, SourceKind, Sources};
use crate::store::trail;
use crate::store::{StoreError, db::values, queries::stays};

/// The state of an invite: registered, confirmed, and its permissions.
type Stage = (bool, bool, String);

/// How a reading changed a team's invites; addresses as written.
#[derive(Debug, Default)]
pub(in crate::store) struct Changed {
    pub(in crate::store) appeared: Vec<String>,
    pub(in crate::store) missing: Vec<String>,
    pub(in crate::store) gone: Vec<String>,
    pub(in crate::store) changed: Vec<String>,
}

/// A pending invite on record.
pub(in crate::store) struct Known {
    row: i64,
    pub(in crate::store) email: Email,
    stage: Stage,
    missed: Option<Missed>,
}

/// The pending invites on record, including those that are missing but not yet believed to be gone.
pub(in crate::store) fn known(db: &Connection, team: TargetId) -> Result<Vec<Known>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, email, registered, confirmed, permissions, missing_since, missed FROM invite
         WHERE target = :target AND gone_at IS NULL ORDER BY id",
    )?;
    let rows = statement.query_map(named_params! { ":target": team.0 }, |row| {
        Ok(Known {
            row: row.get(0)?,
            email: Email::observed(row.get_ref(1)?.as_str()?),
            stage: (row.get(2)?, row.get(3)?, row.get(4)?),
            missed: match values::read_if_any(row.get(5)?) {
                Some(since) => Some(Missed {
                    since,
                    readings: row.get(6)?,
                }),
                None => None,
            },
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Stores the invites of a reading; `joined` are the addresses of its members. Returns what
/// changed, and whether another reading is awaited.
pub(in crate::store) fn take(
    db: &Connection,
    look: &Look<'_>,
    known: Vec<Known>,
    read: &[ReadInvite],
    joined: &HashSet<&str>,
    first: bool,
) -> Result<(Changed, bool), StoreError> {
    let mut changed = Changed::default();
    // Matched by spelling first; the rest is matched by address, as invites that were recreated.
    let mut left: Vec<Option<Known>> = known.into_iter().map(Some).collect();
    let mut by_spelling: HashMap<String, usize> = HashMap::new();
    for (at, known) in left.iter().enumerate() {
        if let Some(known) = known {
            by_spelling.insert(known.email.written().to_owned(), at);
        }
    }
    let mut seen = HashSet::new();
    let read: Vec<&ReadInvite> = read
        .iter()
        .filter(|invite| seen.insert(invite.email.written()))
        .collect();
    let mut pairs: Vec<(Option<Known>, &ReadInvite)> = Vec::with_capacity(read.len());
    for &invite in &read {
        let same = by_spelling.get(invite.email.written());
        pairs.push((same.and_then(|at| left[*at].take()), invite));
    }
    let mut by_address: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, known) in left.iter().enumerate() {
        if let Some(known) = known {
            let key = known.email.key().to_owned();
            by_address.entry(key).or_default().push(at);
        }
    }
    for (known, invite) in &mut pairs {
        if known.is_none()
            && let Some(at) = by_address.get_mut(invite.email.key()).and_then(Vec::pop)
        {
            *known = left[at].take();
        }
    }
    for (known, invite) in pairs {
        match known {
            Some(known) => shown(db, look, &known, invite, &mut changed)?,
            None => {
                appeared(db, look, invite, first)?;
                changed.appeared.push(invite.email.written().to_owned());
            }
        }
    }
    let still: HashSet<&str> = read.iter().map(|invite| invite.email.key()).collect();
    let mut awaited = false;
    for known in left.into_iter().flatten() {
        let key = known.email.key();
        // The invite was accepted, or only this spelling of it is gone: the person is still there.
        if joined.contains(key) || still.contains(key) {
            db.prepare_cached("UPDATE invite SET gone_at = :at WHERE id = :id")?
                .execute(named_params! { ":id": known.row, ":at": values::stored(look.at) })?;
            changed.gone.push(known.email.written().to_owned());
            continue;
        }
        awaited |= missing(db, look, &known, &mut changed)?;
    }
    changed.gone.sort();
    changed.missing.sort();
    Ok((changed, awaited))
}

/// An invite that is still pending. If it was missing, it still belongs to its grant, but its age
/// starts again.
fn shown(
    db: &Connection,
    look: &Look<'_>,
    known: &Known,
    invite: &ReadInvite,
    changed: &mut Changed,
) -> Result<(), StoreError> {
    let stage = (
        invite.registered,
        invite.confirmed,
        invite.permissions.clone(),
    );
    let is_same = known.stage == stage && known.email.written() == invite.email.written();
    if is_same && known.missed.is_none() {
        return Ok(());
    }
    db.prepare_cached(
        "UPDATE invite SET email = :email, registered = :registered, confirmed = :confirmed,
                permissions = :permissions, first_seen = iif(missing_since IS NULL, first_seen, :at), missing_since = NULL, missed = 0
         WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": known.row, ":email": invite.email.written(), ":registered": stage.0,
        ":confirmed": stage.1, ":permissions": stage.2, ":at": values::stored(look.at),
    })?;
    changed.changed.push(invite.email.written().to_owned());
    Ok(())
}

fn appeared(
    db: &Connection,
    look: &Look<'_>,
    invite: &ReadInvite,
    first: bool,
) -> Result<(), StoreError> {
    let before = match first {
        true => None,
        false => {
            let shown = Shown {
                id: None,
                created_at: None,
                absent_at: look.last_seen,
                at: look.at,
            };
            let before = stays::before(db, look.team, invite.email.key(), shown, &HashSet::new())?;
            Some((shown, before))
        }
    };
    db.prepare_cached(
        "INSERT INTO invite (target, email, email_key, registered, confirmed, permissions, first_seen)
         VALUES (:target, :email, :email_key, :registered, :confirmed, :permissions, :at)",
    )?
    .execute(named_params! {
        ":target": look.team.0, ":email": invite.email.written(), ":email_key": invite.email.key(),
        ":registered": invite.registered, ":confirmed": invite.confirmed,
        ":permissions": invite.permissions, ":at": values::stored(look.at),
    })?;
    match before {
        Some((shown, before)) => stays::begin(db, look.team, &invite.email, shown, before.as_ref()),
        None => Ok(()),
    }
}

/// An invite that the reading does not show: revoked by lapsed, believed to be gone, or awaited.
fn missing(
    db: &Connection,
    look: &Look<'_>,
    known: &Known,
    changed: &mut Changed,
) -> Result<bool, StoreError> {
    let missed = missed_again(known.missed, look.counts, look.at);
    let sent = look.revoked.get(known.email.key());
    let by = if let Some(sent) = sent {
        Some(sent.gone_by())
    } else if look.counts && missed.is_believed(look.doubtful, look.at) {
        Some(GoneBy::Readings)
    } else {
        None
    };
    if let Some(by) = by {
        // An invite has no id by which it could be known again. Without an answer a second reading
        // without it is the proof.
        let proven = sent.is_none_or(|sent| sent.acknowledged && look.proves(*sent));
        end_stay(db, known.row, by, proven, look.at)?;
        changed.gone.push(known.email.written().to_owned());
        return Ok(false);
    }
    db.prepare_cached("UPDATE invite SET missing_since = :since, missed = :missed WHERE id = :id")?
        .execute(named_params! {
            ":id": known.row, ":since": values::stored(missed.since), ":missed": missed.readings,
        })?;
    if known.missed.is_none() {
        changed.missing.push(known.email.written().to_owned());
    }
    Ok(true)
}

/// Ends the stay of every invite that is missing. Returns the addresses.
pub(in crate::store) fn end_missing(
    db: &Connection,
    team: TargetId,
    at: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let mut gone = Vec::new();
    for invite in known(db, team)? {
        if invite.missed.is_some() {
            end_stay(db, invite.row, GoneBy::Readings, true, at)?;
            gone.push(invite.email.written().to_owned());
        }
    }
    Ok(gone)
}

/// Ends an invite's stay.
pub(in crate::store) fn end_stay(
    db: &Connection,
    row: i64,
    by: GoneBy,
    proven: bool,
    at: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE invite SET gone_at = ifnull(missing_since, :at), missing_since = NULL, gone_by = :by,
                proven_at = iif(:proven, :at, NULL)
         WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": row, ":at": values::stored(at), ":by": stays::word(by), ":proven": proven,
    })?;
    Ok(())
}

/// Suppressed addresses where they matter at `:now`, and how: as an invite, a membership or a
/// running grant. CROSS JOIN fixes the join order: the few suppressed addresses come before all
/// grants, and the members, found by team, before them.
pub(in crate::store) const SUPPRESSED: &str = "
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

/// Stores an organization's complete list of suppressed emails.
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
            ":at": values::stored(at),
        })?;
        appeared.push(email.written().to_owned());
    }
    let mut gone = Vec::new();
    for (id, email) in known.into_values() {
        db.prepare_cached("UPDATE suppressed SET gone_at = :at WHERE id = :id")?
            .execute(named_params! { ":id": id, ":at": values::stored(at) })?;
        gone.push(email);
    }
    gone.sort();
    if !appeared.is_empty() || !gone.is_empty() {
        let event = Event::SuppressedObserved(SuppressedObserved {
            account: account.to_owned(),
            appeared,
            gone,
        });
        trail::append_event(db, at, None, None, &event)?;
    }
    let complete = Complete {
        digest: None,
        settled: true,
    };
    Sources::complete(db, account, SourceKind::Suppressed, complete, at)
}
