//! The rule of grants: when the last grant of a person on a target is over, the access ends; when
//! a role for a time is over, the role ends.

use jiff::Timestamp;

use super::{Planner, Who};
use crate::domain::{Action, ActionKind, Email, Grant, Means, Provider, Reason, Role, Why};

pub(super) fn ended(planner: &mut Planner<'_>) {
    let people: Vec<(Who<'_>, Vec<&Grant>)> = planner
        .grants
        .iter()
        .map(|(who, grants)| (*who, grants.clone()))
        .collect();
    for (who, grants) in people {
        // An end that has come makes a candidate; whether it is acted on, grace decides.
        let ended = |g: &&Grant| g.is_over(planner.now);
        let ended: Vec<&Grant> = grants.iter().copied().filter(ended).collect();
        let over = |g: &&Grant| planner.is_over(g);
        let over: Vec<&Grant> = ended.iter().copied().filter(over).collect();
        match planner.covering(who) {
            Some(covering) => {
                if ended.iter().any(|g| g.role.is_none()) {
                    planner.leave_covered(who, covering);
                }
                roles(planner, who, &ended);
            }
            None if over.iter().any(|g| g.role.is_none()) => access(planner, who, &over),
            None => roles(planner, who, &ended),
        }
    }
}

/// The access as a whole is over.
fn access(planner: &mut Planner<'_>, who: Who<'_>, over: &[&Grant]) {
    let target = who.0;
    // The access ended with the last of its grants, not with the first.
    let last = over
        .iter()
        .copied()
        .max_by_key(|g| (g.end, g.revoked))
        .filter(|g| g.end.is_some());
    let Some(last) = last else { return };
    let action = |kind, email: &Email, means, is_admin| Action {
        kind,
        target: target.clone(),
        // Providers may match addresses exactly: a team's as the team shows it, a whitelist's as it
        // was granted.
        email: email.clone(),
        reason: if last.revoked {
            Reason::GrantRevoked
        } else {
            Reason::GrantEnded
        },
        due: last.end.unwrap_or(Timestamp::MAX),
        means,
        role: None,
        follows: None,
        is_admin,
        note: None,
    };
    if target.provider() == Provider::Sentius {
        let mut removal = action(
            ActionKind::WhitelistRemove,
            &last.email,
            Means::Address,
            false,
        );
        // The whitelist has one entry an address: a later grant's goes with it.
        let next = planner.next_start(who);
        removal.note = next.map(|start| {
            format!("a grant from {start} on is posted again after it: the whitelist keeps one entry an address")
        });
        planner.due(removal);
        return;
    }
    if !planner.is_readable(target) {
        planner.leave(who, Why::Unreadable);
        planner.due(action(
            ActionKind::MemberRemove,
            &last.email,
            Means::Unreadable,
            false,
        ));
        return;
    }
    let memberships = planner.memberships(who);
    let member = memberships.first().copied();
    let is_admin = memberships.iter().any(|m| m.is_admin);
    let invite = planner.invite(who);
    if let Some(member) = member {
        let means = Means::Membership(member.remote_id.clone());
        planner.due(action(
            ActionKind::MemberRemove,
            &member.email,
            means,
            is_admin,
        ));
    }
    if let Some(invite) = invite {
        planner.due(action(
            ActionKind::InviteRevoke,
            &invite.email,
            Means::Address,
            false,
        ));
    }
    if member.is_none() && invite.is_none() {
        planner.due(action(
            ActionKind::MemberRemove,
            &last.email,
            Means::AlreadyGone,
            false,
        ));
    }
}

/// Roles whose end has come, of a person who keeps the membership. A flag that another grant gives
/// stays, be it as a role or as a permission of the membership; a permission alone ends only with
/// the membership.
fn roles(planner: &mut Planner<'_>, who: Who<'_>, ended: &[&Grant]) {
    for role in Role::ALL {
        if !ended.iter().any(|g| g.role == Some(role)) {
            continue;
        }
        if let Some(still) = planner.longest(who, |g| g.gives(role)) {
            planner.leave_covered(who, still);
            continue;
        }
        let over = ended.iter().filter(|g| g.gives(role) && planner.is_over(g));
        let is_role_over = over.clone().any(|g| g.role == Some(role));
        if let Some(due) = over.filter_map(|g| g.end).max().filter(|_| is_role_over) {
            demote(planner, who, role, due);
        }
    }
}

fn demote(planner: &mut Planner<'_>, who: Who<'_>, role: Role, due: Timestamp) {
    let memberships = planner.memberships(who);
    let holding = memberships.iter().copied().find(|m| m.has(role));
    let seen = holding.or(memberships.first().copied());
    let means = match holding {
        _ if !planner.is_readable(who.0) => Means::Unreadable,
        Some(member) => Means::Membership(member.remote_id.clone()),
        None => Means::AlreadyGone,
    };
    if means == Means::Unreadable {
        planner.leave(who, Why::Unreadable);
    }
    planner.due(Action {
        kind: ActionKind::MemberDemote,
        target: who.0.clone(),
        email: seen.map_or(who.1, |m| &m.email).clone(),
        reason: Reason::RoleEnded,
        due,
        role: Some(role),
        follows: None,
        is_admin: role == Role::Admin && matches!(means, Means::Membership(_)),
        note: None,
        means,
    });
}
