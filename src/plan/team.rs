//! The rules of a team: membership that follows a whitelist, and membership that is too old.

use jiff::Timestamp;

use super::{Planner, Who, invites};
use crate::domain::{Action, ActionKind, Invite, Means, Member, Reason, TargetRef, Why};

/// Membership ends with the whitelist's grants. The rule does not concern people who never had a
/// grant there or joined only after it had ended. A grant on the team itself keeps the member.
pub(super) fn follow(planner: &mut Planner<'_>) {
    for member in planner.members.clone() {
        let over = whitelist_over(planner, (&member.target, &member.email));
        if let Some(over) = over.filter(|over| member.was_there(over.due)) {
            remove(planner, member, &over);
        }
    }
    for invite in planner.invites.clone() {
        let over = whitelist_over(planner, (&invite.target, &invite.email));
        if let Some(over) =
            over.filter(|over| invite.there_since.is_none_or(|since| since <= over.due))
        {
            revoke(planner, invite, &over);
        }
    }
}

/// Why and since when a person has to be removed.
struct Over {
    reason: Reason,
    due: Timestamp,
    follows: Option<TargetRef>,
}

fn whitelist_over(planner: &Planner<'_>, who: Who<'_>) -> Option<Over> {
    let followed = planner.snapshot.rules.get(who.0)?.follow.clone()?;
    let over = &planner.snapshot.whitelist_over;
    let due = *over.get(&(followed.clone(), who.1.clone()))?;
    (due <= planner.now).then_some(Over {
        reason: Reason::WhitelistEnded,
        due,
        follows: Some(followed),
    })
}

/// Members older than the team allows are removed, unless a grant covers them.
pub(super) fn max_age(planner: &mut Planner<'_>) {
    for member in planner.members.clone() {
        let rule = planner.snapshot.rules.get(&member.target);
        let Some(max_age) = rule.and_then(|r| r.max_age) else {
            continue;
        };
        let due = member
            .since()
            .checked_add(max_age)
            .unwrap_or(Timestamp::MAX);
        if due <= planner.now {
            let over = Over {
                reason: Reason::TeamMaxAge,
                due,
                follows: None,
            };
            remove(planner, member, &over);
        }
    }
}

/// Removes the member, and with the member an invite that is left over: it would let the person in
/// again.
fn remove(planner: &mut Planner<'_>, member: &Member, over: &Over) {
    let who = (&member.target, &member.email);
    if planner.is_holder(member) || !may_go(planner, who) {
        return;
    }
    planner.due(Action {
        kind: ActionKind::MemberRemove,
        target: member.target.clone(),
        person: member.remote_id.clone(),
        email: member.email.clone(),
        reason: over.reason,
        due: over.due,
        means: Means::Membership(member.remote_id.clone()),
        role: None,
        follows: over.follows.clone(),
        is_admin: member.flags.is_admin,
        shares_address: false,
        reopened: false,
        note: None,
    });
    if let Some(invite) = planner.invite(who) {
        revoke(planner, invite, over);
    }
}

fn revoke(planner: &mut Planner<'_>, invite: &Invite, over: &Over) {
    if may_go(planner, (&invite.target, &invite.email)) {
        let mut action = invites::revocation(invite, over.reason, over.due);
        action.follows.clone_from(&over.follows);
        planner.due(action);
    }
}

/// Whether no grant covers the person and the team could be read.
fn may_go(planner: &mut Planner<'_>, who: Who<'_>) -> bool {
    if let Some(grant) = planner.covering(who) {
        planner.leave_covered(who, grant);
        return false;
    }
    if !planner.is_readable(who.0) {
        planner.leave(who, Why::Unreadable);
        return false;
    }
    true
}
