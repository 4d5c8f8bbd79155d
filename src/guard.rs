//! Judges a plan before it is applied. It never lets the first N of too many removals through: what
//! is over a limit is held as a whole until a person approves it.

pub(crate) mod clocks;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::domain::{
    Action, ActionKind, Email, GuardPolicy, Holder, Means, Obligation, Plan, Reason, TargetRef,
};

/// Why nothing is done that is due, where lapsed only observes.
pub(crate) const OBSERVES: &str = "guard.observe_only is true: no provider is changed";

/// A target's removals are limited in percent only from this many on: below it a percentage of a
/// small team would hold every single removal.
const PERCENT_COUNTS_FROM: u64 = 10;

/// Earlier removals and the people who are there: what the limits are measured against.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    /// Removals of the last 24 hours, by target.
    pub removed: BTreeMap<TargetRef, u64>,
    /// How many people these removed. A demotion removes nobody.
    pub gone: BTreeMap<TargetRef, u64>,
    /// Removals of the last 24 hours over everything, also from targets that are gone.
    pub removed_in_all: u64,
    /// The known people of each target that the plan touches, before this plan; counted as far as
    /// [`people_that_matter`] says.
    pub people: BTreeMap<TargetRef, u64>,
    /// The admins of each team that the plan touches.
    pub admins: BTreeMap<TargetRef, u64>,
    /// What a person has approved: an obligation, and since when it was due.
    pub approved: BTreeMap<Obligation, Timestamp>,
    /// The keys' holders by team: never removed.
    pub holders: BTreeMap<TargetRef, Holder>,
    /// Other addresses that a membership has borne, by team and membership id.
    pub former: BTreeMap<(TargetRef, String), Vec<Email>>,
    /// Why nothing may be done without a person's approval, if so.
    pub suspended: Option<String>,
}

impl Record {
    /// Whether a person has approved exactly this action.
    fn approves(&self, action: &Action) -> bool {
        self.approved.get(&action.obligation()) == Some(&action.due)
    }

    /// Why the person is never removed, if so.
    fn never(&self, action: &Action, policy: &GuardPolicy) -> Option<String> {
        let holder = self.holders.get(&action.target);
        if holder.is_some_and(|holder| holder.is(&action.person, &action.email)) {
            return Some("is the holder of the key (self_email)".to_owned());
        }
        let may_be_holder = action.is_admin && holder.is_none_or(|holder| !holder.is_sure);
        let by_rule = matches!(action.reason, Reason::TeamMaxAge | Reason::WhitelistEnded);
        if may_be_holder && by_rule {
            return Some(
                "may be the holder of the key: without the holder's self_email no rule removes an admin"
                    .to_owned(),
            );
        }
        // Only a call by address refuses to remove the holder, and it would remove both.
        if may_be_holder && action.shares_address && action.kind == ActionKind::MemberRemove {
            return Some(
                "may be the holder of the key, and the team has its address twice: without \
                 the holder's self_email such an admin is not removed"
                    .to_owned(),
            );
        }
        let pattern = policy.protected.iter().find(|p| p.matches(&action.email))?;
        Some(format!("is protected by {pattern} (guard.protected)"))
    }

    /// Why somebody has to approve it although it is within all limits.
    fn doubt(&self, action: &Action, policy: &GuardPolicy) -> Option<String> {
        if action.reopened {
            return Some(
                "its grant was closed by an older version of lapsed, and the person is there"
                    .to_owned(),
            );
        }
        let former = self
            .former
            .get(&(action.target.clone(), action.person.clone()))?;
        let of = |email: &Email| policy.protected.iter().find(|p| p.matches(email));
        let (email, pattern) = former.iter().find_map(|email| Some((email, of(email)?)))?;
        Some(format!(
            "was {email} under the same membership, which {pattern} protects (guard.protected)"
        ))
    }
}

/// How many people a target must have for so many removals to be within the percentage: no need to
/// count further.
#[must_use]
pub(crate) fn people_that_matter(removals: u64, policy: &GuardPolicy) -> u64 {
    // A percentage of nothing makes this infinite, and the cast saturates.
    (removals as f64 * 100.0 / policy.max_removal_percent).ceil() as u64
}

/// The verdict on a plan.
#[derive(Debug, Clone, Default)]
#[must_use = "the verdict says what may be done and what must wait"]
pub(crate) struct Reviewed {
    /// What may be done.
    pub approved: ApprovedPlan,
    /// What waits for a person.
    pub held: Vec<Refused>,
    /// What is never done.
    pub protected: Vec<Refused>,
}

/// Actions that the guard has approved. Only the guard can make one, and `apply` accepts nothing
/// else.
#[derive(Debug, Clone, Default)]
#[must_use = "an approved plan changes nothing until it is applied"]
pub(crate) struct ApprovedPlan(Vec<Action>);

