//! What a run removed, with all that is on record about it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::Ledger;
use crate::domain::{
    ActionKind, Email, Flags, Permission, Reason, Role, SourceName, TargetId, TargetRef, When,
};
use crate::store::queries::sql::{ALL_OF_PERSON, OPEN_OF_PERSON};
use crate::store::{NewGrant, SourceRow, StoreError, db::values, tables::members, tables::targets};

/// What a person lost on a target.
#[derive(Debug, Clone)]
pub(crate) struct Lost {
    pub(crate) target: TargetRef,
    pub(crate) email: Email,
    /// Whether it was a membership, an invite or an entry; otherwise only roles.
    pub(crate) access: bool,
    pub(crate) was_member: bool,
    /// The flags of the membership.
    pub(crate) flags: Flags,
    /// The roles that were revoked.
    pub(crate) roles: Vec<Role>,
    pub(crate) reason: Reason,
    /// The grants that were closed with it.
    pub(crate) closed: Vec<Kept>,
    /// The grants that give access there now.
    pub(crate) running: Vec<NewGrant>,
    /// Whether the address is another member's now.
    pub(crate) taken_over: bool,
}

/// A closed grant.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) grant: NewGrant,
    /// The end that it had before it was revoked, if that is in the future.
    pub(crate) end: Option<When>,
}

impl Ledger {
    /// What a run removed, by target and person; `None` when there is no such run.
    pub(crate) fn lost(
        db: &Connection,
        run: &str,
        at: Timestamp,
    ) -> Result<Option<Vec<Lost>>, StoreError> {
        let known: bool = db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM run WHERE id = :run)")?
            .query_row(named_params! { ":run": run }, |row| row.get(0))?;
        if !known {
            return Ok(None);
        }
        let names = targets::names(db)?;
        // What was absent at the second try was removed by the first, which got no answer.
        let mut statement = db.prepare_cached(
            "SELECT id, kind, target, email, reason, role, remote_id FROM action
             WHERE run = :run AND (state = 'done' OR (state = 'absent' AND attempts > 1))
             ORDER BY target, email_key, kind <> 'member.remove', kind = 'member.demote', id",
        )?;
        let mut rows = statement.query(named_params! { ":run": run })?;
        let mut all: Vec<Lost> = Vec::new();
        while let Some(row) = rows.next()? {
            let kind: ActionKind = row.get("kind")?;
            let target = names.get(&TargetId(row.get("target")?));
            let target =
                target.ok_or_else(|| StoreError::Corrupt("an action's target".to_owned()))?;
            let email = Email::observed(row.get_ref("email")?.as_str()?);
            let remote_id: Option<String> = row.get("remote_id")?;
            let id = remote_id.as_deref();
            let email = bears_now(db, target.id(), id)?.unwrap_or(email);
            let role: Option<Role> = row.get("role")?;
            let reason: Reason = row.get("reason")?;
            let closed = closed_by(db, row.get("id")?, &email, target, at)?;
            let is_same = |lost: &&mut Lost| lost.target == *target && lost.email == email;
            if let Some(lost) = all.last_mut().filter(is_same) {
                lost.closed.extend(closed);
                lost.roles.extend(role);
                continue;
            }
            let was_member = kind == ActionKind::MemberRemove;
            all.push(Lost {
                access: kind != ActionKind::MemberDemote,
                was_member,
                flags: match id.filter(|_| was_member) {
                    Some(id) => members::flags(db, target.id(), id)?,
                    None => Flags::default(),
                },
                roles: role.into_iter().collect(),
                reason,
                closed,
                running: running(db, target, &email, at)?,
                taken_over: is_taken_over(db, target.id(), &email, id)?,
                target: target.clone(),
                email,
            });
        }
        Ok(Some(all))
    }
}

/// The address of a membership that is there: it is the person's, whatever it was at the removal.
fn bears_now(
    db: &Connection,
    team: TargetId,
    id: Option<&str>,
) -> Result<Option<Email>, StoreError> {
    let found: Option<String> = db
        .prepare_cached(
            "SELECT email FROM member WHERE target = :target AND remote_id = :id AND valid_to IS NULL
             LIMIT 1",
        )?
        .query_row(named_params! { ":target": team.0, ":id": id }, |row| row.get(0))
        .optional()?;
    Ok(found.map(|email| Email::observed(&email)))
}

