//! The rule of grants: a person who is there and whose grants are all over loses access. A role for
//! a time ends with its grant.
//!
//! If nobody is there, nothing is owed. Whether a grant is closed decides nothing about access.

use jiff::Timestamp;

use super::{Planner, Who, returned};
use crate::domain::{
    Action, ActionKind, Email, Grant, Invite, Means, Member, Provider, Reason, Role, Why,
};

pub(super) fn ended(planner: &mut Planner<'_>) {
    let people: Vec<(Who<'_>, Vec<&Grant>)> = planner
        .grants
        .iter()
        .map(|(who, grants)| (*who, grants.clone()))
        .collect();
    for (who, grants) in people {
        // Each end that has passed makes a candidate; the grace decides whether it is acted on.
        let ended = |g: &&Grant| g.is_over(planner.now) && (g.role.is_none() || !g.closed);
        let ended: Vec<&Grant> = grants.iter().copied().filter(ended).collect();
        let over = |g: &&Grant| planner.is_over(g);
        let over: Vec<&Grant> = grants.iter().copied().filter(over).collect();
        match planner.covering(who) {
            Some(covering) => {
                if ended.iter().any(|g| g.role.is_none() && !g.closed) {
                    planner.leave_covered(who, covering);
                }
                roles(planner, who, &ended);
            }
            None => match Cause::of(&over) {
                Some(cause) => access(planner, who, &cause),
                None => roles(planner, who, &ended),
            },
        }
    }
}

/// Why somebody's access is over, and since when.
struct Cause<'a> {
    last: &'a Grant,
    due: Timestamp,
    reason: Reason,
    /// One of its grants is not closed.
    is_open: bool,
    reopened: bool,
}

impl<'a> Cause<'a> {
    /// The access ended with the last of the person's grants, not with the first: a role for a time keeps
    /// it too, whether the role is gone by now or not.
    fn of(over: &[&'a Grant]) -> Option<Self> {
        let open = over.iter().filter(|g| g.role.is_none() && !g.closed);
        if !over.iter().any(|g| g.role.is_none()) {
            return None;
        }
        let last = over.iter().copied().max_by_key(|g| (g.end, g.revoked))?;
        Some(Self {
            last,
            due: last.end?,
            reason: if last.revoked {
                Reason::GrantRevoked
            } else {
                Reason::GrantEnded
            },
            is_open: open.clone().count() > 0,
            reopened: open.clone().count() > 0 && open.clone().all(|g| g.reopened),
        })
    }

    fn action(&self, who: Who<'_>, kind: ActionKind, person: &str, email: &Email) -> Action {
        Action {
            kind,
            target: who.0.clone(),
            person: person.to_owned(),
            email: email.clone(),
            reason: self.reason,
            due: self.due,
            means: Means::Unreadable,
            role: None,
            follows: None,
            is_admin: false,
            shares_address: false,
            reopened: self.reopened,
            note: None,
        }
    }

    fn of_member(&self, who: Who<'_>, member: &Member) -> Action {
        Action {
            means: Means::Membership(member.remote_id.clone()),
            is_admin: member.flags.is_admin,
            ..self.action(
                who,
                ActionKind::MemberRemove,
                &member.remote_id,
                &member.email,
            )
        }
    }

    fn of_invite(&self, who: Who<'_>, invite: &Invite) -> Action {
        Action {
            means: Means::Invite(invite.spellings.clone()),
            ..self.action(who, ActionKind::InviteRevoke, who.1.key(), &invite.email)
        }
    }
}

/// The access as a whole is over.
fn access(planner: &mut Planner<'_>, who: Who<'_>, cause: &Cause<'_>) {
    match who.0.provider() {
        Provider::Sentius => entry(planner, who, cause),
        Provider::Sapling => team(planner, who, cause),
    }
}

/// A whitelist cannot be read: an entry is there until a removal of each of its spellings was
/// acknowledged.
fn entry(planner: &mut Planner<'_>, who: Who<'_>, cause: &Cause<'_>) {
    let key = (who.0.clone(), who.1.clone());
    let Some(spellings) = planner.snapshot.entries.get(&key) else {
        return;
    };
    let next = planner.next_start(who);
    // What is over was taken off, and the entry is that of a later grant.
    if next.is_some() && !cause.is_open {
        return;
    }
    // There is one entry for each address: that of a later grant is removed with it.
    let note = next.map(|start| {
        format!("a grant from {start} on is posted again after it: the whitelist keeps one entry an address")
    });
    planner.due(Action {
        means: Means::Entry(spellings.clone()),
        note,
        ..cause.action(
            who,
            ActionKind::WhitelistRemove,
            who.1.key(),
            &cause.last.email,
        )
    });
}

fn team(planner: &mut Planner<'_>, who: Who<'_>, cause: &Cause<'_>) {
    let members = planner.memberships(who).to_vec();
    let invite = planner.invite(who);
    let readable = planner.is_readable(who.0);
    if !readable {
        planner.leave(who, Why::Unreadable);
    }
    for member in &members {
        if returned::is_returned(member, cause.due) {
            planner.leave(who, Why::Returned);
            continue;
        }
        planner.due(unless_readable(readable, cause.of_member(who, member)));
    }
    if let Some(invite) = invite {
        if returned::is_invited_again(invite, cause.due) {
            planner.leave(who, Why::Returned);
        } else {
            planner.due(unless_readable(readable, cause.of_invite(who, invite)));
        }
    }
    // In a team that was never read the person may be there.
    if members.is_empty() && invite.is_none() && planner.is_unknown(who.0) && cause.is_open {
        planner.due(cause.action(
            who,
            ActionKind::MemberRemove,
            who.1.key(),
            &cause.last.email,
        ));
    }
}

fn unless_readable(readable: bool, action: Action) -> Action {
    match readable {
        true => action,
        false => Action {
            means: Means::Unreadable,
            ..action
        },
    }
}

/// Roles whose end has come, of a person who keeps the membership. A flag that another grant gives,
/// as a role or as a permission of the membership, stays. A permission ends only with the
/// membership.
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
        if let Some(last) = over.max_by_key(|g| g.end).filter(|_| is_role_over) {
            demote(planner, who, role, last);
        }
    }
}

fn demote(planner: &mut Planner<'_>, who: Who<'_>, role: Role, last: &Grant) {
    let readable = planner.is_readable(who.0);
    if !readable {
        planner.leave(who, Why::Unreadable);
    }
    let Some(due) = last.end else { return };
    let action = |person: &str, email: &Email| Action {
        kind: ActionKind::MemberDemote,
        target: who.0.clone(),
        person: person.to_owned(),
        email: email.clone(),
        reason: Reason::RoleEnded,
        due,
        means: Means::Unreadable,
        role: Some(role),
        follows: None,
        is_admin: false,
        shares_address: false,
        reopened: last.reopened,
        note: None,
    };
    let members = planner.memberships(who).to_vec();
    for member in members.iter().filter(|m| m.has(role)) {
        let demotion = Action {
            means: Means::Membership(member.remote_id.clone()),
            is_admin: role == Role::Admin,
            ..action(&member.remote_id, &member.email)
        };
        planner.due(unless_readable(readable, demotion));
    }
    if members.is_empty() && planner.is_unknown(who.0) {
        planner.due(action(who.1.key(), &last.email));
    }
}
