//! What the trail tells of what is given.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{Email, Permission, Provided, ProvisionKind, ProvisionState, Role, Target};

/// Something is to be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Planned {
    pub(crate) by: String,
    pub(crate) command: String,
    pub(crate) due: Timestamp,
    pub(crate) email: Email,
    /// Joined by `;`. Absent in what older versions wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flags: Option<String>,
    pub(crate) provision: ProvisionKind,
    pub(crate) provision_id: i64,
    pub(crate) role: Option<Role>,
    pub(crate) target: Target,
}

/// It is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) by: String,
    pub(crate) command: String,
    pub(crate) email: Email,
    pub(crate) provision: ProvisionKind,
    pub(crate) provision_id: i64,
    pub(crate) role: Option<Role>,
    pub(crate) sends: Sends,
    pub(crate) target: Target,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Sends {
    Entry(SendsEntry),
    Promotion(SendsPromotion),
    Member(SendsFlags),
}

/// A whitelist's entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SendsEntry {
    pub(crate) end: Option<Timestamp>,
    pub(crate) permissions: Vec<Permission>,
    /// In which spellings of the address, if in several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) spellings: Vec<Email>,
    pub(crate) start: Timestamp,
}

/// A new member with these flags, joined by `;`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SendsFlags {
    pub(crate) flags: String,
}

/// The flags that a membership is given: those that are set, under the provider's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SendsPromotion {
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) edit_permission: bool,
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) inspect_permission: bool,
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) is_admin: bool,
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) is_manager: bool,
    pub(crate) team_user_id: String,
}

/// How it ended, or that it was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answered {
    /// How many tries there were.
    pub(crate) attempt: u32,
    pub(crate) detail: Option<String>,
    pub(crate) email: Email,
    pub(crate) provision: ProvisionKind,
    pub(crate) provision_id: i64,
    pub(crate) result: Option<Provided>,
    pub(crate) role: Option<Role>,
    pub(crate) state: ProvisionState,
    pub(crate) target: Target,
}

/// It could not even be tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NotGiven {
    pub(crate) provision_id: i64,
    pub(crate) why: String,
}

/// The kind of the event says it all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProvisionOnly {
    pub(crate) provision_id: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_not(flag: &bool) -> bool {
    !flag
}
