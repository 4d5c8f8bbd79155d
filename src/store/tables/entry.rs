//! The last entry that a whitelist accepted for each spelling of an address. A whitelist cannot be
//! read, so this is all that is known of it.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, named_params};
use strum::{EnumString, IntoStaticStr};

use crate::domain::{Email, Entry, Permission, TargetId};
use crate::store::{StoreError, db::values};

/// Where an entry comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, EnumString)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum How {
    /// The provider accepted it.
    Posted,
    /// A person said that it is there.
    Recorded,
    /// The provider said that an entry exists, but not what it allows.
    Exists,
    /// It was only sent, or named by a person, or taken off to be replaced: nobody has said since that
    /// it is there.
    Typed,
}

impl How {
    fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How long an entry may still be made by a call that nobody answered: longer than servers and proxies
/// keep a request.
const MAY_COME: SignedDuration = SignedDuration::from_mins(5);

/// The most by which a clock that was set back is taken into account.
const SET_BACK: SignedDuration = SignedDuration::from_hours(24);

/// An entry that may be on a whitelist.
#[derive(Debug, Clone)]
pub(crate) struct OnRecord {
    /// The address as it was sent.
    pub(crate) email: Email,
    pub(crate) name: Option<String>,
    pub(crate) entry: Entry,
    pub(crate) how: How,
}

impl OnRecord {
    /// Whether what it allows, and until when, is known for certain.
    pub(crate) fn is_known(&self) -> bool {
        matches!(self.how, How::Posted | How::Recorded)
    }

    /// Whether it counts as this entry.
    pub(crate) fn is(&self, wanted: &Entry) -> bool {
        self.how != How::Typed
            && self.entry.end == wanted.end
            && self.entry.permissions == wanted.permissions
    }

    /// Whether it certainly gives no more than this entry.
    pub(crate) fn is_within(&self, wanted: &Entry) -> bool {
        let ends = match (self.entry.end, wanted.end) {
            (_, None) => true,
            (end, Some(wanted)) => end.is_some_and(|end| end <= wanted),
        };
        let mut allows = self.entry.permissions.iter();
        self.how != How::Typed && ends && allows.all(|p| wanted.permissions.contains(p))
    }
}

/// Records the entry that is on the whitelist for an address now.
pub(crate) fn put(
    db: &Connection,
    target: TargetId,
    on: &OnRecord,
    at: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO entry (target, person, email, how, name, permissions, starts_at, ends_at, taken_at, look_at)
         VALUES (:target, :person, :email, :how, :name, :permissions, :start, :end, :at, 0)
         ON CONFLICT (target, person, email) DO UPDATE SET how = :how, name = :name,
            permissions = :permissions, starts_at = :start, ends_at = :end, taken_at = :at, look_at = 0",
    )?
    .execute(named_params! {
        ":target": target.0, ":person": on.email.key(), ":email": on.email.written(),
        ":how": on.how.as_str(), ":name": on.name, ":permissions": Permission::joined(&on.entry.permissions),
        ":start": values::stored(on.entry.start), ":end": on.entry.end.map(values::stored),
        ":at": values::stored(at),
    })?;
    Ok(())
}

/// Records that an entry may exist under this spelling, unless one is on record.
pub(crate) fn may_be_there(
    db: &Connection,
    target: TargetId,
    email: &Email,
    at: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO entry (target, person, email, how, starts_at, ends_at, taken_at, look_at)
         VALUES (:target, :person, :email, 'typed', :at, :at, :at, 0)
         ON CONFLICT (target, person, email) DO UPDATE SET look_at = 0",
    )?
    .execute(named_params! {
        ":target": target.0, ":person": email.key(), ":email": email.written(),
        ":at": values::stored(at),
    })?;
    Ok(())
}

/// Records that nobody knows any more whether the entry of this spelling is there.
pub(crate) fn may_be_gone(
    db: &Connection,
    target: TargetId,
    email: &Email,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE entry SET how = 'typed', look_at = 0
         WHERE target = :target AND person = :person AND email = :email",
    )?
    .execute(named_params! {
        ":target": target.0, ":person": email.key(), ":email": email.written(),
    })?;
    Ok(())
}

