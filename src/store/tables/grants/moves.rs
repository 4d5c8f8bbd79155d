//! Moving the end of a grant at a person's request.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};

use super::{Grants, Imported, Recorded};
use crate::domain::event::Moved;
use crate::domain::{
    Email, Event, Flags, Provider, ProvisionKind, Role, TakeBack, Target, TargetRef,
};
use crate::store::queries::bearer::bearer;
use crate::store::queries::sql::OPEN_OF_PERSON;
use crate::store::trail;
use crate::store::{Asked, NewProvision, Provisions, Reviews, StoreError, Targets, db::values};

/// Why a grant was changed that was answered for by a link.
pub(in crate::store) const BY_LINK: &str = "its owner said so by the link in a mail";

/// An open grant whose end may be moved.
pub(super) struct Open {
    pub(super) id: i64,
    pub(super) role: Option<Role>,
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
    /// The membership that it is bound to.
    pub(super) member_id: Option<String>,
}

impl Open {
    fn lasts_beyond(&self, end: Option<Timestamp>) -> bool {
        end.is_some_and(|end| self.end.is_none_or(|own| own > end))
    }
}

impl Grants {
    /// Moves the end of a person's access: the last of the grants that give it gets the new end,
    /// and none lasts longer. A person with roles only gets the roles' end moved. Returns why not,
    /// if refused.
    pub(crate) fn extend(
        db: &Connection,
        email: &Email,
        target: &Target,
        end: Option<Timestamp>,
        asked: &Asked,
        at: Timestamp,
    ) -> Result<Result<Vec<Recorded>, String>, StoreError> {
        let found = Targets::on_record(db, target)?;
        if found.is_none()
            && let Some(why) = Targets::namesakes(db, target)?
        {
            return Ok(Err(format!("target: {why}")));
        }
        let none = || {
            format!(
                "no grant is open for {email} on {target}; grant gives access, and with --record-only records what is there"
            )
        };
        let Some(target) = found else {
            return Ok(Err(none()));
        };
        let email = &bearer(db, target.id(), email)?;
        let open = open(db, &target, email)?;
        if open.is_empty() {
            return Ok(Err(none()));
        }
        let only_roles = open.iter().all(|g| g.role.is_some());
        let roles: BTreeSet<Option<Role>> = open.iter().map(|g| g.role).collect();
        let mut recorded = Vec::new();
        for role in roles.into_iter().filter(|r| r.is_some() == only_roles) {
            let grants: Vec<&Open> = open.iter().filter(|g| g.role == role).collect();
            let longer = grants.iter().filter(|g| g.lasts_beyond(end));
            let mut moved: Vec<&Open> = longer.copied().collect();
            let last = grants.iter().max_by_key(|g| (g.end.is_none(), g.end));
            if moved.is_empty() {
                moved.extend(last.copied());
            }
            if let Some(late) = moved.iter().find(|g| end.is_some_and(|end| g.start >= end)) {
                return Ok(Err(format!(
                    "end: a grant of {email} on {target} begins only at {}",
                    late.start
                )));
            }
            let start = moved.iter().map(|g| g.start).min().unwrap_or(at);
            let owed = owed(db, &target, email, role, &moved, at)?;
            let take_back = moved
                .iter()
                .map(|grant| {
                    move_end(db, &target, email, grant, end, asked, at)?;
                    Ok(TakeBack::End(grant.id, grant.end.map(values::stored)))
                })
                .collect::<Result<Vec<_>, StoreError>>()?;
            if let Some((kind, flags)) = owed {
                let new = NewProvision {
                    kind,
                    target: &target,
                    email,
                    role,
                    flags,
                    due: at,
                    take_back,
                    asked,
                };
                Provisions::plan(db, &new, at)?;
            }
            recorded.push(Recorded {
                open: Provisions::open(db, target.id(), email, role)?,
                email: Self::first_written(db, &target, email)?,
                target: target.clone(),
                role,
                start,
                end,
                imported: Imported::Amended,
                why_nobody: "a team keeps no end: lapsed acts on it",
            });
        }
        Ok(Ok(recorded))
    }

