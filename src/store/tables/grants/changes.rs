//! Giving grants: recording them together with the provisions they need.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::covering::OnWhitelist;
use super::{Grants, Imported, NewGrant, Same};
use crate::domain::{Email, Entry, Flags, Provider, ProvisionKind, Role, TakeBack, TargetRef};
use crate::store::tables::entry::{self, How};
use crate::store::tables::members::OF_PERSON;
use crate::store::{Asked, NewProvision, Provision, Provisions, StoreError, Targets, db::values};

/// A grant on record, and what is open to be given for it.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) email: Email,
    pub(crate) target: TargetRef,
    pub(crate) role: Option<Role>,
    pub(crate) start: Timestamp,
    pub(crate) end: Option<Timestamp>,
    pub(crate) imported: Imported,
    /// Why no provider is called, if so.
    pub(crate) why_nobody: &'static str,
    /// `None`: no call is needed.
    pub(crate) open: Option<Provision>,
}

impl Grants {
    /// Records a grant, and plans what has to be given for it.
    pub(crate) fn give(
        db: &Connection,
        grant: &NewGrant,
        flags: Flags,
        same: Same,
        asked: &Asked,
        at: Timestamp,
    ) -> Result<Recorded, StoreError> {
        let target = Targets::ensure(db, &grant.target)?;
        let is_whitelist = target.provider() == Provider::Sentius;
        let mut grant = grant.clone();
        if !is_whitelist {
            grant.email = Self::first_written(db, &target, &grant.email)?;
        }
        let email = grant.email.clone();
        let before = Self::on_whitelist(db, &target, &email, at)?;
        let was = before.entry(at);
        let had = Self::team_flags(db, &target, &email, at)?;
        let permissions = Self::permissions_of(db, &grant, &target)?;
        let end = Self::row_end(db, &grant)?;
        let nothing_else = |_, _: &Imported| Ok(());
        let (id, imported) = Self::record(db, &target, &grant, same, asked, at, nothing_else)?;
        // The grant may be one that was given to an earlier address of a membership.
        let email = Self::person_of(db, id, email)?;
        let take_back = match &imported {
            Imported::Recorded { .. } => Some(TakeBack::Close(id)),
            Imported::Amended => permissions
                .into_iter()
                .find(|(row, _)| *row == id)
                .map(|(row, words)| TakeBack::Permissions(row, words)),
            Imported::Unchanged => None,
        };
        let end = end.filter(|end| take_back.is_some() && *end != grant.end);
        let take_back: Vec<TakeBack> = take_back
            .into_iter()
            .chain(end.map(|end| TakeBack::End(id, end.map(values::stored))))
            .collect();
        let start = grant.start.unwrap_or(at).max(at);
        let is_ahead = grant.end.is_none_or(|end| end > at);
        let mut only_flags = false;
        let due = if is_whitelist {
            let on = Self::on_whitelist(db, &target, &email, at)?;
            // The person signs in with the address as it is written: each spelling has its entry.
            let is_new = !on.is_on_record(&email);
            let lacks = on.entry_in(&email).is_none()
                && is_ahead
                && (!take_back.is_empty() || is_new && Self::is_open(db, id)?);
            if lacks && is_new {
                entry::may_be_there(db, target.id(), &email, at)?;
            }
            match on.entry(at) {
                Some(_) if lacks => Some(at),
                // By hand, what was given up or never came about is asked for again.
                is if is == was
                    && is.is_some()
                    && same == Same::Running
                    && Self::is_untaken(db, &target, &email)? =>
                {
                    Some(at)
                }
                is if is == was => on.next_change(at).filter(|_| !take_back.is_empty()),
                _ => Some(at),
            }
        } else {
            // A request by hand gives whatever is missing. An import gives only what is new, since
            // a person may have been removed from the team since the first import.
            let is_new = matches!(imported, Imported::Recorded { .. });
            let asks = is_new || same == Same::Running;
            let has = Self::team_flags(db, &target, &email, at)?;
            let gained = imported == Imported::Amended && !has.without(had).is_empty();
            only_flags = gained && !asks;
            (asks || gained).then_some(start)
        };
        if let Some(due) = due.filter(|_| is_ahead) {
            let kind = match (is_whitelist, before.may_be_there(), grant.role) {
                (true, false, _) => ProvisionKind::WhitelistAdd,
                (true, true, _) => ProvisionKind::WhitelistRenew,
                (false, _, None) if !only_flags => ProvisionKind::MemberAdd,
                (false, _, _) => ProvisionKind::MemberPromote,
            };
            // What a whitelist gets only later does not depend on the answer to an earlier call.
            let take_back = match due <= at || !is_whitelist {
                true => take_back,
                false => Vec::new(),
            };
            let new = NewProvision {
                kind,
                target: &target,
                email: &email,
                role: grant.role,
                flags,
                due,
                take_back,
                asked,
            };
            Provisions::plan(db, &new, at)?;
        }
        let open = Provisions::open(db, target.id(), &email, grant.role)?;
        Self::recorded(db, &grant, target, (id, imported), open)
    }