/// Records that a call for this person's entries got no answer then.
pub(crate) fn got_no_answer(
    db: &Connection,
    target: TargetId,
    email: &Email,
    at: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE entry SET silent_before = silent_at, silent_at = :at
         WHERE target = :target AND person = :person AND silent_at IS NOT :at",
    )?
    .execute(named_params! {
        ":target": target.0, ":person": email.key(), ":at": values::stored(at),
    })?;
    Ok(())
}

/// Until when an entry of this person may still be made by a call that got no answer, though a removal
/// has just been answered: `found` says whether there was one to remove. If so, it may have been that
/// call's, but only one of two calls can have made it.
pub(crate) fn may_come_until(
    db: &Connection,
    target: TargetId,
    email: &Email,
    found: bool,
    at: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let silent: Option<i64> = db
        .prepare_cached(
            "SELECT max(silent_at) FROM entry
             WHERE target = :target AND person = :person AND silent_at <= :soon
               AND NOT (:found AND how = 'typed' AND ifnull(silent_before < :recent, TRUE))",
        )?
        .query_row(
            named_params! {
                ":target": target.0, ":person": email.key(), ":found": found,
                ":recent": values::stored(at.checked_sub(MAY_COME).unwrap_or(at)),
                // The clock may have been set back since.
                ":soon": values::stored(at.checked_add(SET_BACK).unwrap_or(at)),
            },
            |row| row.get(0),
        )?;
    let until = values::read_if_any(silent).and_then(|silent| silent.checked_add(MAY_COME).ok());
    Ok(until.filter(|until| at < *until))
}

/// Forgets what was only sent for a provision that the provider refused: nothing else says that it
/// exists.
pub(crate) fn was_refused(
    db: &Connection,
    target: TargetId,
    email: &Email,
    provision: i64,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "DELETE FROM entry WHERE target = :target AND person = :person AND how = 'typed'
           AND taken_at >= (SELECT planned_at FROM provision WHERE id = :provision)",
    )?
    .execute(named_params! {
        ":target": target.0, ":person": email.key(), ":provision": provision,
    })?;
    Ok(())
}

/// Records that the provider has acknowledged the removal of the entry of this spelling.
pub(crate) fn gone(db: &Connection, target: TargetId, email: &Email) -> Result<(), StoreError> {
    db.prepare_cached(
        "DELETE FROM entry WHERE target = :target AND person = :person AND email = :email",
    )?
    .execute(named_params! {
        ":target": target.0, ":person": email.key(), ":email": email.written(),
    })?;
    Ok(())
}

/// Records that the entry was compared and is right until then.
pub(crate) fn right_until(
    db: &Connection,
    target: TargetId,
    person: &str,
    until: Option<Timestamp>,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE entry SET look_at = :until WHERE target = :target AND person = :person",
    )?
    .execute(named_params! {
        ":target": target.0, ":person": person, ":until": until.map(values::stored),
    })?;
    Ok(())
}

/// The people whose entries are due to be compared with their grants.
pub(crate) fn to_compare(
    db: &Connection,
    now: Timestamp,
) -> Result<Vec<(TargetId, String)>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT DISTINCT target, person FROM entry INDEXED BY entry_look WHERE look_at <= :now ORDER BY target, person",
    )?;
    let rows = statement.query_map(named_params! { ":now": values::stored(now) }, |row| {
        Ok((TargetId(row.get(0)?), row.get(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The entries that a whitelist may have for a person, the last one that it accepted first.
pub(crate) fn of(
    db: &Connection,
    target: TargetId,
    person: &str,
) -> Result<Vec<OnRecord>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT email, name, permissions, starts_at, ends_at, how FROM entry
         WHERE target = :target AND person = :person
         ORDER BY how = 'typed', taken_at DESC, email",
    )?;
    let params = named_params! { ":target": target.0, ":person": person };
    let rows = statement.query_map(params, |row| {
        let permissions = row.get_ref(2)?.as_str()?.split(';');
        Ok(OnRecord {
            email: Email::from(row.get::<_, String>(0)?),
            name: row.get(1)?,
            entry: Entry {
                start: values::read(row.get(3)?),
                end: values::read_if_any(row.get(4)?),
                permissions: permissions
                    .filter_map(|word| word.parse::<Permission>().ok())
                    .collect(),
            },
            how: row.get_ref(5)?.as_str()?.parse().unwrap_or(How::Typed),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
