//! The outbox: complete mails, kept until they are delivered.

mod refused;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, named_params};

use crate::domain::event::Mailed;
use crate::domain::{Email, Event};
use crate::store::trail;
use crate::store::{StoreError, db::values};

/// The first backoff after a failed delivery, doubled with each further one.
const FIRST_WAIT: SignedDuration = SignedDuration::from_mins(1);
/// The longest backoff.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(4);
/// The waits after a server received a whole mail and did not answer: it may have been delivered,
/// and a retry may deliver it twice. Mail servers also give up after some five days (RFC 5321,
/// 4.5.4.1).
const UNANSWERED_WAITS: [SignedDuration; 5] = [
    SignedDuration::from_hours(4),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(24),
];

/// No wait is longer: a next try further away was set by a wrong clock, and counts as due.
const LONGEST_OF_ALL: SignedDuration = SignedDuration::from_hours(24);

/// The outbox's SQL.
#[derive(Debug)]
pub(crate) struct Outbox;

/// A mail to be sent.
#[derive(Debug, Clone)]
pub(crate) struct NewMail {
    /// `report`, …
    pub kind: &'static str,
    /// Kind, period and recipient: a second mail with the same key is dropped.
    pub unique_key: String,
    /// The envelope's sender.
    pub sender: String,
    /// The envelope's recipient.
    pub recipient: String,
    /// With angle brackets.
    pub message_id: String,
    /// The whole message, and smaller versions for a server that does not accept it, the smallest
    /// last.
    pub forms: Vec<Vec<u8>>,
    /// Whether it goes to one of `mail.to`: no provider's suppression list applies to these.
    pub ours: bool,
}

/// Whether to try again after an attempt without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It is tried again.
    Later,
    /// It is given up.
    Never,
}

/// A mail waiting for delivery.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    /// The row.
    pub row: i64,
    /// `report`, …
    pub kind: String,
    /// The envelope's sender.
    pub sender: String,
    /// The envelope's recipient.
    pub recipient: String,
    /// With angle brackets.
    pub message_id: String,
    /// The whole message, and smaller versions.
    pub forms: Vec<Vec<u8>>,
}

impl Outbox {
    /// Adds mails, each once per unique key. Returns the rows of those that are not sent, because a
    /// provider has suppressed their address.
    pub(crate) fn put_all(
        db: &Connection,
        mails: &[NewMail],
        at: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        let rows = mails.iter().map(|mail| Self::put(db, mail, at));
        rows.filter_map(Result::transpose).collect()
    }

    /// When the last mail of this kind was created, ignoring times after `now`.
    pub(crate) fn last_of(
        db: &Connection,
        kind: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let last: Option<i64> = db
            .prepare_cached(
                "SELECT max(created_at) FROM outbox WHERE kind = :kind AND created_at <= :now",
            )?
            .query_row(
                named_params! { ":kind": kind, ":now": values::stored(now) },
                |row| row.get(0),
            )?;
        Ok(values::read_if_any(last))
    }

    fn put(db: &Connection, mail: &NewMail, at: Timestamp) -> Result<Option<i64>, StoreError> {
        let suppressed = !mail.ours && bounces(db, &mail.recipient)?;
        let state = if suppressed { "suppressed" } else { "queued" };
        let (whole, smaller) = mail.forms.split_first().unzip();
        let added = db
            .prepare_cached(
                "INSERT INTO outbox (kind, unique_key, sender, recipient, message_id, body, created_at, state, next_try_at)
                 VALUES (:kind, :unique_key, :sender, :recipient, :message_id, :body, :at, :state, :at)
                 ON CONFLICT (unique_key) DO NOTHING",
            )?
            .execute(named_params! {
                ":kind": mail.kind, ":unique_key": mail.unique_key, ":sender": mail.sender,
                ":recipient": mail.recipient, ":message_id": mail.message_id,
                ":body": whole.map_or(&[][..], Vec::as_slice), ":at": values::stored(at),
                ":state": state,
            })?;
        if added == 0 {
            return Ok(None);
        }
        let row = db.last_insert_rowid();
        let smaller = smaller.filter(|_| !suppressed);
        for (place, body) in smaller.unwrap_or_default().iter().enumerate() {
            db.prepare_cached(
                "INSERT INTO outbox_smaller (mail, place, body) VALUES (:mail, :place, :body)",
            )?
            .execute(named_params! { ":mail": row, ":place": place, ":body": body })?;
        }
        let kind = match suppressed {
            true => Event::MailSuppressed,
            false => Event::MailQueued,
        };
        let mailed = Mailed {
            mail: mail.kind.to_owned(),
            message_id: mail.message_id.clone(),
            to: Email::observed(&mail.recipient),
            why: None,
        };
        trail::append_event(db, at, None, Some(&mailed.to.clone()), &kind(mailed))?;
        Ok(suppressed.then_some(row))
    }

