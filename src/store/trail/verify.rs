//! `audit verify`: walks the chain once, replaying the rows, and then compares the tables with
//! them.

use rusqlite::{Connection, Row};

use super::agreement::Agreement;
use super::covered::know_sha256;
use super::replay::Replay;
use super::take_over::TAKEN_OVER;
use super::{Head, SALT, link, payload_digest, schema, words};
use crate::domain::Event;
use crate::domain::event::Rows;
use crate::store::StoreError;

/// How many differences are named; the others are counted.
pub(super) const NAMED: usize = 20;

/// What `audit verify` found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verified {
    /// Every event follows from the one before, and the tables agree with the events.
    Whole {
        /// The end of the chain.
        head: Head,
        /// Events whose payload was erased; their digests still count.
        erased: u64,
        /// What cannot be checked any more, since payloads were erased.
        unchecked: Unchecked,
    },
    /// The chain does not hold.
    Broken {
        /// The first event that is wrong.
        seq: i64,
        /// How.
        why: String,
    },
    /// The chain holds, but something else was changed by another program.
    Differs {
        /// The end of the chain.
        head: Head,
        /// The first differences, in words.
        differences: Vec<String>,
        /// How many there are.
        count: usize,
    },
}

/// Rows that differ from the trail, but that an erased event may have changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unchecked {
    /// The first of them, in words.
    pub rows: Vec<String>,
    /// How many there are.
    pub count: usize,
}

/// An event with its payload, as it is stored.
struct Stored {
    seq: i64,
    at: i64,
    kind: String,
    payload: [u8; 32],
    hash: [u8; 32],
    version: i64,
    content: Option<Content>,
}

struct Content {
    salt: Vec<u8>,
    target: Option<i64>,
    email: Option<String>,
    body: String,
}

impl Stored {
    const SELECT: &str =
        "SELECT e.seq, e.at, e.kind, e.payload, e.hash, e.version, p.salt, p.target, p.email_key, p.body
         FROM event e LEFT JOIN event_payload p USING (seq) ORDER BY e.seq";

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let content = match row.get::<_, Option<Vec<u8>>>(6)? {
            None => None,
            Some(salt) => Some(Content {
                salt,
                target: row.get(7)?,
                email: row.get(8)?,
                body: row.get(9)?,
            }),
        };
        Ok(Self {
            seq: row.get(0)?,
            at: row.get(1)?,
            kind: row.get(2)?,
            payload: row.get(3)?,
            hash: row.get(4)?,
            version: row.get(5)?,
            content,
        })
    }
}

/// The walk so far.
#[derive(Default)]
struct Walk {
    head: Option<Head>,
    version: i64,
    /// Whether an event has come that is no take-over of older rows.
    tells_changes: bool,
    erased: u64,
    agreement: Agreement,
    replay: Replay,
}

impl Walk {
    /// Takes the next event, or says what is wrong with it.
    fn step(&mut self, event: &Stored) -> Result<(), String> {
        let before = self.head.unwrap_or(Head::NONE);
        if event.seq != before.seq + 1 {
            return Err("events before it are missing".to_owned());
        }
        if event.version < self.version {
            return Err("it has an older form than the event before it".to_owned());
        }
        self.version = event.version;
        match &event.content {
            Some(content) => self.look_into(event, content)?,
            None => {
                self.erased += 1;
                self.replay.erased(event.seq);
            }
        }
        let hash = link(
            event.version,
            &before.hash,
            event.seq,
            event.at,
            &event.kind,
            &event.payload,
        );
        if hash != event.hash {
            return Err("its hash does not follow from what it covers".to_owned());
        }
        self.head = Some(Head {
            seq: event.seq,
            hash,
        });
        Ok(())
    }

    fn look_into(&mut self, event: &Stored, content: &Content) -> Result<(), String> {
        let Content {
            salt,
            target,
            email,
            body,
        } = content;
        if salt.len() != SALT {
            return Err(format!(
                "its payload's salt has {} bytes and not {SALT}: something was moved between the two",
                salt.len()
            ));
        }
        let digest = payload_digest(event.version, salt, *target, email.as_deref(), body);
        if digest != event.payload {
            return Err(match event.version {
                1 => "its payload was changed".to_owned(),
                _ => {
                    "its payload, or the person or target that it concerns, was changed (event_payload: body, salt, email_key, target)"
                        .to_owned()
                }
            });
        }
        if let Some(target) = target.filter(|_| event.kind.starts_with("team."))
            && let Some(Event::TeamMatched(team) | Event::TeamRenamed(team)) =
                Event::read(&event.kind, body)
        {
            self.agreement.team_is_named(target, team.name);
        }
        if event.version == 1 {
            let body = serde_json::from_str(body).unwrap_or_default();
            return self
                .agreement
                .of_old(event.seq, *target, email.as_deref(), &body);
        }
        let is_taken_over = event.kind == TAKEN_OVER;
        if is_taken_over && self.tells_changes {
            return Err(
                "it takes rows over as an older version left them, and the trail tells of rows before it"
                    .to_owned(),
            );
        }
        self.tells_changes |= !is_taken_over;
        if body.contains("\"rows\":") {
            let told: Rows = serde_json::from_str(body)
                .map_err(|_| "its payload tells of rows in no known form")?;
            self.replay.take(event.seq, told.rows);
        }
        Ok(())
    }
}

/// Walks the whole chain, and compares the tables with it. `expected` is a head noted earlier, as
/// in a report: it must lie on the chain.
pub(crate) fn verify(db: &Connection, expected: Option<&Head>) -> Result<Verified, StoreError> {
    know_sha256(db)?;
    let mut statement = db.prepare(Stored::SELECT)?;
    let mut rows = statement.query([])?;
    let mut walk = Walk::default();
    let mut met = expected.is_none_or(|e| *e == Head::NONE);
    while let Some(row) = rows.next()? {
        let event = Stored::read(row)?;
        if let Err(why) = walk.step(&event) {
            let seq = event.seq;
            return Ok(Verified::Broken { seq, why });
        }
        met |= expected.is_some_and(|e| walk.head == Some(*e));
    }
    if !met {
        let seq = expected.map_or(0, |e| e.seq);
        let why = "it is not on this chain with that hash".to_owned();
        return Ok(Verified::Broken { seq, why });
    }
    if let Some((seq, why)) = walk.agreement.broken(db)? {
        return Ok(Verified::Broken { seq, why });
    }
    let head = walk.head.unwrap_or(Head::NONE);
    let mut differences = schema::differences(db)?;
    differences.extend(strays(db)?);
    walk.replay.compare(db)?;
    let count = differences.len() + walk.replay.faults.len();
    let mut named = walk.replay.faults;
    named.truncate(NAMED);
    differences.extend(words::of(db, &named)?);
    if count > 0 {
        return Ok(Verified::Differs {
            head,
            differences,
            count,
        });
    }
    let mut unchecked = walk.replay.unchecked;
    let count = unchecked.len();
    unchecked.truncate(NAMED);
    Ok(Verified::Whole {
        head,
        erased: walk.erased,
        unchecked: Unchecked {
            rows: words::of(db, &unchecked)?,
            count,
        },
    })
}

/// Payloads without an event.
fn strays(db: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = db.prepare(
        "SELECT seq FROM event_payload WHERE seq NOT IN (SELECT seq FROM event) ORDER BY seq LIMIT 20",
    )?;
    let strays = statement.query_map([], |row| row.get::<_, i64>(0))?;
    strays
        .map(|seq| Ok(format!("event_payload {} belongs to no event", seq?)))
        .collect()
}
