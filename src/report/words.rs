//! Words of the machine-readable output, translated for people.

use jiff::Timestamp;

use super::summary::Summary;
use crate::text::{self, count};

pub(crate) fn done(action: &str) -> &str {
    match action {
        "whitelist.remove" => "removed from the whitelist",
        "member.remove" => "removed from the team",
        "member.demote" => "role taken back",
        "invite.revoke" => "invite revoked",
        other => other,
    }
}

/// What is to be done.
pub(crate) fn todo(action: &str) -> &str {
    match action {
        "whitelist.remove" => "to be removed from the whitelist",
        "member.remove" => "to be removed from the team",
        "member.demote" => "role to be taken back",
        "invite.revoke" => "invite to be revoked",
        other => other,
    }
}

/// Why it was due.
pub(crate) fn reason(reason: &str) -> &str {
    match reason {
        "grant.ended" => "grant ended",
        "grant.revoked" => "grant revoked",
        "role.ended" => "role's time ended",
        "team.max_age" => "longer in the team than its rule allows",
        "whitelist.ended" => "whitelist grant ended",
        "invite.stale" => "invite pending too long",
        "invite.suppressed" => "mail to the address does not arrive",
        other => other,
    }
}

/// What kind of change it was.
pub(super) fn change(kind: &str) -> &str {
    match kind {
        "member.appeared" | "appeared" => "joined",
        "member.left" | "left" => "left",
        "member.changed" | "changed" => "changed",
        other => other,
    }
}

/// The state of something that is owed.
pub(super) fn debt_state(state: &str) -> &str {
    match state {
        "unknown" => "sent, not answered yet",
        "planned" => "waiting for its turn",
        other => other,
    }
}

/// Hours for people: up to two days in hours, then in days.
pub(super) fn hours(hours: u64) -> String {
    match hours {
        0 => "under an hour".to_owned(),
        1..48 => count(hours, "hour", "hours"),
        _ => count(hours / 24, "day", "days"),
    }
}

impl Summary {
    /// A moment in the reader's zone, to the minute; the report names the zone once.
    pub(super) fn moment(&self, at: Timestamp) -> String {
        text::minute(at, &self.timezone)
    }

    /// A day in the reader's zone.
    pub(super) fn day(&self, at: Timestamp) -> String {
        text::day(at, &self.timezone)
    }

    /// The age of something, at the end of the period.
    pub(super) fn age(&self, since: Timestamp) -> String {
        hours(self.hours_since(since))
    }

    /// How far ahead of the period's end a moment is.
    pub(super) fn ahead(&self, at: Timestamp) -> String {
        let ahead = at.duration_since(self.to).as_hours();
        format!("in {}", hours(u64::try_from(ahead).unwrap_or(0)))
    }
}
