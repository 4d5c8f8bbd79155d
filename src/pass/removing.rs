//! Removals: the absences that are believed, the plan, the guard's verdict, the calls, and what
//! reading back shows.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Pass;
use crate::clock;
use crate::domain::{
    Action, ActionResult, ActionState, Finding, FindingKind, LeftAlone, Obligation, Place, Plan,
    Scope, Snapshot, TargetMessage, TargetRef, TeamPolicy, Why,
};
use crate::execute::removals::Remove;
use crate::guard::{ApprovedPlan, OBSERVES, Refused, Reviewed};
use crate::observe::{self, Observation, ReadOptions};
use crate::plan;
use crate::progress::Stage;
use crate::store::queries::plan_input::{self, Wanted};
use crate::store::{Ledger, ReadTeam, StoreError, absent, upgrade};

impl Pass<'_> {
    /// Closes the grants that are over and whose people are believed to be gone.
    pub(super) async fn believe_absences(&self, seen: &Observation) -> Result<(), StoreError> {
        let teams: Vec<ReadTeam> = seen.read_teams().collect();
        if self.options.dry_run || teams.is_empty() {
            return Ok(());
        }
        let (run, at, now) = (self.run.clone(), self.started_at, self.moment);
        let cutoff = now
            .checked_sub(self.settings.policy.grace)
            .unwrap_or(Timestamp::MIN);
        let read = seen.readable();
        let found = self
            .store
            .write(move |db| {
                let reopened = upgrade::reopen(db, &read, at)?;
                if reopened > 0 {
                    tracing::warn!(
                        reopened,
                        "an older version closed {reopened} grants though their people are there; what is due for them waits for lapsed approve"
                    );
                }
                absent::believe(db, &run, &teams, cutoff, at)
            })
            .await?;
        for found in found {
            let lag = at.duration_since(found.due);
            let metrics = &self.services.metrics;
            metrics.found_absent(found.kind, found.reason, lag);
        }
        Ok(())
    }

    pub(super) async fn plan(
        &self,
        seen: &Observation,
        rules: &BTreeMap<TargetRef, TeamPolicy>,
        scope: &Scope,
    ) -> Result<(Snapshot, Plan), StoreError> {
        let policy = &self.settings.policy;
        let wanted = Wanted {
            now: self.moment,
            policy: policy.clone(),
            rules: rules.clone(),
            sources: seen.sources.clone(),
            scope: scope.clone(),
            holders: self.settings.holders(),
        };
        let snapshot = self
            .store
            .read(move |db| plan_input::load(db, wanted))
            .await?;
        let plan = plan::plan(&snapshot, policy, self.moment);
        for left in &plan.left_alone {
            tracing::debug!(target = %left.target, email = %left.email, why = ?left.why, "left alone");
        }
        Ok((snapshot, plan))
    }

    /// Records the plan, does what was approved, and reads back what can be read. Returns the teams
    /// from which something was removed.
    pub(super) async fn apply(
        &self,
        reviewed: Reviewed,
        seen: &mut Observation,
        scope: &Scope,
    ) -> Result<BTreeSet<TargetRef>, StoreError> {
        let run = self.run.clone();
        let at = self.started_at;
        let read = seen.readable();
        let within = scope.clone();
        let (approved, refused) = match self.settings.guard.observe_only {
            true => (ApprovedPlan::default(), observed(reviewed)),
            false => {
                let refused = refusals(reviewed.held, reviewed.protected);
                (reviewed.approved, refused)
            }
        };
        let recorded = self
            .store
            .write(move |db| {
                Ledger::record_plan(db, &run, approved.actions(), &refused, &read, &within, at)
            })
            .await?;
        let error = |(target, message)| TargetMessage {
            place: Place::Target(target),
            message,
        };
        seen.errors.extend(recorded.errors.into_iter().map(error));
        let progress = |done, total| self.options.progress.tell(Stage::Apply, done, total);
        let clocks = self.clocks();
        let remove = Remove {
            services: self.services,
            store: self.store,
            run: &self.run,
            team_ids: &seen.team_ids,
            grace: self.settings.policy.grace,
            respect_backoff: self.options.respect_backoff,
            clocks: &clocks,
            stop: &self.options.stop,
            progress: &progress,
        };
        let touched = remove.all(recorded.tracked).await?;
        let teams = touched.iter().filter_map(|team| {
            let id = seen.team_ids.get(&team.id())?.clone();
            Some((team.clone(), id))
        });
        let options = ReadOptions {
            scope,
            ..ReadOptions::aside(&self.run, clock::now())
        };
        let found = observe::read_back(self.services, self.store, teams.collect(), options).await?;
        seen.findings.extend(found);
        Ok(touched)
    }

    /// What reading back showed to be due is done at once: a person accepted an invite between our
    /// reading and our call, or is there under another id.
    pub(super) async fn apply_what_showed(
        &self,
        touched: BTreeSet<TargetRef>,
        known: BTreeSet<Obligation>,
        seen: &mut Observation,
        rules: &BTreeMap<TargetRef, TeamPolicy>,
    ) -> Result<(), StoreError> {
        if touched.is_empty() {
            return Ok(());
        }
        let scope = Scope::only(touched);
        let (snapshot, mut plan) = self.plan(seen, rules, &scope).await?;
        plan.actions
            .retain(|action| !known.contains(&action.obligation()));
        if !plan.actions.is_empty() {
            let reviewed = self.guard(plan, &snapshot).await?;
            self.apply(reviewed, seen, &scope).await?;
        }
        Ok(())
    }
}

