//! What the trail tells of readings.

use serde::{Deserialize, Serialize};

/// A team was seen under its id for the first time, or has another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TeamNamed {
    pub(crate) name: String,
    pub(crate) team_id: String,
    /// The name before.
    pub(crate) was: Option<String>,
}

/// What a reading of a team showed to have changed, by address; what is empty is left out. The fields
/// stand in the order in which they have always been written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TeamObserved {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) appeared: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) missing: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) left: Vec<String>,
    /// By lapsed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) removed: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) changed: Vec<FlagsChanged>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) invited: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) invites_missing: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) invites_gone: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) invites_changed: Vec<String>,
    /// The first reading of this team: all that it shows is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first: Option<bool>,
}

impl TeamObserved {
    /// Whether nothing has changed.
    pub(crate) fn shows_nothing(&self) -> bool {
        let first = self.first;
        *self
            == Self {
                first,
                ..Self::default()
            }
    }
}

/// A member's flags changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FlagsChanged {
    pub(crate) email: String,
    /// In words.
    pub(crate) what: String,
}

/// Addresses came onto an organization's list of those that bounce, or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SuppressedObserved {
    pub(crate) account: String,
    pub(crate) appeared: Vec<String>,
    pub(crate) gone: Vec<String>,
}

/// A source can be read, or not any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceChanged {
    pub(crate) account: String,
    pub(crate) detail: Option<String>,
    pub(crate) is: String,
    pub(crate) source: String,
    pub(crate) was: Option<String>,
}

/// A person accepted a doubtful reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) account: String,
    pub(crate) by: String,
    pub(crate) doubt: String,
    /// Whose absence was accepted.
    pub(crate) gone: Vec<String>,
}
