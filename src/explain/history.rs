//! What happened to one person, in words: a sentence an event.

mod amended;
mod sentences;

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use strum::IntoStaticStr;

use super::words::Words;
use crate::domain::Event;

/// Something that happened, as it is on record.
#[derive(Debug, Clone)]
pub(crate) struct Happened {
    pub(crate) at: Timestamp,
    pub(crate) kind: String,
    pub(crate) what: What,
    pub(crate) target: Option<String>,
    pub(crate) detail: Value,
    /// Its place in the trail and its hash; none for what readings showed: one event of a reading
    /// names everybody who had changed.
    pub(crate) event: Option<(i64, String)>,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// An event of the trail.
    Event(Box<Event>),
    /// An event of a kind that this version does not know.
    Other,
    /// What the tables tell of the person.
    Seen(Seen),
}

/// What readings showed of a person, and what a person decided about what was held.
#[derive(Debug, Clone, PartialEq, Eq, IntoStaticStr)]
pub(crate) enum Seen {
    /// With the flags, in words.
    #[strum(serialize = "member.appeared")]
    MemberAppeared(String),
    /// With what changed, in words.
    #[strum(serialize = "member.changed")]
    MemberChanged(String),
    #[strum(serialize = "member.left")]
    MemberLeft,
    #[strum(serialize = "invite.appeared")]
    InviteAppeared,
    #[strum(serialize = "invite.gone")]
    InviteGone,
    #[strum(serialize = "email.suppressed")]
    EmailSuppressed,
    #[strum(serialize = "email.restored")]
    EmailRestored,
    /// With who did so.
    #[strum(serialize = "hold.approved")]
    HoldApproved(Option<String>),
}

impl Seen {
    /// The word in output.
    pub(crate) fn kind(&self) -> &'static str {
        self.into()
    }
}

/// What an action is and why, by its number: most events about it give the number alone.
pub(crate) type Actions = HashMap<i64, (String, String)>;

/// A row of `history`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct HistoryRow {
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
pub(crate) fn tell(
    mut happened: Vec<Happened>,
    actions: &Actions,
    words: &Words,
) -> Vec<HistoryRow> {
    happened.sort_by_key(|h| (h.at, h.event.as_ref().map(|(seq, _)| *seq)));
    let mut narrator = sentences::Narrator::new(actions, words);
    happened
        .into_iter()
        .map(|h| {
            let sentence = narrator.say(&h);
            let (seq, hash) = h.event.unzip();
            HistoryRow {
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
