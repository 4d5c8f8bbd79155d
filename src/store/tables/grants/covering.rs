//! What a person's open grants on a target add up to: the access they should have now.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::{Grants, flags};
use crate::domain::{
    AcceptedEntry, Email, Entry, Flags, Permission, Provided, ProvisionKind, Role, Scope, Span,
    TargetRef,
};
use crate::store::queries::sql::OPEN_OF_PERSON;
use crate::store::tables::entry::{self, How, OnRecord};
use crate::store::{Asked, NewProvision, Posting, Provision, Provisions, StoreError, db::values};

/// A person's open grants on a whitelist, and what it has for them.
#[derive(Debug, Clone)]
pub(crate) struct OnWhitelist {
    /// Those that are not over, with their spellings.
    spans: Vec<(Email, Span)>,
    /// What open grants allowed that are over, by spelling.
    ended: Vec<(Email, Permission)>,
    /// The first recorded spelling: the exact address that the person signs in with.
    email: Email,
    name: Option<String>,
    /// The entries that may be there, one for each spelling.
    entries: Vec<OnRecord>,
}

impl OnWhitelist {
    /// The entry that is right now.
    pub(crate) fn entry(&self, at: Timestamp) -> Option<Entry> {
        Entry::of(&self.all(), at)
    }

    fn all(&self) -> Vec<Span> {
        self.spans.iter().map(|(_, span)| span.clone()).collect()
    }

    /// Whether an entry may be there.
    pub(crate) fn may_be_there(&self) -> bool {
        !self.entries.is_empty()
    }

    /// What is to be posted now for this provision: the entry that all grants come to, in each
    /// spelling that is wrong.
    pub(crate) fn posting(&self, provision: &Provision, at: Timestamp) -> Option<Posting> {
        let entry = self.entry(at)?;
        let asked = self.on_record().find(|e| e.is_spelled_as(&provision.email));
        let asked = asked.unwrap_or(&self.email);
        let mut emails = vec![asked.clone()];
        // After a try that was cut short, nobody knows which of them are there.
        let wrong = match provision.gap || provision.unanswered {
            true => self.on_record().cloned().collect(),
            false => self.wrong(&entry),
        };
        for email in wrong {
            push(&mut emails, &email);
        }
        Some(Posting {
            name: self.name.clone(),
            emails,
            entry,
        })
    }

    /// What the whitelist may have in this spelling.
    pub(super) fn entry_in(&self, email: &Email) -> Option<&OnRecord> {
        self.entries.iter().find(|on| on.email.is_spelled_as(email))
    }

    /// Whether a grant or an entry is on record in this spelling.
    pub(super) fn is_on_record(&self, email: &Email) -> bool {
        self.on_record().any(|on| on.is_spelled_as(email))
    }

    /// The spellings in which the whitelist may have something, or should have.
    fn on_record(&self) -> impl Iterator<Item = &Email> {
        let there = self.entries.iter().map(|on| &on.email);
        self.spans.iter().map(|(email, _)| email).chain(there)
    }

    /// The spellings that do not have what they should. A whitelist that matches text exactly keeps
    /// an entry for each: in a spelling of a grant that is not over, the person has what all grants
    /// come to; in another one, no more than that.
    fn wrong(&self, wanted: &Entry) -> Vec<Email> {
        let mut wrong = Vec::new();
        for (email, _) in &self.spans {
            if !self.entry_in(email).is_some_and(|on| on.is(wanted)) {
                push(&mut wrong, email);
            }
        }
        for on in self.entries.iter().filter(|on| !on.is_within(wanted)) {
            push(&mut wrong, &on.email);
        }
        wrong
    }

