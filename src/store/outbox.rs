//! The outbox: mail that was decided, kept whole until it is delivered.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, named_params};
use serde_json::json;

use super::trail::{self, Entry};
use super::{StoreError, time};
use crate::domain::Email;

/// The first wait after a failed delivery, doubled with each further one.
const FIRST_WAIT: SignedDuration = SignedDuration::from_mins(1);
/// The longest wait between two tries.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(4);

/// The outbox's SQL.
#[derive(Debug)]
pub(crate) struct Outbox;

/// A mail that is to be sent.
#[derive(Debug, Clone)]
pub(crate) struct NewMail {
    /// `report`, …
    pub kind: &'static str,
    /// What, which period, to whom: a second mail with the same key is not kept.
    pub unique_key: String,
    /// The envelope's sender.
    pub sender: String,
    /// The envelope's recipient.
    pub recipient: String,
    /// With angle brackets.
    pub message_id: String,
    /// The whole message.
    pub body: Vec<u8>,
}

/// A mail that waits for delivery.
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
    /// The whole message.
    pub body: Vec<u8>,
}

impl Outbox {
    /// Puts mails in, each once for its unique key. Returns the rows of those that nobody will get,
    /// since their address bounces.
    pub(crate) fn put_all(
        db: &Connection,
        mails: &[NewMail],
        at: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        let rows = mails.iter().map(|mail| Self::put(db, mail, at));
        rows.filter_map(Result::transpose).collect()
    }

    fn put(db: &Connection, mail: &NewMail, at: Timestamp) -> Result<Option<i64>, StoreError> {
        let suppressed = reaches_nobody(db, mail.kind, &mail.recipient)?;
        let state = if suppressed { "suppressed" } else { "queued" };
        let added = db
            .prepare_cached(
                "INSERT INTO outbox (kind, unique_key, sender, recipient, message_id, body, created_at, state, next_try_at)
                 VALUES (:kind, :unique_key, :sender, :recipient, :message_id, :body, :at, :state, :at)
                 ON CONFLICT (unique_key) DO NOTHING",
            )?
            .execute(named_params! {
                ":kind": mail.kind, ":unique_key": mail.unique_key, ":sender": mail.sender,
                ":recipient": mail.recipient, ":message_id": mail.message_id, ":body": mail.body,
                ":at": time::stored(at), ":state": state,
            })?;
        let row = db.last_insert_rowid();
        if added == 1 {
            note(
                db,
                &format!("mail.{state}"),
                mail.kind,
                &mail.recipient,
                &mail.message_id,
                None,
                at,
            )?;
        }
        Ok((suppressed && added == 1).then_some(row))
    }

    /// The mails that wait, those that have failed behind those that were never tried; with `due_at`,
    /// only those whose next try has come.
    pub(crate) fn waiting(
        db: &Connection,
        due_at: Option<Timestamp>,
    ) -> Result<Vec<i64>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT id FROM outbox WHERE state IN ('queued', 'claimed', 'failed')
             AND (:due IS NULL OR next_try_at <= :due) ORDER BY next_try_at, id",
        )?;
        let params = named_params! { ":due": due_at.map(time::stored) };
        let rows = statement.query_map(params, |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When the next try of a mail that waits has come.
    pub(crate) fn next_try(db: &Connection) -> Result<Option<Timestamp>, StoreError> {
        let next = db
            .prepare_cached(
                "SELECT min(next_try_at) FROM outbox WHERE state IN ('queued', 'claimed', 'failed')",
            )?
            .query_row([], |row| row.get(0))?;
        Ok(time::read_if_any(next))
    }

    /// Notes that a mail is about to be sent, and hands it out; `None` if its address has come to
    /// bounce meanwhile.
    pub(crate) fn claim(
        db: &Connection,
        row: i64,
        at: Timestamp,
    ) -> Result<Option<Waiting>, StoreError> {
        let (kind, recipient): (String, String) = db
            .prepare_cached("SELECT kind, recipient FROM outbox WHERE id = :id")?
            .query_row(named_params! { ":id": row }, |r| Ok((r.get(0)?, r.get(1)?)))?;
        let state = match reaches_nobody(db, &kind, &recipient)? {
            true => "suppressed",
            false => "claimed",
        };
        db.prepare_cached(
            "UPDATE outbox SET state = :state, attempts = attempts + 1, next_try_at = :at WHERE id = :id",
        )?
        .execute(named_params! { ":id": row, ":at": time::stored(at), ":state": state })?;
        Ok(db
            .prepare_cached(
                "SELECT kind, sender, recipient, message_id, body FROM outbox
                 WHERE id = :id AND state = 'claimed'",
            )?
            .query_row(named_params! { ":id": row }, |r| {
                Ok(Waiting {
                    row,
                    kind: r.get(0)?,
                    sender: r.get(1)?,
                    recipient: r.get(2)?,
                    message_id: r.get(3)?,
                    body: r.get(4)?,
                })
            })
            .optional()?)
    }

    /// Notes that the mail server took a mail.
    pub(crate) fn sent(db: &Connection, mail: &Waiting, at: Timestamp) -> Result<(), StoreError> {
        db.prepare_cached(
            "UPDATE outbox SET state = 'sent', sent_at = :at, detail = NULL WHERE id = :id",
        )?
        .execute(named_params! { ":id": mail.row, ":at": time::stored(at) })?;
        note(
            db,
            "mail.sent",
            &mail.kind,
            &mail.recipient,
            &mail.message_id,
            None,
            at,
        )
    }

    /// Notes that a mail could not be delivered, and when it is tried again.
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
        let next = at.checked_add(wait).unwrap_or(at);
        db.prepare_cached(
            "UPDATE outbox SET state = 'failed', detail = :why, next_try_at = :next WHERE id = :id",
        )?
        .execute(named_params! { ":id": mail.row, ":why": why, ":next": time::stored(next) })?;
        note(
            db,
            "mail.failed",
            &mail.kind,
            &mail.recipient,
            &mail.message_id,
            Some(why),
            at,
        )
    }

    /// How mails stand: (kind, recipient, Message-ID, state) of the rows from `first` on, and of
    /// those that wait.
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

/// Whether a mail is not sent since its address bounces. Of the organization's own mailbox our mail
/// server decides, and not a provider's list.
fn reaches_nobody(db: &Connection, kind: &str, recipient: &str) -> Result<bool, StoreError> {
    let is_own = matches!(kind, "report" | "hold");
    Ok(!is_own && bounces(db, recipient)?)
}

/// Whether mail to this address is known to reach nobody.
pub(super) fn bounces(db: &Connection, recipient: &str) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM suppressed WHERE email_key = :key AND gone_at IS NULL)",
        )?
        .query_row(
            named_params! { ":key": Email::observed(recipient).key() },
            |row| row.get(0),
        )?)
}

fn note(
    db: &Connection,
    kind: &str,
    what: &str,
    recipient: &str,
    message_id: &str,
    why: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let kind = match kind {
        "mail.queued" => "mail.queued",
        "mail.suppressed" => "mail.suppressed",
        "mail.sent" => "mail.sent",
        _ => "mail.failed",
    };
    trail::append(
        db,
        &Entry {
            at,
            kind,
            target: None,
            email: Some(&Email::observed(recipient)),
            payload: &json!({ "mail": what, "to": recipient, "message_id": message_id, "why": why }),
        },
    )
}