    /// Records access that exists already, without a provision.
    pub(crate) fn note(
        db: &Connection,
        grant: &NewGrant,
        same: Same,
        asked: &Asked,
        at: Timestamp,
    ) -> Result<Recorded, StoreError> {
        let target = Targets::ensure(db, &grant.target)?;
        let entry = |id, imported: &Imported| match target.provider() {
            Provider::Sentius => Self::note_entry(db, &target, grant, id, imported, at),
            _ => Ok(()),
        };
        let recorded = Self::record(db, &target, grant, same, asked, at, entry)?;
        Self::recorded(db, grant, target, recorded, None)
    }

    /// Records the whitelist's entry of a grant that was only recorded.
    fn note_entry(
        db: &Connection,
        target: &TargetRef,
        grant: &NewGrant,
        id: i64,
        imported: &Imported,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let email = &grant.email;
        let mut on = Self::on_whitelist(db, target, email, at)?;
        let before = on.entry_in(email).cloned();
        if *imported == Imported::Unchanged && (before.is_some() || !Self::is_open(db, id)?) {
            return Ok(());
        }
        // The entry as recorded; the next pass posts what all grants of the person add up to.
        let (start, end) = Self::dates(db, id)?;
        let mut entry = Entry {
            start,
            end,
            permissions: grant.permissions.clone(),
        };
        // What was recorded together adds up, and what has ended may still stand in the entry.
        let adds_up = Self::is_all_recorded(db, target, email, at)? || on.has_more(email, &entry);
        if adds_up {
            entry = on.entry_said(email, at);
        }
        // Two that are told of one entry cannot both be right: what they come to is posted.
        let differs = before.is_some_and(|before| !before.is(&entry));
        on.put(db, target, (How::Recorded, email, entry), at)?;
        match differs && !adds_up && on.is_of_several(at) {
            true => OnWhitelist::renew(db, target, email, at),
            false => Ok(()),
        }
    }

    /// Whether no whitelist has ever taken an entry of a person, nor said that it has one.
    fn is_untaken(db: &Connection, target: &TargetRef, email: &Email) -> Result<bool, StoreError> {
        let entries = entry::of(db, target.id(), email.key())?;
        Ok(entries.iter().all(|on| on.how == How::Typed))
    }