/// People who came back: reported at once, in the words of `Findings::standing`, which tells them later.
pub(super) fn returned(plan: &Plan) -> Vec<Finding> {
    let left = plan.left_alone.iter();
    let left = left.filter(|left| left.why == Why::Returned);
    let finding = |left: &LeftAlone| Finding {
        finding: FindingKind::MemberReturned,
        place: Place::Target(left.target.clone()),
        email: Some(left.email.clone()),
        detail: Some("came back after the access had ended, and no grant covers it".to_owned()),
    };
    left.map(finding).collect()
}

fn refusals(held: Vec<Refused>, protected: Vec<Refused>) -> Vec<(ActionState, Refused)> {
    let held = held.into_iter().map(|r| (ActionState::Held, r));
    let protected = protected.into_iter().map(|r| (ActionState::Protected, r));
    held.chain(protected).collect()
}

/// The same where lapsed only observes: what is due, and what the guard would hold, is planned and
/// nothing more.
fn observed(reviewed: Reviewed) -> Vec<(ActionState, Refused)> {
    let due = reviewed.approved.actions().iter().map(|action| Refused {
        action: action.clone(),
        why: OBSERVES.to_owned(),
    });
    let held = reviewed.held.into_iter().map(|held| Refused {
        why: format!("{OBSERVES}; would be held: {}", held.why),
        ..held
    });
    let planned = due
        .chain(held)
        .map(|refused| (ActionState::Planned, refused));
    let mut all: Vec<_> = planned.collect();
    all.extend(refusals(Vec::new(), reviewed.protected));
    all
}

/// The actions of a dry run: none was tried.
pub(super) fn planned(reviewed: Reviewed) -> Vec<ActionResult> {
    let result = |action: &Action, state, detail| ActionResult {
        action: action.kind,
        target: action.target.clone(),
        email: action.email.clone(),
        reason: action.reason,
        state,
        evidence: None,
        detail,
    };
    let approved = reviewed.approved.actions().iter();
    let mut actions: Vec<ActionResult> = approved
        .map(|action| result(action, ActionState::Planned, None))
        .collect();
    for (state, refused) in refusals(reviewed.held, reviewed.protected) {
        actions.push(result(&refused.action, state, Some(refused.why)));
    }
    actions
}
