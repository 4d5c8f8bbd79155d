//! The chain's arithmetic, as docs/JSON.md describes it: for tests that are an intruder who knows it,
//! or that make a trail of an earlier version.

use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};

use super::World;

/// An event's payload as it lies beside its hash.
struct Content {
    salt: Vec<u8>,
    target: Option<i64>,
    email: Option<String>,
    body: String,
}

fn payload_digest(version: i64, content: &Content) -> [u8; 32] {
    let mut hasher = Sha256::new();
    if version == 1 {
        hasher.update(&content.salt);
        hasher.update(&content.body);
        return hasher.finalize().into();
    }
    hasher.update("lapsed payload 2");
    hasher.update(&content.salt);
    match content.target {
        None => hasher.update([0]),
        Some(target) => {
            hasher.update([1]);
            hasher.update(target.to_be_bytes());
        }
    }
    match &content.email {
        None => hasher.update([0]),
        Some(email) => {
            hasher.update([1]);
            hasher.update((email.len() as u64).to_be_bytes());
            hasher.update(email);
        }
    }
    hasher.update((content.body.len() as u64).to_be_bytes());
    hasher.update(&content.body);
    hasher.finalize().into()
}

fn link(version: i64, before: &[u8; 32], seq: i64, at: i64, kind: &str, digest: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    if version == 2 {
        hasher.update("lapsed event 2");
    }
    hasher.update(before);
    hasher.update(seq.to_be_bytes());
    hasher.update(at.to_be_bytes());
    hasher.update((kind.len() as u64).to_be_bytes());
    hasher.update(kind);
    hasher.update(digest);
    hasher.finalize().into()
}

/// Makes the chain anew over the events from `first` on, all in one form.
pub(crate) fn rehash(db: &Connection, version: i64, first: i64) {
    let before = db.query_row(
        "SELECT hash FROM event WHERE seq = ?1 - 1",
        [first],
        |row| row.get(0),
    );
    let mut before: [u8; 32] = before.unwrap_or([0; 32]);
    let mut statement = db
        .prepare(
            "SELECT e.seq, at, kind, e.payload, salt, target, email_key, body
             FROM event e LEFT JOIN event_payload USING (seq) WHERE e.seq >= ?1 ORDER BY e.seq",
        )
        .unwrap();
    let mut rows = statement.query([first]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (seq, at): (i64, i64) = (row.get(0).unwrap(), row.get(1).unwrap());
        let kind: String = row.get(2).unwrap();
        let salt: Option<Vec<u8>> = row.get(4).unwrap();
        let digest = match salt {
            None => row.get(3).unwrap(),
            Some(salt) => {
                let content = Content {
                    salt,
                    target: row.get(5).unwrap(),
                    email: row.get(6).unwrap(),
                    body: row.get(7).unwrap(),
                };
                payload_digest(version, &content)
            }
        };
        before = link(version, &before, seq, at, &kind, &digest);
        db.execute(
            "UPDATE event SET payload = ?2, hash = ?3 WHERE seq = ?1",
            params![seq, digest, before],
        )
        .unwrap();
    }
}

/// Does something to a database without its triggers, and puts them back.
pub(crate) fn without_triggers(db: &Connection, job: impl FnOnce()) {
    let mut statement = db
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap();
    let triggers = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let triggers: Vec<(String, String)> = triggers.unwrap().map(Result::unwrap).collect();
    for (name, _) in &triggers {
        db.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    job();
    for (_, sql) in &triggers {
        db.execute_batch(sql).unwrap();
    }
}

impl World {
    /// Appends an event as lapsed would have, behind its back.
    pub(crate) fn forge(&self, kind: &str, target: Option<i64>, email: Option<&str>, body: &str) {
        let db = super::trail::open(self);
        let next = db.query_row("SELECT ifnull(max(seq), 0) + 1 FROM event", [], |row| {
            row.get(0)
        });
        let next: i64 = next.unwrap();
        let at = lapsed::clock::now().as_millisecond();
        without_triggers(&db, || {
            db.execute(
                "INSERT INTO event (seq, at, kind, payload, hash, version)
                 VALUES (?1, ?2, ?3, zeroblob(32), zeroblob(32), 2)",
                params![next, at, kind],
            )
            .unwrap();
            db.execute(
                "INSERT INTO event_payload (seq, salt, target, email_key, body)
                 VALUES (?1, zeroblob(16), ?2, ?3, ?4)",
                params![next, target, email, body],
            )
            .unwrap();
            rehash(&db, 2, next);
        });
    }
}
