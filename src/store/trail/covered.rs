//! The tables that the trail covers: it contains each change of their rows, and `audit verify`
//! compares both. Columns that are left out change with every pass or are read again from the
//! providers; docs/THREAT-MODEL.md lists them.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use sha2::{Digest as _, Sha256};

use crate::store::StoreError;
use crate::store::db::bytes::hex;

/// A table with the columns that are compared.
#[derive(Debug)]
pub(super) struct Covered {
    pub(super) table: &'static str,
    /// The columns of the key.
    pub(super) key: &'static [&'static str],
    /// The column with the person that a row concerns.
    pub(super) person: Option<&'static str>,
    pub(super) columns: &'static [&'static str],
    /// Which of its rows: a condition in SQL on `{row}`.
    only: Option<&'static str>,
}

/// Planned actions are lapsed's own list of what it is about to do, made again by each pass:
/// nothing happens before an intent records the row. An action that a person approved is covered.
const NOT_ONLY_PLANNED: &str =
    "NOT ({row}.state = 'planned' AND {row}.attempts = 0 AND {row}.approved_at IS NULL)";

/// In the order in which they are compared.
pub(super) const COVERED: [Covered; 8] = [
    Covered {
        table: "target",
        key: &["id"],
        person: None,
        columns: &[
            "provider",
            "account",
            "remote_id",
            "name",
            "listed",
            "first_seen",
        ],
        only: None,
    },
    Covered {
        table: "grants",
        key: &["id"],
        person: Some("email_key"),
        columns: &[
            "target",
            "email",
            "email_key",
            "person",
            "member_id",
            "name",
            "permissions",
            "role",
            "starts_at",
            "ends_at",
            "revoked",
            "owner",
            "reason",
            "as_written",
            "recorded_at",
            "removed_at",
            "refused",
            "confirmed_at",
            "reopened_at",
            "source",
            "dropped_at",
            "dropped_by",
        ],
        only: None,
    },
    Covered {
        table: "action",
        key: &["id"],
        person: Some("email_key"),
        columns: &[
            "kind",
            "target",
            "person",
            "what",
            "email",
            "email_key",
            "reason",
            "remote_id",
            "role",
            "due_at",
            "planned_at",
            "state",
            "evidence",
            "attempts",
            "tried_at",
            "detail",
            "approved_at",
            "settled_at",
        ],
        only: Some(NOT_ONLY_PLANNED),
    },
    Covered {
        table: "provision",
        key: &["id"],
        person: Some("email_key"),
        columns: &[
            "kind",
            "target",
            "email",
            "email_key",
            "role",
            "flags",
            "command",
            "asked_by",
            "take_back",
            "planned_at",
            "state",
            "result",
            "attempts",
            "tried_at",
            "unanswered",
            "gap_since",
            "detail",
            "settled_at",
            "member_id",
        ],
        only: None,
    },
    Covered {
        table: "entry",
        key: &["target", "person", "email"],
        person: Some("person"),
        columns: &[
            "how",
            "name",
            "permissions",
            "starts_at",
            "ends_at",
            "taken_at",
        ],
        only: None,
    },
    Covered {
        table: "hold",
        key: &["id"],
        person: None,
        columns: &["digest", "actions", "held_at", "approved_at", "approved_by"],
        only: None,
    },
    Covered {
        table: "answering",
        key: &["account", "fingerprint"],
        person: None,
        columns: &["since"],
        only: None,
    },
    Covered {
        table: "outbox",
        key: &["id"],
        person: Some("recipient"),
        columns: &[
            "kind",
            "unique_key",
            "sender",
            "recipient",
            "message_id",
            "body",
            "created_at",
            "state",
            "sent_at",
            "refused_at",
        ],
        only: None,
    },
];

impl Covered {
    /// The row's key and columns one by one, in SQL.
    pub(super) fn values(&self, row: &str) -> String {
        let columns = self.key.iter().chain(self.columns);
        let told: Vec<String> = columns.map(|column| self.told(row, column)).collect();
        told.join(", ")
    }

    /// The row's key as a JSON array, in SQL.
    pub(super) fn key_of(&self, row: &str) -> String {
        array(self.key.iter().map(|column| self.told(row, column)))
    }

    /// The row's columns as a JSON array, in SQL.
    pub(super) fn columns_of(&self, row: &str) -> String {
        array(self.columns.iter().map(|column| self.told(row, column)))
    }

    /// Whether the row is one of those that are covered, in SQL.
    pub(super) fn holds(&self, row: &str) -> String {
        self.only
            .map_or_else(|| "TRUE".to_owned(), |only| only.replace("{row}", row))
    }

    /// Whether a column that is compared has changed, in SQL.
    pub(super) fn has_changed(&self) -> String {
        let columns = self.key.iter().chain(self.columns);
        let changed = columns.map(|column| match (self.table, *column) {
            ("outbox", "state") => format!(
                "{} IS NOT {}",
                self.told("old", column),
                self.told("new", column)
            ),
            _ => format!("old.{column} IS NOT new.{column}"),
        });
        changed.collect::<Vec<_>>().join(" OR ")
    }

    /// The row by its key, in SQL: `?1` and so on are the key's parts.
    pub(super) fn by_key(&self) -> String {
        let parts = self.key.iter().enumerate();
        let parts = parts.map(|(n, column)| format!("{} = ?{}", self.told("r", column), n + 1));
        let parts: Vec<String> = parts.collect();
        format!(
            "SELECT {} FROM {} r WHERE {} AND {}",
            self.columns_of("r"),
            self.table,
            parts.join(" AND "),
            self.holds("r")
        )
    }

    /// How a column is written into an event: bytes in hexadecimal, mails by their digest. Whether
    /// a mail is being delivered or waits for its next try is left out.
    fn told(&self, row: &str, column: &str) -> String {
        match (self.table, column) {
            ("hold", "digest") | ("answering", "fingerprint") => format!("hex({row}.{column})"),
            ("outbox", "body") => format!("sha256({row}.{column})"),
            ("outbox", "state") => format!(
                "CASE WHEN {row}.state IN ('queued', 'claimed', 'failed') THEN 'waiting' ELSE {row}.state END"
            ),
            _ => format!("{row}.{column}"),
        }
    }
}

fn array(parts: impl Iterator<Item = String>) -> String {
    format!("json_array({})", parts.collect::<Vec<_>>().join(", "))
}

/// Adds the SQL function `sha256(bytes)`, which reading the columns needs.
pub(super) fn know_sha256(db: &Connection) -> Result<(), StoreError> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    db.create_scalar_function("sha256", 1, flags, |call| {
        let bytes = match call.get_raw(0) {
            ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes,
            _ => return Ok(None),
        };
        Ok(Some(hex(&Sha256::digest(bytes))))
    })?;
    Ok(())
}
