//! The configured rules, and which of them concern a person.

use std::collections::BTreeMap;

use serde::Serialize;

use super::facts::{Facts, OnTarget};
use crate::config::{Settings, TeamRule};
use crate::domain::{Email, GuardPolicy, Pattern, Policy, Provider, TargetRef};
use crate::text::span;

/// What decides about access beside the grants.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) guard: GuardPolicy,
    pub(crate) teams: Vec<TeamRule>,
    /// The keys' holders by account.
    pub(crate) holders: BTreeMap<String, Email>,
    /// Whether no provider is changed (`guard.observe_only`).
    pub(crate) observe_only: bool,
}

/// A rule that concerns a person on a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Applies {
    /// Its key in the configuration.
    pub(crate) rule: &'static str,
    pub(crate) text: String,
}

impl Rules {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            policy: settings.policy.clone(),
            guard: settings.guard.limits.clone(),
            holders: settings.holders(),
            teams: settings.team_rules().cloned().collect(),
            observe_only: settings.guard.observe_only,
        }
    }

    /// Those that concern the person on the target.
    pub(super) fn on(&self, facts: &Facts, target: &TargetRef, on: &OnTarget) -> Vec<Applies> {
        let mut applies = Vec::new();
        let mut add = |rule, text| applies.push(Applies { rule, text });
        if self.observe_only {
            let text = "lapsed only observes: what comes next is planned, and not done".to_owned();
            add("guard.observe_only", text);
        }
        let is_team = target.provider() == Provider::Sapling;
        if is_team && self.holders.get(target.account()) == Some(&facts.email) {
            let text = "holds the key of this account: never removed".to_owned();
            add("sapling.self_email", text);
        }
        let protected = |p: &&Pattern| p.matches(&facts.email);
        if let Some(pattern) = self.guard.protected.iter().find(protected) {
            add(
                "guard.protected",
                format!("protected by {pattern}: never removed"),
            );
        }
        if !self.policy.grace.is_zero() {
            let grace = span(self.policy.grace);
            add(
                "policy.grace",
                format!("an end of time is acted on {grace} later"),
            );
        }
        if let Some(max_age) = on.rule.max_age {
            let age = span(max_age);
            let text = format!("members older than {age} are removed, unless a grant covers them");
            add("sapling.team.max_age", text);
        }
        if let Some(followed) = &on.rule.follow {
            let text = format!(
                "membership ends with the grants on {followed}, unless a grant here covers it"
            );
            add("sapling.team.follow", text);
        }
        if on.invite.as_ref().is_some_and(|i| i.gone_at.is_none()) {
            let age = span(self.policy.invite_stale_after);
            let text = format!("an invite is revoked {age} after it was first seen pending");
            add("policy.invite_stale_after", text);
            if on.suppressed_since.is_some() && self.policy.revoke_suppressed_invites {
                let text = "an invite to an address that bounces is revoked".to_owned();
                add("policy.revoke_suppressed_invites", text);
            }
        }
        applies
    }
}
