//! The review of grants: those that are due, and who was asked.

mod answers;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Row, named_params};
use serde::Serialize;

use crate::domain::{Email, ReviewPolicy, Role, TargetId, TargetRef};
use crate::notify::reviews::{DueReview, Recipients, ReviewRequest};
use crate::store::tables::outbox::bounces;
use crate::store::{Outbox, StoreError, db::values, tables::targets};
pub(crate) use answers::ReviewAnswer;

/// For this long after the mail server refused an owner's mail, others are asked instead: so a
/// reminder goes where the question went.
const REFUSED: SignedDuration = SignedDuration::from_hours(30 * 24);

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

impl Reviews {
    /// The grants whose review is due, those without an end first.
    pub(crate) fn due(
        db: &Connection,
        rules: &ReviewPolicy,
        now: Timestamp,
    ) -> Result<Vec<DueReview>, StoreError> {
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
            ":due": values::stored(rules.due_before(now)), ":now": values::stored(now),
        })?;
        let mut open = Vec::new();
        while let Some(row) = rows.next()? {
            let target = targets::named(&names, TargetId(row.get("target")?))?;
            open.push(read(row, target.clone())?);
        }
        Ok(open)
    }

    /// The rows of `review`.
    pub(crate) fn rows(
        db: &Connection,
        rules: &ReviewPolicy,
        now: Timestamp,
    ) -> Result<Vec<ReviewRow>, StoreError> {
        let row = |open: DueReview| ReviewRow {
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

    /// The unique key in the outbox of a recipient's mail of a round.
    pub(crate) fn key(to: &Email, now: Timestamp) -> String {
        format!("review/{}/{}", to.key(), now.as_millisecond())
    }

    /// The people who can be asked by mail, and when each was last asked.
    pub(crate) fn recipients(
        db: &Connection,
        open: &[DueReview],
        instead: Vec<Email>,
        now: Timestamp,
    ) -> Result<Recipients, StoreError> {
        let since = now.checked_sub(REFUSED).unwrap_or(Timestamp::MIN);
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
        let mut unreached = BTreeSet::new();
        for to in all {
            let is_suppressed = !who.instead.contains(to) && bounces(db, to.written())?;
            if is_suppressed || Outbox::was_refused(db, to.written(), since)? {
                unreached.insert(to.clone());
            }
            let key = format!("review/{}", to.key());
            let at = last.query_row(named_params! { ":key": key }, |row| row.get(0))?;
            if let Some(at) = values::read_if_any(at) {
                mailed.insert(to.clone(), at);
            }
        }
        who.mailed = mailed;
        who.unreached = unreached;
        Ok(who)
    }

    /// Records what a letter asks, in the transaction that puts it into the outbox. Questions that
    /// it only repeats keep their dates.
    pub(crate) fn asked(
        db: &Connection,
        letter: &ReviewRequest,
        rules: &ReviewPolicy,
        unique_key: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let asked = letter.questions.iter();
        for open in asked.filter(|open| open.is_to_be_asked(rules, at)) {
            // A second recipient in this round is asked at the same moment, which is no reminder.
            db.prepare_cached(
                "INSERT INTO review (grant_id, asked_at) VALUES (:grant, :at)
                 ON CONFLICT (grant_id) DO UPDATE SET reminded_at = :at, reminder = :key
                 WHERE asked_at < :at AND ifnull(reminded_at < :at, 1)",
            )?
            .execute(named_params! {
                ":grant": open.grant, ":at": values::stored(at), ":key": unique_key,
            })?;
        }
        Ok(())
    }

    /// Forgets who was asked, because nothing is reviewed any more.
    pub(crate) fn forget(db: &Connection) -> Result<(), StoreError> {
        db.execute("DELETE FROM review", [])?;
        Ok(())
    }
}

fn read(row: &Row<'_>, target: TargetRef) -> rusqlite::Result<DueReview> {
    let owner: Option<String> = row.get("owner")?;
    Ok(DueReview {
        grant: row.get("id")?,
        target,
        email: Email::observed(row.get_ref("email")?.as_str()?),
        role: row.get("role")?,
        end: values::read_if_any(row.get("ends_at")?),
        owner: owner.map(|owner| Email::observed(&owner)),
        reason: row.get("reason")?,
        confirmed_at: values::read(row.get("confirmed")?),
        asked_at: values::read_if_any(row.get("asked_at")?),
        reminded_at: values::read_if_any(row.get("reminded_at")?),
        delivered_at: values::read_if_any(row.get("sent_at")?),
    })
}
