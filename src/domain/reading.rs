//! What one complete reading of a team says.

use jiff::Timestamp;
use serde::Serialize;

use super::{Email, Permission, Role};

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
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

    /// The flags that a membership with these permissions is given with.
    #[must_use]
    pub fn of(permissions: &[Permission]) -> Self {
        Self {
            edit_permission: permissions.contains(&Permission::Edit),
            inspect_permission: permissions.contains(&Permission::Inspect),
            ..Self::default()
        }
    }

    /// Only the flag of this role.
    #[must_use]
    pub fn only(role: Role) -> Self {
        Self {
            is_admin: role == Role::Admin,
            is_manager: role == Role::Manager,
            edit_permission: role == Role::Edit,
            inspect_permission: role == Role::Inspect,
        }
    }

    /// Whether the flag of this role is set.
    #[must_use]
    pub fn has(self, role: Role) -> bool {
        match role {
            Role::Admin => self.is_admin,
            Role::Manager => self.is_manager,
            Role::Edit => self.edit_permission,
            Role::Inspect => self.inspect_permission,
        }
    }

    /// Those that are set here or there.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            is_admin: self.is_admin || other.is_admin,
            is_manager: self.is_manager || other.is_manager,
            edit_permission: self.edit_permission || other.edit_permission,
            inspect_permission: self.inspect_permission || other.inspect_permission,
        }
    }

    /// Those that are set here and not there.
    #[must_use]
    pub fn without(self, there: Self) -> Self {
        Self {
            is_admin: self.is_admin && !there.is_admin,
            is_manager: self.is_manager && !there.is_manager,
            edit_permission: self.edit_permission && !there.edit_permission,
            inspect_permission: self.inspect_permission && !there.inspect_permission,
        }
    }

    /// Whether none is set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Those that are set, in words for people: `edit and inspect`.
    #[must_use]
    pub fn in_words(self) -> String {
        let set = Role::ALL.into_iter().filter(|role| self.has(*role));
        let words: Vec<&str> = set.map(Role::as_str).collect();
        match words.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
            None => String::new(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_joined_compared_and_told() {
        let edit = Flags::of(&[Permission::Edit, Permission::CanRead]);
        let both = edit.or(Flags::only(Role::Inspect));
        assert_eq!(both.without(edit), Flags::only(Role::Inspect));
        assert!(edit.without(both).is_empty() && !both.is_empty());
        let all = Role::ALL.into_iter().map(Flags::only);
        let all = all.reduce(Flags::or).unwrap();
        assert_eq!(all.in_words(), "admin, manager, edit and inspect");
        assert_eq!(
            (edit.in_words(), Flags::default().in_words()),
            ("edit".to_owned(), String::new())
        );
        for role in Role::ALL {
            let set = Flags::only(role).named().into_iter().filter(|(_, is)| *is);
            assert_eq!(set.map(|(name, _)| name).collect::<Vec<_>>(), [role.flag()]);
            assert_eq!(role.as_str().parse(), Ok(role));
        }
    }
}
