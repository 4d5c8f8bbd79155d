//! The labels and the values they may have: few, and never an address.

use prometheus_client::encoding::EncodeLabelSet;

use super::kinds::PassKind;
use crate::domain::ActionState;

/// The kinds of pass that a daemon makes.
pub(super) const PASS_KINDS: [PassKind; 3] = [PassKind::Whole, PassKind::Ends, PassKind::Report];
/// How a pass may end.
pub(super) const VERDICTS: [&str; 5] = ["converged", "incomplete", "held", "busy", "error"];
/// How a pass may leave a removal.
pub(super) const STATES: [ActionState; 6] = [
    ActionState::Done,
    ActionState::Absent,
    ActionState::Failed,
    ActionState::Unknown,
    ActionState::Held,
    ActionState::Protected,
];

/// The tasks of the daemon.
pub(super) const TASKS: [&str; 5] = ["pass", "mail", "listener", "watchdog", "alarm"];
/// What is sent to the URLs of `[alarm]`.
pub(super) const ALARMS: [&str; 6] = [
    "heartbeat",
    "held",
    "unconfirmed",
    "refused",
    "clock",
    "replica",
];
/// How sending ends.
pub(super) const SENT: [&str; 2] = ["sent", "failed"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Pass {
    pub(super) kind: &'static str,
    pub(super) verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PassDuration {
    pub(super) kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Removal {
    pub(super) action: &'static str,
    pub(super) state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Why {
    pub(super) reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Call {
    pub(super) account: String,
    pub(super) method: String,
    pub(super) outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Endpoint {
    pub(super) account: String,
    pub(super) method: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Mail {
    pub(super) kind: String,
    pub(super) state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Source {
    pub(super) account: String,
    pub(super) state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Owed {
    pub(super) what: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Account {
    pub(super) account: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Alarm {
    pub(super) kind: &'static str,
    pub(super) state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Task {
    pub(super) task: &'static str,
}
