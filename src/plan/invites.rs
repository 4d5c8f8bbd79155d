//! The rules of invites: those that nobody accepted in time, and those whose address bounces.

use jiff::Timestamp;

use super::Planner;
use crate::domain::{Action, ActionKind, Invite, Means, Reason, Why};

/// An invite to an address that bounces reaches nobody, and would let in a person who gets that
/// mailbox later.
pub(super) fn suppressed(planner: &mut Planner<'_>) {
    if !planner.policy.revoke_suppressed_invites {
        return;
    }
    for invite in planner.invites.clone() {
        let address = (invite.target.account().to_owned(), invite.email.clone());
        let Some(since) = planner.snapshot.suppressed.get(&address) else {
            continue;
        };
        let due = invite.first_seen.max(*since);
        revoke_if_due(planner, invite, Reason::InviteSuppressed, due);
    }
}

/// Invites have no date: their age counts from when they were first seen pending.
pub(super) fn stale(planner: &mut Planner<'_>) {
    for invite in planner.invites.clone() {
        let due = invite
            .first_seen
            .checked_add(planner.policy.invite_stale_after)
            .unwrap_or(Timestamp::MAX);
        revoke_if_due(planner, invite, Reason::InviteStale, due);
    }
}

fn revoke_if_due(planner: &mut Planner<'_>, invite: &Invite, reason: Reason, due: Timestamp) {
    if due > planner.now {
        return;
    }
    if planner.is_readable(&invite.target) {
        planner.due(revocation(invite, reason, due));
    } else {
        planner.leave((&invite.target, &invite.email), Why::Unreadable);
    }
}

pub(super) fn revocation(invite: &Invite, reason: Reason, due: Timestamp) -> Action {
    Action {
        kind: ActionKind::InviteRevoke,
        target: invite.target.clone(),
        person: invite.email.key().to_owned(),
        email: invite.email.clone(),
        reason,
        due,
        means: Means::Invite(invite.spellings.clone()),
        role: None,
        follows: None,
        is_admin: false,
        shares_address: false,
        reopened: false,
        note: None,
    }
}
