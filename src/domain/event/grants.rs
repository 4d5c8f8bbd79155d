//! What the trail tells of grants.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{Email, Permission, Role, SourceName, TakeBack, Target};

/// A grant as it was recorded, or as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GrantForm {
    /// Who recorded it; older versions did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    pub(crate) email: Email,
    pub(crate) end: Option<Timestamp>,
    pub(crate) grant_id: i64,
    pub(crate) name: Option<String>,
    pub(crate) owner: Option<Email>,
    #[serde(default)]
    pub(crate) permissions: Vec<Permission>,
    pub(crate) reason: Option<String>,
    pub(crate) role: Option<Role>,
    /// The file that it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<SourceName>,
    pub(crate) start: Timestamp,
    pub(crate) target: Target,
}

/// A grant has another end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moved {
    pub(crate) by: String,
    pub(crate) email: Email,
    pub(crate) end: Option<Timestamp>,
    pub(crate) grant_id: i64,
    pub(crate) role: Option<Role>,
    /// The file in which its row is missing, where that is why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<SourceName>,
    pub(crate) target: Target,
    /// The end before.
    pub(crate) was: Option<Timestamp>,
    /// Where it was not a command for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}

/// The row of a grant is missing from the file that it comes from, or is there again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowOf {
    pub(crate) by: String,
    pub(crate) email: Email,
    pub(crate) grant_id: i64,
    pub(crate) role: Option<Role>,
    pub(crate) source: SourceName,
    pub(crate) target: Target,
}

/// Somebody was sent the end of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Noticed {
    pub(crate) email: Email,
    pub(crate) end: Timestamp,
    pub(crate) grant_id: i64,
    pub(crate) message_id: String,
    pub(crate) to: Email,
}

/// The provider refused what a grant was to give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefusedGrant {
    pub(crate) grant_id: i64,
    pub(crate) provision_id: i64,
    pub(crate) undone: TakeBack,
}

/// A grant is closed, since this action took its access away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Closed {
    pub(crate) action_id: i64,
    pub(crate) grant_id: i64,
}

/// A closed grant's person turned out to be still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reopened {
    pub(crate) grant_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}

/// A person answered whether a grant is still needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reviewed {
    pub(crate) by: String,
    pub(crate) email: Email,
    pub(crate) grant_id: i64,
    pub(crate) role: Option<Role>,
    pub(crate) target: Target,
    /// Where it was not a command for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}
