//! Groups actions into calls: members of one team go together, everything else alone.

use std::collections::BTreeMap;

use crate::domain::{ActionKind, Provider, TargetRef};
use crate::services::Services;
use crate::store::Tracked;

/// How many addresses one bulk call carries. The provider's limit is not documented; fifty is well
/// within any request size, and one refused address costs few further calls.
const BULK: usize = 50;

/// Actions that one call does.
#[derive(Debug)]
pub(super) enum Work {
    /// One action.
    One(Tracked),
    /// Members of one team, removed by address.
    Bulk(Vec<Tracked>),
}

impl Work {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Bulk(actions) => actions.len(),
        }
    }

    /// The team, where it is one: a whitelist cannot be read back.
    pub(super) fn team(&self) -> Option<TargetRef> {
        let first = match self {
            Self::One(action) => action,
            Self::Bulk(actions) => actions.first()?,
        };
        let target = &first.action.target;
        (target.provider() == Provider::Sapling).then(|| target.clone())
    }

    /// The actions, and whether they go to the bulk endpoint.
    pub(super) fn into_parts(self) -> (Vec<Tracked>, bool) {
        match self {
            Self::One(action) => (vec![action], false),
            Self::Bulk(actions) => (actions, true),
        }
    }
}

/// The work of each account, in the plan's order; a slow provider does not keep the other waiting.
pub(super) fn by_account(mut actions: Vec<Tracked>, services: &Services) -> Vec<Vec<Work>> {
    // What failed before must not stand in the way of what was never tried.
    actions.sort_by_key(|tracked| tracked.tried);
    let mut accounts: BTreeMap<(Provider, String), Vec<Work>> = BTreeMap::new();
    let mut members: BTreeMap<TargetRef, Vec<Tracked>> = BTreeMap::new();
    for tracked in actions {
        if tracked.action.kind == ActionKind::MemberRemove {
            let target = tracked.action.target.clone();
            members.entry(target).or_default().push(tracked);
        } else {
            let works = accounts.entry(account(&tracked.action.target)).or_default();
            works.push(Work::One(tracked));
        }
    }
    for (team, mut due) in members {
        // Members before invites: removing a member ends that member's invites too.
        let mut works = Vec::new();
        while !due.is_empty() {
            let rest = due.split_off(due.len().min(BULK));
            works.push(together(due, services));
            due = rest;
        }
        let others = accounts.entry(account(&team)).or_default();
        works.append(others);
        *others = works;
    }
    accounts.into_values().collect()
}

fn account(target: &TargetRef) -> (Provider, String) {
    (target.provider(), target.account().to_owned())
}

/// A single member is removed by id, which also ends the member's invites. But where the key's
/// holder is not configured, an admin may be the holder, and only the bulk call refuses to remove
/// them ("Users cannot delete themselves using this endpoint").
fn together(due: Vec<Tracked>, services: &Services) -> Work {
    let may_be_holder = |tracked: &Tracked| {
        let account = services.teams.get(tracked.action.target.account());
        tracked.action.is_admin && account.is_none_or(|a| a.holder.is_none())
    };
    match <[Tracked; 1]>::try_from(due) {
        Ok([only]) if !may_be_holder(&only) => Work::One(only),
        Ok([only]) => Work::Bulk(vec![only]),
        Err(due) => Work::Bulk(due),
    }
}
