//! Groups actions into calls: members of one team go together, everything else alone.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::{ActionKind, Provider, TargetRef};
use crate::execute::attempt::{self, Account};
use crate::providers::accounts::Services;
use crate::store::Tracked;

/// How many addresses one bulk call carries. The provider's limit is not documented; fifty is well
/// within any request size, and one refused address costs few further calls.
const BULK: usize = 50;

/// Actions that one call does.
#[derive(Debug)]
pub(super) enum Work {
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

    /// Where it is done.
    fn target(&self) -> Option<&TargetRef> {
        let first = match self {
            Self::One(action) => action,
            Self::Bulk(actions) => actions.first()?,
        };
        Some(&first.action.target)
    }

    /// The team, where it is one: a whitelist cannot be read back.
    pub(super) fn team(&self) -> Option<TargetRef> {
        let target = self.target()?;
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

/// The work of each account; a slow provider does not keep the other waiting. What has been due
/// longest comes first, in whichever team; what failed before comes last, the more so the oftener, so
/// that it does not delay what was never tried.
pub(super) fn by_account(
    actions: Vec<Tracked>,
    services: &Services,
) -> BTreeMap<Account, Vec<Work>> {
    let mut works: Vec<(Order, Work)> = Vec::new();
    let mut members: BTreeMap<TargetRef, Vec<Tracked>> = BTreeMap::new();
    for tracked in actions {
        let is_member = tracked.action.kind == ActionKind::MemberRemove;
        if is_member && tracked.tries == 0 && !tracked.action.shares_address {
            let team = tracked.action.target.clone();
            members.entry(team).or_default().push(tracked);
        } else {
            let order = Order::of(&tracked);
            // What a call for many has refused is tried alone.
            let work = match is_member {
                true => together(vec![tracked], services),
                false => Work::One(tracked),
            };
            works.push((order, work));
        }
    }
    for mut due in members.into_values() {
        due.sort_by_key(|tracked| tracked.action.due);
        while !due.is_empty() {
            let rest = due.split_off(due.len().min(BULK));
            if let Some(first) = due.first() {
                works.push((Order::of(first), together(due, services)));
            }
            due = rest;
        }
    }
    works.sort_by_key(|(order, _)| *order);
    let works = works.into_iter().map(|(_, work)| work);
    attempt::by_account(works, Work::target)
}

/// In which order things are done: how often they were tried before, so that none that always fails
/// takes the one call after each rest; since when they are due; and members before invites, since
/// removing a member ends that member's invites too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Order(u32, Timestamp, bool);

impl Order {
    fn of(tracked: &Tracked) -> Self {
        let is_invite = tracked.action.kind == ActionKind::InviteRevoke;
        Self(tracked.tries, tracked.action.due, is_invite)
    }
}

/// A single member is removed by id, which also ends the member's invites. But where the key's
/// holder is not configured, an admin may be the holder, and only the bulk call refuses to remove
/// them ("Users cannot delete themselves using this endpoint"). That call takes every membership of
/// the address: a member whose address stands twice is never removed by it.
fn together(due: Vec<Tracked>, services: &Services) -> Work {
    let may_be_holder = |tracked: &Tracked| {
        let account = services.teams.get(tracked.action.target.account());
        let action = &tracked.action;
        action.is_admin && !action.shares_address && account.is_none_or(|a| a.holder.is_none())
    };
    match <[Tracked; 1]>::try_from(due) {
        Ok([only]) if !may_be_holder(&only) => Work::One(only),
        Ok([only]) => Work::Bulk(vec![only]),
        Err(due) => Work::Bulk(due),
    }
}
