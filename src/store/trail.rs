//! The audit trail: append-only, and each event's hash covers the one before.
//!
//! `hash = SHA-256("lapsed event 2" ‖ previous hash ‖ seq ‖ at ‖ length of kind ‖ kind ‖ payload digest)`
//! and `payload digest = SHA-256("lapsed payload 2" ‖ salt ‖ where ‖ who ‖ length of body ‖ body)`:
//! numbers are 8 bytes, big-endian; the salt has 16 bytes; `where` is a zero byte, or a one and the
//! target's number; `who` is a zero byte, or a one, the length and the address; the first event's
//! previous hash is 32 zero bytes. Version 1 had neither the two words nor `who` and `where`, and
//! the body without its length. No event of version 1 may follow one of version 2.
//!
//! Events also contain each change of the rows that `covered` names, so that the tables can be
//! compared with the trail.

mod agreement;
mod changes;
mod covered;
mod export;
mod replay;
mod schema;
mod take_over;
mod verify;
mod words;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};
use sha2::{Digest as _, Sha256};

use super::StoreError;
use super::db::{bytes, values};
use crate::domain::{Email, Event, TargetId};

pub(super) use changes::{Untold, back_to, tell, untold, watch};
pub use export::Exported;
pub(crate) use export::export;
pub(super) use take_over::take_over;
pub(crate) use verify::verify;
pub use verify::{Unchecked, Verified};

/// The form of the events that are written.
const VERSION: i64 = 2;
/// The length of a salt, in bytes.
const SALT: usize = 16;

/// The end of the trail. Whoever keeps a copy can prove later that nothing before it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many events there are.
    pub seq: i64,
    /// The last one's hash; zeros for an empty trail.
    pub hash: [u8; 32],
}

impl Head {
    /// Of an empty trail.
    const NONE: Self = Self {
        seq: 0,
        hash: [0; 32],
    };

    /// The hash in hexadecimal.
    #[must_use]
    pub fn hex(&self) -> String {
        bytes::hex(&self.hash)
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hex())
    }
}

impl FromStr for Head {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a head is written COUNT:HASH, the hash with 64 hexadecimal digits";
        let (seq, digits) = text.split_once(':').ok_or(FORM)?;
        let seq = seq.parse().map_err(|_| FORM)?;
        let hash = bytes::unhex(digits).ok_or(FORM)?;
        Ok(Self { seq, hash })
    }
}

/// Appends an event to the chain, in the caller's transaction, together with what has changed in
/// the person's rows since their last event.
pub(crate) fn append_event(
    db: &Connection,
    at: Timestamp,
    target: Option<TargetId>,
    email: Option<&Email>,
    event: &Event,
) -> Result<(), StoreError> {
    let unwritten = |e| StoreError::Corrupt(format!("an event could not be written: {e}"));
    let rows = email.map(|email| changes::of_person(email.key()));
    let rows = rows.unwrap_or_default();
    let mut body = serde_json::to_string(event).map_err(unwritten)?;
    if !rows.is_empty() && body.pop() == Some('}') {
        let rows = serde_json::to_string(&rows).map_err(unwritten)?;
        let comma = if body.len() > 1 { "," } else { "" };
        body = format!("{body}{comma}\"rows\":{rows}}}");
    }
    put(db, at, event.kind(), target, email, &body)
}

fn put(
    db: &Connection,
    at: Timestamp,
    kind: &str,
    target: Option<TargetId>,
    email: Option<&Email>,
    body: &str,
) -> Result<(), StoreError> {
    let head = head(db)?;
    let seq = head.seq + 1;
    let at = values::stored(at);
    let salt: [u8; SALT] = bytes::random()?;
    let (target, email) = (target.map(|t| t.0), email.map(Email::key));
    let payload = payload_digest(VERSION, &salt, target, email, body);
    let hash = link(VERSION, &head.hash, seq, at, kind, &payload);
    db.prepare_cached(
        "INSERT INTO event (seq, at, kind, payload, hash, version)
         VALUES (:seq, :at, :kind, :payload, :hash, :version)",
    )?
    .execute(named_params! {
        ":seq": seq, ":at": at, ":kind": kind, ":payload": payload, ":hash": hash,
        ":version": VERSION,
    })?;
    db.prepare_cached(
        "INSERT INTO event_payload (seq, salt, target, email_key, body)
         VALUES (:seq, :salt, :target, :email_key, :body)",
    )?
    .execute(named_params! {
        ":seq": seq, ":salt": salt, ":target": target, ":email_key": email, ":body": body,
    })?;
    Ok(())
}

