//! Grants: recording them, finding those that are due, and closing them when their access was
//! removed.

mod changes;
mod covering;
mod last;
mod moves;
mod revoking;
mod sourced;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use crate::domain::event::GrantForm;
use crate::domain::{Email, Event, Flags, Permission, Role, SourceName, Target, TargetRef, When};
use crate::store::queries::bearer::bearer;
use crate::store::queries::sql::GIVES;
use crate::store::trail;
use crate::store::{Asked, StoreError, db::values, queries::stays::MEMBERSHIP};

pub(crate) use changes::Recorded;
pub(in crate::store) use moves::BY_LINK;
pub use revoking::Held;
pub(crate) use revoking::Word;
pub(crate) use sourced::{Dropped, OfSource};

/// The grants' SQL.
#[derive(Debug)]
pub(crate) struct Grants;

/// A grant as a person gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// Who.
    pub email: Email,
    /// What.
    pub target: Target,
    /// The person's full name.
    pub name: Option<String>,
    /// Sorted, without repetition; of a team those that the membership is given with.
    pub permissions: Vec<Permission>,
    /// A role for a time.
    pub role: Option<Role>,
    /// From when on; absent: from now on.
    pub start: Option<Timestamp>,
    /// Until when; absent: for ever.
    pub end: Option<Timestamp>,
    /// Who answers for it.
    pub owner: Option<Email>,
    /// Why it was given.
    pub reason: Option<String>,
    /// Start and end as they were written, so that `14d` in the same file twice is one grant.
    pub as_written: String,
    /// The file that it comes from; absent: a person gave it by hand, or by a file without a name.
    pub source: Option<SourceRow>,
}

/// A row of a file with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// The file's name.
    pub name: SourceName,
    /// The grant of this file that the row means; absent: it is new.
    pub grant: Option<RowGrant>,
}

/// The grant that a row means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowGrant {
    /// Its number.
    pub id: i64,
    /// Whether the row has changed since: the grant is to be as the row is now.
    pub changed: bool,
}

impl NewGrant {
    /// The name of the file that it comes from.
    fn source_name(&self) -> Option<&str> {
        self.source.as_ref().map(|source| source.name.as_str())
    }

    /// The grant that its row means.
    fn row(&self) -> Option<RowGrant> {
        self.source.as_ref()?.grant
    }

    /// Whether its start or end was written as a span from then.
    pub(crate) fn is_relative(&self) -> bool {
        let is_span = |text: &str| {
            !text.is_empty()
                && !text.eq_ignore_ascii_case("never")
                && text.as_bytes().get(4) != Some(&b'-')
        };
        self.as_written.split('|').any(is_span)
    }
}

/// The result of recording a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Imported {
    /// It is new; with the end of another grant that keeps the access longer, if there is one.
    Recorded {
        /// The last of their ends.
        outlasted_by: Option<When>,
    },
    /// It was there already; name, owner, reason or permissions were brought up to date.
    Amended,
    /// It was there already.
    Unchanged,
}

/// Which grants count as the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Same {
    /// Also a grant that is over, so that importing a file again changes nothing. But a span counts
    /// from the request: once its grant is over, the same row gives new access.
    Ever,
    /// Only a grant that still gives access: a person who asks by hand wants access now.
    Running,
}

