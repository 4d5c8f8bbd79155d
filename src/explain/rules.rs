//! The configured rules, and which of them concern a person.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use serde::Serialize;

use super::facts::{Facts, OnTarget};
use super::words::span;
use crate::config::Settings;
use crate::domain::{Email, Provider, Target, TargetRef};
use crate::guard::{GuardPolicy, Pattern};
use crate::plan::Policy;

/// What decides about access beside the grants.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) guard: GuardPolicy,
    pub(crate) teams: Vec<TeamRule>,
    /// The keys' holders by account.
    pub(crate) holders: BTreeMap<String, Email>,
}

/// A `[[sapling.team]]`.
#[derive(Debug, Clone)]
pub(crate) struct TeamRule {
    pub(crate) team: Target,
    pub(crate) max_age: Option<SignedDuration>,
    pub(crate) follow: Option<Target>,
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
        let guard = &settings.guard;
        let holder =
            |a: &crate::config::SaplingAccount| Some((a.name.clone(), a.self_email.clone()?));
        let teams = settings.sapling.iter().flat_map(|account| {
            account.teams.iter().map(|rule| TeamRule {
                team: Target::Sapling {
                    account: account.name.clone(),
                    team: rule.team.clone(),
                },
                max_age: rule.max_age.map(signed),
                follow: rule.follow.clone(),
            })
        });
        Self {
            policy: Policy {
                grace: settings.policy.grace(),
                invite_stale_after: signed(settings.policy.invite_stale_after),
                revoke_suppressed_invites: settings.policy.revoke_suppressed_invites,
                remove_returned: settings.policy.remove_returned,
            },
            guard: GuardPolicy {
                max_removals: guard.max_removals,
                max_removal_percent: guard.max_removal_percent,
                protected: guard.protected.iter().map(|p| Pattern::new(p)).collect(),
                min_team_admins: guard.min_team_admins,
            },
            holders: settings.sapling.iter().filter_map(holder).collect(),
            teams: teams.collect(),
        }
    }

    /// Those that concern the person on the target.
    pub(super) fn on(&self, facts: &Facts, target: &TargetRef, on: &OnTarget) -> Vec<Applies> {
        let mut applies = Vec::new();
        let mut add = |rule, text| applies.push(Applies { rule, text });
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

/// A configured span; the configuration's limit keeps it far from overflow.
fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
