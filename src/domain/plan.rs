//! The plan: what time has made due, as a value, with the reason for each action and for each
//! candidate left alone.

use jiff::Timestamp;
use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::{Email, Obligation, Role, TargetRef, What};

/// Why an action in a team that was not read waits.
pub(crate) const UNREADABLE: &str =
    "the team could not be read, or is not among those of the key's holder";

/// What is to be done, oldest first, in the same order every time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "a plan that is not reviewed by the guard and applied changes nothing"]
pub struct Plan {
    /// What is due.
    pub actions: Vec<Action>,
    /// Who was looked at and is left alone, and why.
    pub left_alone: Vec<LeftAlone>,
}

/// One removal that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What is to be done.
    pub kind: ActionKind,
    /// Where.
    pub target: TargetRef,
    /// Who: the membership's id in a team, else the canonical address.
    pub person: String,
    /// The address, as it is shown.
    pub email: Email,
    /// Why.
    pub reason: Reason,
    /// Since when it has been due. The same cause always has the same moment.
    pub due: Timestamp,
    /// How it can be done, as far as observation tells.
    pub means: Means,
    /// The role that ends, where only a role does.
    pub role: Option<Role>,
    /// The whitelist whose end is the reason, where the team follows one.
    pub follows: Option<TargetRef>,
    /// Whether it removes one of a team's admins.
    pub is_admin: bool,
    /// Whether another membership of the team bears the same address, so that a call by address would
    /// remove that one too.
    pub shares_address: bool,
    /// Whether it is due only because an upgrade reopened a closed grant: a person has to approve
    /// it.
    pub reopened: bool,
    /// A remark for people, whatever its result.
    pub note: Option<String>,
}

impl Action {
    /// What it ends.
    #[must_use]
    pub fn what(&self) -> What {
        match (self.kind, self.role) {
            (ActionKind::InviteRevoke, _) => What::Invite,
            (ActionKind::MemberDemote, Some(role)) => What::Role(role),
            _ => What::Access,
        }
    }

    /// The obligation that it meets.
    #[must_use]
    pub fn obligation(&self) -> Obligation {
        Obligation {
            target: self.target.id(),
            person: self.person.clone(),
            what: self.what(),
        }
    }
}

/// How an action can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Means {
    /// By each spelling of the address that a whitelist may have.
    Entry(Vec<Email>),
    /// By each spelling of the address that was invited.
    Invite(Vec<Email>),
    /// By the provider's id of the membership.
    Membership(String),
    /// Not now: the target could not be read, so nothing is sent.
    Unreadable,
}

/// What an action does.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    IntoStaticStr,
    EnumString,
    VariantArray,
)]
#[non_exhaustive]
#[serde(into = "&'static str")]
pub enum ActionKind {
    /// Takes an entry off the whitelist.
    #[strum(serialize = "whitelist.remove")]
    WhitelistRemove,
    /// Takes a member out of a team.
    #[strum(serialize = "member.remove")]
    MemberRemove,
    /// Takes a role from a member, who stays.
    #[strum(serialize = "member.demote")]
    MemberDemote,
    /// Takes an invite back.
    #[strum(serialize = "invite.revoke")]
    InviteRevoke,
}

impl ActionKind {
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

/// Why an action is due.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    IntoStaticStr,
    EnumString,
    VariantArray,
)]
#[non_exhaustive]
#[serde(into = "&'static str")]
pub enum Reason {
    /// The last grant's end has come.
    #[strum(serialize = "grant.ended")]
    GrantEnded,
    /// A person ended the grant.
    #[strum(serialize = "grant.revoked")]
    GrantRevoked,
    /// A role for a time has ended.
    #[strum(serialize = "role.ended")]
    RoleEnded,
    /// The membership is older than the team allows.
    #[strum(serialize = "team.max_age")]
    TeamMaxAge,
    /// The team follows a whitelist, and the access there is over.
    #[strum(serialize = "whitelist.ended")]
    WhitelistEnded,
    /// Nobody accepted the invite in time.
    #[strum(serialize = "invite.stale")]
    InviteStale,
    /// The invited address bounces.
    #[strum(serialize = "invite.suppressed")]
    InviteSuppressed,
}

impl Reason {
    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        word.parse().ok()
    }

    /// The word in output and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A candidate that is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftAlone {
    /// Where.
    pub target: TargetRef,
    /// Who.
    pub email: Email,
    /// Why.
    pub why: Why,
}

/// Why a candidate is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Why {
    /// Another grant still gives access, until then; absent: without an end.
    CoveredUntil(Option<Timestamp>),
    /// The end has come, and the configured grace runs until then.
    WithinGrace(Timestamp),
    /// The team could not be read in this pass.
    Unreadable,
    /// Was proven gone and came back without a grant: reported, and removed only by
    /// `policy.returned`.
    Returned,
}
