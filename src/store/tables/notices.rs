//! Which ends each recipient was notified of.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, named_params};

use crate::domain::event::Noticed;
use crate::domain::{Email, Event};
use crate::notify::notices::{LastNotice, Memory, Notice};
use crate::store::tables::outbox::bounces;
use crate::store::trail;
use crate::store::{StoreError, db::values};

/// The notices' SQL.
#[derive(Debug)]
pub(crate) struct Notices;

impl Notices {
    /// The unique key in the outbox of a recipient's mail of a day.
    pub(crate) fn key(day: Date, to: &Email) -> String {
        format!("notice/{day}/{}", to.key())
    }

    /// What was told of the ends after `after` and until `until`, and who got the mail of `day`.
    pub(crate) fn memory(
        db: &Connection,
        day: Date,
        after: Timestamp,
        until: Timestamp,
    ) -> Result<Memory, StoreError> {
        let mut memory = Memory::default();
        let mut statement = db.prepare_cached(
            "SELECT n.grant_id, n.recipient, n.ends_at, n.ahead, n.sequence
             FROM ending e CROSS JOIN notice n ON n.grant_id = e.id
             WHERE e.ends_at > :after AND e.ends_at <= :until",
        )?;
        let params =
            named_params! { ":after": values::stored(after), ":until": values::stored(until) };
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            let recipient = Email::observed(row.get_ref(1)?.as_str()?);
            let told = LastNotice {
                end: values::read(row.get(2)?),
                window: SignedDuration::from_millis(row.get(3)?),
                sequence: row.get(4)?,
            };
            memory.told.insert((row.get(0)?, recipient), told);
        }
        // By the index of the keys: all keys with this day's prefix.
        let mut statement = db.prepare_cached(
            "SELECT recipient FROM outbox WHERE unique_key >= :day || '/' AND unique_key < :day || '0'",
        )?;
        let day = format!("notice/{day}");
        let mut rows = statement.query(named_params! { ":day": day })?;
        while let Some(row) = rows.next()? {
            memory
                .served
                .insert(Email::observed(row.get_ref(0)?.as_str()?));
        }
        Ok(memory)
    }

    /// Records what a notice tells, in the transaction that puts it into the outbox; `ours` as for
    /// the mail. A notice that is not sent gets no event in the trail.
    pub(crate) fn note(
        db: &Connection,
        notice: &Notice,
        message_id: &str,
        ours: bool,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let is_sent = ours || !bounces(db, notice.to.written())?;
        for item in notice.items() {
            let ahead = i64::try_from(item.window.as_millis()).unwrap_or(i64::MAX);
            db.prepare_cached(
                "INSERT INTO notice (grant_id, recipient, ends_at, ahead, sequence, told_at)
                 VALUES (:grant, :recipient, :end, :ahead, :sequence, :at)
                 ON CONFLICT (grant_id, recipient) DO UPDATE SET
                    ends_at = excluded.ends_at, ahead = excluded.ahead,
                    sequence = excluded.sequence, told_at = excluded.told_at",
            )?
            .execute(named_params! {
                ":grant": item.end.grant, ":recipient": notice.to.key(),
                ":end": values::stored(item.end.end), ":ahead": ahead, ":sequence": item.sequence,
                ":at": values::stored(at),
            })?;
            if !is_sent {
                continue;
            }
            let event = Event::GrantNoticed(Noticed {
                email: item.end.email.clone(),
                end: item.end.end,
                grant_id: item.end.grant,
                message_id: message_id.to_owned(),
                to: notice.to.clone(),
            });
            let (target, email) = (item.end.target.id(), &item.end.email);
            trail::append_event(db, at, Some(target), Some(email), &event)?;
        }
        Ok(())
    }
}
