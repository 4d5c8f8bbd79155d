//! What is on record about one person: the input of an explanation.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::{Email, Flags, GrantState, Snapshot, TargetRef, TeamPolicy};

/// Everything on record about one person, and what the plan looks at.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// As it stands on record, else as it was asked for.
    pub(crate) email: Email,
    /// Another address by which the person is on record, such as one that the membership bore before.
    pub(crate) recorded_as: Option<Email>,
    /// When this was so.
    pub(crate) now: Timestamp,
    /// Every target on which the person has or had anything.
    pub(crate) places: BTreeMap<TargetRef, OnTarget>,
    /// The person for the plan, due or not.
    pub(crate) snapshot: Snapshot,
    /// When access to followed whitelists is over, as far as is known now.
    pub(crate) over_from: BTreeMap<Timestamp, Over>,
    /// When the last pass ended.
    pub(crate) last_pass: Option<Timestamp>,
    /// Similar addresses on record, where this one is not.
    pub(crate) near: Vec<String>,
}

/// Followed whitelists on which the person's access is over, and since when.
pub(crate) type Over = BTreeMap<(TargetRef, Email), Timestamp>;

/// What one person has or had on one target.
#[derive(Debug, Clone, Default)]
pub(crate) struct OnTarget {
    /// Oldest first.
    pub(crate) grants: Vec<GrantFact>,
    /// The last known version of the membership.
    pub(crate) member: Option<MemberFact>,
    /// The last invite.
    pub(crate) invite: Option<InviteFact>,
    /// Since when the address is on the account's list of those that bounce.
    pub(crate) suppressed_since: Option<Timestamp>,
    /// Oldest first.
    pub(crate) actions: Vec<ActionFact>,
    /// Oldest first.
    pub(crate) provisions: Vec<ProvisionFact>,
    /// The result of the team's last reading; `None` if it was never read.
    pub(crate) source: Option<SourceFact>,
    /// The team's own rules.
    pub(crate) rule: TeamPolicy,
    /// Whether the team was in its account's last list.
    pub(crate) listed: bool,
}

/// The event of the audit trail that proves something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Proof {
    /// Its place in the chain.
    pub(crate) seq: i64,
    /// When it happened.
    pub(crate) at: Timestamp,
    /// Its hash, in hexadecimal.
    pub(crate) hash: String,
}

/// A grant as it is now.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct GrantFact {
    /// Its number in the database and in the trail.
    pub(crate) id: i64,
    pub(crate) state: GrantState,
    pub(crate) name: Option<String>,
    pub(crate) permissions: Vec<String>,
    pub(crate) role: Option<String>,
    pub(crate) start: Timestamp,
    pub(crate) end: Option<Timestamp>,
    /// Ended by a person's word.
    pub(crate) revoked: bool,
    /// The provider refused to give it: it never gave access.
    pub(crate) refused: bool,
    pub(crate) owner: Option<String>,
    pub(crate) reason: Option<String>,
    /// The file that it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    /// Since when its row is missing there, where its end is not written yet.
    #[serde(skip)]
    pub(crate) dropped_at: Option<Timestamp>,
    pub(crate) recorded_at: Timestamp,
    pub(crate) removed_at: Option<Timestamp>,
    /// The last event about it.
    pub(crate) event: Option<Proof>,
}

impl GrantFact {
    /// Whether it gives access at `at`, by its own dates.
    pub(crate) fn covers(&self, at: Timestamp) -> bool {
        self.state == GrantState::Active && self.start <= at && self.end.is_none_or(|end| end > at)
    }
}

/// A membership as it was last seen.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MemberFact {
    #[serde(flatten)]
    pub(crate) flags: Flags,
    /// By the provider's word.
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    /// Absent from one reading: gone after the second.
    pub(crate) missing_since: Option<Timestamp>,
    pub(crate) gone_at: Option<Timestamp>,
    /// The address that the membership bears by now, where it is another one.
    #[serde(skip)]
    pub(crate) now: Option<String>,
}

impl MemberFact {
    /// Whether the last reading showed it.
    pub(crate) fn is_there(&self) -> bool {
        self.gone_at.is_none() && self.missing_since.is_none()
    }

    /// Since when the person is a member.
    pub(crate) fn since(&self) -> Timestamp {
        self.created_at.unwrap_or(self.first_seen)
    }
}

/// The flags that are set, as people say them: `admin, edit`.
pub(crate) fn flags(flags: Flags) -> String {
    let set = flags.named().into_iter().filter(|(_, is)| *is);
    let words: Vec<&str> = set
        .map(|(name, _)| {
            name.trim_start_matches("is_")
                .trim_end_matches("_permission")
        })
        .collect();
    words.join(", ")
}

/// An invite as it was last seen.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct InviteFact {
    /// The provider gives no date: its age counts from here.
    pub(crate) first_seen: Timestamp,
    pub(crate) registered: bool,
    pub(crate) confirmed: bool,
    pub(crate) gone_at: Option<Timestamp>,
}

/// A removal: planned, under way or settled.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ActionFact {
    pub(crate) action: String,
    pub(crate) reason: String,
    pub(crate) role: Option<String>,
    pub(crate) due: Timestamp,
    pub(crate) state: String,
    pub(crate) evidence: Option<String>,
    /// What the provider said last, or what prevents the call.
    pub(crate) detail: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) tried_at: Option<Timestamp>,
    pub(crate) next_try_at: Option<Timestamp>,
    pub(crate) settled_at: Option<Timestamp>,
    /// The last run that had it in its plan.
    pub(crate) run: String,
    /// The last event about it.
    pub(crate) event: Option<Proof>,
}

impl ActionFact {
    /// Whether it removed the access, or found it gone.
    pub(crate) fn took_access(&self) -> bool {
        matches!(self.state.as_str(), "done" | "absent") && self.action != "member.demote"
    }
}

/// A provision: planned, under way or settled.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ProvisionFact {
    pub(crate) provision: String,
    pub(crate) role: Option<String>,
    /// What asked for it, and who.
    pub(crate) command: String,
    pub(crate) by: String,
    pub(crate) planned_at: Timestamp,
    /// Not before then.
    pub(crate) due: Timestamp,
    pub(crate) state: String,
    /// What the provider made of it.
    pub(crate) result: Option<String>,
    /// What the provider said last.
    pub(crate) detail: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) tried_at: Option<Timestamp>,
    /// Since when the old entry may be gone and the new one is not known to be there.
    pub(crate) gap_since: Option<Timestamp>,
    pub(crate) settled_at: Option<Timestamp>,
    /// The last event about it.
    pub(crate) event: Option<Proof>,
}

impl ProvisionFact {
    /// Whether the access itself is still to be given.
    pub(crate) fn owes_access(&self) -> bool {
        let gives = matches!(self.provision.as_str(), "whitelist.add" | "member.add");
        self.settled_at.is_none() && self.role.is_none() && (gives || self.gap_since.is_some())
    }
}

/// How a source was read last.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SourceFact {
    /// `complete`, `forbidden`, `doubtful` or `unreadable`.
    pub(crate) state: String,
    pub(crate) since: Timestamp,
    /// The last complete reading.
    pub(crate) complete_at: Option<Timestamp>,
    pub(crate) detail: Option<String>,
}