impl ApprovedPlan {
    /// The actions, oldest first.
    #[must_use]
    pub(crate) fn actions(&self) -> &[Action] {
        &self.0
    }

    /// The same without some actions: what is left out is not done.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Action) -> bool) {
        self.0.retain(keep);
    }
}

/// An action that may not be done, and why.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    /// The action.
    pub action: Action,
    /// In words, for reports.
    pub why: String,
}

/// Judges a plan against policy and record.
pub(crate) fn review(plan: Plan, policy: &GuardPolicy, record: &Record) -> Reviewed {
    let mut reviewed = Reviewed::default();
    let last_admins = last_admins(&plan.actions, policy, record);
    let mut candidates = Vec::new();
    for (at, action) in plan.actions.into_iter().enumerate() {
        let why = record.never(&action, policy).or_else(|| {
            last_admins.contains(&at).then(|| {
                format!(
                    "the team keeps at least {} admin(s) (guard.min_team_admins)",
                    policy.min_team_admins
                )
            })
        });
        match why {
            Some(why) => reviewed.protected.push(Refused { action, why }),
            None => candidates.push(action),
        }
    }

    // What a person has approved, or has to approve, does not count against a limit.
    let counted: Vec<&Action> = candidates
        .iter()
        .filter(|a| removes(a) && !record.approves(a) && record.doubt(a, policy).is_none())
        .collect();
    let planned = counted.len() as u64;
    let in_all = record.removed_in_all.saturating_add(planned);
    let passes = in_all > policy.max_removals;
    let everything = record.suspended.clone().or_else(|| {
        passes.then(|| {
            format!(
                "{in_all} removals in 24 hours would pass guard.max_removals = {}",
                policy.max_removals
            )
        })
    });
    let over = targets_over_percent(&counted, policy, record);
    let mut waits = Vec::with_capacity(candidates.len());
    for action in &candidates {
        // Exactly what a person has approved. While everything is suspended, an approval from
        // before does not count.
        let approved = record.suspended.is_none() && record.approves(action);
        let why = || {
            let doubt = record.doubt(action, policy);
            let everything = everything.clone();
            everything
                .or_else(|| over.get(&action.target).cloned())
                .or(doubt)
        };
        waits.push(if approved { None } else { why() });
    }
    hold(candidates, waits, &mut reviewed);
    reviewed
}

/// Whether the action removes something: what cannot be tried does not count against a limit.
fn removes(action: &Action) -> bool {
    action.means != Means::Unreadable
}

/// The places of the actions that would leave a team with too few admins. Those that have been due
/// longest are allowed.
fn last_admins(actions: &[Action], policy: &GuardPolicy, record: &Record) -> BTreeSet<usize> {
    let mut going: BTreeMap<&TargetRef, BTreeSet<&str>> = BTreeMap::new();
    let mut kept = BTreeSet::new();
    for (at, action) in actions.iter().enumerate() {
        if !action.is_admin || record.never(action, policy).is_some() {
            continue;
        }
        let admins = record.admins.get(&action.target).copied().unwrap_or(0);
        let going = going.entry(&action.target).or_default();
        // A person who is demoted and removed in one plan is one admin less, not two.
        if going.contains(action.person.as_str()) {
            continue;
        }
        if admins.saturating_sub(going.len() as u64) > policy.min_team_admins {
            going.insert(&action.person);
        } else {
            kept.insert(at);
        }
    }
    kept
}

fn targets_over_percent(
    actions: &[&Action],
    policy: &GuardPolicy,
    record: &Record,
) -> BTreeMap<TargetRef, String> {
    let mut planned: BTreeMap<&TargetRef, u64> = BTreeMap::new();
    for action in actions {
        *planned.entry(&action.target).or_default() += 1;
    }
    planned
        .into_iter()
        .filter_map(|(target, planned)| {
            let removed = record.removed.get(target).copied().unwrap_or(0);
            // The percentage is of the people before the first removal of the 24 hours.
            let people = record.people.get(target).copied().unwrap_or(0);
            let people = people.saturating_add(record.gone.get(target).copied().unwrap_or(0));
            let going = removed.saturating_add(planned);
            let passes = going >= PERCENT_COUNTS_FROM
                && going as f64 * 100.0 > people as f64 * policy.max_removal_percent;
            passes.then(|| {
                let why = format!(
                    "{going} removals in 24 hours of {people} known people would pass guard.max_removal_percent = {}",
                    policy.max_removal_percent
                );
                (target.clone(), why)
            })
        })
        .collect()
}

fn hold(actions: Vec<Action>, waits: Vec<Option<String>>, reviewed: &mut Reviewed) {
    for (action, why) in actions.into_iter().zip(waits) {
        match why {
            Some(why) if removes(&action) => reviewed.held.push(Refused { action, why }),
            _ => reviewed.approved.0.push(action),
        }
    }
}

#[cfg(test)]
mod tests;
