//! The rule of grants: when the last grant of a person on a target is over, the access ends; when
//! a role for a time is over, the role ends.

use jiff::Timestamp;

use super::{Planner, Who};
use crate::domain::{Action, ActionKind, Email, Grant, Means, Provider, Reason, Role, Why};

pub(super) fn ended(planner: &mut Planner<'_>) {
    let cutoff = planner.cutoff();
    let people: Vec<(Who<'_>, Vec<&Grant>)> = planner
        .grants
        .iter()
        .map(|(who, grants)| (*who, grants.clone()))
        .collect();
    for (who, grants) in people {
        let over: Vec<&Grant> = grants
            .iter()
            .copied()
            .filter(|g| g.is_over(cutoff))
            .collect();
        if over.is_empty() {
            // Only a candidate of another rule, or an end that is still within its grace.
            if let Some(grant) = grants.iter().find(|g| g.is_over(planner.now)) {
                planner.leave_covered(who, grant);
            }
            continue;
        }
        let access_over = over.iter().any(|g| g.role.is_none());
        match planner.covering(who) {
            Some(covering) => {
                if access_over {
                    planner.leave_covered(who, covering);
                }
                roles(planner, who, &over, &grants);
            }
            None if access_over => access(planner, who, &over),
            None => roles(planner, who, &over, &grants),
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
    };
    if target.provider() == Provider::Sentius {
        planner.due(action(
            ActionKind::WhitelistRemove,
            &last.email,
            Means::Address,
            false,
        ));
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
    let member = planner.members.get(&who).copied();
    let invite = planner.invites.get(&who).copied();
    if let Some(member) = member {
        let means = Means::Membership(member.remote_id.clone());
        planner.due(action(
            ActionKind::MemberRemove,
            &member.email,
            means,
            member.is_admin,
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

/// Roles that are over, of a person who keeps the membership.
fn roles(planner: &mut Planner<'_>, who: Who<'_>, over: &[&Grant], all: &[&Grant]) {
    let (target, email) = who;
    for role in [Role::Admin, Role::Manager] {
        let of_role = |g: &&Grant| g.role == Some(role);
        let Some(due) = over
            .iter()
            .copied()
            .filter(of_role)
            .filter_map(|g| g.end)
            .max()
        else {
            continue;
        };
        let cutoff = planner.cutoff();
        let still = all
            .iter()
            .copied()
            .filter(of_role)
            .find(|g| g.start <= planner.now && !g.is_over(cutoff));
        if let Some(still) = still {
            planner.leave_covered(who, still);
            continue;
        }
        let means = match planner.members.get(&who) {
            _ if !planner.is_readable(target) => Means::Unreadable,
            Some(member) if member.has(role) => Means::Membership(member.remote_id.clone()),
            _ => Means::AlreadyGone,
        };
        planner.due(Action {
            kind: ActionKind::MemberDemote,
            target: target.clone(),
            email: email.clone(),
            reason: Reason::RoleEnded,
            due,
            role: Some(role),
            follows: None,
            is_admin: role == Role::Admin && matches!(means, Means::Membership(_)),
            means,
        });
    }
}
