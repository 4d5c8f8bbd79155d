//! What `list` and `members` show: grants and memberships, now or at an earlier moment.

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};
use serde::Serialize;

use super::{StoreError, targets, time};
use crate::domain::{GrantState, TargetId, TargetRef};

/// The listings' SQL.
#[derive(Debug)]
pub(crate) struct Listing;

/// A row of `list`.
#[derive(Debug, Clone, Serialize)]
pub struct GrantRow {
    /// Who.
    pub email: String,
    /// What.
    pub target: TargetRef,
    /// The person's full name.
    pub name: Option<String>,
    /// The provider's words.
    pub permissions: Vec<String>,
    /// `admin` or `manager`, for a time.
    pub role: Option<String>,
    /// From when on.
    pub start: Timestamp,
    /// Until when; absent: for ever.
    pub end: Option<Timestamp>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it was given.
    pub reason: Option<String>,
    /// Where it stands.
    pub state: GrantState,
    /// When its access was taken away.
    pub removed_at: Option<Timestamp>,
}

/// A row of `members`.
#[derive(Debug, Clone, Serialize)]
pub struct MemberRow {
    /// Who.
    pub email: String,
    /// Which team.
    pub target: TargetRef,
    /// Is an admin of the team.
    pub is_admin: bool,
    /// Is a manager of the team.
    pub is_manager: bool,
    /// Has edit permissions.
    pub edit_permission: bool,
    /// Has inspect permissions.
    pub inspect_permission: bool,
    /// When the membership began, by the provider's word.
    pub created_at: Option<Timestamp>,
    /// When a reading first showed it.
    pub first_seen: Timestamp,
    /// When a reading last showed it.
    pub last_seen: Timestamp,
    /// Whether a grant covers it at the moment that was asked for.
    pub covered: bool,
}

/// Which grants.
#[derive(Debug, Clone, Default)]
pub struct GrantFilter {
    /// Only of this target.
    pub target: Option<TargetId>,
    /// Only in this state; absent: in every one.
    pub state: Option<GrantState>,
    /// Only those with which access ends until then: no other grant outlasts them.
    pub ending_until: Option<Timestamp>,
    /// As it was then: grants recorded later do not count.
    pub as_of: Option<Timestamp>,
}

/// Which members.
#[derive(Debug, Clone, Default)]
pub struct MemberFilter {
    /// Only of this team.
    pub target: Option<TargetId>,
    /// As it was then.
    pub as_of: Option<Timestamp>,
}

impl Listing {
    /// Grants by target, end and address.
    pub(crate) fn grants(
        db: &Connection,
        filter: &GrantFilter,
        now: Timestamp,
    ) -> Result<Vec<GrantRow>, StoreError> {
        let names = targets::names(db)?;
        let at = filter.as_of.unwrap_or(now);
        let mut statement = db.prepare(
            "SELECT g.target, email, g.name, permissions, role, starts_at, ends_at, owner, reason,
                    CASE WHEN removed_at <= :at THEN removed_at END AS removed_at
             FROM grants g JOIN target t ON t.id = g.target
             WHERE (:target IS NULL OR g.target = :target)
               AND (:until IS NULL
                    OR g.id IN (SELECT id FROM ending WHERE ends_at > :at AND ends_at <= :until))
               AND (:as_of IS NULL OR min(recorded_at, starts_at) <= :as_of)
               AND CASE :state
                     WHEN 'removed' THEN removed_at <= :at
                     WHEN 'ended' THEN ifnull(removed_at > :at, 1) AND ends_at <= :at
                     WHEN 'scheduled' THEN ifnull(removed_at > :at, 1) AND ifnull(ends_at > :at, 1) AND starts_at > :at
                     WHEN 'active' THEN ifnull(removed_at > :at, 1) AND ifnull(ends_at > :at, 1) AND starts_at <= :at
                     ELSE 1 END
             ORDER BY t.provider, t.account, t.name, ends_at IS NULL, ends_at, email_key",
        )?;
        let mut rows = statement.query(named_params! {
            ":target": filter.target.map(|t| t.0), ":at": time::stored(at),
            ":until": filter.ending_until.map(time::stored), ":as_of": filter.as_of.map(time::stored),
            ":state": filter.state.map(GrantState::as_str),
        })?;
        let mut listed = Vec::new();
        while let Some(row) = rows.next()? {
            let permissions: String = row.get("permissions")?;
            let start = time::read(row.get("starts_at")?);
            let end = time::read_if_any(row.get("ends_at")?);
            let removed_at = time::read_if_any(row.get("removed_at")?);
            listed.push(GrantRow {
                email: row.get("email")?,
                target: target(row, &names)?,
                name: row.get("name")?,
                permissions: permissions
                    .split(';')
                    .filter(|p| !p.is_empty())
                    .map(str::to_owned)
                    .collect(),
                role: row.get("role")?,
                start,
                end,
                owner: row.get("owner")?,
                reason: row.get("reason")?,
                state: GrantState::at(at, start, end, removed_at),
                removed_at,
            });
        }
        Ok(listed)
    }

    /// Members by team and address.
    pub(crate) fn members(
        db: &Connection,
        filter: &MemberFilter,
        now: Timestamp,
    ) -> Result<Vec<MemberRow>, StoreError> {
        let names = targets::names(db)?;
        let at = filter.as_of.unwrap_or(now);
        let mut statement = db.prepare(
            "SELECT m.target, m.email, is_admin, is_manager, edit_permission, inspect_permission, created_at,
                    m.first_seen,
                    ifnull(m.last_seen, min(ifnull(m.missing_since, s.complete_at), s.complete_at)) AS last_seen,
                    EXISTS (SELECT 1 FROM grants g WHERE g.target = m.target AND g.email_key = m.email_key
                            AND g.starts_at <= :at AND (g.ends_at IS NULL OR g.ends_at > :at)
                            AND ifnull(g.removed_at > :at, 1)) AS covered
             FROM member m
             JOIN target t ON t.id = m.target
             JOIN source s ON s.kind = 'team' AND s.account = t.account AND s.target = t.id
             WHERE (:target IS NULL OR m.target = :target)
               AND CASE WHEN :as_of IS NULL THEN m.valid_to IS NULL
                        ELSE m.valid_from <= :as_of AND ifnull(m.valid_to > :as_of, 1) END
             ORDER BY t.account, t.name, m.email_key",
        )?;
        let mut rows = statement.query(named_params! {
            ":target": filter.target.map(|t| t.0), ":at": time::stored(at),
            ":as_of": filter.as_of.map(time::stored),
        })?;
        let mut listed = Vec::new();
        while let Some(row) = rows.next()? {
            listed.push(MemberRow {
                email: row.get("email")?,
                target: target(row, &names)?,
                is_admin: row.get("is_admin")?,
                is_manager: row.get("is_manager")?,
                edit_permission: row.get("edit_permission")?,
                inspect_permission: row.get("inspect_permission")?,
                created_at: time::read_if_any(row.get("created_at")?),
                first_seen: time::read(row.get("first_seen")?),
                last_seen: time::read(row.get("last_seen")?),
                covered: row.get("covered")?,
            });
        }
        Ok(listed)
    }
}

fn target(
    row: &Row<'_>,
    names: &std::collections::HashMap<TargetId, TargetRef>,
) -> Result<TargetRef, StoreError> {
    let id = TargetId(row.get("target")?);
    let known = names.get(&id).cloned();
    known.ok_or_else(|| StoreError::Corrupt(format!("target {} is missing", id.0)))
}
