//! What is owed, with the one key that the ledger, approvals, the guard, outcomes and reports use.

use serde::{Deserialize, Serialize};

use super::{Role, TargetId};

/// What somebody has that has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// A membership, or an entry of a whitelist.
    Access,
    /// A pending invite.
    Invite,
    /// One flag of a membership, which stays.
    Role(Role),
}

impl What {
    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Invite => "invite",
            Self::Role(role) => role.as_str(),
        }
    }
}

/// One thing that has to end. It exists once, however many rules, grants and passes concern it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Obligation {
    /// Where.
    pub target: TargetId,
    /// The membership's id in a team, else the canonical address.
    pub person: String,
    /// What.
    pub what: What,
}

/// All that is owed, counted. If everything is zero, there is nothing left to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// Removals that are due and not done; protected ones are not among them.
    pub remove: u64,
    /// Access that is to be given by now and is not.
    pub give: u64,
    /// Readings that are not believed.
    pub doubt: u64,
    /// Holds and databases that wait for a person's approval.
    pub confirm: u64,
    /// Mails that could not be delivered, or were refused within the last seven days.
    pub mail: u64,
}

/// What is due, and is left alone because lapsed only observes (`guard.observe_only`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// Removals.
    pub remove: u64,
    /// Access that would be given.
    pub give: u64,
}

impl Owed {
    /// Whether nothing is owed.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