/// Whether another membership than `id` has this address and has had another one: who came back under
/// another id came with their own.
fn is_taken_over(
    db: &Connection,
    team: TargetId,
    email: &Email,
    id: Option<&str>,
) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT EXISTS (
                 SELECT 1 FROM member m JOIN member was ON was.target = m.target AND was.remote_id = m.remote_id
                 WHERE m.target = :target AND m.email_key = :key AND m.valid_to IS NULL
                   AND m.remote_id IS NOT :id AND was.email_key <> :key)",
        )?
        .query_row(
            named_params! { ":target": team.0, ":key": email.key(), ":id": id },
            |row| row.get(0),
        )?)
}

const COLUMNS: &str = "email, name, permissions, role, starts_at, ends_at, owner, reason, as_written, id, revoked, source";

/// The grants that this action closed, by the trail, except those recorded only by a revocation,
/// which nobody gave.
fn closed_by(
    db: &Connection,
    action: i64,
    email: &Email,
    target: &TargetRef,
    at: Timestamp,
) -> Result<Vec<Kept>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM grants g
         WHERE g.id IN {ALL_OF_PERSON}
           AND NOT (revoked AND starts_at >= ends_at AND recorded_at >= ends_at) AND EXISTS (
             SELECT 1 FROM event_payload p JOIN event e USING (seq)
             WHERE e.kind = 'grant.removed' AND p.email_key = g.email_key
               AND p.body ->> 'action_id' = :action AND p.body ->> 'grant_id' = g.id)
         ORDER BY id"
    ))?;
    let mut rows = statement.query(named_params! {
        ":target": target.id().0, ":person": email.key(), ":action": action,
    })?;
    let mut closed = Vec::new();
    while let Some(row) = rows.next()? {
        let end = if row.get("revoked")? {
            end_before(db, row.get("id")?, email)?
        } else {
            None
        };
        closed.push(Kept {
            grant: NewGrant {
                // A grant that had not begun keeps its start.
                start: Some(values::read(row.get("starts_at")?)).filter(|start| *start > at),
                ..read(row, email, target)?
            },
            end: end.filter(|end| end.is_after(at)),
        });
    }
    Ok(closed)
}

/// The end that a grant had before it was revoked, by the trail.
fn end_before(db: &Connection, grant: i64, email: &Email) -> Result<Option<When>, StoreError> {
    let was: Option<Option<String>> = db
        .prepare_cached(
            "SELECT p.body ->> 'was' FROM event_payload p JOIN event e USING (seq)
             WHERE e.kind = 'grant.revoked' AND p.body ->> 'grant_id' = :grant
               AND p.email_key IN (:email_key, (SELECT email_key FROM grants WHERE id = :grant))
             ORDER BY seq DESC LIMIT 1",
        )?
        .query_row(
            named_params! { ":email_key": email.key(), ":grant": grant },
            |row| row.get(0),
        )
        .optional()?;
    Ok(match was {
        None => None,
        Some(None) => Some(When::Never),
        Some(Some(text)) => text.parse().ok().map(When::At),
    })
}

fn running(
    db: &Connection,
    target: &TargetRef,
    email: &Email,
    at: Timestamp,
) -> Result<Vec<NewGrant>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM grants
         WHERE {OPEN_OF_PERSON} AND revoked = 0
           AND starts_at <= :at AND ifnull(ends_at > :at, 1)
         ORDER BY id"
    ))?;
    let mut rows = statement.query(named_params! {
        ":target": target.id().0, ":person": email.key(), ":at": values::stored(at),
    })?;
    let mut running = Vec::new();
    while let Some(row) = rows.next()? {
        let source: Option<String> = row.get("source")?;
        running.push(NewGrant {
            start: Some(values::read(row.get("starts_at")?)),
            // What a person gives back is theirs; what still runs stays of its file.
            source: source.map(|name| SourceRow {
                name: SourceName::recorded(name),
                grant: None,
            }),
            ..read(row, email, target)?
        });
    }
    Ok(running)
}

/// A grant of a person, to the address that the person had last: an earlier one may be another's.
fn read(row: &Row<'_>, person: &Email, target: &TargetRef) -> Result<NewGrant, StoreError> {
    let written = Email::observed(row.get_ref("email")?.as_str()?);
    let owner: Option<String> = row.get("owner")?;
    let permissions = row.get_ref("permissions")?.as_str()?.split(';');
    Ok(NewGrant {
        email: match written == *person {
            true => written,
            false => person.clone(),
        },
        target: (**target).clone(),
        name: row.get("name")?,
        permissions: permissions
            .filter_map(|word| word.parse::<Permission>().ok())
            .collect(),
        role: row.get("role")?,
        start: None,
        end: values::read_if_any(row.get("ends_at")?),
        owner: owner.map(|owner| Email::observed(&owner)),
        reason: row.get("reason")?,
        as_written: row.get("as_written")?,
        source: None,
    })
}
