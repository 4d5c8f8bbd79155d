//! What the trail tells of holds, the database, mails, passes and rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::domain::{Counts, Email, Verdict};

/// A person approved what was held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HoldApproved {
    pub(crate) action_ids: Vec<i64>,
    /// How many of them were still held.
    pub(crate) actions: usize,
    pub(crate) by: String,
    pub(crate) run: String,
}

/// An approval does not count any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HoldTakenBack {
    pub(crate) action_id: i64,
    pub(crate) run: String,
    pub(crate) why: String,
}

/// The database may be an older copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DatabaseDoubted {
    pub(crate) run: String,
    pub(crate) why: String,
}

/// A person says that it is the right one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DatabaseConfirmed {
    pub(crate) by: String,
    pub(crate) run: String,
}

/// What became of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mailed {
    /// Of what kind it is.
    pub(crate) mail: String,
    pub(crate) message_id: String,
    pub(crate) to: Email,
    pub(crate) why: Option<String>,
}

/// How a pass ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunFinished {
    #[serde(serialize_with = "by_name")]
    pub(crate) counts: Counts,
    pub(crate) outcome: Verdict,
    pub(crate) run: String,
}

/// In the order of the names, and not in that of the outcome.
fn by_name<S: Serializer>(counts: &Counts, serializer: S) -> Result<S::Ok, S::Error> {
    let counts = serde_json::to_value(counts).map_err(serde::ser::Error::custom)?;
    counts.serialize(serializer)
}

/// Rows as they have become, where no other event tells of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rows {
    #[serde(default)]
    pub(crate) rows: Vec<RowChange>,
}

/// What has become of a row: of a new one all that it holds, of another what is different.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RowChange {
    pub(crate) is: Option<BTreeMap<String, Value>>,
    pub(crate) key: Vec<Value>,
    pub(crate) table: String,
    pub(crate) was: Option<BTreeMap<String, Value>>,
}
