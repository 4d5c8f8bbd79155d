//! Grants of files with a name: which there are, as their rows are now, and those whose rows are
//! missing.

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};

use super::{Grants, Imported, NewGrant, RowGrant};
use crate::domain::event::{Moved, RowOf};
use crate::domain::{
    Email, Event, Permission, Role, Scope, SourceName, Target, TargetId, TargetRef,
};
use crate::store::queries::bearer::bearer;
use crate::store::queries::sql::DROPPED;
use crate::store::trail;
use crate::store::{Asked, Reviews, StoreError, Targets, db::values, tables::targets};

/// A grant of a file, as the file's rows are compared with it.
#[derive(Debug, Clone)]
pub(crate) struct OfSource {
    pub(crate) id: i64,
    pub(crate) target: TargetRef,
    pub(crate) email: Email,
    /// Whose it is, by the present address.
    pub(crate) person: String,
    pub(crate) role: Option<Role>,
    pub(crate) start: Timestamp,
    pub(crate) end: Option<Timestamp>,
    pub(crate) name: Option<String>,
    /// As they are stored.
    pub(crate) permissions: String,
    pub(crate) owner: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) as_written: String,
    /// Ended by a person's word, or by a review.
    pub(crate) revoked: bool,
    /// Its access was taken away.
    pub(crate) closed: bool,
    /// Since when its row is missing from the file.
    pub(crate) dropped_at: Option<Timestamp>,
}

/// A grant whose row is missing from its file, and whose end is not written yet.
#[derive(Debug, Clone)]
pub(crate) struct Dropped {
    pub(crate) id: i64,
    pub(crate) target: TargetRef,
    pub(crate) email: Email,
    /// Whose it is, by the present address.
    pub(crate) person: String,
    role: Option<Role>,
    was: Option<Timestamp>,
    at: Timestamp,
    by: String,
    source: SourceName,
}

