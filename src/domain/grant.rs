//! A grant: a person may use a target from a start until an end.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::{Email, Flags, Provider, TargetRef};

/// What a grant may allow: an entry of the Sentius whitelist (Sentius, "Adding user to whitelist"),
/// or a member of a Sapling team (Sapling, "Team User POST").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Permission {
    /// Access to the organization: must always be among the permissions.
    CanRead,
    /// Can use API keys.
    CanUseApi,
    /// Can add and remove others from the whitelist.
    CanUseWhitelist,
    /// Can delegate tasks to others.
    CanDelegate,
    /// `edit_permission` of a team: dictionary, custom errors, snippets.
    Edit,
    /// `inspect_permission` of a team: can view reporting.
    Inspect,
}

impl Permission {
    /// All of them, as documented.
    pub const ALL: [Self; 6] = [
        Self::CanRead,
        Self::CanUseApi,
        Self::CanUseWhitelist,
        Self::CanDelegate,
        Self::Edit,
        Self::Inspect,
    ];

    /// Whose it is.
    #[must_use]
    pub fn provider(self) -> Provider {
        match self {
            Self::CanRead | Self::CanUseApi | Self::CanUseWhitelist | Self::CanDelegate => {
                Provider::Sentius
            }
            Self::Edit | Self::Inspect => Provider::Sapling,
        }
    }

    /// The words of those that a provider knows, for messages.
    #[must_use]
    pub fn words_of(provider: Provider) -> String {
        let known = Self::ALL.into_iter().filter(|p| p.provider() == provider);
        known.map(Self::as_str).collect::<Vec<_>>().join(", ")
    }

    /// As they are stored, and as a CSV has them: joined by `;`.
    #[must_use]
    pub fn joined(permissions: &[Self]) -> String {
        let words: Vec<&str> = permissions.iter().map(|p| p.as_str()).collect();
        words.join(";")
    }

    /// The word in files, on the command line and, on a whitelist, at the provider.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CanRead => "can_read",
            Self::CanUseApi => "can_use_api",
            Self::CanUseWhitelist => "can_use_whitelist",
            Self::CanDelegate => "can_delegate",
            Self::Edit => "edit",
            Self::Inspect => "inspect",
        }
    }
}

impl FromStr for Permission {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| {
                format!(
                    "{text:?} is not a permission; there are {}",
                    Self::ALL.map(Self::as_str).join(", ")
                )
            })
    }
}

/// A flag of a member held for a time: it ends, the membership stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// `is_admin`.
    Admin,
    /// `is_manager`.
    Manager,
    /// `edit_permission`.
    Edit,
    /// `inspect_permission`.
    Inspect,
}

impl Role {
    /// All of them, as documented.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Manager, Self::Edit, Self::Inspect];

    /// The word in files and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Edit => "edit",
            Self::Inspect => "inspect",
        }
    }

    /// The provider's name of the flag.
    #[must_use]
    pub fn flag(self) -> &'static str {
        match self {
            Self::Admin => "is_admin",
            Self::Manager => "is_manager",
            Self::Edit => "edit_permission",
            Self::Inspect => "inspect_permission",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| {
                format!(
                    "{text:?} is not a role; there are {}",
                    Self::ALL.map(Self::as_str).join(", ")
                )
            })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the plan needs to know of a grant that has not been closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What it gives access to.
    pub target: TargetRef,
    /// Who may use it, as the grant was given.
    pub email: Email,
    /// The present address of that person: a grant follows its membership through a change of
    /// address.
    pub person: Email,
    /// A role for a time; absent: the access itself.
    pub role: Option<Role>,
    /// The flags that the membership is given with; none with a role.
    pub flags: Flags,
    /// From when on.
    pub start: Timestamp,
    /// Until when; absent: for ever.
    pub end: Option<Timestamp>,
    /// Ended by a person, not by time.
    pub revoked: bool,
    /// It was over and nobody was there. Only a cache: the plan does not rely on it for access.
    pub closed: bool,
    /// An upgrade opened it again.
    pub reopened: bool,
}

impl Grant {
    /// Whether the grant is over at `at`: its end has come.
    #[must_use]
    pub fn is_over(&self, at: Timestamp) -> bool {
        self.end.is_some_and(|end| end <= at)
    }

    /// Whether the grant is one of this flag: a role for a time, or a permission of the membership.
    #[must_use]
    pub fn gives(&self, role: Role) -> bool {
        self.role == Some(role) || (self.role.is_none() && self.flags.has(role))
    }

    /// Whether the grant gives access at `at`.
    #[must_use]
    pub fn covers(&self, at: Timestamp) -> bool {
        self.start <= at && !self.is_over(at)
    }
}

/// Where a grant stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr)]
#[non_exhaustive]
#[serde(into = "&'static str")]
#[strum(serialize_all = "snake_case")]
pub enum GrantState {
    /// Its start is still to come.
    Scheduled,
    /// It gives access.
    Active,
    /// Its end has come, and the access has not been removed yet.
    Ended,
    /// Its access was removed.
    Removed,
}

impl GrantState {
    /// The state at `at`.
    #[must_use]
    pub fn at(
        at: Timestamp,
        start: Timestamp,
        end: Option<Timestamp>,
        removed: Option<Timestamp>,
    ) -> Self {
        if removed.is_some_and(|removed| removed <= at) {
            Self::Removed
        } else if end.is_some_and(|end| end <= at) {
            Self::Ended
        } else if start > at {
            Self::Scheduled
        } else {
            Self::Active
        }
    }

    /// The word in output and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