    /// The waiting mails, failed ones after those that were never tried, and alarms about held
    /// actions first among these, since the access continues until a person reacts. With
    /// `due_only`, only those whose next try is due; mails without an answer always wait for
    /// theirs.
    pub(crate) fn waiting(
        db: &Connection,
        due_only: bool,
        now: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT id FROM outbox WHERE state IN ('queued', 'claimed', 'failed')
             AND (next_try_at NOT BETWEEN :now + 1 AND :latest OR NOT (:due_only OR unanswered > 0))
             ORDER BY attempts > 0, kind != 'hold', next_try_at, id",
        )?;
        let params = named_params! {
            ":now": values::stored(now), ":latest": latest_try(now), ":due_only": due_only,
        };
        let rows = statement.query_map(params, |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When the next try of a waiting mail is due.
    pub(crate) fn next_try(
        db: &Connection,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let next = db
            .prepare_cached(
                "SELECT min(iif(next_try_at > :latest, :now, next_try_at)) FROM outbox
                 WHERE state IN ('queued', 'claimed', 'failed')",
            )?
            .query_row(
                named_params! { ":now": values::stored(now), ":latest": latest_try(now) },
                |row| row.get(0),
            )?;
        Ok(values::read_if_any(next))
    }

    /// Records that a mail is about to be sent, and returns it.
    pub(crate) fn claim(db: &Connection, row: i64, at: Timestamp) -> Result<Waiting, StoreError> {
        db.prepare_cached(
            "UPDATE outbox SET state = 'claimed', attempts = attempts + 1, next_try_at = :at WHERE id = :id",
        )?
        .execute(named_params! { ":id": row, ":at": values::stored(at) })?;
        let mut mail = db
            .prepare_cached(
                "SELECT kind, sender, recipient, message_id, body FROM outbox WHERE id = :id",
            )?
            .query_row(named_params! { ":id": row }, |r| {
                Ok(Waiting {
                    row,
                    kind: r.get(0)?,
                    sender: r.get(1)?,
                    recipient: r.get(2)?,
                    message_id: r.get(3)?,
                    forms: vec![r.get(4)?],
                })
            })?;
        let mut smaller =
            db.prepare_cached("SELECT body FROM outbox_smaller WHERE mail = :id ORDER BY place")?;
        let smaller = smaller.query_map(named_params! { ":id": row }, |r| r.get(0))?;
        for form in smaller {
            mail.forms.push(form?);
        }
        Ok(mail)
    }

    /// Records that the mail server accepted a mail, and which version of it.
    pub(crate) fn sent(
        db: &Connection,
        mail: &Waiting,
        form: usize,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let why = (form > 0).then_some("shortened: the mail server takes no larger mail");
        db.prepare_cached(
            "UPDATE outbox SET state = 'sent', sent_at = :at, detail = :why WHERE id = :id",
        )?
        .execute(named_params! { ":id": mail.row, ":at": values::stored(at), ":why": why })?;
        forget_smaller(db, mail.row)?;
        mail.note(db, Event::MailSent, why, at)
    }

    /// Records that a mail could not be delivered, and when it is tried again.
    pub(crate) fn failed(
        db: &Connection,
        mail: &Waiting,
        why: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let attempts: u32 = db
            .prepare_cached("SELECT attempts FROM outbox WHERE id = :id")?
            .query_row(named_params! { ":id": mail.row }, |row| row.get(0))?;
        let wait = FIRST_WAIT
            .saturating_mul(1_i32 << attempts.saturating_sub(1).min(10))
            .min(LONGEST_WAIT);
        again(db, mail, why, wait, at)
    }

    /// Records that a server received a whole mail and did not answer.
    pub(crate) fn unanswered(
        db: &Connection,
        mail: &Waiting,
        why: &str,
        at: Timestamp,
    ) -> Result<Again, StoreError> {
        let before: usize = db
            .prepare_cached(
                "UPDATE outbox SET unanswered = unanswered + 1 WHERE id = :id RETURNING unanswered - 1",
            )?
            .query_row(named_params! { ":id": mail.row }, |row| row.get(0))?;
        match UNANSWERED_WAITS.get(before) {
            Some(wait) => {
                again(db, mail, why, *wait, at)?;
                Ok(Again::Later)
            }
            None => {
                let why = format!("never answered, so that it may have arrived or not: {why}");
                Self::refused(db, mail, &why, at)?;
                Ok(Again::Never)
            }
        }
    }

    /// Records that a mail server refused a mail permanently.
    pub(crate) fn refused(
        db: &Connection,
        mail: &Waiting,
        why: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        db.prepare_cached(
            "UPDATE outbox SET state = 'refused', refused_at = :at, detail = :why WHERE id = :id",
        )?
        .execute(named_params! { ":id": mail.row, ":at": values::stored(at), ":why": why })?;
        forget_smaller(db, mail.row)?;
        mail.note(db, Event::MailRefused, Some(why), at)
    }

    /// The kind, recipient, Message-ID and state of these rows.
    pub(crate) fn states(
        db: &Connection,
        rows: &[i64],
    ) -> Result<Vec<(String, String, String, String)>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT kind, recipient, message_id, CASE WHEN state IN ('queued', 'claimed') THEN 'failed' ELSE state END
             FROM outbox WHERE id = :id",
        )?;
        rows.iter()
            .map(|row| {
                let params = named_params! { ":id": row };
                Ok(statement
                    .query_row(params, |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?)
            })
            .collect()
    }
}

