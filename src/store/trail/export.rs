//! The trail, event by event, for others to check and keep.

use jiff::Timestamp;
use rusqlite::Connection;
use serde::Serialize;

use crate::domain::TargetId;
use crate::store::db::{bytes::hex, values};
use crate::store::{StoreError, tables::targets};

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
    /// The same by its number in the database, which the digest of version 2 covers.
    pub target_id: Option<i64>,
    /// Who it concerns, by the address that the digest of version 2 covers.
    pub email: Option<String>,
    /// The details; `null` once they were erased.
    pub payload: Option<serde_json::Value>,
    /// The salt of the payload's digest, in hexadecimal.
    pub salt: Option<String>,
    /// The payload's exact text, which the digest covers.
    pub payload_text: Option<String>,
    /// The payload's salted digest, in hexadecimal.
    pub payload_digest: String,
    /// The form of digest and hash: 1 or 2.
    pub version: i64,
    /// The event's hash, in hexadecimal.
    pub hash: String,
}

/// Hands every event to `each`, oldest first, one at a time.
pub(crate) fn export(
    db: &Connection,
    mut each: impl FnMut(&Exported) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let names = targets::names(db)?;
    let mut statement = db.prepare(
        "SELECT e.seq, e.at, e.kind, e.payload, e.hash, p.salt, p.body, p.target, p.email_key, e.version
         FROM event e LEFT JOIN event_payload p USING (seq) ORDER BY e.seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let body: Option<String> = row.get(6)?;
        let target: Option<i64> = row.get(7)?;
        each(&Exported {
            seq: row.get(0)?,
            at: values::read(row.get(1)?),
            kind: row.get(2)?,
            target: target.and_then(|id| names.get(&TargetId(id)).map(|t| t.written())),
            target_id: target,
            email: row.get(8)?,
            payload: body.as_deref().and_then(|b| serde_json::from_str(b).ok()),
            salt: row.get::<_, Option<Vec<u8>>>(5)?.map(|s| hex(&s)),
            payload_text: body,
            payload_digest: hex(&row.get::<_, Vec<u8>>(3)?),
            version: row.get(9)?,
            hash: hex(&row.get::<_, Vec<u8>>(4)?),
        })?;
    }
    Ok(())
}
