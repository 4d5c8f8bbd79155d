//! What is known at one moment about everything that time may have made due.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Email, Flags, Grant, Role, TargetRef, TeamPolicy};

/// The input of the plan. It holds only candidates, not everything that is stored: nobody appears
/// without something that is due.
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
    /// Entries that whitelists may have, by each spelling of the address.
    pub entries: BTreeMap<(TargetRef, Email), Vec<Email>>,
    /// The keys' holders, by team: no rule is about them.
    pub holders: BTreeMap<TargetRef, Holder>,
    /// Teams that were read at least once: in others, nobody is known to be absent.
    pub read_before: BTreeSet<TargetRef>,
    /// How the teams' readings fared; a whitelist cannot be read and has no entry.
    pub sources: BTreeMap<TargetRef, SourceHealth>,
    /// Team rules by the team they are for.
    pub rules: BTreeMap<TargetRef, TeamPolicy>,
    /// How many admins each team with a candidate has.
    pub admins: BTreeMap<TargetRef, u64>,
}

/// Who holds the key with which a team is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holder {
    /// The configured address (`self_email`); absent: not told.
    pub email: Option<Email>,
    /// The membership that bore it, whatever its address is now.
    pub id: Option<String>,
    /// Whether that member is an admin of the team, as the holder of a key that reads it has to be
    /// ("API key holder must be an admin for the team"). Otherwise somebody else holds the key.
    pub is_sure: bool,
}

impl Holder {
    /// Whether a membership is the holder's.
    #[must_use]
    pub fn is(&self, id: &str, email: &Email) -> bool {
        self.id.as_deref() == Some(id) || self.email.as_ref() == Some(email)
    }
}

/// How the reading of a team went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceHealth {
    /// Read completely in this pass: what it says can be acted on.
    Complete,
    /// Read in this pass, and doubtful: who is shown is there, who is missing may be there.
    Doubtful,
    /// Not readable, not possible or not found: nothing is removed because of it.
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
    /// What they may do.
    pub flags: Flags,
    /// The provider's date of joining, where there is one.
    pub created_at: Option<Timestamp>,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// Since when they are there without a proven absence; absent: since before the first look.
    pub there_since: Option<Timestamp>,
    /// Was there when last seen before, as an invite or by another membership: the provider's date is
    /// then not the one of being let in.
    pub continues: bool,
    /// When they came back after a proven absence.
    pub returned_at: Option<Timestamp>,
    /// When lapsed last removed them there.
    pub removed_at: Option<Timestamp>,
}

impl Member {
    /// Whether the membership was there at `at`, as far as is known.
    #[must_use]
    pub fn was_there(&self, at: Timestamp) -> bool {
        match self.created_at {
            Some(joined) => joined <= at || self.first_seen <= at,
            None => self.there_since.is_none_or(|since| since <= at),
        }
    }

    /// When the membership began: the provider's date, but not after it was first seen.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.created_at
            .map_or(self.first_seen, |joined| joined.min(self.first_seen))
    }

    /// Whether the member has the role now.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.flags.has(role)
    }
}

/// An invite that nobody has taken yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// The team.
    pub target: TargetRef,
    /// Who was invited.
    pub email: Email,
    /// Each spelling of the address that was invited.
    pub spellings: Vec<Email>,
    /// When it was first seen pending: the provider gives no date.
    pub first_seen: Timestamp,
    /// Since when they are there without a proven absence; absent: since before the first look.
    pub there_since: Option<Timestamp>,
    /// When they came back after a proven absence.
    pub returned_at: Option<Timestamp>,
    /// When lapsed last removed them there.
    pub removed_at: Option<Timestamp>,
}