/// Whether a provider has suppressed an address because mail to it bounces.
pub(in crate::store) fn bounces(db: &Connection, recipient: &str) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM suppressed WHERE email_key = :key AND gone_at IS NULL)",
        )?
        .query_row(
            named_params! { ":key": Email::observed(recipient).key() },
            |row| row.get(0),
        )?)
}

/// No next try set by the present clock can be later.
fn latest_try(now: Timestamp) -> i64 {
    values::stored(now.checked_add(LONGEST_OF_ALL).unwrap_or(Timestamp::MAX))
}

/// Schedules another try after this wait.
fn again(
    db: &Connection,
    mail: &Waiting,
    why: &str,
    wait: SignedDuration,
    at: Timestamp,
) -> Result<(), StoreError> {
    let next = at.checked_add(wait).unwrap_or(at);
    db.prepare_cached(
        "UPDATE outbox SET state = 'failed', detail = :why, next_try_at = :next WHERE id = :id",
    )?
    .execute(named_params! { ":id": mail.row, ":why": why, ":next": values::stored(next) })?;
    mail.note(db, Event::MailFailed, Some(why), at)
}

fn forget_smaller(db: &Connection, row: i64) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM outbox_smaller WHERE mail = :id")?
        .execute(named_params! { ":id": row })?;
    Ok(())
}

impl Waiting {
    /// Tells the trail what became of it.
    fn note(
        &self,
        db: &Connection,
        kind: fn(Mailed) -> Event,
        why: Option<&str>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let to = Email::observed(&self.recipient);
        let event = kind(Mailed {
            mail: self.kind.clone(),
            message_id: self.message_id.clone(),
            to: to.clone(),
            why: why.map(str::to_owned),
        });
        trail::append_event(db, at, None, Some(&to), &event)
    }
}