impl Grants {
    /// The grants of a file that the provider did not refuse, oldest first.
    pub(crate) fn of_source(
        db: &Connection,
        source: &SourceName,
    ) -> Result<Vec<OfSource>, StoreError> {
        let names = targets::names(db)?;
        let mut statement = db.prepare_cached(
            "SELECT id, target, email, person, role, starts_at, ends_at, name, permissions, owner, reason,
                    as_written, revoked, removed_at IS NOT NULL AS closed, dropped_at
             FROM grants WHERE source = :source AND refused = 0 ORDER BY id",
        )?;
        let mut rows = statement.query(named_params! { ":source": source.as_str() })?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(OfSource {
                id: row.get("id")?,
                target: targets::named(&names, TargetId(row.get("target")?))?.clone(),
                email: Email::observed(row.get_ref("email")?.as_str()?),
                person: row.get("person")?,
                role: row.get("role")?,
                start: values::read(row.get("starts_at")?),
                end: values::read_if_any(row.get("ends_at")?),
                name: row.get("name")?,
                permissions: row.get("permissions")?,
                owner: row.get("owner")?,
                reason: row.get("reason")?,
                as_written: row.get("as_written")?,
                revoked: row.get("revoked")?,
                closed: row.get("closed")?,
                dropped_at: values::read_if_any(row.get("dropped_at")?),
            });
        }
        Ok(found)
    }

    /// The target and the person that a row means, where the target is on record.
    pub(crate) fn meant(
        db: &Connection,
        target: &Target,
        email: &Email,
    ) -> Result<Option<(TargetId, String)>, StoreError> {
        let Some(target) = Targets::find(db, target)? else {
            return Ok(None);
        };
        let person = match target.team() {
            Some(_) => bearer(db, target.id(), email)?.key().to_owned(),
            None => email.key().to_owned(),
        };
        Ok(Some((target.id(), person)))
    }

    /// The names of files on record.
    pub(crate) fn sources(db: &Connection) -> Result<Vec<String>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT DISTINCT source FROM grants WHERE source IS NOT NULL ORDER BY source",
        )?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Makes a grant as its row is now. One that was ended meanwhile stays as it is.
    pub(super) fn as_row(
        db: &Connection,
        target: &TargetRef,
        grant: &NewGrant,
        row: RowGrant,
        asked: &Asked,
        at: Timestamp,
    ) -> Result<Imported, StoreError> {
        Self::list_row(db, target, row.id, asked, at)?;
        if !row.changed {
            return Ok(Imported::Unchanged);
        }
        let end = grant.end.map(values::stored);
        let moved: bool = db
            .prepare_cached("SELECT ends_at IS NOT :end FROM grants WHERE id = :id")?
            .query_row(named_params! { ":id": row.id, ":end": end }, |row| {
                row.get(0)
            })?;
        let changed = db
            .prepare_cached(
                "UPDATE grants SET name = :name, permissions = :permissions, owner = :owner, reason = :reason,
                        starts_at = ifnull(:start, starts_at), ends_at = :end, as_written = :as_written
                 WHERE id = :id AND removed_at IS NULL AND revoked = 0",
            )?
            .execute(named_params! {
                ":id": row.id, ":name": grant.name, ":permissions": Permission::joined(&grant.permissions),
                ":owner": grant.owner.as_ref().map(Email::written), ":reason": grant.reason,
                ":start": grant.start.map(values::stored), ":end": end, ":as_written": grant.as_written,
            })?;
        if changed == 0 {
            return Ok(Imported::Unchanged);
        }
        if moved {
            Reviews::confirm(db, row.id, at)?;
        }
        Ok(Imported::Amended)
    }

    /// Records that a grant's row is in the file again, before its end was written.
    fn list_row(
        db: &Connection,
        target: &TargetRef,
        id: i64,
        asked: &Asked,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut statement = db.prepare_cached(&format!(
            "UPDATE grants SET dropped_at = NULL, dropped_by = NULL WHERE id = :id AND {DROPPED}
             RETURNING email, role, source",
        ))?;
        let mut rows = statement.query(named_params! { ":id": id })?;
        let Some(row) = rows.next()? else {
            return Ok(());
        };
        let (row, email) = row_of(row, id, target, asked)?;
        drop(rows);
        let event = Event::GrantListed(row);
        trail::append_event(db, at, Some(target.id()), Some(&email), &event)
    }

    /// Records that a grant's row is missing from the file: its access ends once the guard lets it be
    /// removed.
    pub(crate) fn drop_row(
        db: &Connection,
        id: i64,
        target: &TargetRef,
        asked: &Asked,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut statement = db.prepare_cached(
            "UPDATE grants SET dropped_at = :at, dropped_by = :by
             WHERE id = :id AND dropped_at IS NULL AND revoked = 0 AND removed_at IS NULL
               AND ifnull(ends_at > :at, 1)
             RETURNING email, role, source",
        )?;
        let mut rows = statement.query(named_params! {
            ":id": id, ":at": values::stored(at), ":by": asked.by,
        })?;
        let Some(row) = rows.next()? else {
            return Ok(());
        };
        let (row, email) = row_of(row, id, target, asked)?;
        drop(rows);
        let event = Event::GrantDropped(row);
        trail::append_event(db, at, Some(target.id()), Some(&email), &event)
    }

    /// The grants within `scope` whose rows are missing and whose ends are not written yet.
    pub(crate) fn dropped(db: &Connection, scope: &Scope) -> Result<Vec<Dropped>, StoreError> {
        let names = targets::names(db)?;
        let mut statement = db.prepare_cached(&format!(
            "SELECT id, target, email, person, role, ends_at, dropped_at, dropped_by, source
             FROM grants WHERE {DROPPED} ORDER BY id",
        ))?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let target = targets::named(&names, TargetId(row.get("target")?))?.clone();
            if !scope.holds(target.id()) {
                continue;
            }
            found.push(Dropped {
                id: row.get("id")?,
                target,
                email: Email::observed(row.get_ref("email")?.as_str()?),
                person: row.get("person")?,
                role: row.get("role")?,
                was: values::read_if_any(row.get("ends_at")?),
                at: values::read(row.get("dropped_at")?),
                by: row
                    .get::<_, Option<String>>("dropped_by")?
                    .unwrap_or_default(),
                source: SourceName::recorded(row.get("source")?),
            });
        }
        Ok(found)
    }

    /// Writes the end of such a grant: the moment at which its row was missing.
    pub(crate) fn end_dropped(
        db: &Connection,
        dropped: &Dropped,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let changed = db
            .prepare_cached(&format!(
                "UPDATE grants SET revoked = 1, ends_at = dropped_at WHERE id = :id AND {DROPPED}"
            ))?
            .execute(named_params! { ":id": dropped.id })?;
        if changed == 0 {
            return Ok(());
        }
        Reviews::forget_asked(db, dropped.id)?;
        let event = Event::GrantRevoked(Moved {
            by: dropped.by.clone(),
            email: dropped.email.clone(),
            end: Some(dropped.at),
            grant_id: dropped.id,
            role: dropped.role,
            source: Some(dropped.source.clone()),
            target: dropped.target.to_target(),
            was: dropped.was,
            why: Some(format!("its row is no longer in {}", dropped.source)),
        });
        let target = dropped.target.id();
        trail::append_event(db, at, Some(target), Some(&dropped.email), &event)
    }

    /// When a person ended a grant by hand or in a review, and who, by the trail.
    pub(crate) fn ended_by(
        db: &Connection,
        grant: i64,
    ) -> Result<Option<(String, Option<String>)>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT p.body ->> 'by', p.body ->> 'why' FROM event_payload p JOIN event e USING (seq)
             WHERE e.kind = 'grant.revoked' AND p.body ->> 'grant_id' = :grant
               AND p.email_key IN ((SELECT email_key FROM grants WHERE id = :grant),
                                   (SELECT person FROM grants WHERE id = :grant))
             ORDER BY seq DESC LIMIT 1",
        )?;
        let mut rows = statement.query(named_params! { ":grant": grant })?;
        Ok(match rows.next()? {
            Some(row) => Some((row.get(0)?, row.get(1)?)),
            None => None,
        })
    }
}

fn row_of(
    row: &Row<'_>,
    id: i64,
    target: &TargetRef,
    asked: &Asked,
) -> Result<(RowOf, Email), StoreError> {
    let email = Email::observed(row.get_ref("email")?.as_str()?);
    let row = RowOf {
        by: asked.by.clone(),
        email: email.clone(),
        grant_id: id,
        role: row.get("role")?,
        source: SourceName::recorded(row.get("source")?),
        target: target.to_target(),
    };
    Ok((row, email))
}
