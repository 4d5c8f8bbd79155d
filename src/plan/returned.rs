//! People who were proven gone and came back without a grant. They are reported, and removed again
//! only if `policy.returned` says so, at most once an hour.

use jiff::{SignedDuration, Timestamp};

use super::Planner;
use crate::domain::presence::Since;
use crate::domain::{Action, ActionKind, Invite, Means, Member, Reason};

/// The least time between two removals of one person.
const APART: SignedDuration = SignedDuration::from_hours(1);

/// Whether a member has come back since the access on record ended at `end`.
pub(super) fn is_returned(member: &Member, end: Timestamp) -> bool {
    let since = Since {
        returned_at: member.returned_at,
        continues: member.continues,
        first_seen: member.first_seen,
        created_at: member.created_at,
    };
    since.is_after(end)
}

/// The same of an invite.
pub(super) fn is_invited_again(invite: &Invite, end: Timestamp) -> bool {
    invite.returned_at.is_some_and(|at| at > end)
}

/// Removes the people who came back.
pub(super) fn again(planner: &mut Planner<'_>) {
    if !planner.policy.remove_returned {
        return;
    }
    for member in planner.members.clone() {
        let who = (&member.target, &member.email);
        if !planner
            .last_end(who)
            .is_some_and(|end| is_returned(member, end))
        {
            continue;
        }
        let came_back = member.returned_at.unwrap_or(member.since());
        let due = due(came_back, member.removed_at);
        if may_go(planner, who, due) && !planner.is_holder(member) {
            planner.due(Action {
                kind: ActionKind::MemberRemove,
                person: member.remote_id.clone(),
                means: Means::Membership(member.remote_id.clone()),
                is_admin: member.flags.is_admin,
                ..action(who, due)
            });
        }
    }
    for invite in planner.invites.clone() {
        let who = (&invite.target, &invite.email);
        if !planner
            .last_end(who)
            .is_some_and(|end| is_invited_again(invite, end))
        {
            continue;
        }
        let due = due(
            invite.returned_at.unwrap_or(invite.first_seen),
            invite.removed_at,
        );
        if may_go(planner, who, due) {
            planner.due(Action {
                means: Means::Invite(invite.spellings.clone()),
                ..action(who, due)
            });
        }
    }
}

fn due(returned_at: Timestamp, removed_at: Option<Timestamp>) -> Timestamp {
    let earliest = removed_at.and_then(|at| at.checked_add(APART).ok());
    earliest.map_or(returned_at, |earliest| earliest.max(returned_at))
}

fn may_go(planner: &mut Planner<'_>, who: super::Who<'_>, due: Timestamp) -> bool {
    due <= planner.now && planner.covering(who).is_none() && planner.is_readable(who.0)
}

fn action(who: super::Who<'_>, due: Timestamp) -> Action {
    Action {
        kind: ActionKind::InviteRevoke,
        target: who.0.clone(),
        person: who.1.key().to_owned(),
        email: who.1.clone(),
        reason: Reason::GrantEnded,
        due,
        means: Means::Unreadable,
        role: None,
        follows: None,
        is_admin: false,
        shares_address: false,
        reopened: false,
        note: Some("came back after a removal".to_owned()),
    }
}
