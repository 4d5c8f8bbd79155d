//! What `list` and `members` show: grants and memberships, now or at an earlier moment.

use std::cmp::Ordering;
use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Row, ToSql, named_params};
use serde::Serialize;

use crate::domain::{Email, GrantState, TargetId, TargetRef, canonical};
use crate::store::queries::as_of::{Form, Then};
use crate::store::queries::sql::member_covered;
use crate::store::{StoreError, Teams, db::values, tables::targets};

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
    /// Only those whose end until then ends the access: no other grant outlasts them.
    pub ending_until: Option<Timestamp>,
    /// The state at that time: grants neither recorded nor begun by then are left out, and later
    /// changes are undone.
    pub as_of: Option<Timestamp>,
}

/// Which members.
#[derive(Debug, Clone, Default)]
pub struct MemberFilter {
    /// Only of this team.
    pub target: Option<TargetId>,
    /// As it was then.
    pub as_of: Option<Timestamp>,
    /// Only those without a covering grant, except the holders of the keys.
    pub uncovered: bool,
    /// The grace period: how long after an end access is left alone.
    pub grace: SignedDuration,
    /// The holders of the keys, by their accounts.
    pub holders: Vec<(String, Email)>,
}

impl MemberFilter {
    fn means(&self, member: &MemberRow, is_holder: bool) -> bool {
        let holds = |(account, holder): &(String, Email)| {
            account == member.target.account() && *holder == Email::observed(&member.email)
        };
        !self.uncovered || !(member.covered || is_holder || self.holders.iter().any(holds))
    }
}