impl Grants {
    /// Records a grant unless it is there already: the same person, target, role, and start and
    /// end as they were written. Returns its row. `with_it` changes what one event of the audit trail
    /// is to tell together with the grant.
    pub(crate) fn record(
        db: &Connection,
        target: &TargetRef,
        grant: &NewGrant,
        same: Same,
        asked: &Asked,
        at: Timestamp,
        with_it: impl FnOnce(i64, &Imported) -> Result<(), StoreError>,
    ) -> Result<(i64, Imported), StoreError> {
        if let Some(row) = grant.row() {
            let imported = Self::as_row(db, target, grant, row, asked, at)?;
            with_it(row.id, &imported)?;
            if imported == Imported::Amended {
                let mut grant = grant.clone();
                grant.start = Some(Self::dates(db, row.id)?.0);
                note(db, Event::GrantAmended, row.id, target, &grant, (asked, at))?;
            }
            return Ok((row.id, imported));
        }
        if let Some((id, removed)) = Self::same(db, target, grant, same, at)? {
            let mut grant = grant.clone();
            if same == Same::Running {
                // What a request by hand leaves out stays as it is.
                Self::keep(db, id, &mut grant)?;
            }
            let permissions = Permission::joined(&grant.permissions);
            let imported = match removed {
                true => Imported::Unchanged,
                false => Self::amend(db, id, &grant, &permissions)?,
            };
            with_it(id, &imported)?;
            if imported == Imported::Amended {
                note(db, Event::GrantAmended, id, target, &grant, (asked, at))?;
            }
            return Ok((id, imported));
        }
        let permissions = Permission::joined(&grant.permissions);
        let outlasted_by = Self::outlasting(db, target, grant, at)?;
        let start = grant.start.unwrap_or(at);
        db.prepare_cached(&format!(
            "INSERT INTO grants (target, email, email_key, person, member_id, name, permissions, role, starts_at,
                                 ends_at, owner, reason, as_written, recorded_at, source)
             VALUES (:target, :email, :person, :person, {MEMBERSHIP}, :name, :permissions, :role, :start,
                     :end, :owner, :reason, :as_written, :at, :source)",
        ))?
        .execute(named_params! {
            ":target": target.id().0, ":email": grant.email.written(), ":person": grant.email.key(),
            ":name": grant.name, ":permissions": permissions, ":role": grant.role.map(Role::as_str),
            ":start": values::stored(start), ":end": grant.end.map(values::stored),
            ":owner": grant.owner.as_ref().map(Email::written), ":reason": grant.reason,
            ":as_written": grant.as_written, ":at": values::stored(at),
            ":source": grant.source_name(),
        })?;
        let id = db.last_insert_rowid();
        let imported = Imported::Recorded { outlasted_by };
        with_it(id, &imported)?;
        note(db, Event::GrantRecorded, id, target, grant, (asked, at))?;
        Ok((id, imported))
    }

    /// The grant that counts as the same, and whether it is closed. What a file with a name gives, what
    /// another gives and what a person gives by hand are grants of their own. An open one of a membership
    /// that had the address before is another person's, if somebody else has the address now. On a
    /// whitelist another spelling may have an entry of its own: with other permissions it is another grant.
    fn same(
        db: &Connection,
        target: &TargetRef,
        grant: &NewGrant,
        same: Same,
        at: Timestamp,
    ) -> Result<Option<(i64, bool)>, StoreError> {
        let bearer = match target.team() {
            Some(_) => bearer(db, target.id(), &grant.email)?,
            None => grant.email.clone(),
        };
        Ok(db
            .prepare_cached(
                "SELECT id, removed_at IS NOT NULL FROM grants
                 WHERE email_key = :email_key AND target = :target AND role IS :role AND source IS :source
                   AND ((:by_words AND as_written = :as_written)
                        OR (ends_at IS :end AND (:start IS NULL OR starts_at = :start)))
                   AND refused = 0 AND (removed_at IS NOT NULL OR person = :bearer)
                   AND (NOT :by_spelling OR email = :email OR permissions = :permissions)
                   AND (:ever OR (removed_at IS NULL AND revoked = 0 AND ifnull(ends_at > :at, 1)))
                 ORDER BY :by_spelling AND email <> :email, removed_at IS NOT NULL, id DESC LIMIT 1",
            )?
            .query_row(
                named_params! {
                    ":email_key": grant.email.key(), ":target": target.id().0,
                    ":bearer": bearer.key(), ":email": grant.email.written(),
                    ":permissions": Permission::joined(&grant.permissions),
                    // What a request leaves out, it does not change.
                    ":by_spelling": target.team().is_none() && !grant.permissions.is_empty(),
                    ":role": grant.role.map(Role::as_str), ":as_written": grant.as_written,
                    ":start": grant.start.map(values::stored), ":end": grant.end.map(values::stored),
                    ":source": grant.source_name(),
                    // What a row with a name may mean of what is over was looked up before.
                    ":ever": same == Same::Ever && !grant.is_relative() && grant.source.is_none(),
                    // For a request by hand, an end that was moved since counts as another end; but
                    // the same span requested twice is one grant.
                    ":by_words": same == Same::Ever || grant.is_relative(), ":at": values::stored(at),
                },
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?)
    }

    /// Whether a grant is not closed.
    fn is_open(db: &Connection, id: i64) -> Result<bool, StoreError> {
        Ok(db
            .prepare_cached("SELECT removed_at IS NULL FROM grants WHERE id = :id")?
            .query_row(named_params! { ":id": id }, |row| row.get(0))?)
    }

    /// Fills in from the record what the request leaves out.
    fn keep(db: &Connection, id: i64, grant: &mut NewGrant) -> Result<(), StoreError> {
        let (name, owner, reason, permissions): (_, Option<String>, _, String) = db
            .prepare_cached("SELECT name, owner, reason, permissions FROM grants WHERE id = :id")?
            .query_row(named_params! { ":id": id }, |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
        if grant.permissions.is_empty() {
            let known = permissions.split(';').filter_map(|word| word.parse().ok());
            grant.permissions = known.collect();
        }
        grant.name = grant.name.take().or(name);
        grant.owner = grant.owner.take().or(owner.map(|o| Email::observed(&o)));
        grant.reason = grant.reason.take().or(reason);
        Ok(())
    }

    fn amend(
        db: &Connection,
        id: i64,
        grant: &NewGrant,
        permissions: &str,
    ) -> Result<Imported, StoreError> {
        let changed = db
            .prepare_cached(
                "UPDATE grants SET name = :name, permissions = :permissions, owner = :owner, reason = :reason
                 WHERE id = :id AND (name IS NOT :name OR permissions <> :permissions
                                     OR owner IS NOT :owner OR reason IS NOT :reason)",
            )?
            .execute(named_params! {
                ":id": id, ":name": grant.name, ":permissions": permissions,
                ":owner": grant.owner.as_ref().map(Email::written), ":reason": grant.reason,
            })?;
        Ok(match changed {
            0 => Imported::Unchanged,
            _ => Imported::Amended,
        })
    }

    /// The latest end of the person's other open grants on the target, if it is later than this
    /// one's: that one will count.
    fn outlasting(
        db: &Connection,
        target: &TargetRef,
        grant: &NewGrant,
        at: Timestamp,
    ) -> Result<Option<When>, StoreError> {
        let Some(end) = grant.end else {
            return Ok(None);
        };
        let latest = db
            .prepare_cached(&format!(
                "SELECT o.ends_at FROM (SELECT :role AS role) g JOIN grants o
                 WHERE o.target = :target AND o.email_key = :email_key AND o.removed_at IS NULL AND {GIVES}
                   AND (o.ends_at IS NULL OR o.ends_at > max(:end, :at))
                 ORDER BY o.ends_at IS NULL DESC, o.ends_at DESC LIMIT 1",
            ))?
            .query_row(
                named_params! {
                    ":target": target.id().0, ":email_key": grant.email.key(),
                    ":role": grant.role.map(Role::as_str), ":end": values::stored(end),
                    ":at": values::stored(at),
                },
                |row| row.get::<_, Option<i64>>(0),
            )
            .optional()?;
        Ok(latest.map(|end| When::of(values::read_if_any(end))))
    }
}

fn note(
    db: &Connection,
    kind: fn(GrantForm) -> Event,
    id: i64,
    target: &TargetRef,
    grant: &NewGrant,
    (asked, at): (&Asked, Timestamp),
) -> Result<(), StoreError> {
    let form = GrantForm {
        by: Some(asked.by.clone()),
        email: grant.email.clone(),
        end: grant.end,
        grant_id: id,
        name: grant.name.clone(),
        owner: grant.owner.clone(),
        permissions: grant.permissions.clone(),
        reason: grant.reason.clone(),
        role: grant.role,
        source: grant.source.as_ref().map(|source| source.name.clone()),
        start: grant.start.unwrap_or(at),
        target: target.to_target(),
    };
    trail::append_event(db, at, Some(target.id()), Some(&grant.email), &kind(form))
}

/// The flags of a membership, from permissions as they are stored.
pub(crate) fn flags(permissions: &str) -> Flags {
    let known = permissions.split(';').filter_map(|word| word.parse().ok());
    Flags::of(&known.collect::<Vec<Permission>>())
}
