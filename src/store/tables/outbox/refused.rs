//! Mails that a mail server refused for good.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, named_params};

use super::Outbox;
use crate::status::Refusal;
use crate::store::{StoreError, db::values};

/// How long a refused mail is reported.
const TOLD: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Outbox {
    /// The mails refused within the last seven days, newest first, at most this many.
    pub(crate) fn refusals(
        db: &Connection,
        now: Timestamp,
        most: u32,
    ) -> Result<Vec<Refusal>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT kind, recipient, refused_at, ifnull(detail, '') FROM outbox
             WHERE state = 'refused' AND refused_at > :since ORDER BY refused_at DESC, id DESC LIMIT :most",
        )?;
        let since = told_since(now);
        let rows =
            statement.query_map(named_params! { ":since": since, ":most": most }, |row| {
                Ok(Refusal {
                    kind: row.get(0)?,
                    to: row.get(1)?,
                    at: values::read(row.get(2)?),
                    why: row.get(3)?,
                })
            })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many were refused within the last seven days.
    pub(crate) fn refused_lately(db: &Connection, now: Timestamp) -> Result<u64, StoreError> {
        Ok(db
            .prepare_cached(
                "SELECT count(*) FROM outbox WHERE state = 'refused' AND refused_at > :since",
            )?
            .query_row(named_params! { ":since": told_since(now) }, |row| {
                row.get(0)
            })?)
    }

    /// Whether the last settled mail to this address was refused, after `since`.
    pub(crate) fn was_refused(
        db: &Connection,
        recipient: &str,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(db
            .prepare_cached(
                "SELECT ifnull((SELECT state = 'refused' AND refused_at > :since FROM outbox
                                WHERE recipient = :to AND state IN ('sent', 'refused')
                                ORDER BY id DESC LIMIT 1), 0)",
            )?
            .query_row(
                named_params! { ":to": recipient, ":since": values::stored(since) },
                |row| row.get(0),
            )?)
    }
}

fn told_since(now: Timestamp) -> i64 {
    values::stored(now.checked_sub(TOLD).unwrap_or(Timestamp::MIN))
}
