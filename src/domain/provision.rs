//! The vocabulary of giving: what is to be given, how it stands, what the provider made of it.

use serde::Serialize;

/// What a provision does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub enum ProvisionKind {
    /// Puts an entry on the whitelist.
    #[serde(rename = "whitelist.add")]
    WhitelistAdd,
    /// Posts an entry in the place of the one that is there.
    #[serde(rename = "whitelist.renew")]
    WhitelistRenew,
    /// Adds or invites to a team.
    #[serde(rename = "member.add")]
    MemberAdd,
    /// Gives a member a role for a time, or what is missing of the flags of the membership.
    #[serde(rename = "member.promote")]
    MemberPromote,
}

impl ProvisionKind {
    const ALL: [Self; 4] = [
        Self::WhitelistAdd,
        Self::WhitelistRenew,
        Self::MemberAdd,
        Self::MemberPromote,
    ];

    /// The word in output and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WhitelistAdd => "whitelist.add",
            Self::WhitelistRenew => "whitelist.renew",
            Self::MemberAdd => "member.add",
            Self::MemberPromote => "member.promote",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == word)
    }
}

/// How what a person asked for stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProvisionState {
    /// Given, with the provider's yes; or it was there already.
    Done,
    /// Only recorded: nobody was to be called.
    Recorded,
    /// Was on record already: nothing changed.
    Unchanged,
    /// To be given at its start.
    Scheduled,
    /// Only planned: a dry run, or interrupted before its turn.
    Planned,
    /// Unreachable or refused for now: tried again.
    Failed,
    /// Sent but not answered: settled by a later pass.
    Unknown,
    /// Refused for good: not tried again, and the grant is closed.
    Refused,
    /// Over, or taken back, before it was given.
    Withdrawn,
}

impl ProvisionState {
    const ALL: [Self; 9] = [
        Self::Done,
        Self::Recorded,
        Self::Unchanged,
        Self::Scheduled,
        Self::Planned,
        Self::Failed,
        Self::Unknown,
        Self::Refused,
        Self::Withdrawn,
    ];

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }

    /// The word in output and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Recorded => "recorded",
            Self::Unchanged => "unchanged",
            Self::Scheduled => "scheduled",
            Self::Planned => "planned",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether a person has to hear that it is not as it was asked for.
    #[must_use]
    pub fn is_amiss(self) -> bool {
        matches!(self, Self::Failed | Self::Unknown | Self::Refused)
    }
}

/// What the provider made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Provided {
    /// The whitelist took the entry.
    Posted,
    /// Is a member now.
    Added,
    /// Was invited; flags count for nothing in an invite, and are set once it is accepted.
    Invited,
    /// Was a member, and has the role or the flags now.
    Promoted,
    /// Was there before.
    AlreadyExists,
    /// Was invited before.
    AlreadyInvited,
}

impl Provided {
    const ALL: [Self; 6] = [
        Self::Posted,
        Self::Added,
        Self::Invited,
        Self::Promoted,
        Self::AlreadyExists,
        Self::AlreadyInvited,
    ];

    /// The word in output and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Posted => "posted",
            Self::Added => "added",
            Self::Invited => "invited",
            Self::Promoted => "promoted",
            Self::AlreadyExists => "already_exists",
            Self::AlreadyInvited => "already_invited",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.as_str() == word)
    }
}
