//! What a person's open grants on a target add up to: the access they should have now.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::{Grants, flags};
use crate::domain::{Email, Entry, Flags, Permission, ProvisionKind, Role, Scope, Span, TargetRef};
use crate::store::queries::sql::OPEN_OF_PERSON;
use crate::store::tables::entry::{self, How};
use crate::store::{Asked, NewProvision, Posting, Provisions, StoreError, db::values};

/// A person's open grants on a whitelist.
#[derive(Debug, Clone)]
pub(crate) struct OnWhitelist {
    spans: Vec<Span>,
    /// What open grants allowed that are over.
    ended: Vec<Permission>,
    /// The first recorded spelling: the exact address that the person signs in with.
    email: Email,
    name: Option<String>,
    /// Whether an entry may be there.
    pub(crate) may_be_there: bool,
}

impl OnWhitelist {
    /// The entry that is right now.
    pub(crate) fn entry(&self, at: Timestamp) -> Option<Entry> {
        Entry::of(&self.spans, at)
    }

    /// The same, as it is posted. The provider requires a name; without one, the address is sent.
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

    /// The entry that is right now, with what ended grants allow beyond it: nobody has taken that from
    /// the whitelist yet. `None` where it is no more.
    pub(super) fn entry_with_ended(&self, at: Timestamp) -> Option<Entry> {
        let mut entry = self.entry(at)?;
        let right = entry.permissions.len();
        entry.permissions.extend(&self.ended);
        entry.permissions.sort_unstable();
        entry.permissions.dedup();
        (entry.permissions.len() > right).then_some(entry)
    }