    /// Whether all open grants of a person on a whitelist were recorded at this moment, from one
    /// file.
    fn is_all_recorded(
        db: &Connection,
        target: &TargetRef,
        email: &Email,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(db
            .prepare_cached(
                "SELECT NOT EXISTS (SELECT 1 FROM grants WHERE target = :target AND person = :email_key
                                    AND removed_at IS NULL AND recorded_at <> :at)",
            )?
            .query_row(
                named_params! {
                    ":target": target.id().0, ":email_key": email.key(), ":at": values::stored(at),
                },
                |row| row.get(0),
            )?)
    }

    fn recorded(
        db: &Connection,
        grant: &NewGrant,
        target: TargetRef,
        (id, imported): (i64, Imported),
        open: Option<Provision>,
    ) -> Result<Recorded, StoreError> {
        let (start, end) = Self::dates(db, id)?;
        Ok(Recorded {
            email: grant.email.clone(),
            target,
            role: grant.role,
            start,
            end,
            imported,
            why_nobody: "another grant gives this access already",
            open,
        })
    }

    /// Whether a person is on record anywhere: in a grant, or in a team.
    pub(crate) fn knows(db: &Connection, email: &Email) -> Result<bool, StoreError> {
        Ok(db
            .prepare_cached(&format!(
                "SELECT EXISTS (SELECT 1 FROM grants WHERE email_key = :email_key
                         UNION ALL SELECT 1 FROM member WHERE id IN {OF_PERSON}
                         UNION ALL SELECT 1 FROM invite WHERE email_key = :email_key)",
            ))?
            .query_row(named_params! { ":email_key": email.key() }, |row| {
                row.get(0)
            })?)
    }

    /// Whether a grant is on record, open or closed.
    pub(crate) fn is_on_record(
        db: &Connection,
        grant: &NewGrant,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(match Targets::find(db, &grant.target)? {
            Some(_) if grant.row().is_some() => true,
            Some(target) => Self::same(db, &target, grant, Same::Ever, at)?.is_some(),
            None => false,
        })
    }

    /// The end before of a grant that is to be as its row is now.
    fn row_end(db: &Connection, grant: &NewGrant) -> Result<Option<Option<Timestamp>>, StoreError> {
        let end = grant
            .row()
            .map(|row| Self::dates(db, row.id).map(|(_, end)| end));
        end.transpose()
    }

    pub(super) fn dates(
        db: &Connection,
        id: i64,
    ) -> Result<(Timestamp, Option<Timestamp>), StoreError> {
        let (start, end) = db
            .prepare_cached("SELECT starts_at, ends_at FROM grants WHERE id = :id")?
            .query_row(named_params! { ":id": id }, |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        Ok((values::read(start), values::read_if_any(end)))
    }

    /// The address to send: the spelling that was recorded first, since other spellings are the
    /// same person. A membership's earlier address does not count: it may belong to another person
    /// by now.
    pub(super) fn first_written(
        db: &Connection,
        target: &TargetRef,
        email: &Email,
    ) -> Result<Email, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT email FROM grants
             WHERE email_key = :email_key AND target = :target AND removed_at IS NULL
             ORDER BY id LIMIT 1",
        )?;
        let mut rows = statement
            .query(named_params! { ":target": target.id().0, ":email_key": email.key() })?;
        Ok(match rows.next()? {
            Some(row) => Email::observed(row.get_ref(0)?.as_str()?),
            None => email.clone(),
        })
    }

    /// Who has a grant, by the present address; as it is written here, if it is the same.
    pub(super) fn person_of(
        db: &Connection,
        grant: i64,
        written: Email,
    ) -> Result<Email, StoreError> {
        let person: String = db
            .prepare_cached("SELECT person FROM grants WHERE id = :id")?
            .query_row(named_params! { ":id": grant }, |row| row.get(0))?;
        Ok(match person == written.key() {
            true => written,
            false => Email::observed(&person),
        })
    }

    /// The permissions of the person's open grants on the target, before they are amended.
    fn permissions_of(
        db: &Connection,
        grant: &NewGrant,
        target: &TargetRef,
    ) -> Result<Vec<(i64, String)>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT id, permissions FROM grants
             WHERE email_key = :email_key AND target = :target AND removed_at IS NULL",
        )?;
        let rows = statement.query_map(
            named_params! { ":target": target.id().0, ":email_key": grant.email.key() },
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