impl Listing {
    /// Grants by target, end and address.
    pub(crate) fn grants(
        db: &Connection,
        filter: &GrantFilter,
        now: Timestamp,
    ) -> Result<Vec<GrantRow>, StoreError> {
        let mut listed = Vec::new();
        let names = targets::names(db)?;
        let then = filter.as_of.map(|at| Then::load(db, at)).transpose()?;
        let mut open = "removed_at IS NULL".to_owned();
        let mut closed = "removed_at IS NOT NULL".to_owned();
        let mut params: Vec<(&str, i64)> = Vec::new();
        if let Some(target) = filter.target {
            for part in [&mut open, &mut closed] {
                part.push_str(" AND target = :target");
            }
            params.push((":target", target.0));
        }
        // These conditions only repeat the filter, so that an index can be used. For an earlier
        // moment they do not apply, since rows may have changed.
        if then.is_none() {
            if let Some(until) = filter.ending_until {
                open.push_str(
                    " AND id IN (SELECT id FROM ending WHERE ends_at > :now AND ends_at <= :until)",
                );
                params.extend([
                    (":now", values::stored(now)),
                    (":until", values::stored(until)),
                ]);
            } else if filter.state == Some(GrantState::Ended) {
                open.push_str(" AND ends_at <= :now");
                params.push((":now", values::stored(now)));
            }
        }
        let is_open =
            filter.ending_until.is_some() || filter.state.is_some_and(|s| s != GrantState::Removed);
        let mut parts = vec![open];
        if then.is_some() || !is_open {
            parts.push(closed);
        }
        for part in parts {
            let mut statement = db.prepare(&format!(
                "SELECT id, target, email, name, permissions, role, starts_at, ends_at, owner, reason,
                        recorded_at, removed_at
                 FROM grants WHERE {part}"
            ))?;
            let named: Vec<(&str, &dyn ToSql)> = params
                .iter()
                .filter(|(name, _)| part.contains(name))
                .map(|(name, value)| (*name, value as &dyn ToSql))
                .collect();
            let mut rows = statement.query(named.as_slice())?;
            while let Some(row) = rows.next()? {
                let grant = grant(row, &names, then.as_ref(), filter.as_of.unwrap_or(now))?;
                // For an earlier moment, filtering needs all grants of that time.
                listed.extend(grant.filter(|g| then.is_some() || filter.means(g, now)));
            }
        }
        if then.is_some() {
            if filter.ending_until.is_some() {
                leave_last(&mut listed);
            }
            listed.retain(|grant| filter.means(grant, now));
        }
        listed.sort_by(order);
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
        let then = filter.as_of.map(|at| Then::load(db, at)).transpose()?;
        // CROSS JOIN fixes the join order: the query planner would scan all members for each team.
        let mut statement = db.prepare(&format!(
            "SELECT m.target, m.email, m.email_key, is_admin, is_manager, edit_permission, inspect_permission,
                    created_at, m.first_seen, ifnull(s.holder_id = m.remote_id, 0) AS is_holder,
                    ifnull(m.last_seen, min(ifnull(m.missing_since, s.complete_at), s.complete_at)) AS last_seen,
                    {} AS covered
             FROM member m
             CROSS JOIN target t ON t.id = m.target
             CROSS JOIN source s ON s.kind = 'team' AND s.account = t.account AND s.target = t.id
             WHERE (:target IS NULL OR m.target = :target)
               AND CASE WHEN :as_of IS NULL THEN m.valid_to IS NULL AND m.missing_since IS NULL
                        ELSE m.valid_from <= :as_of AND ifnull(m.valid_to > :as_of, 1) END
             ORDER BY t.account, t.name, m.email_key",
            member_covered("ifnull(o.removed_at > :now, 1)")
        ))?;
        let cutoff = at.checked_sub(filter.grace).unwrap_or(Timestamp::MIN);
        let mut rows = statement.query(named_params! {
            ":target": filter.target.map(|t| t.0), ":now": values::stored(at),
            ":cutoff": values::stored(cutoff), ":as_of": filter.as_of.map(values::stored),
        })?;
        let mut listed = Vec::new();
        while let Some(row) = rows.next()? {
            let key = row.get_ref("email_key")?.as_str()?;
            let covered = match then.as_ref().filter(|then| then.concerns(key)) {
                Some(then) => covered_then(db, row.get("target")?, key, &names, then, at)?,
                None => row.get("covered")?,
            };
            let member = MemberRow {
                email: row.get("email")?,
                target: target(row, &names)?,
                is_admin: row.get("is_admin")?,
                is_manager: row.get("is_manager")?,
                edit_permission: row.get("edit_permission")?,
                inspect_permission: row.get("inspect_permission")?,
                created_at: values::read_if_any(row.get("created_at")?),
                first_seen: values::read(row.get("first_seen")?),
                last_seen: values::read(row.get("last_seen")?),
                covered,
            };
            if filter.means(&member, row.get("is_holder")?) {
                listed.push(member);
            }
        }
        Ok(listed)
    }
}

impl Listing {
    /// The teams, or the one asked for, whose people were never read.
    pub(crate) fn never_read(
        db: &Connection,
        filter: &MemberFilter,
    ) -> Result<Vec<TargetRef>, StoreError> {
        let mut unread = Vec::new();
        for team in targets::listed(db)? {
            if filter.target.is_none_or(|target| target == team.id())
                && !Teams::was_read(db, &team)?
            {
                unread.push(team);
            }
        }
        Ok(unread)
    }
}

impl GrantFilter {
    /// Whether the grant matches, in its form at the moment asked for.
    fn means(&self, grant: &GrantRow, now: Timestamp) -> bool {
        let at = self.as_of.unwrap_or(now);
        let ends_within = |until: Timestamp| {
            let is_open = grant.state != GrantState::Removed;
            is_open && grant.end.is_some_and(|end| end > at && end <= until)
        };
        self.state.is_none_or(|state| state == grant.state)
            && self.ending_until.is_none_or(ends_within)
    }
}

/// The names of targets by their numbers.
type Names = HashMap<TargetId, TargetRef>;

