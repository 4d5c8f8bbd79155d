//! What happened to one person, in words: a sentence an event.

mod sentences;

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::words::Words;

/// Something that happened, as it is on record.
#[derive(Debug, Clone)]
pub(crate) struct Happened {
    pub(crate) at: Timestamp,
    pub(crate) kind: String,
    pub(crate) target: Option<String>,
    /// The payload.
    pub(crate) detail: Value,
    /// Its place in the trail and its hash; a reading has none of its own: one event of it names
    /// everybody whom it showed to have changed.
    pub(crate) event: Option<(i64, String)>,
}

/// What an action is and why, by its number: most events about it give the number alone.
pub(crate) type Actions = HashMap<i64, (String, String)>;

/// A row of `history`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) at: Timestamp,
    pub(crate) kind: String,
    pub(crate) target: Option<String>,
    pub(crate) text: String,
    /// Who did it, or what proves it.
    pub(crate) by: Option<String>,
    pub(crate) detail: Value,
    pub(crate) seq: Option<i64>,
    pub(crate) hash: Option<String>,
}

/// All that happened, oldest first.
pub(crate) fn tell(mut happened: Vec<Happened>, actions: &Actions, words: &Words) -> Vec<Row> {
    happened.sort_by_key(|h| (h.at, h.event.as_ref().map(|(seq, _)| *seq)));
    let mut narrator = sentences::Narrator::new(actions, words);
    happened
        .into_iter()
        .map(|h| {
            let sentence = narrator.say(&h.kind, &h.detail);
            let (seq, hash) = h.event.unzip();
            Row {
                at: h.at,
                kind: h.kind,
                target: h.target,
                text: sentence.text,
                by: sentence.by,
                detail: h.detail,
                seq,
                hash,
            }
        })
        .collect()
}
