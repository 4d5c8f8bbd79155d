//! Restores access that a removal took away although a grant covers it, still or again.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::{Asked, NewProvision, Provisions};
use crate::domain::{ActionKind, Email, Flags, ProvisionKind, Role, TargetId, TargetRef};
use crate::store::queries::sql::ALL_OF_PERSON;
use crate::store::{Grants, StoreError, db::values, tables::members, tables::targets};

/// What a removal took.
struct Taken {
    kind: ActionKind,
    target: TargetId,
    email: Email,
    role: Option<Role>,
    /// The membership's id.
    membership: Option<String>,
}

impl Provisions {
    /// Called when a removal was done, or was sent without an answer and is no longer due. Plans to
    /// give the access again if a grant covers the person, or on a whitelist begins later: there,
    /// each address has one entry for all its grants.
    pub(crate) fn after_removal(
        db: &Connection,
        action: i64,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        // Most removals leave no open grant behind. An invite that nobody took is not renewed.
        let found: Option<Taken> = db
            .prepare_cached(
                "SELECT kind, target, email, role, remote_id FROM action a WHERE id = :id
                 AND reason NOT IN ('invite.stale', 'invite.suppressed')
                 AND EXISTS (SELECT 1 FROM grants g WHERE g.target = a.target
                             AND g.person = a.email_key AND g.removed_at IS NULL)",
            )?
            .query_row(named_params! { ":id": action }, |row| {
                Ok(Taken {
                    kind: row.get("kind")?,
                    target: TargetId(row.get("target")?),
                    email: Email::observed(row.get_ref("email")?.as_str()?),
                    role: row.get("role")?,
                    membership: row.get("remote_id")?,
                })
            })
            .optional()?;
        let Some(taken) = found else {
            return Ok(());
        };
        let (kind, role) = match taken.kind {
            ActionKind::WhitelistRemove => (ProvisionKind::WhitelistAdd, None),
            ActionKind::MemberRemove | ActionKind::InviteRevoke => (ProvisionKind::MemberAdd, None),
            ActionKind::MemberDemote => (ProvisionKind::MemberPromote, taken.role),
        };
        let email = taken.email;
        let target = &targets::shown(db, taken.target)?;
        let is_owed = match kind {
            ProvisionKind::WhitelistAdd => Grants::on_whitelist(db, target, &email, at)?
                .entry(at)
                .is_some(),
            _ => Grants::covers_or_begins(db, target, &email, role, at)?
                .is_some_and(|begins| begins <= at),
        };
        if !is_owed {
            return Ok(());
        }
        let new = NewProvision {
            kind,
            target,
            email: &email,
            role,
            flags: match kind {
                ProvisionKind::MemberAdd => flags_taken(db, target, &email, taken.membership, at)?,
                _ => Flags::default(),
            },
            due: at,
            take_back: Vec::new(),
            asked: &Asked::by_lapsed(Asked::AFTER_REMOVAL),
        };
        Self::plan(db, &new, at)?;
        Ok(())
    }

    /// What was taken from a team's member or invited person since then, or the role of one: the
    /// flags that the membership had. Somebody else may have had the address: the grants are bound to
    /// these memberships, if to any. An end that is moved has to give back what was taken for the
    /// earlier one.
    pub(crate) fn taken(
        db: &Connection,
        target: &TargetRef,
        email: &Email,
        (role, memberships): (Option<Role>, &[String]),
        since: Timestamp,
        at: Timestamp,
    ) -> Result<Option<Flags>, StoreError> {
        let memberships = serde_json::json!(memberships).to_string();
        let membership: Option<Option<String>> = db
            .prepare_cached(
                "SELECT remote_id FROM action
                 WHERE (what = 'invite' OR :memberships = '[]'
                        OR person IN (SELECT value FROM json_each(:memberships)))
                   AND target = :target AND email_key = :person AND state = 'done' AND settled_at >= :since
                   AND iif(:role IS NULL, what IN ('access', 'invite'), what = :role)
                   AND reason NOT IN ('invite.stale', 'invite.suppressed')
                 ORDER BY what = 'invite', id DESC LIMIT 1",
            )?
            .query_row(
                named_params! {
                    ":target": target.id().0, ":person": email.key(),
                    ":role": role.map(Role::as_str), ":since": values::stored(since),
                    ":memberships": memberships,
                },
                |row| row.get(0),
            )
            .optional()?;
        match (membership, role) {
            (None, _) => Ok(None),
            (Some(_), Some(_)) => Ok(Some(Flags::default())),
            (Some(membership), None) => flags_taken(db, target, email, membership, at).map(Some),
        }
    }

    /// Whether a removal was ever sent without an answer, and so may have been done: unless a reading
    /// has shown since that it was not.
    pub(crate) fn may_be_done(db: &Connection, action: i64) -> Result<bool, StoreError> {
        let found = db
            .prepare_cached(
                "SELECT 1 FROM action a WHERE a.id = :id AND (a.state IN ('intent', 'unknown') OR EXISTS (
                     SELECT 1 FROM event_payload p JOIN event e USING (seq)
                     WHERE p.email_key IN (
                           SELECT a.email_key UNION SELECT email_key FROM member
                           WHERE target = a.target AND remote_id = a.person AND valid_to IS NOT NULL)
                       AND p.body ->> 'action_id' = a.id
                       AND (e.kind = 'action.interrupted'
                            OR (e.kind = 'action.result' AND p.body ->> 'state' = 'unknown'))
                       AND NOT EXISTS (
                           SELECT 1 FROM event_payload later JOIN event o USING (seq)
                           WHERE later.email_key IN (a.email_key, p.email_key) AND later.body ->> 'action_id' = a.id
                             AND o.kind = 'action.not_done' AND o.seq > e.seq)))",
            )?
            .query_row(named_params! { ":id": action }, |_| Ok(()))
            .optional()?;
        Ok(found.is_some())
    }
}

/// The flags that a membership had when it was last seen, without those of a role that is over.
fn flags_taken(
    db: &Connection,
    target: &TargetRef,
    email: &Email,
    membership: Option<String>,
    at: Timestamp,
) -> Result<Flags, StoreError> {
    let Some(membership) = membership else {
        return Ok(Flags::default());
    };
    let had = members::flags(db, target.id(), &membership)?;
    let mut statement = db.prepare_cached(&format!(
        "SELECT DISTINCT role FROM grants
         WHERE id IN {ALL_OF_PERSON} AND role IS NOT NULL AND NOT refused AND ends_at <= :at"
    ))?;
    let params = named_params! {
        ":target": target.id().0, ":person": email.key(), ":at": values::stored(at),
    };
    let over = statement.query_map(params, |row| row.get::<_, Role>(0))?;
    let mut flags = had;
    for role in over {
        flags = flags.without(Flags::only(role?));
    }
    Ok(flags)
}
