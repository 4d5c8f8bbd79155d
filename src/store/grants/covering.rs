//! What a person's open grants on a target come to: what is owed to them now.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::{Grants, flags};
use crate::domain::{Email, Entry, Flags, Permission, Role, Span, TargetRef};
use crate::store::{Posting, StoreError, time};

/// A person's open grants on a whitelist.
#[derive(Debug, Clone)]
pub(crate) struct OnWhitelist {
    spans: Vec<Span>,
    /// As it was first written: the exact address that the person signs in with.
    email: Email,
    name: Option<String>,
    /// Whether a grant is open, though it may be over: then an entry may be there.
    pub(crate) may_be_there: bool,
}

impl OnWhitelist {
    /// The entry that is right now.
    pub(crate) fn entry(&self, at: Timestamp) -> Option<Entry> {
        Entry::of(&self.spans, at)
    }

    /// The same, as it is posted. The provider asks for a name: who gave none is called by the
    /// address.
    pub(crate) fn posting(&self, at: Timestamp) -> Option<Posting> {
        let entry = self.entry(at)?;
        let name = self.name.clone();
        Some(Posting {
            name: name.unwrap_or_else(|| self.email.written().to_owned()),
            email: self.email.clone(),
            permissions: entry
                .permissions
                .iter()
                .map(|p| p.as_str().to_owned())
                .collect(),
            start: entry.start,
            end: entry.end,
        })
    }

    /// When another entry will be right.
    pub(crate) fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        Entry::next_change(&self.spans, at)
    }
}

impl Grants {
    /// The open grants of a person on a whitelist that are not over.
    pub(crate) fn on_whitelist(
        db: &Connection,
        target: &TargetRef,
        email: &Email,
        at: Timestamp,
    ) -> Result<OnWhitelist, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT email, name, permissions, starts_at, ends_at FROM grants
             WHERE target = :target AND email_key = :email_key AND removed_at IS NULL AND role IS NULL
             ORDER BY id",
        )?;
        let mut rows = statement
            .query(named_params! { ":target": target.id().0, ":email_key": email.key() })?;
        let mut first: Option<Email> = None;
        let mut name = None;
        let mut spans = Vec::new();
        let mut may_be_there = false;
        while let Some(row) = rows.next()? {
            first.get_or_insert(Email::observed(row.get_ref(0)?.as_str()?));
            name = row.get::<_, Option<String>>(1)?.or(name);
            may_be_there = true;
            let end = time::read_if_any(row.get(4)?);
            if end.is_some_and(|end| end <= at) {
                continue;
            }
            spans.push(Span {
                permissions: row
                    .get_ref(2)?
                    .as_str()?
                    .split(';')
                    .filter_map(|word| word.parse::<Permission>().ok())
                    .collect(),
                start: time::read(row.get(3)?),
                end,
            });
        }
        if name.is_none() {
            name = Self::name_of(db, email)?;
        }
        Ok(OnWhitelist {
            spans,
            email: first.unwrap_or_else(|| email.clone()),
            name,
            may_be_there,
        })
    }

    /// The name by which a person was last recorded anywhere.
    fn name_of(db: &Connection, email: &Email) -> Result<Option<String>, StoreError> {
        Ok(db
            .prepare_cached(
                "SELECT name FROM grants WHERE email_key = :email_key AND name IS NOT NULL
                 ORDER BY id DESC LIMIT 1",
            )?
            .query_row(named_params! { ":email_key": email.key() }, |row| {
                row.get(0)
            })
            .optional()?)
    }

    /// The flags that a person's running grants of access to a team come to: all that any of them gives.
    pub(crate) fn team_flags(
        db: &Connection,
        target: &TargetRef,
        email: &Email,
        at: Timestamp,
    ) -> Result<Flags, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT permissions FROM grants
             WHERE target = :target AND email_key = :email_key AND removed_at IS NULL AND role IS NULL
               AND permissions <> '' AND starts_at <= :at AND ifnull(ends_at > :at, 1)",
        )?;
        let mut rows = statement.query(named_params! {
            ":target": target.id().0, ":email_key": email.key(), ":at": time::stored(at),
        })?;
        let mut all = Flags::default();
        while let Some(row) = rows.next()? {
            all = all.or(flags(row.get_ref(0)?.as_str()?));
        }
        Ok(all)
    }

    /// When the first of a person's open grants of this role that are not over begins. A flag is
    /// also given by a grant of access that has it among its permissions.
    pub(crate) fn covers_or_begins(
        db: &Connection,
        target: &TargetRef,
        email: &Email,
        role: Option<Role>,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let begins = db
            .prepare_cached(
                "SELECT min(starts_at) FROM grants
                 WHERE target = :target AND email_key = :email_key AND removed_at IS NULL
                   AND (role IS :role OR (:role IS NOT NULL AND role IS NULL
                                          AND instr(';' || permissions || ';', ';' || :role || ';') > 0))
                   AND ifnull(ends_at > :at, 1)",
            )?
            .query_row(
                named_params! {
                    ":target": target.id().0, ":email_key": email.key(),
                    ":role": role.map(Role::as_str), ":at": time::stored(at),
                },
                |row| row.get(0),
            )?;
        Ok(time::read_if_any(begins))
    }
}
