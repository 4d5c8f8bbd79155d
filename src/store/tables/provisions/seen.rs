//! A person's presence in a team, as last read.

use rusqlite::{Connection, OptionalExtension, named_params};

use super::{Provision, Provisions};
use crate::domain::{Email, Flags, TargetId, TargetRef};
use crate::plan::provision::InTeam;
use crate::store::queries::bearer::bearer;
use crate::store::{StoreError, db::values};

impl Provisions {
    /// Whether a person is in a team, as last read.
    pub(crate) fn in_team(
        db: &Connection,
        team: TargetId,
        email: &Email,
    ) -> Result<InTeam, StoreError> {
        Ok(match member(db, team, email)? {
            Some((id, has)) => InTeam::Member { id, has },
            None if is_invited(db, team, email)? => InTeam::Invited,
            None => InTeam::Absent,
        })
    }

    /// Whether the last reading of a team shows a person neither as a member nor as invited. A
    /// whitelist and a team that was never read show nobody.
    pub(crate) fn is_absent(
        db: &Connection,
        target: &TargetRef,
        email: &Email,
    ) -> Result<bool, StoreError> {
        let is_read: bool = db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM source WHERE kind = 'team' AND target = :target
                                AND account = :account AND complete_at IS NOT NULL)",
            )?
            .query_row(
                named_params! { ":target": target.id().0, ":account": target.account() },
                |row| row.get(0),
            )?;
        let person = bearer(db, target.id(), email)?;
        Ok(is_read && matches!(Self::in_team(db, target.id(), &person)?, InTeam::Absent))
    }
}

/// The membership's id and flags, as last read.
fn member(
    db: &Connection,
    target: TargetId,
    email: &Email,
) -> Result<Option<(String, Flags)>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT remote_id, is_admin, is_manager, edit_permission, inspect_permission FROM member
             WHERE target = :target AND email_key = :email_key AND valid_to IS NULL AND missing_since IS NULL
             ORDER BY id LIMIT 1",
        )?
        .query_row(
            named_params! { ":target": target.0, ":email_key": email.key() },
            |row| {
                let flags = values::flags(row, 1)?;
                Ok((row.get(0)?, flags))
            },
        )
        .optional()?)
}

/// The flags with which the person was added since this was planned.
pub(super) fn just_added(
    db: &Connection,
    provision: &Provision,
) -> Result<Option<Flags>, StoreError> {
    let words: Option<String> = db
        .prepare_cached(
            "SELECT a.flags FROM provision p
             JOIN provision a ON a.target = p.target AND a.email_key = p.email_key
             WHERE p.id = :id AND a.kind = 'member.add' AND a.result = 'added'
               AND a.settled_at >= p.planned_at
             ORDER BY a.id DESC LIMIT 1",
        )?
        .query_row(named_params! { ":id": provision.row }, |row| row.get(0))
        .optional()?;
    Ok(words.map(|words| super::flags(&words)))
}

/// Whether the person was first seen as a member after this was planned.
pub(super) fn came_since(db: &Connection, provision: &Provision) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM provision p
             JOIN member m ON m.target = p.target AND m.email_key = p.email_key
             WHERE p.id = :id AND m.valid_to IS NULL AND m.first_seen >= p.planned_at)",
        )?
        .query_row(named_params! { ":id": provision.row }, |row| row.get(0))?)
}

fn is_invited(db: &Connection, target: TargetId, email: &Email) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM invite
             WHERE target = :target AND email_key = :email_key AND gone_at IS NULL AND missing_since IS NULL)",
        )?
        .query_row(
            named_params! { ":target": target.0, ":email_key": email.key() },
            |row| row.get(0),
        )?)
}
