//! What one complete reading of a team says.

use jiff::Timestamp;
use serde::Serialize;

use super::{Email, Role};

/// SHA-256 of an answer's body: equal bodies need not be compared again.
pub type Digest = [u8; 32];

/// A team as it was read: all of it, or there is no reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamReading {
    /// Everybody in it.
    pub members: Vec<ReadMember>,
    /// Every pending invite.
    pub invites: Vec<ReadInvite>,
    /// Of the answer.
    pub digest: Digest,
}

/// A member as the provider showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadMember {
    /// The id of this membership ("each user has a unique id per team").
    pub remote_id: String,
    /// Who.
    pub email: Email,
    /// What they may do.
    pub flags: Flags,
    /// When the membership began, where the provider said so.
    pub created_at: Option<Timestamp>,
    /// When it last changed, where the provider said so.
    pub updated_at: Option<Timestamp>,
}

/// The four flags of a member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Flags {
    /// Is an admin of the team.
    pub is_admin: bool,
    /// Is a manager of the team.
    pub is_manager: bool,
    /// Has edit permissions.
    pub edit_permission: bool,
    /// Has inspect permissions.
    pub inspect_permission: bool,
}

impl Flags {
    /// Whether the flag of this role is set.
    #[must_use]
    pub fn has(self, role: Role) -> bool {
        match role {
            Role::Admin => self.is_admin,
            Role::Manager => self.is_manager,
        }
    }

    /// The flags with the provider's names.
    #[must_use]
    pub fn named(self) -> [(&'static str, bool); 4] {
        [
            ("is_admin", self.is_admin),
            ("is_manager", self.is_manager),
            ("edit_permission", self.edit_permission),
            ("inspect_permission", self.inspect_permission),
        ]
    }
}

/// A pending invite as the provider showed it: without id and without date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadInvite {
    /// Who was invited.
    pub email: Email,
    /// The address has an account.
    pub registered: bool,
    /// The account's address is confirmed.
    pub confirmed: bool,
    /// What the member would be permitted, in the provider's words.
    pub permissions: String,
}