/// The grant as it was at `at`, or as it is; `None` if it was neither recorded nor begun then.
fn grant(
    row: &Row<'_>,
    names: &Names,
    then: Option<&Then>,
    at: Timestamp,
) -> Result<Option<GrantRow>, StoreError> {
    let mut form = match then.and_then(|then| Some(then.form(row.get("id").ok()?)?.clone())) {
        Some(form) => form,
        None => {
            let permissions = row.get_ref("permissions")?.as_str()?;
            Form {
                name: row.get("name")?,
                permissions: words(permissions),
                role: row.get("role")?,
                start: Some(values::read(row.get("starts_at")?)),
                end: values::read_if_any(row.get("ends_at")?),
                owner: row.get("owner")?,
                reason: row.get("reason")?,
                removed_at: values::read_if_any(row.get("removed_at")?),
            }
        }
    };
    let start = form.start.unwrap_or(at);
    let mut moment = at;
    if then.is_some() {
        let recorded_at = values::read(row.get("recorded_at")?);
        if recorded_at.min(start) > at {
            return Ok(None);
        }
        form.removed_at = form.removed_at.filter(|removed| *removed <= at);
    } else {
        // It is removed, whatever the clock says now.
        moment = form.removed_at.map_or(at, |removed| removed.max(at));
    }
    Ok(Some(GrantRow {
        email: row.get("email")?,
        target: target(row, names)?,
        name: form.name,
        permissions: form.permissions,
        role: form.role,
        start,
        end: form.end,
        owner: form.owner,
        reason: form.reason,
        state: GrantState::at(moment, start, form.end, form.removed_at),
        removed_at: form.removed_at,
    }))
}

/// Whether a grant covered the person on the target at that time.
fn covered_then(
    db: &Connection,
    target: i64,
    email_key: &str,
    names: &Names,
    then: &Then,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, target, email, name, permissions, role, starts_at, ends_at, owner, reason,
                recorded_at, removed_at
         FROM grants WHERE (email_key = :email OR person = :email) AND target = :target",
    )?;
    let mut rows = statement.query(named_params! { ":email": email_key, ":target": target })?;
    while let Some(row) = rows.next()? {
        let grant = grant(row, names, Some(then), at)?;
        if grant.is_some_and(|g| g.state == GrantState::Active) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Leaves out grants that another grant of the person outlasts, as the view `ending` does.
fn leave_last(grants: &mut Vec<GrantRow>) {
    let person = |g: &GrantRow| (g.target.id(), canonical(&g.email).into_owned());
    let mut open: HashMap<_, Vec<GrantRow>> = HashMap::new();
    for grant in grants.iter().filter(|g| g.state != GrantState::Removed) {
        open.entry(person(grant)).or_default().push(grant.clone());
    }
    grants.retain(|grant| {
        let Some(end) = grant.end else { return true };
        let mut others = open.get(&person(grant)).into_iter().flatten();
        !others.any(|other| {
            let gives = |role: &String| match &other.role {
                Some(other) => other == role,
                None => other.permissions.contains(role),
            };
            grant.role.as_ref().is_none_or(gives)
                && other.start <= end
                && other.end.is_none_or(|until| until > end)
        })
    });
}

/// By target, end and address, those without an end last.
fn order(a: &GrantRow, b: &GrantRow) -> Ordering {
    let place = |g: &GrantRow| g.target.provider().as_str();
    let end = |g: &GrantRow| (g.end.is_none(), g.end);
    place(a)
        .cmp(place(b))
        .then_with(|| a.target.account().cmp(b.target.account()))
        .then_with(|| a.target.team().cmp(&b.target.team()))
        .then_with(|| end(a).cmp(&end(b)))
        .then_with(|| lower(&a.email).cmp(lower(&b.email)))
}

fn lower(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// Permissions as they are stored: joined by `;`.
pub(in crate::store) fn words(permissions: &str) -> Vec<String> {
    let words = permissions.split(';').filter(|p| !p.is_empty());
    words.map(str::to_owned).collect()
}

fn target(row: &Row<'_>, names: &Names) -> Result<TargetRef, StoreError> {
    targets::named(names, TargetId(row.get("target")?)).cloned()
}
