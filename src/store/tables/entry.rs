//! The last entry that a whitelist accepted for each spelling of an address. A whitelist cannot be
//! read, so this is all that is known of it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};
use strum::IntoStaticStr;

use crate::domain::{Email, Entry, Permission, TargetId};
use crate::store::{StoreError, db::values};

/// Where an entry comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum How {
    /// The provider accepted it.
    Posted,
    /// A person said that it is there.
    Recorded,
    /// The provider said that an entry exists, but not what it allows.
    Exists,
}

impl How {
    fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An entry that may be on a whitelist.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    /// The address as it was sent.
    pub(crate) email: Email,
    pub(crate) name: Option<String>,
    pub(crate) entry: Entry,
    /// Whether its content is known.
    pub(crate) is_known: bool,
    /// Whether it was only sent: nobody has ever said that it is there.
    pub(crate) is_only_typed: bool,
}

/// Records the entry that is on the whitelist for an address now.
pub(crate) fn put(
    db: &Connection,
    target: TargetId,
    how: How,
    email: &Email,
    name: Option<&str>,
    entry: &Entry,
    at: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO entry (target, person, email, how, name, permissions, starts_at, ends_at, taken_at, look_at)
         VALUES (:target, :person, :email, :how, :name, :permissions, :start, :end, :at, 0)
         ON CONFLICT (target, person, email) DO UPDATE SET how = :how, name = :name,
            permissions = :permissions, starts_at = :start, ends_at = :end, taken_at = :at, look_at = 0",
    )?
    .execute(named_params! {
        ":target": target.0, ":person": email.key(), ":email": email.written(),
        ":how": how.as_str(), ":name": name, ":permissions": words(&entry.permissions),
        ":start": values::stored(entry.start), ":end": entry.end.map(values::stored),
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

/// Forgets an entry that the provider refused, if nothing else says that it exists.
pub(crate) fn was_refused(
    db: &Connection,
    target: TargetId,
    email: &Email,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "DELETE FROM entry WHERE target = :target AND person = :person AND email = :email AND how = 'typed'",
    )?
    .execute(named_params! {
        ":target": target.0, ":person": email.key(), ":email": email.written(),
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

/// The last entry that a whitelist accepted for a person.
pub(crate) fn last(
    db: &Connection,
    target: TargetId,
    person: &str,
) -> Result<Option<Taken>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT email, name, permissions, starts_at, ends_at, how FROM entry
             WHERE target = :target AND person = :person
             ORDER BY how = 'typed', taken_at DESC LIMIT 1",
        )?
        .query_row(
            named_params! { ":target": target.0, ":person": person },
            |row| {
                let how: String = row.get(5)?;
                let permissions: String = row.get(2)?;
                Ok(Taken {
                    email: Email::from(row.get::<_, String>(0)?),
                    name: row.get(1)?,
                    entry: Entry {
                        start: values::read(row.get(3)?),
                        end: values::read_if_any(row.get(4)?),
                        permissions: permissions
                            .split(';')
                            .filter_map(|word| word.parse::<Permission>().ok())
                            .collect(),
                    },
                    is_known: matches!(how.as_str(), "posted" | "recorded"),
                    is_only_typed: how == "typed",
                })
            },
        )
        .optional()?)
}

/// Permissions as they are stored: joined by `;`.
fn words(permissions: &[Permission]) -> String {
    let words: Vec<&str> = permissions.iter().map(|p| p.as_str()).collect();
    words.join(";")
}
