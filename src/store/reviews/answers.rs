//! The answers to the review: access is kept, or ends.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, named_params};
use serde_json::json;

use super::{Reviews, role};
use crate::domain::{Email, Role, TargetRef};
use crate::review::{self, Rules};
use crate::store::trail::{self, Entry};
use crate::store::{StoreError, time};

/// What an answer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum ReviewAnswer {
    /// So many grants.
    Grants(usize),
    /// None is open there.
    NothingOpen,
    /// A grant begins only then, after the end that it was to get.
    BeginsLater(Timestamp),
}

impl Reviews {
    /// Notes that a person's access on a target is still needed, and with `end` until when.
    pub(crate) fn keep(
        db: &Connection,
        email: &Email,
        target: &TargetRef,
        end: Option<Option<Timestamp>>,
        by: &str,
        at: Timestamp,
    ) -> Result<ReviewAnswer, StoreError> {
        let open = Self::open(db, email, target, at)?;
        if open.is_empty() {
            return Ok(ReviewAnswer::NothingOpen);
        }
        if let Some(end) = end
            && let Some(late) = move_end(db, &open, end, by, at)?
        {
            return Ok(ReviewAnswer::BeginsLater(late));
        }
        for grant in &open {
            Self::confirm(db, grant.id, at)?;
            grant.note(db, "review.kept", &json!({ "by": by }), at)?;
        }
        Ok(ReviewAnswer::Grants(open.len()))
    }

    /// Notes that somebody has said, by whatever command, that a grant is needed: it falls due anew.
    pub(crate) fn confirm(db: &Connection, grant: i64, at: Timestamp) -> Result<(), StoreError> {
        db.prepare_cached("UPDATE grants SET confirmed_at = :at WHERE id = :id")?
            .execute(named_params! { ":id": grant, ":at": time::stored(at) })?;
        forget(db, grant)
    }

    /// Ends a person's access on a target now; plan and guard take it from there.
    pub(crate) fn end(
        db: &Connection,
        email: &Email,
        target: &TargetRef,
        by: &str,
        at: Timestamp,
    ) -> Result<ReviewAnswer, StoreError> {
        let open = Self::open(db, email, target, at)?;
        for grant in &open {
            grant.revoke(db, by, "review", at)?;
        }
        Ok(match open.len() {
            0 => ReviewAnswer::NothingOpen,
            many => ReviewAnswer::Grants(many),
        })
    }

    /// Ends what nobody answered for.
    pub(crate) fn end_unanswered(
        db: &Connection,
        rules: &Rules,
        at: Timestamp,
    ) -> Result<usize, StoreError> {
        let due = Self::due(db, rules, at)?;
        let mut ended = 0;
        for one in review::unanswered(&due, rules, at) {
            let open = Self::open(db, &one.email, &one.target, at)?;
            for grant in open.iter().filter(|grant| grant.id == one.grant) {
                grant.revoke(db, "lapsed", "nobody answered the review", at)?;
                ended += 1;
            }
        }
        Ok(ended)
    }

    fn open(
        db: &Connection,
        email: &Email,
        target: &TargetRef,
        at: Timestamp,
    ) -> Result<Vec<OpenGrant>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT id, email, role, starts_at, ends_at FROM grants
             WHERE target = :target AND email_key = :email AND removed_at IS NULL
               AND ifnull(ends_at > :now, 1) ORDER BY id",
        )?;
        let params = named_params! {
            ":target": target.id().0, ":email": email.key(), ":now": time::stored(at),
        };
        let rows = statement.query_map(params, |row| {
            Ok(OpenGrant {
                id: row.get("id")?,
                target: target.clone(),
                email: Email::observed(row.get_ref("email")?.as_str()?),
                role: role(row)?,
                start: time::read(row.get("starts_at")?),
                end: time::read_if_any(row.get("ends_at")?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// An open grant that is answered for.
struct OpenGrant {
    id: i64,
    target: TargetRef,
    email: Email,
    role: Option<Role>,
    start: Timestamp,
    end: Option<Timestamp>,
}

impl OpenGrant {
    fn revoke(
        &self,
        db: &Connection,
        by: &str,
        why: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        db.prepare_cached("UPDATE grants SET revoked = 1, ends_at = :at WHERE id = :id")?
            .execute(named_params! { ":id": self.id, ":at": time::stored(at) })?;
        forget(db, self.id)?;
        let more = json!({ "was": self.end, "end": at, "by": by, "why": why });
        self.note(db, "grant.revoked", &more, at)
    }

    fn note(
        &self,
        db: &Connection,
        kind: &'static str,
        more: &serde_json::Value,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut payload = json!({
            "grant_id": self.id, "target": self.target, "email": self.email.written(),
            "role": self.role,
        });
        if let (Some(payload), Some(more)) = (payload.as_object_mut(), more.as_object()) {
            payload.extend(more.clone());
        }
        trail::append(
            db,
            &Entry {
                at,
                kind,
                target: Some(self.target.id()),
                email: Some(&self.email),
                payload: &payload,
            },
        )
    }
}

/// Nobody waits for an answer any more.
fn forget(db: &Connection, grant: i64) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM review WHERE grant_id = :id")?
        .execute(named_params! { ":id": grant })?;
    Ok(())
}

/// Moves the end of access in the records: the last of its grants gets the new one, and none lasts
/// longer; where only roles are held, theirs moves. Returns when a grant begins that would end
/// before. A whitelist's own entry is not touched by this.
fn move_end(
    db: &Connection,
    open: &[OpenGrant],
    end: Option<Timestamp>,
    by: &str,
    at: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let only_roles = open.iter().all(|g| g.role.is_some());
    let mut kinds: BTreeMap<Option<Role>, Vec<&OpenGrant>> = BTreeMap::new();
    for grant in open.iter().filter(|g| g.role.is_some() == only_roles) {
        kinds.entry(grant.role).or_default().push(grant);
    }
    let lasts = |grant: &OpenGrant| grant.end.unwrap_or(Timestamp::MAX);
    let until = end.unwrap_or(Timestamp::MAX);
    let mut moved: Vec<&OpenGrant> = Vec::new();
    for grants in kinds.values() {
        let longer = grants.iter().filter(|g| lasts(g) > until);
        let before = moved.len();
        moved.extend(longer.copied());
        if moved.len() == before {
            moved.extend(grants.iter().copied().max_by_key(|g| lasts(g)));
        }
    }
    if let Some(late) = moved.iter().find(|g| g.start >= until) {
        return Ok(Some(late.start));
    }
    for grant in moved.into_iter().filter(|g| g.end != end) {
        db.prepare_cached("UPDATE grants SET ends_at = :end WHERE id = :id")?
            .execute(named_params! { ":id": grant.id, ":end": end.map(time::stored) })?;
        let more = json!({ "was": grant.end, "end": end, "by": by });
        grant.note(db, "grant.extended", &more, at)?;
    }
    Ok(None)
}
