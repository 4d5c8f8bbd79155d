//! The plan for one person on one target: now, and at the next moment at which it changes.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::facts::{Facts, Over};
use super::rules::Rules;
use crate::domain::{
    Action, ActionKind, GuardPolicy, LeftAlone, Plan, Snapshot, SourceHealth, TargetRef, Why,
};
use crate::guard::{self, Record};
use crate::plan;

/// The plan for one person on one target.
#[derive(Debug, Default)]
pub(super) struct Forecast {
    /// What is due now.
    pub(super) due: Vec<Planned>,
    /// Why what might be due is left alone.
    pub(super) left_alone: Vec<Why>,
    /// What becomes due next, and when.
    pub(super) coming: Option<(Timestamp, Vec<Planned>)>,
}

/// An action, and why the guard never allows it, if so.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) action: Action,
    pub(super) protected: Option<String>,
}

/// The moments at which an end may be acted on.
pub(crate) fn after_end(end: Timestamp, grace: SignedDuration) -> [Timestamp; 2] {
    [end, end.checked_add(grace).unwrap_or(Timestamp::MAX)]
}

pub(super) fn forecast(facts: &Facts, rules: &Rules, target: &TargetRef) -> Forecast {
    let mut snapshot = narrowed(&facts.snapshot, target);
    let plan = plan::plan(&snapshot, &rules.policy, facts.now);
    let left_alone = plan.left_alone.iter().map(|left: &LeftAlone| left.why);
    let left_alone = left_alone.collect();
    let due = judged(plan, rules, &snapshot);
    let known: BTreeSet<ActionKind> = due.iter().map(|p| p.action.kind).collect();
    let ends_all =
        |kind: &ActionKind| matches!(kind, ActionKind::WhitelistRemove | ActionKind::MemberRemove);
    let mut forecast = Forecast {
        due,
        left_alone,
        coming: None,
    };
    if known.iter().any(ends_all) {
        return forecast;
    }
    // By then the team will presumably have been read.
    for health in snapshot.sources.values_mut() {
        *health = SourceHealth::Complete;
    }
    for at in moments(facts, rules, target, &snapshot) {
        snapshot.whitelist_over = over_at(facts, at);
        let then = judged(plan::plan(&snapshot, &rules.policy, at), rules, &snapshot);
        let new: Vec<Planned> = then
            .into_iter()
            .filter(|p| !known.contains(&p.action.kind))
            .collect();
        if !new.is_empty() {
            forecast.coming = Some((at, new));
            break;
        }
    }
    forecast
}

/// The part of the snapshot about the target: each rule looks at one target at a time.
fn narrowed(all: &Snapshot, target: &TargetRef) -> Snapshot {
    let mut snapshot = all.clone();
    snapshot.grants.retain(|g| g.target == *target);
    snapshot.members.retain(|m| m.target == *target);
    snapshot.invites.retain(|i| i.target == *target);
    snapshot.sources.retain(|team, _| team == target);
    snapshot.rules.retain(|team, _| team == target);
    snapshot
}

/// Every future moment at which a rule may apply, soonest first.
fn moments(
    facts: &Facts,
    rules: &Rules,
    target: &TargetRef,
    snapshot: &Snapshot,
) -> BTreeSet<Timestamp> {
    let policy = &rules.policy;
    let rule = snapshot.rules.get(target);
    let mut moments = BTreeSet::new();
    for end in snapshot.grants.iter().filter_map(|g| g.end) {
        moments.extend(after_end(end, policy.grace));
    }
    let aged = |from: Timestamp, age: SignedDuration| from.checked_add(age).ok();
    if let Some(max_age) = rule.and_then(|r| r.max_age) {
        moments.extend(
            snapshot
                .members
                .iter()
                .filter_map(|m| aged(m.since(), max_age)),
        );
    }
    let stale = snapshot.invites.iter();
    moments.extend(stale.filter_map(|i| aged(i.first_seen, policy.invite_stale_after)));
    if rule.is_some_and(|r| r.follow.is_some()) {
        moments.extend(facts.over_from.keys());
    }
    moments
        .split_off(&facts.now)
        .into_iter()
        .filter(|at| *at > facts.now)
        .collect()
}

fn over_at(facts: &Facts, at: Timestamp) -> Over {
    let known = facts.over_from.range(..=at).next_back();
    known.map(|(_, over)| over.clone()).unwrap_or_default()
}

/// The actions, and which of them the guard never allows. Its limits are not about one person.
fn judged(plan: Plan, rules: &Rules, snapshot: &Snapshot) -> Vec<Planned> {
    let policy = GuardPolicy {
        max_removals: u64::MAX,
        ..rules.guard.clone()
    };
    let record = Record {
        admins: snapshot.admins.clone(),
        holders: snapshot.holders.clone(),
        ..Record::default()
    };
    let reviewed = guard::review(plan, &policy, &record);
    let free = reviewed.approved.actions().iter().map(|action| Planned {
        action: action.clone(),
        protected: None,
    });
    let kept = reviewed.protected.into_iter().map(|refused| Planned {
        action: refused.action,
        protected: Some(refused.why),
    });
    free.chain(kept).collect()
}
