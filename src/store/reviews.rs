//! The review of grants: what has fallen due, who was asked, and the answers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};
use serde::Serialize;
use serde_json::json;

use super::outbox::bounces;
use super::trail::{self, Entry};
use super::{StoreError, targets, time};
use crate::domain::{Email, Role, TargetId, TargetRef};
use crate::review::{self, Letter, Open, Recipients, Rules};

/// The reviews' SQL.
#[derive(Debug)]
pub(crate) struct Reviews;

/// A row of `review`.
#[derive(Debug, Clone, Serialize)]
pub struct ReviewRow {
    /// Who.
    pub email: String,
    /// What.
    pub target: TargetRef,
    /// A role for a time.
    pub role: Option<Role>,
    /// Until when; absent: for ever.
    pub end: Option<Timestamp>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When somebody last said that it is needed, or when it was recorded.
    pub confirmed_at: Timestamp,
    /// When it fell due.
    pub due_at: Timestamp,
    /// When somebody was asked.
    pub asked_at: Option<Timestamp>,
    /// When they were last reminded.
    pub reminded_at: Option<Timestamp>,
    /// When it ends if nobody answers.
    pub ends_unanswered_at: Option<Timestamp>,
}

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
    /// What has fallen due, what has no end first.
    pub(crate) fn due(
        db: &Connection,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Vec<Open>, StoreError> {
        let names = targets::names(db)?;
        let mut statement = db.prepare_cached(
            "SELECT g.id, g.target, g.email, g.role, g.ends_at, g.owner, g.reason,
                    ifnull(g.confirmed_at, g.recorded_at) AS confirmed, r.asked_at, r.reminded_at,
                    o.sent_at
             FROM grants g INDEXED BY grants_review
             LEFT JOIN review r ON r.grant_id = g.id
             LEFT JOIN outbox o ON o.unique_key = r.reminder
             WHERE g.removed_at IS NULL AND ifnull(g.confirmed_at, g.recorded_at) <= :due
               AND g.starts_at <= :now AND ifnull(g.ends_at > :now, 1)
             ORDER BY g.ends_at IS NOT NULL, confirmed, g.email_key, g.target, g.id",
        )?;
        let mut rows = statement.query(named_params! {
            ":due": time::stored(rules.due_before(now)), ":now": time::stored(now),
        })?;
        let mut open = Vec::new();
        while let Some(row) = rows.next()? {
            let target = TargetId(row.get("target")?);
            let known = names.get(&target).cloned();
            let target = known
                .ok_or_else(|| StoreError::Corrupt(format!("target {} is missing", target.0)))?;
            open.push(read(row, target)?);
        }
        Ok(open)
    }

    /// The rows of `review`.
    pub(crate) fn rows(
        db: &Connection,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Vec<ReviewRow>, StoreError> {
        let row = |open: Open| ReviewRow {
            email: open.email.written().to_owned(),
            due_at: open.confirmed_at.checked_add(rules.every).unwrap_or(now),
            ends_unanswered_at: open.ends_at(rules),
            target: open.target,
            role: open.role,
            end: open.end,
            owner: open.owner.map(|owner| owner.written().to_owned()),
            confirmed_at: open.confirmed_at,
            asked_at: open.asked_at,
            reminded_at: open.reminded_at,
        };
        let due = Self::due(db, rules, now)?;
        Ok(due.into_iter().map(row).collect())
    }

    /// The mark in the outbox of a recipient's mail of a round.
    pub(crate) fn key(to: &Email, now: Timestamp) -> String {
        format!("review/{}/{}", to.key(), now.as_millisecond())
    }

    /// Whom mail reaches of those who could be asked, and when they last were.
    pub(crate) fn recipients(
        db: &Connection,
        open: &[Open],
        instead: Vec<Email>,
    ) -> Result<Recipients, StoreError> {
        let mut who = Recipients {
            instead,
            ..Recipients::default()
        };
        let owners = open.iter().filter_map(|one| one.owner.as_ref());
        let all: BTreeSet<&Email> = owners.chain(&who.instead).collect();
        let mut last = db.prepare_cached(
            "SELECT max(created_at) FROM outbox
             WHERE unique_key >= :key || '/' AND unique_key < :key || '0'",
        )?;
        let mut mailed = BTreeMap::new();
        for to in all {
            if bounces(db, to.written())? {
                who.bouncing.insert(to.clone());
            }
            let key = format!("review/{}", to.key());
            let at = last.query_row(named_params! { ":key": key }, |row| row.get(0))?;
            if let Some(at) = time::read_if_any(at) {
                mailed.insert(to.clone(), at);
            }
        }
        who.mailed = mailed;
        Ok(who)
    }

    /// Notes what a letter asks, in the transaction that puts it into the outbox. What it only shows
    /// again goes on waiting as before.
    pub(crate) fn asked(
        db: &Connection,
        letter: &Letter,
        rules: &Rules,
        unique_key: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let asked = letter.questions.iter();
        for open in asked.filter(|open| open.is_to_be_asked(rules, at)) {
            // Who else is asked the same in this round is asked at the same moment.
            db.prepare_cached(
                "INSERT INTO review (grant_id, asked_at) VALUES (:grant, :at)
                 ON CONFLICT (grant_id) DO UPDATE SET reminded_at = :at, reminder = :key
                 WHERE asked_at < :at AND ifnull(reminded_at < :at, 1)",
            )?
            .execute(named_params! {
                ":grant": open.grant, ":at": time::stored(at), ":key": unique_key,
            })?;
        }
        Ok(())
    }

    /// Forgets who was asked: nothing is reviewed any more.
    pub(crate) fn forget(db: &Connection) -> Result<(), StoreError> {
        db.execute("DELETE FROM review", [])?;
        Ok(())
    }

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
            db.prepare_cached("UPDATE grants SET confirmed_at = :at WHERE id = :id")?
                .execute(named_params! { ":id": grant.id, ":at": time::stored(at) })?;
            grant.answered(db)?;
            grant.note(db, "review.kept", &json!({ "by": by }), at)?;
        }
        Ok(ReviewAnswer::Grants(open.len()))
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
    fn answered(&self, db: &Connection) -> Result<(), StoreError> {
        db.prepare_cached("DELETE FROM review WHERE grant_id = :id")?
            .execute(named_params! { ":id": self.id })?;
        Ok(())
    }

    fn revoke(
        &self,
        db: &Connection,
        by: &str,
        why: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        db.prepare_cached("UPDATE grants SET revoked = 1, ends_at = :at WHERE id = :id")?
            .execute(named_params! { ":id": self.id, ":at": time::stored(at) })?;
        self.answered(db)?;
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

fn role(row: &Row<'_>) -> rusqlite::Result<Option<Role>> {
    let role: Option<String> = row.get("role")?;
    Ok(role.and_then(|role| role.parse().ok()))
}

fn read(row: &Row<'_>, target: TargetRef) -> rusqlite::Result<Open> {
    let owner: Option<String> = row.get("owner")?;
    Ok(Open {
        grant: row.get("id")?,
        target,
        email: Email::observed(row.get_ref("email")?.as_str()?),
        role: role(row)?,
        end: time::read_if_any(row.get("ends_at")?),
        owner: owner.map(|owner| Email::observed(&owner)),
        reason: row.get("reason")?,
        confirmed_at: time::read(row.get("confirmed")?),
        asked_at: time::read_if_any(row.get("asked_at")?),
        reminded_at: time::read_if_any(row.get("reminded_at")?),
        delivered_at: time::read_if_any(row.get("sent_at")?),
    })
}
