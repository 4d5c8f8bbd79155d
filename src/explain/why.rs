//! The explanation: for each target the verdict, what it rests on, and what comes next.

use jiff::Timestamp;
use serde::Serialize;

use super::facts::{
    ActionFact, Facts, GrantFact, InviteFact, MemberFact, OnTarget, Proof, ProvisionFact,
    SourceFact,
};
use super::forecast::forecast;
use super::next::{Next, next};
use super::rules::{Applies, Rules};
use super::verdict::{AccessState, Judge};
use super::words::Words;
use crate::domain::{TargetId, TargetRef};

/// A person's access at a moment, with the evidence.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Explanation {
    pub(crate) email: String,
    /// Another address by which the person is on record.
    #[serde(skip)]
    pub(crate) recorded_as: Option<String>,
    /// Whether anything about the person is on record.
    pub(crate) known: bool,
    /// When this was so.
    pub(crate) at: Timestamp,
    /// When the last pass ended that was more than a look.
    pub(crate) last_pass: Option<Timestamp>,
    pub(crate) targets: Vec<OnePlace>,
    /// Addresses that may be meant, where nobody is known.
    pub(crate) near: Vec<String>,
}

/// The access to one target.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct OnePlace {
    pub(crate) target: TargetRef,
    pub(crate) access: AccessState,
    /// Until when, where that is known.
    pub(crate) until: Option<Timestamp>,
    pub(crate) verdict: String,
    pub(crate) grants: Vec<GrantFact>,
    pub(crate) membership: Option<MemberFact>,
    pub(crate) invite: Option<InviteFact>,
    pub(crate) suppressed_since: Option<Timestamp>,
    /// How the team was read last; absent for a whitelist, which cannot be read.
    pub(crate) source: Option<SourceFact>,
    pub(crate) rules: Vec<Applies>,
    pub(crate) actions: Vec<ActionFact>,
    pub(crate) provisions: Vec<ProvisionFact>,
    pub(crate) next: Vec<Next>,
}

impl OnePlace {
    /// The last event of the trail about the person here.
    pub(crate) fn last_event(&self) -> Option<&Proof> {
        let grants = self.grants.iter().filter_map(|g| g.event.as_ref());
        let actions = self.actions.iter().filter_map(|a| a.event.as_ref());
        let provisions = self.provisions.iter().filter_map(|p| p.event.as_ref());
        let all = grants.chain(actions).chain(provisions);
        all.max_by_key(|event| event.seq)
    }
}

/// Explains what is on record: everywhere, or on one target, where it may be nothing.
pub(crate) fn explain(
    facts: &Facts,
    rules: &Rules,
    only: Option<&TargetRef>,
    words: &Words,
) -> Explanation {
    let nothing = OnTarget::default();
    let places: Vec<(&TargetRef, &OnTarget)> = match only {
        Some(target) => {
            let id: TargetId = target.id();
            let found = facts.places.iter().find(|(known, _)| known.id() == id);
            vec![found.unwrap_or((target, &nothing))]
        }
        None => facts.places.iter().collect(),
    };
    let targets = places
        .into_iter()
        .map(|(target, on)| place(facts, rules, target, on, words));
    Explanation {
        email: facts.email.written().to_owned(),
        recorded_as: facts.recorded_as.as_ref().map(|e| e.written().to_owned()),
        known: !facts.places.is_empty(),
        at: facts.now,
        last_pass: facts.last_pass,
        targets: targets.collect(),
        near: facts.near.clone(),
    }
}

fn place(
    facts: &Facts,
    rules: &Rules,
    target: &TargetRef,
    on: &OnTarget,
    words: &Words,
) -> OnePlace {
    let forecast = forecast(facts, rules, target);
    let judge = Judge {
        target,
        on,
        forecast: &forecast,
        words,
    };
    let verdict = judge.verdict();
    OnePlace {
        target: target.clone(),
        access: verdict.access,
        until: verdict.until,
        verdict: verdict.text,
        grants: on.grants.clone(),
        membership: on.member.clone(),
        invite: on.invite.clone(),
        suppressed_since: on.suppressed_since,
        source: on.source.clone(),
        rules: rules.on(facts, target, on),
        actions: on.actions.clone(),
        provisions: on.provisions.clone(),
        next: next(on, &forecast, words),
    }
}