    /// Moves the end of one grant, whatever others the person has, since its owner said so by a link.
    /// What the provider has to be told is left to the next pass.
    pub(in crate::store) fn extend_one(
        db: &Connection,
        grant: i64,
        target: &TargetRef,
        end: Timestamp,
        asked: &Asked,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (written, one) = db
            .prepare_cached(
                "SELECT id, role, starts_at, ends_at, member_id, email FROM grants WHERE id = :id",
            )?
            .query_row(named_params! { ":id": grant }, |row| {
                Ok((Email::observed(row.get_ref(5)?.as_str()?), read(row)?))
            })?;
        let email = Self::person_of(db, grant, written)?;
        let owed = owed(db, target, &email, one.role, &[&one], at)?;
        set_end(db, grant, Some(end), at)?;
        let event = |moved| {
            Event::GrantExtended(Moved {
                why: Some(BY_LINK.to_owned()),
                ..moved
            })
        };
        note(db, event, target, &email, &one, Some(end), asked, at)?;
        if let Some((kind, flags)) = owed {
            let new = NewProvision {
                kind,
                target,
                email: &email,
                role: one.role,
                flags,
                due: at,
                take_back: vec![TakeBack::End(grant, one.end.map(values::stored))],
                asked,
            };
            Provisions::plan(db, &new, at)?;
        }
        Ok(())
    }
}

/// What the provider has to be told when these ends are moved, and the flags that go with it. A whitelist
/// keeps the end itself. A team keeps none; but if the end has passed, access may have been taken for it.
fn owed(
    db: &Connection,
    target: &TargetRef,
    email: &Email,
    role: Option<Role>,
    moved: &[&Open],
    at: Timestamp,
) -> Result<Option<(ProvisionKind, Flags)>, StoreError> {
    if target.provider() == Provider::Sentius {
        return Ok(Some((ProvisionKind::WhitelistRenew, Flags::default())));
    }
    let last = moved.iter().max_by_key(|g| (g.end.is_none(), g.end));
    let Some(ended) = last.and_then(|g| g.end).filter(|end| *end <= at) else {
        return Ok(None);
    };
    let kind = match role {
        None => ProvisionKind::MemberAdd,
        Some(_) => ProvisionKind::MemberPromote,
    };
    let memberships = moved.iter().filter_map(|g| g.member_id.clone());
    let memberships: Vec<String> = memberships.collect();
    let taken = Provisions::taken(db, target, email, (role, &memberships), ended, at)?;
    Ok(taken.map(|flags| (kind, flags)))
}

fn open(db: &Connection, target: &TargetRef, email: &Email) -> Result<Vec<Open>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT id, role, starts_at, ends_at, member_id FROM grants
         WHERE {OPEN_OF_PERSON} AND revoked = 0",
    ))?;
    let params = named_params! { ":target": target.id().0, ":person": email.key() };
    let rows = statement.query_map(params, read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Open> {
    Ok(Open {
        id: row.get(0)?,
        role: row.get(1)?,
        start: values::read(row.get(2)?),
        end: values::read_if_any(row.get(3)?),
        member_id: row.get(4)?,
    })
}

fn move_end(
    db: &Connection,
    target: &TargetRef,
    email: &Email,
    grant: &Open,
    end: Option<Timestamp>,
    asked: &Asked,
    at: Timestamp,
) -> Result<(), StoreError> {
    if grant.end == end {
        return Ok(());
    }
    set_end(db, grant.id, end, at)?;
    note(
        db,
        Event::GrantExtended,
        target,
        email,
        grant,
        end,
        asked,
        at,
    )
}

/// Somebody who moves an end has confirmed the grant.
fn set_end(
    db: &Connection,
    grant: i64,
    end: Option<Timestamp>,
    at: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE grants SET ends_at = :end WHERE id = :id")?
        .execute(named_params! { ":id": grant, ":end": end.map(values::stored) })?;
    Reviews::confirm(db, grant, at)
}

#[expect(clippy::too_many_arguments, reason = "one event, told in one place")]
pub(super) fn note(
    db: &Connection,
    kind: fn(Moved) -> Event,
    target: &TargetRef,
    email: &Email,
    grant: &Open,
    end: Option<Timestamp>,
    asked: &Asked,
    at: Timestamp,
) -> Result<(), StoreError> {
    let moved = Moved {
        by: asked.by.clone(),
        email: email.clone(),
        end,
        grant_id: grant.id,
        role: grant.role,
        source: None,
        target: target.to_target(),
        was: grant.end,
        why: None,
    };
    trail::append_event(db, at, Some(target.id()), Some(email), &kind(moved))
}
