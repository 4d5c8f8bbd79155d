//! What the program has written down: its trail and its tables, read with a connection of our own.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::forms::Forms;
use super::{SENTIUS_KEY, World};

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at the database, and tampers with it, from outside"
)]
pub(crate) fn open(world: &World) -> Connection {
    Connection::open(world.database()).unwrap()
}

/// An event of the trail.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) payload: Value,
}

impl World {
    /// A number that the database gives.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        open(self).query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Whether nobody is writing to the database.
    pub(crate) fn is_free(&self) -> bool {
        let db = open(self);
        db.busy_timeout(std::time::Duration::ZERO).unwrap();
        db.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok()
    }

    /// The texts that the database gives.
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        let db = open(self);
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// As if the whitelist had taken a write before, by its address and key of now. Needs a database.
    pub(crate) fn whitelist_is_known(&self) {
        let base: reqwest::Url = self.sentius.base_url().parse().unwrap();
        let salt = "salt";
        let mut hasher = Sha256::new();
        for part in [salt, base.as_str(), SENTIUS_KEY] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let fingerprint = hasher.finalize();
        let fingerprint: String = fingerprint.iter().map(|b| format!("{b:02X}")).collect();
        self.sql(&format!(
            "INSERT OR REPLACE INTO fact VALUES ('answering.salt', '{salt}');
             INSERT INTO answering VALUES ('sentius:acme', x'{fingerprint}', 0);"
        ));
        let key = json!(["sentius:acme", fingerprint]);
        let row = json!({ "table": "answering", "key": key, "was": null, "is": { "since": 0 } });
        self.forge(
            "rows.changed",
            None,
            None,
            &json!({ "rows": [row] }).to_string(),
        );
    }

    /// The events of the trail, oldest first, but for those that only tell of rows.
    pub(crate) fn events(&self) -> Vec<Event> {
        let db = open(self);
        let mut statement = db
            .prepare(
                "SELECT kind, body FROM event JOIN event_payload USING (seq)
                 WHERE kind NOT LIKE 'rows.%' ORDER BY seq",
            )
            .unwrap();
        let event = |row: &rusqlite::Row<'_>| {
            let body: String = row.get(1)?;
            Ok(Event {
                kind: row.get(0)?,
                payload: serde_json::from_str(&body).unwrap(),
            })
        };
        let events = statement.query_map([], event).unwrap();
        events.map(Result::unwrap).collect()
    }

    /// The mails that were decided: recipient and state by Message-ID.
    pub(crate) fn outbox(&self) -> BTreeMap<String, (String, String)> {
        let db = open(self);
        let mut statement = db
            .prepare("SELECT message_id, recipient, state FROM outbox")
            .unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))));
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// How often each action was settled for good in the trail, by its row: a result `done` or
    /// `absent`, or a reading that proved what had not been answered.
    pub(crate) fn settlements(&self) -> BTreeMap<i64, Vec<String>> {
        let mut rows: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for event in self.events() {
            let Some(row) = event.payload["action_id"].as_i64() else {
                continue;
            };
            let settled = rows.entry(row).or_default();
            match event.kind.as_str() {
                "action.result" => {
                    let state = event.payload["state"].as_str().unwrap();
                    if matches!(state, "done" | "absent") {
                        settled.push(state.to_owned());
                    }
                }
                // The proof of an acknowledged removal is no second settlement.
                "action.verified" if settled.is_empty() => settled.push("verified".to_owned()),
                "action.withdrawn" => settled.push("withdrawn".to_owned()),
                "action.contradicted" => settled.clear(),
                _ => {}
            }
        }
        rows
    }

    /// Every action that was ever due is settled, exactly once, and the chain is whole.
    pub(crate) async fn all_settled_once(&self) {
        assert_eq!(
            self.number("SELECT count(*) FROM action WHERE settled_at IS NULL"),
            0,
            "something is still open"
        );
        for (row, settled) in self.settlements() {
            assert_eq!(settled.len(), 1, "action {row}: {settled:?}");
        }
        self.trail_is_whole().await;
    }

    pub(crate) async fn trail_is_whole(&self) {
        let printed = self.lapsed(&["audit", "verify"]).await;
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        self.payloads_are_of_known_form();
    }

    /// The chain covers the payloads' bytes, and others read them.
    fn payloads_are_of_known_form(&self) {
        let db = open(self);
        let mut statement = db
            .prepare(
                "SELECT kind, body FROM event JOIN event_payload USING (seq) WHERE version = 2",
            )
            .unwrap();
        let mut rows = statement.query([]).unwrap();
        let forms = Forms::on_record();
        while let Some(row) = rows.next().unwrap() {
            let (kind, body): (String, String) = (row.get(0).unwrap(), row.get(1).unwrap());
            assert!(
                forms.has(&kind, &body),
                "a payload of another form: {kind} {body}"
            );
        }
    }
}
