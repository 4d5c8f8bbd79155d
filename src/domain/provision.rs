//! The vocabulary of giving: what is to be given, how it stands, what the provider made of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use super::{Email, Entry, Flags};

/// What a provision does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, IntoStaticStr, EnumString,
)]
#[non_exhaustive]
#[serde(into = "&'static str")]
pub enum ProvisionKind {
    /// Puts an entry on the whitelist.
    #[strum(serialize = "whitelist.add")]
    WhitelistAdd,
    /// Posts an entry in the place of the one that is there.
    #[strum(serialize = "whitelist.renew")]
    WhitelistRenew,
    /// Adds or invites to a team.
    #[strum(serialize = "member.add")]
    MemberAdd,
    /// Gives a member a role for a time, or what is missing of the flags of the membership.
    #[strum(serialize = "member.promote")]
    MemberPromote,
}

impl ProvisionKind {
    /// The word in output and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

/// How what a person asked for stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr, EnumString)]
#[non_exhaustive]
#[serde(into = "&'static str")]
#[strum(serialize_all = "snake_case")]
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
    /// The word in output and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether a person has to hear that it is not as it was asked for.
    #[must_use]
    pub fn is_amiss(self) -> bool {
        matches!(self, Self::Failed | Self::Unknown | Self::Refused)
    }
}

/// What the provider made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr, EnumString)]
#[non_exhaustive]
#[serde(into = "&'static str")]
#[strum(serialize_all = "snake_case")]
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
    /// The word in output and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A whitelist's entry for one spelling of an address, as the provider says it has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AcceptedEntry {
    pub(crate) email: Email,
    pub(crate) entry: Entry,
    /// It was posted, or there was one of unknown content.
    pub(crate) result: Provided,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    /// `done`, `failed`, `unknown`, `refused` or `withdrawn`.
    pub(crate) state: ProvisionState,
    pub(crate) result: Option<Provided>,
    /// In words, for people.
    pub(crate) detail: Option<String>,
    /// The provider asked not to be called again before this time.
    pub(crate) not_before: Option<Timestamp>,
    /// Whether the failure concerns the provider as a whole, not this one call.
    pub(crate) is_general: bool,
    /// Whether the provider seems to be down or overloaded.
    pub(crate) is_outage: bool,
    /// Whether a call got no answer at all, and so may still take effect.
    pub(crate) is_silent: bool,
    /// Whether the old entry surely still exists, though it was about to be replaced.
    pub(crate) kept: bool,
    /// The flags that the member certainly has.
    pub(crate) has: Flags,
    /// The whitelist's entries that the provider has now, also where another spelling failed.
    pub(crate) accepted: Vec<AcceptedEntry>,
}

impl Answered {
    pub(crate) fn new(state: ProvisionState) -> Self {
        Self {
            state,
            result: None,
            detail: None,
            not_before: None,
            is_general: false,
            is_outage: false,
            is_silent: false,
            kept: false,
            has: Flags::default(),
            accepted: Vec::new(),
        }
    }
}

/// The state of a provision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: ProvisionState,
    pub(crate) result: Option<Provided>,
    pub(crate) detail: Option<String>,
}

/// How to undo a change of a grant when the provider refuses the access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TakeBack {
    /// The grant was new: close it.
    Close(i64),
    /// Its end was moved: restore this one, in milliseconds.
    End(i64, Option<i64>),
    /// Its permissions were changed: restore these.
    Permissions(i64, String),
}
