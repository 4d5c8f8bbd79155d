//! What a plan made now would be asked about one person.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::Connection;

use crate::config::TeamRule;
use crate::domain::{Email, Scope, SourceHealth, TargetRef, TeamPolicy};
use crate::explain::Rules;
use crate::explain::facts::{OnTarget, Over};
use crate::store::queries::plan_input::{self, Wanted};
use crate::store::{StoreError, Targets};

/// The configured rules by the teams they apply to.
pub(crate) fn policies(
    db: &Connection,
    rules: &[TeamRule],
) -> Result<BTreeMap<TargetRef, TeamPolicy>, StoreError> {
    let mut policies = BTreeMap::new();
    for rule in rules {
        let follow = rule.follow.as_ref().map(|t| Targets::find(db, t));
        let policy = TeamPolicy {
            max_age: rule.max_age,
            follow: follow.transpose()?.flatten(),
        };
        if let Some(team) = Targets::find(db, &rule.team)? {
            policies.insert(team, policy);
        }
    }
    Ok(policies)
}

/// The input of a plan made now, with the teams as last read.
pub(super) fn wanted(
    places: &BTreeMap<TargetRef, OnTarget>,
    rules: &Rules,
    policies: BTreeMap<TargetRef, TeamPolicy>,
    now: Timestamp,
) -> Wanted {
    let read = |(target, on): (&TargetRef, &OnTarget)| {
        let source = on.source.as_ref().filter(|_| on.listed)?;
        let health = match source.state.as_str() {
            "complete" => SourceHealth::Complete,
            "doubtful" => SourceHealth::Doubtful,
            _ => SourceHealth::Missing,
        };
        Some((target.clone(), health))
    };
    let listed = |team: &TargetRef| places.get(team).is_some_and(|on| on.listed);
    Wanted {
        now,
        policy: rules.policy.clone(),
        rules: policies
            .into_iter()
            .filter(|(team, _)| listed(team))
            .collect(),
        sources: places.iter().filter_map(read).collect(),
        scope: Scope::Everything,
        holders: rules.holders.clone(),
    }
}

/// How the access to followed whitelists changes: now, and at each future end.
pub(super) fn over(
    db: &Connection,
    email: &Email,
    wanted: &Wanted,
    places: &BTreeMap<TargetRef, OnTarget>,
) -> Result<BTreeMap<Timestamp, Over>, StoreError> {
    let followed = wanted
        .rules
        .values()
        .filter_map(|rule| rule.follow.as_ref());
    let grants = followed
        .filter_map(|t| places.get(t))
        .flat_map(|on| &on.grants);
    let ends = grants.filter_map(|g| g.end.filter(|_| g.removed_at.is_none()));
    let mut moments = vec![wanted.now];
    for end in ends {
        moments.extend(crate::explain::after_end(end, wanted.policy.grace));
    }
    let mut over = BTreeMap::new();
    for now in moments.into_iter().filter(|at| *at >= wanted.now) {
        let then = Wanted {
            now,
            ..wanted.clone()
        };
        over.insert(now, plan_input::whitelist_over(db, &then, email)?);
    }
    Ok(over)
}
