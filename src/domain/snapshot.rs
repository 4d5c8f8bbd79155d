//! What is known at one moment about everything that time may have made due.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Email, Grant, Role, TargetRef};

/// All that the plan looks at. Only candidates are here, not all that is kept: a person whom
/// nothing has made due does not appear.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// All open grants of each person on each target where at least one grant is over, or where
    /// another rule makes the person a candidate.
    pub grants: Vec<Grant>,
    /// Members who are candidates of a rule or of an ended grant.
    pub members: Vec<Member>,
    /// Pending invites likewise.
    pub invites: Vec<Invite>,
    /// Addresses among the invites that bounce, by account, and since when that is known.
    pub suppressed: BTreeMap<(String, Email), Timestamp>,
    /// People whose whitelist access is over: (followed target, person) and since when.
    pub whitelist_over: BTreeMap<(TargetRef, Email), Timestamp>,
    /// How the teams' readings fared; a whitelist cannot be read and has no entry.
    pub sources: BTreeMap<TargetRef, SourceHealth>,
    /// Team rules by the team they are for.
    pub rules: BTreeMap<TargetRef, TeamPolicy>,
    /// How many admins each team with a candidate has.
    pub admins: BTreeMap<TargetRef, u64>,
}

/// How the reading of a team went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceHealth {
    /// Read completely in this pass: what it says can be acted on.
    Complete,
    /// Not readable, not plausible or not found: nothing is removed on its word.
    Missing,
}

/// A team's member as last observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The team.
    pub target: TargetRef,
    /// The provider's id of this membership.
    pub remote_id: String,
    /// Who.
    pub email: Email,
    /// `is_admin`.
    pub is_admin: bool,
    /// `is_manager`.
    pub is_manager: bool,
    /// `edit_permission`.
    pub edit_permission: bool,
    /// `inspect_permission`.
    pub inspect_permission: bool,
    /// When the membership began: the provider's date, else when it was first seen.
    pub since: Timestamp,
}

impl Member {
    /// Whether the member has the role now.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        match role {
            Role::Admin => self.is_admin,
            Role::Manager => self.is_manager,
            Role::Edit => self.edit_permission,
            Role::Inspect => self.inspect_permission,
        }
    }
}

/// An invite that nobody has taken yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// The team.
    pub target: TargetRef,
    /// Who was invited.
    pub email: Email,
    /// When it was first seen pending: the provider gives no date.
    pub first_seen: Timestamp,
}

/// The rules of one team, from `[[sapling.team]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TeamPolicy {
    /// Members older than this are removed, unless a grant covers them.
    pub max_age: Option<jiff::SignedDuration>,
    /// Membership ends with the grants on this target.
    pub follow: Option<TargetRef>,
}
