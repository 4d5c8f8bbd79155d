//! What the configuration decides about access: what time makes due, and what is never done.

use jiff::SignedDuration;

use super::{Pattern, TargetRef};

/// What time makes due: `[policy]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How long after an end access is left alone.
    pub grace: SignedDuration,
    /// How long an invite may be pending, from when it was first seen.
    pub invite_stale_after: SignedDuration,
    /// Whether invites to addresses that bounce are taken back.
    pub revoke_suppressed_invites: bool,
    /// Whether a person who came back without a grant after a proven removal is removed again, at
    /// most once an hour.
    pub remove_returned: bool,
}

/// What is never done, and what is held until a person approves it: the limits of `[guard]`.
#[derive(Debug, Clone)]
pub struct GuardPolicy {
    /// Removals in any 24 hours over everything, above which a plan is held whole.
    pub max_removals: u64,
    /// Removals in any 24 hours, in percent of one target's known people.
    pub max_removal_percent: f64,
    /// Never removed.
    pub protected: Vec<Pattern>,
    /// How many admins each team keeps.
    pub min_team_admins: u64,
}

/// The rules of one team: `[[sapling.team]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TeamPolicy {
    /// Members older than this are removed, unless a grant covers them.
    pub max_age: Option<SignedDuration>,
    /// Membership ends with the grants on this target.
    pub follow: Option<TargetRef>,
}

/// When owners are asked whether access is still needed: `[review]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewPolicy {
    /// How often.
    pub every: SignedDuration,
    /// Whether access ends that nobody answered for after a second reminder.
    pub unanswered_ends: bool,
}
