//! What the trail tells of removals.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{ActionKind, ActionState, Email, Evidence, Reason, Target};

/// A removal is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempted {
    pub(crate) action: ActionKind,
    pub(crate) action_id: i64,
    pub(crate) due: Timestamp,
    pub(crate) email: Email,
    pub(crate) reason: Reason,
    pub(crate) run: String,
    pub(crate) target: Target,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tried {
    pub(crate) action: ActionKind,
    pub(crate) action_id: i64,
    /// How many tries there were; 0 where a reading told that nothing was to be done.
    pub(crate) attempt: u32,
    pub(crate) detail: Option<String>,
    pub(crate) email: Email,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) reason: Reason,
    pub(crate) run: String,
    pub(crate) state: ActionState,
    /// Absent where nothing was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<Target>,
}

/// The kind of the event says it all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActionOnly {
    pub(crate) action_id: i64,
}

/// A removal is not due any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Withdrawn {
    pub(crate) action_id: i64,
    pub(crate) why: String,
}

/// A removal could not go ahead. Older versions told only its number, where a team was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NotTried {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) action: Option<ActionKind>,
    pub(crate) action_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<Email>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<Target>,
    pub(crate) why: String,
}

/// A person says that the access is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WrittenOff {
    pub(crate) action_id: i64,
    pub(crate) by: String,
    pub(crate) email: Email,
    pub(crate) evidence: Evidence,
    pub(crate) state: ActionState,
    pub(crate) target: Target,
    pub(crate) why: String,
}
