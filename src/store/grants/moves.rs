//! Ends that a person moves: extended, or revoked at once.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};
use serde_json::json;

use super::{Grants, Imported, Recorded};
use crate::domain::{Email, Flags, Provider, ProvisionKind, Role, Target, TargetId, TargetRef};
use crate::store::members::OF_PERSON;
use crate::store::tables::entry;
use crate::store::trail::{self, Entry};
use crate::store::{
    Asked, NewProvision, Provisions, Reviews, StoreError, TakeBack, Targets, targets, time,
};

/// An open grant whose end may be moved.
struct Open {
    id: i64,
    role: Option<Role>,
    start: Timestamp,
    end: Option<Timestamp>,
}

impl Open {
    fn lasts_beyond(&self, end: Option<Timestamp>) -> bool {
        end.is_some_and(|end| self.end.is_none_or(|own| own > end))
    }
}

impl Grants {
    /// Moves the end of a person's access: the last of the grants that give it gets the new end,
    /// and none lasts longer. Where only roles are held, theirs moves. Or says why not.
    pub(crate) fn extend(
        db: &Connection,
        email: &Email,
        target: &Target,
        end: Option<Timestamp>,
        asked: &Asked,
        at: Timestamp,
    ) -> Result<Result<Vec<Recorded>, String>, StoreError> {
        let found = Targets::find(db, target)?;
        let open = match &found {
            Some(found) => open(db, found, email)?,
            None => Vec::new(),
        };
        let (Some(target), false) = (found, open.is_empty()) else {
            return Ok(Err(format!(
                "no grant is open for {email} on {target}; grant gives access, and with --record-only records what is there"
            )));
        };
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
            let take_back = moved
                .iter()
                .map(|grant| {
                    move_end(db, &target, email, grant, end, asked, at)?;
                    Ok(TakeBack::End(grant.id, grant.end.map(time::stored)))
                })
                .collect::<Result<Vec<_>, StoreError>>()?;
            if target.provider() == Provider::Sentius {
                let new = NewProvision {
                    kind: ProvisionKind::WhitelistRenew,
                    target: &target,
                    email,
                    role,
                    flags: Flags::default(),
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

    /// Where a person may have access: open grants, memberships and invites as last read, and
    /// those whitelists of which nothing was ever recorded, since they cannot be read.
    pub(crate) fn whereabouts(
        db: &Connection,
        email: &Email,
        whitelists: &[Target],
    ) -> Result<Vec<TargetRef>, StoreError> {
        let names = targets::names(db)?;
        let mut statement = db.prepare_cached(&format!(
            "SELECT target FROM grants WHERE email_key = :email_key AND removed_at IS NULL
             UNION SELECT g.target FROM target t CROSS JOIN grants g ON g.target = t.id AND g.person = :email_key
                   AND g.removed_at IS NULL
             UNION SELECT m.target FROM member m CROSS JOIN target t ON t.id = m.target AND t.listed = 1
                   WHERE m.id IN {OF_PERSON} AND m.valid_to IS NULL
             UNION SELECT i.target FROM invite i JOIN target t ON t.id = i.target AND t.listed = 1
                   WHERE email_key = :email_key AND gone_at IS NULL",
        ))?;
        let mut rows = statement.query(named_params! { ":email_key": email.key() })?;
        let mut places = Vec::new();
        while let Some(row) = rows.next()? {
            places.extend(names.get(&TargetId(row.get(0)?)).cloned());
        }
        for whitelist in whitelists {
            let target = Targets::ensure(db, whitelist)?;
            let known: bool = db
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM grants
                     WHERE target = :target AND (person = :email_key OR email_key = :email_key) AND NOT refused)",
                )?
                .query_row(
                    named_params! { ":target": target.id().0, ":email_key": email.key() },
                    |row| row.get(0),
                )?;
            if !known {
                places.push(target);
            }
        }
        places.sort();
        places.dedup();
        Ok(places)
    }

    /// Ends a person's grants on a target now, by a person's word. Where there is none, one is
    /// recorded that is over at once, so that plan and trail know why the access goes.
    pub(crate) fn revoke(
        db: &Connection,
        email: &Email,
        target: &TargetRef,
        everything: bool,
        asked: &Asked,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        Provisions::withdraw(db, target.id(), email, "revoked", at)?;
        let mut statement = db.prepare_cached(
            "SELECT id, role, starts_at, ends_at FROM grants
             WHERE target = :target AND (person = :email_key OR email_key = :email_key) AND removed_at IS NULL",
        )?;
        let params = named_params! { ":target": target.id().0, ":email_key": email.key() };
        let open: Vec<Open> = statement
            .query_map(params, read)?
            .collect::<Result<_, _>>()?;
        for grant in &open {
            let changed = db
                .prepare_cached(
                    "UPDATE grants SET revoked = 1, ends_at = min(ifnull(ends_at, :at), :at)
                     WHERE id = :id AND revoked = 0",
                )?
                .execute(named_params! { ":id": grant.id, ":at": time::stored(at) })?;
            if changed > 0 {
                note(
                    db,
                    "grant.revoked",
                    target,
                    email,
                    grant,
                    Some(at),
                    asked,
                    at,
                )?;
            }
        }
        if target.provider() == Provider::Sentius {
            // Nothing shows who is on a whitelist: the address may be there as it was typed.
            entry::may_be_there(db, target.id(), email, at)?;
        }
        let covers_access = open.iter().any(|g| g.role.is_none());
        if open.is_empty() || (everything && !covers_access) {
            db.prepare_cached(
                "INSERT INTO grants (target, email, email_key, person, starts_at, ends_at, revoked, reason, recorded_at)
                 VALUES (:target, :email, :email_key, :email_key, :at, :at, 1, 'revoked without a grant on record', :at)",
            )?
            .execute(named_params! {
                ":target": target.id().0, ":email": email.written(), ":email_key": email.key(),
                ":at": time::stored(at),
            })?;
            let grant = Open {
                id: db.last_insert_rowid(),
                role: None,
                start: at,
                end: None,
            };
            note(
                db,
                "grant.revoked",
                target,
                email,
                &grant,
                Some(at),
                asked,
                at,
            )?;
        }
        Ok(())
    }
}

fn open(db: &Connection, target: &TargetRef, email: &Email) -> Result<Vec<Open>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, role, starts_at, ends_at FROM grants
         WHERE target = :target AND (person = :email_key OR email_key = :email_key) AND removed_at IS NULL AND revoked = 0",
    )?;
    let params = named_params! { ":target": target.id().0, ":email_key": email.key() };
    let rows = statement.query_map(params, read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Open> {
    Ok(Open {
        id: row.get(0)?,
        role: row
            .get::<_, Option<String>>(1)?
            .and_then(|role| role.parse().ok()),
        start: time::read(row.get(2)?),
        end: time::read_if_any(row.get(3)?),
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
    db.prepare_cached("UPDATE grants SET ends_at = :end WHERE id = :id")?
        .execute(named_params! { ":id": grant.id, ":end": end.map(time::stored) })?;
    Reviews::confirm(db, grant.id, at)?;
    note(db, "grant.extended", target, email, grant, end, asked, at)
}

#[expect(clippy::too_many_arguments, reason = "one event, told in one place")]
fn note(
    db: &Connection,
    kind: &'static str,
    target: &TargetRef,
    email: &Email,
    grant: &Open,
    end: Option<Timestamp>,
    asked: &Asked,
    at: Timestamp,
) -> Result<(), StoreError> {
    trail::append(
        db,
        &Entry {
            at,
            kind,
            target: Some(target.id()),
            email: Some(email),
            payload: &json!({
                "grant_id": grant.id, "target": target, "email": email.written(),
                "role": grant.role, "was": grant.end, "end": end, "by": asked.by,
            }),
        },
    )
}