    /// When the right entry will next be another one.
    pub(crate) fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        Entry::next_change(&self.spans, at)
    }

    /// Plans to post what the grants come to in the place of what may be there.
    pub(super) fn renew(
        &self,
        db: &Connection,
        target: &TargetRef,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let new = NewProvision {
            kind: ProvisionKind::WhitelistRenew,
            target,
            email: &self.email,
            role: None,
            flags: Flags::default(),
            due: at,
            take_back: Vec::new(),
            asked: &Asked {
                command: "entry".to_owned(),
                by: "lapsed".to_owned(),
            },
        };
        Provisions::plan(db, &new, at).map(|_| ())
    }

    /// Whether several grants come together to the entry that is right now.
    pub(super) fn is_of_several(&self, at: Timestamp) -> bool {
        self.spans.iter().filter(|span| span.covers(at)).count() > 1
    }

    /// Records that a whitelist has the entry that these grants add up to.
    pub(super) fn is_there(
        &self,
        db: &Connection,
        target: &TargetRef,
        email: &Email,
        how: How,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let over = || Entry {
            start: at,
            end: Some(at),
            permissions: Vec::new(),
        };
        let entry = self.entry(at).unwrap_or_else(over);
        entry::put(
            db,
            target.id(),
            how,
            email,
            self.name.as_deref(),
            &entry,
            at,
        )?;
        entry::right_until(db, target.id(), email.key(), self.looked_at_next(at))
    }

    /// When the entry has to be compared again: at its next change, or at once if nothing covers
    /// it.
    fn looked_at_next(&self, at: Timestamp) -> Option<Timestamp> {
        match self.entry(at) {
            Some(_) => self.next_change(at),
            None => Some(at),
        }
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
             WHERE target = :target AND person = :email_key AND removed_at IS NULL AND role IS NULL
             ORDER BY id",
        )?;
        let mut rows = statement
            .query(named_params! { ":target": target.id().0, ":email_key": email.key() })?;
        let mut first: Option<Email> = None;
        let mut name = None;
        let mut spans = Vec::new();
        let mut ended = Vec::new();
        while let Some(row) = rows.next()? {
            first.get_or_insert(Email::observed(row.get_ref(0)?.as_str()?));
            name = row.get::<_, Option<String>>(1)?.or(name);
            let end = values::read_if_any(row.get(4)?);
            let words = row.get_ref(2)?.as_str()?.split(';');
            let permissions = words.filter_map(|word| word.parse::<Permission>().ok());
            if end.is_some_and(|end| end <= at) {
                ended.extend(permissions);
                continue;
            }
            spans.push(Span {
                permissions: permissions.collect(),
                start: values::read(row.get(3)?),
                end,
            });
        }
        if name.is_none() {
            name = Self::name_of(db, email)?;
        }
        Ok(OnWhitelist {
            spans,
            ended,
            email: first.unwrap_or_else(|| email.clone()),
            name,
            may_be_there: entry::last(db, target.id(), email.key())?.is_some(),
        })
    }

    /// Records that a whitelist has the entry that a person's grants add up to: the provider
    /// accepted it, or a person said that it is there.
    pub(crate) fn entry_is_there(
        db: &Connection,
        target: &TargetRef,
        email: &Email,
        how: How,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let on = Self::on_whitelist(db, target, email, at)?;
        on.is_there(db, target, email, how, at)
    }

    /// Compares the entries that may be outdated with the current grants, and plans to post those
    /// that are wrong. Entries that nothing covers any more are left to a removal.
    pub(crate) fn compare_entries(
        db: &Connection,
        scope: &Scope,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let names = crate::store::tables::targets::names(db)?;
        for (target, person) in entry::to_compare(db, at)? {
            let Some(target) = names.get(&target).filter(|t| scope.holds(t.id())) else {
                continue;
            };
            let email = Email::observed(&person);
            let on = Self::on_whitelist(db, target, &email, at)?;
            let Some(wanted) = on.entry(at) else {
                continue;
            };
            if Provisions::open(db, target.id(), &email, None)?.is_some() {
                continue;
            }
            let taken = entry::last(db, target.id(), &person)?;
            let is_right = taken.is_some_and(|taken| {
                taken.entry.end == wanted.end && taken.entry.permissions == wanted.permissions
            });
            if is_right {
                entry::right_until(db, target.id(), &person, on.looked_at_next(at))?;
                continue;
            }
            on.renew(db, target, at)?;
        }
        Ok(())
    }

    /// The person's name, as last recorded anywhere.
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

    /// All flags that any of a person's running grants on a team gives.
    pub(crate) fn team_flags(
        db: &Connection,
        target: &TargetRef,
        email: &Email,
        at: Timestamp,
    ) -> Result<Flags, StoreError> {
        let mut statement = db.prepare_cached(&format!(
            "SELECT permissions FROM grants
             WHERE {OPEN_OF_PERSON} AND role IS NULL
               AND permissions <> '' AND starts_at <= :at AND ifnull(ends_at > :at, 1)",
        ))?;
        let mut rows = statement.query(named_params! {
            ":target": target.id().0, ":person": email.key(), ":at": values::stored(at),
        })?;
        let mut all = Flags::default();
        while let Some(row) = rows.next()? {
            all = all.or(flags(row.get_ref(0)?.as_str()?));
        }
        Ok(all)
    }

    /// The earliest start of a person's open grants of this role that are not over, including
    /// grants of access that have the role's flag among their permissions.
    pub(crate) fn covers_or_begins(
        db: &Connection,
        target: &TargetRef,
        email: &Email,
        role: Option<Role>,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let begins = db
            .prepare_cached(&format!(
                "SELECT min(starts_at) FROM grants
                 WHERE {OPEN_OF_PERSON}
                   AND (role IS :role OR (:role IS NOT NULL AND role IS NULL
                                          AND instr(';' || permissions || ';', ';' || :role || ';') > 0))
                   AND ifnull(ends_at > :at, 1)",
            ))?
            .query_row(
                named_params! {
                    ":target": target.id().0, ":person": email.key(),
                    ":role": role.map(Role::as_str), ":at": values::stored(at),
                },
                |row| row.get(0),
            )?;
        Ok(values::read_if_any(begins))
    }
}
