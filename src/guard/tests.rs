//! The guard at its limits.

mod admins;
mod approved;
mod limits;
mod never;
mod random;
mod simulation;

use jiff::Timestamp;

use super::*;
use crate::domain::{ActionKind, Pattern, Reason, Role, TargetId};

const KINDS: [ActionKind; 4] = [
    ActionKind::WhitelistRemove,
    ActionKind::MemberRemove,
    ActionKind::MemberDemote,
    ActionKind::InviteRevoke,
];

fn target(id: i64, text: &str) -> TargetRef {
    TargetRef::new(TargetId(id), text.parse().unwrap())
}

fn whitelist() -> TargetRef {
    target(1, "sentius:acme")
}

fn team() -> TargetRef {
    target(2, "sapling:acme/Core")
}

fn other_team() -> TargetRef {
    target(3, "sapling:acme/Ops")
}

/// The removal of the person with this number, who is no admin, due at that second.
fn removal(target: &TargetRef, number: u64) -> Action {
    let email = Email::observed(&format!("p{number}@example.com"));
    Action {
        kind: match target.team() {
            Some(_) => ActionKind::MemberRemove,
            None => ActionKind::WhitelistRemove,
        },
        target: target.clone(),
        person: match target.team() {
            Some(_) => format!("m-{number}"),
            None => email.key().to_owned(),
        },
        email: email.clone(),
        reason: Reason::GrantEnded,
        due: Timestamp::from_second(i64::try_from(number).unwrap()).unwrap(),
        means: match target.team() {
            Some(_) => Means::Membership(format!("m-{number}")),
            None => Means::Entry(vec![email.clone()]),
        },
        role: None,
        follows: None,
        is_admin: false,
        shares_address: false,
        reopened: false,
        note: None,
    }
}

fn of_kind(kind: ActionKind, number: u64) -> Action {
    let target = match kind {
        ActionKind::WhitelistRemove => whitelist(),
        _ => team(),
    };
    Action {
        kind,
        role: (kind == ActionKind::MemberDemote).then_some(Role::Manager),
        ..removal(&target, number)
    }
}

fn plan(actions: impl IntoIterator<Item = Action>) -> Plan {
    Plan {
        actions: actions.into_iter().collect(),
        left_alone: Vec::new(),
    }
}

/// So many removals from one target.
fn many(target: &TargetRef, count: u64) -> Plan {
    plan((0..count).map(|number| removal(target, number)))
}

/// Limits that hold nothing, to be tightened one at a time.
fn policy() -> GuardPolicy {
    GuardPolicy {
        max_removals: 1_000_000,
        max_removal_percent: 100.0,
        protected: Vec::new(),
        min_team_admins: 1,
    }
}

/// A record of large targets from which so many were removed.
fn record(removed: &[(TargetRef, u64)]) -> Record {
    Record {
        removed: removed.iter().cloned().collect(),
        gone: removed.iter().cloned().collect(),
        removed_in_all: removed.iter().map(|(_, count)| count).sum(),
        people: [whitelist(), team(), other_team()]
            .map(|t| (t, 1_000_000))
            .into(),
        ..Record::default()
    }
}

/// How many are approved, held and protected.
fn counts(reviewed: &Reviewed) -> (usize, usize, usize) {
    (
        reviewed.approved.actions().len(),
        reviewed.held.len(),
        reviewed.protected.len(),
    )
}