/// Where the chain ends now.
pub(crate) fn head(db: &Connection) -> Result<Head, StoreError> {
    let head = db
        .prepare_cached("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| {
            Ok(Head {
                seq: row.get(0)?,
                hash: row.get(1)?,
            })
        })
        .optional()?;
    Ok(head.unwrap_or(Head::NONE))
}

/// What the chain covers of an event's payload.
fn payload_digest(
    version: i64,
    salt: &[u8],
    target: Option<i64>,
    email: Option<&str>,
    body: &str,
) -> [u8; 32] {
    let mut hasher = Sha256::new();
    if version == 1 {
        hasher.update(salt);
        hasher.update(body.as_bytes());
        return hasher.finalize().into();
    }
    hasher.update(b"lapsed payload 2");
    hasher.update(salt);
    match target {
        None => hasher.update([0]),
        Some(target) => {
            hasher.update([1]);
            hasher.update(target.to_be_bytes());
        }
    }
    match email {
        None => hasher.update([0]),
        Some(email) => {
            hasher.update([1]);
            hasher.update((email.len() as u64).to_be_bytes());
            hasher.update(email.as_bytes());
        }
    }
    hasher.update((body.len() as u64).to_be_bytes());
    hasher.update(body.as_bytes());
    hasher.finalize().into()
}

fn link(
    version: i64,
    previous: &[u8; 32],
    seq: i64,
    at: i64,
    kind: &str,
    payload: &[u8; 32],
) -> [u8; 32] {
    let mut hasher = Sha256::new();
    if version != 1 {
        hasher.update(b"lapsed event 2");
    }
    hasher.update(previous);
    hasher.update(seq.to_be_bytes());
    hasher.update(at.to_be_bytes());
    hasher.update((kind.len() as u64).to_be_bytes());
    hasher.update(kind.as_bytes());
    hasher.update(payload);
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;
    use crate::domain::event::ActionOnly;

    async fn with_three_events() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("l.db")).unwrap();
        store
            .write(|db| {
                for action_id in 0..3 {
                    let event = Event::ActionVerified(ActionOnly { action_id });
                    let email = Email::observed("Jane@example.com");
                    append_event(db, crate::clock::now(), None, Some(&email), &event)?;
                }
                Ok(())
            })
            .await
            .unwrap();
        (dir, store)
    }

    fn tamper(dir: &tempfile::TempDir, sql: &str) -> rusqlite::Result<()> {
        #[expect(clippy::disallowed_methods, reason = "an intruder's own connection")]
        let db = Connection::open(dir.path().join("l.db")).unwrap();
        db.execute_batch(sql)
    }

    #[tokio::test]
    async fn an_untouched_chain_is_whole_and_holds_each_earlier_head() {
        let (_dir, store) = with_three_events().await;
        let verified = store.read(|db| verify(db, None)).await.unwrap();
        let Verified::Whole { head, erased, .. } = verified else {
            panic!("{verified:?}")
        };
        assert_eq!((head.seq, erased), (3, 0));
        let again = store.read(move |db| verify(db, Some(&head))).await.unwrap();
        assert!(matches!(again, Verified::Whole { .. }));
        let other = Head {
            hash: [7; 32],
            ..head
        };
        let never = store
            .read(move |db| verify(db, Some(&other)))
            .await
            .unwrap();
        assert!(matches!(never, Verified::Broken { seq: 3, .. }));
    }

    #[tokio::test]
    async fn the_database_refuses_to_change_or_delete_an_event() {
        let (dir, _store) = with_three_events().await;
        for sql in [
            "UPDATE event SET kind = 'x' WHERE seq = 2",
            "DELETE FROM event WHERE seq = 2",
            "UPDATE event_payload SET body = '{}' WHERE seq = 2",
        ] {
            let error = tamper(&dir, sql).unwrap_err().to_string();
            assert!(error.contains("append-only"), "{error}");
        }
    }

    #[tokio::test]
    async fn what_an_intruder_changes_is_found_and_an_erased_payload_is_not_a_break() {
        let (dir, store) = with_three_events().await;
        tamper(&dir, "DELETE FROM event_payload WHERE seq = 1").unwrap();
        let verified = store.read(|db| verify(db, None)).await.unwrap();
        assert!(matches!(verified, Verified::Whole { erased: 1, .. }));
        tamper(
            &dir,
            "DROP TRIGGER event_payload_keeps; UPDATE event_payload SET body = '{}' WHERE seq = 2",
        )
        .unwrap();
        let verified = store.read(|db| verify(db, None)).await.unwrap();
        assert!(matches!(verified, Verified::Broken { seq: 2, .. }));
    }
}
