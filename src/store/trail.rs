//! The audit trail: append-only, and each event's hash covers the one before.
//!
//! `hash = SHA-256(previous hash ‖ seq ‖ at ‖ length of kind ‖ kind ‖ SHA-256(salt ‖ payload))`,
//! numbers as 8 bytes, big end first; the first event's previous hash is 32 zero bytes.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{StoreError, time};
use crate::domain::{Email, TargetId};

/// The trail's end: who keeps it can prove later that nothing before it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many events there are.
    pub seq: i64,
    /// The last one's hash; zeros for an empty trail.
    pub hash: [u8; 32],
}

impl Head {
    /// The hash in hexadecimal.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.hash)
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
        let mut hash = [0; 32];
        if digits.len() != 64 || !digits.is_ascii() {
            return Err(FORM);
        }
        for (byte, place) in hash.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&digits[place..place + 2], 16).map_err(|_| FORM)?;
        }
        Ok(Self { seq, hash })
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What happened, before it has its place in the chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a, P> {
    pub(crate) at: Timestamp,
    pub(crate) kind: &'static str,
    pub(crate) target: Option<TargetId>,
    pub(crate) email: Option<&'a Email>,
    pub(crate) payload: &'a P,
}

/// Adds an event to the chain, in the caller's transaction.
pub(crate) fn append<P: Serialize>(
    db: &Connection,
    entry: &Entry<'_, P>,
) -> Result<(), StoreError> {
    let head = head(db)?;
    let seq = head.seq + 1;
    let at = time::stored(entry.at);
    let body = serde_json::to_string(entry.payload)
        .map_err(|e| StoreError::Corrupt(format!("an event could not be written: {e}")))?;
    let mut salt = [0_u8; 16];
    getrandom::fill(&mut salt)
        .map_err(|e| StoreError::Corrupt(format!("no random numbers: {e}")))?;
    let payload = payload_digest(&salt, &body);
    let hash = link(&head.hash, seq, at, entry.kind, &payload);
    db.prepare_cached(
        "INSERT INTO event (seq, at, kind, payload, hash) VALUES (:seq, :at, :kind, :payload, :hash)",
    )?
    .execute(named_params! {
        ":seq": seq, ":at": at, ":kind": entry.kind, ":payload": payload, ":hash": hash,
    })?;
    db.prepare_cached(
        "INSERT INTO event_payload (seq, salt, target, email_key, body)
         VALUES (:seq, :salt, :target, :email_key, :body)",
    )?
    .execute(named_params! {
        ":seq": seq, ":salt": salt, ":target": entry.target.map(|t| t.0),
        ":email_key": entry.email.map(Email::key), ":body": body,
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
    Ok(head.unwrap_or(Head {
        seq: 0,
        hash: [0; 32],
    }))
}

fn payload_digest(salt: &[u8], body: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(salt);
    hasher.update(body.as_bytes());
    hasher.finalize().into()
}

fn link(previous: &[u8; 32], seq: i64, at: i64, kind: &str, payload: &[u8; 32]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(previous);
    hasher.update(seq.to_be_bytes());
    hasher.update(at.to_be_bytes());
    hasher.update((kind.len() as u64).to_be_bytes());
    hasher.update(kind.as_bytes());
    hasher.update(payload);
    hasher.finalize().into()
}

/// An event as it is exported: one JSON line.
#[derive(Debug, Clone, Serialize)]
pub struct Exported {
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// Where.
    pub target: Option<String>,
    /// Whom it concerns.
    pub email: Option<String>,
    /// The details; `null` once they were erased.
    pub payload: Option<serde_json::Value>,
    /// The salt of the payload's digest, in hexadecimal.
    pub salt: Option<String>,
    /// The payload's exact text, which the digest covers.
    pub payload_text: Option<String>,
    /// The payload's salted digest, in hexadecimal.
    pub payload_digest: String,
    /// The event's hash, in hexadecimal.
    pub hash: String,
}

/// What `audit verify` found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verified {
    /// Every event follows from the one before.
    Whole {
        /// The end of the chain.
        head: Head,
        /// Events whose payload was erased; their digests still count.
        erased: u64,
    },
    /// The chain does not hold.
    Broken {
        /// The first event at which that shows.
        seq: i64,
        /// How.
        why: &'static str,
    },
}

/// Walks the whole chain. `expected` is a head that was noted earlier, as in a report: it must lie
/// on the chain.
pub(crate) fn verify(db: &Connection, expected: Option<&Head>) -> Result<Verified, StoreError> {
    let mut statement = db.prepare(
        "SELECT e.seq, e.at, e.kind, e.payload, e.hash, p.salt, p.body
         FROM event e LEFT JOIN event_payload p USING (seq) ORDER BY e.seq",
    )?;
    let mut rows = statement.query([])?;
    let mut head = Head {
        seq: 0,
        hash: [0; 32],
    };
    let mut erased = 0;
    let mut met = expected.is_none_or(|e| *e == head);
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let broken = |why| Ok(Verified::Broken { seq, why });
        if seq != head.seq + 1 {
            return broken("events before it are missing");
        }
        let kind: String = row.get(2)?;
        let payload: [u8; 32] = row.get(3)?;
        let hash: [u8; 32] = row.get(4)?;
        match (
            row.get::<_, Option<Vec<u8>>>(5)?,
            row.get::<_, Option<String>>(6)?,
        ) {
            (Some(salt), Some(body)) if payload_digest(&salt, &body) != payload => {
                return broken("its payload was changed");
            }
            (Some(_), Some(_)) => {}
            _ => erased += 1,
        }
        if link(&head.hash, seq, row.get(1)?, &kind, &payload) != hash {
            return broken("its hash does not follow from what it covers");
        }
        head = Head { seq, hash };
        met |= expected.is_some_and(|e| *e == head);
    }
    if !met {
        let seq = expected.map_or(0, |e| e.seq);
        let why = "it is not on this chain with that hash";
        return Ok(Verified::Broken { seq, why });
    }
    Ok(Verified::Whole { head, erased })
}

/// Hands every event to `each`, oldest first, one at a time.
pub(crate) fn export(
    db: &Connection,
    mut each: impl FnMut(&Exported) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let names = super::targets::names(db)?;
    let mut statement = db.prepare(
        "SELECT e.seq, e.at, e.kind, e.payload, e.hash, p.salt, p.body, p.target, p.email_key
         FROM event e LEFT JOIN event_payload p USING (seq) ORDER BY e.seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let body: Option<String> = row.get(6)?;
        let target: Option<i64> = row.get(7)?;
        each(&Exported {
            seq: row.get(0)?,
            at: time::read(row.get(1)?),
            kind: row.get(2)?,
            target: target.and_then(|id| names.get(&TargetId(id)).map(|t| t.written())),
            email: row.get(8)?,
            payload: body.as_deref().and_then(|b| serde_json::from_str(b).ok()),
            salt: row.get::<_, Option<Vec<u8>>>(5)?.map(|s| hex(&s)),
            payload_text: body,
            payload_digest: hex(&row.get::<_, Vec<u8>>(3)?),
            hash: hex(&row.get::<_, Vec<u8>>(4)?),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    async fn with_three_events() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("l.db")).unwrap();
        store
            .write(|db| {
                for n in 0..3 {
                    append(
                        db,
                        &Entry {
                            at: crate::clock::now(),
                            kind: "test.event",
                            target: None,
                            email: Some(&Email::observed("Jane@example.com")),
                            payload: &serde_json::json!({ "n": n }),
                        },
                    )?;
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
        let Verified::Whole { head, erased } = verified else {
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