    /// When the right entry will next be another one.
    pub(crate) fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        Entry::next_change(&self.all(), at)
    }

    /// The entry that a person says is there in this spelling, by all grants of this spelling that were
    /// recorded together; with what ended ones allow, since nobody has taken that off yet.
    pub(super) fn entry_said(&self, email: &Email, at: Timestamp) -> Entry {
        let spans = self.spans.iter().filter(|(of, _)| of.is_spelled_as(email));
        let spans: Vec<Span> = spans.map(|(_, span)| span.clone()).collect();
        let mut entry = Entry::of(&spans, at).unwrap_or_else(|| Entry {
            start: at,
            end: Some(at),
            permissions: Vec::new(),
        });
        entry.permissions.extend(self.ended(email));
        entry.permissions.sort_unstable();
        entry.permissions.dedup();
        entry
    }

    /// Whether ended grants of this spelling allow what is to be no more.
    pub(super) fn has_more(&self, email: &Email, entry: &Entry) -> bool {
        self.ended(email).any(|p| !entry.permissions.contains(&p))
    }

    fn ended(&self, email: &Email) -> impl Iterator<Item = Permission> {
        let of = self.ended.iter().filter(|(of, _)| of.is_spelled_as(email));
        of.map(|(_, permission)| *permission)
    }

    /// Plans to post what the grants come to in the place of what may be there in this spelling.
    pub(super) fn renew(
        db: &Connection,
        target: &TargetRef,
        email: &Email,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let new = NewProvision {
            kind: ProvisionKind::WhitelistRenew,
            target,
            email,
            role: None,
            flags: Flags::default(),
            due: at,
            take_back: Vec::new(),
            asked: &Asked::by_lapsed(Asked::RENEWAL),
        };
        Provisions::plan(db, &new, at).map(|_| ())
    }

    /// Whether several grants come together to the entry that is right now.
    pub(super) fn is_of_several(&self, at: Timestamp) -> bool {
        self.spans
            .iter()
            .filter(|(_, span)| span.covers(at))
            .count()
            > 1
    }

    /// Records what the whitelist has in a spelling.
    pub(super) fn put(
        &mut self,
        db: &Connection,
        target: &TargetRef,
        (how, email, entry): (How, &Email, Entry),
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let on = OnRecord {
            email: email.clone(),
            name: self.name.clone(),
            entry,
            how,
        };
        entry::put(db, target.id(), &on, at)?;
        self.entries.retain(|old| !old.email.is_spelled_as(email));
        self.entries.push(on);
        self.look(db, target, at)
    }

    /// Notes until when all entries are right, unless one is wrong now.
    fn look(&self, db: &Connection, target: &TargetRef, at: Timestamp) -> Result<(), StoreError> {
        match self.entry(at) {
            Some(wanted) if self.wrong(&wanted).is_empty() => {
                entry::right_until(db, target.id(), self.email.key(), self.next_change(at))
            }
            _ => Ok(()),
        }
    }
}

/// Adds a spelling that is not there yet.
fn push(emails: &mut Vec<Email>, email: &Email) {
    if !emails.iter().any(|e| e.is_spelled_as(email)) {
        emails.push(email.clone());
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
            let written = Email::observed(row.get_ref(0)?.as_str()?);
            first.get_or_insert(written.clone());
            name = row.get::<_, Option<String>>(1)?.or(name);
            let end = values::read_if_any(row.get(4)?);
            let words = row.get_ref(2)?.as_str()?.split(';');
            let permissions = words.filter_map(|word| word.parse::<Permission>().ok());
            if end.is_some_and(|end| end <= at) {
                ended.extend(permissions.map(|p| (written.clone(), p)));
                continue;
            }
            let span = Span {
                permissions: permissions.collect(),
                start: values::read(row.get(3)?),
                end,
            };
            spans.push((written, span));
        }
        if name.is_none() {
            name = Self::name_of(db, email)?;
        }
        Ok(OnWhitelist {
            spans,
            ended,
            email: first.unwrap_or_else(|| email.clone()),
            name,
            entries: entry::of(db, target.id(), email.key())?,
        })
    }

    /// Records what a whitelist has now.
    pub(crate) fn accepted(
        db: &Connection,
        target: &TargetRef,
        person: &Email,
        accepted: &[AcceptedEntry],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if accepted.is_empty() {
            return Ok(());
        }
        let mut on = Self::on_whitelist(db, target, person, at)?;
        for AcceptedEntry {
            email,
            entry,
            result,
        } in accepted
        {
            let how = match result {
                Provided::AlreadyExists => How::Exists,
                _ => How::Posted,
            };
            on.put(db, target, (how, email, entry.clone()), at)?;
        }
        Ok(())
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
            match on.wrong(&wanted).first() {
                Some(wrong) => OnWhitelist::renew(db, target, wrong, at)?,
                None => on.look(db, target, at)?,
            }
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
