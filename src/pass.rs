//! One pass, from top to bottom: give what is owed, observe, plan, guard, apply, read back, report,
//! mail. The only file that knows all the stages.

mod giving;
mod judging;
mod mailing;
mod options;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::apply::Apply;
use crate::clock;
use crate::config::Settings;
use crate::domain::{
    Action, ActionResult, ActionState, Counts, Finding, FindingKind, PassOutcome, Place, Plan,
    Snapshot, SourceHealth, TargetId, TargetMessage, TargetRef, TeamPolicy, Verdict,
};
use crate::guard::{Refused, Reviewed};
use crate::observe::{self, Errand, Observation};
use crate::plan::{self, Policy};
use crate::services::Services;
use crate::store::snapshot::{self, Wanted};
use crate::store::{Findings, Holds, Ledger, PassLock, Runs, Store, StoreError, Targets};

pub use mailing::MailError;
pub(crate) use mailing::{last_report, scope};
pub use options::{Options, Progress, Stage, Stop};

/// Why a pass could not be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PassError {
    /// Another one is running.
    #[error("another pass is running on {0}")]
    Busy(PathBuf),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The report could not be made.
    #[error(transparent)]
    Mail(#[from] MailError),
}

/// Runs one pass.
///
/// # Errors
/// When it could not be run at all. What could not be read, done or mailed is in the outcome.
pub async fn run(
    settings: &Settings,
    services: &Services,
    store: &Store,
    options: &Options,
) -> Result<PassOutcome, PassError> {
    let lock = store.lock_pass()?;
    let lock = lock.ok_or_else(|| PassError::Busy(store.path().to_owned()))?;
    under(&lock, settings, services, store, options).await
}

/// Runs one pass for who has the right to it already.
///
/// # Errors
/// The same.
pub(crate) async fn under(
    _lock: &PassLock,
    settings: &Settings,
    services: &Services,
    store: &Store,
    options: &Options,
) -> Result<PassOutcome, PassError> {
    let pass = Pass {
        settings,
        store,
        services,
        options,
        run: uuid::Uuid::now_v7().to_string(),
        started_at: clock::now(),
        begun: Instant::now(),
        restored: store.looks_restored().await?,
    };
    pass.begin().await?;

    let unmended = pass.give_entries().await?;
    let mut seen = pass.observe().await?;
    seen.errors.extend(unmended);
    pass.give_members(&mut seen).await?;
    let (snapshot, plan) = pass.plan(&mut seen).await?;
    let reviewed = pass.guard(plan, &snapshot).await?;
    let actions = if options.dry_run {
        planned(reviewed)
    } else {
        pass.apply(reviewed, &mut seen).await?
    };
    seen.errors.extend(pass.give_again().await?);
    seen.findings.extend(pass.standing_findings().await?);
    pass.finish(seen, actions).await
}

/// What the stages of one pass share.
struct Pass<'a> {
    settings: &'a Settings,
    store: &'a Store,
    services: &'a Services,
    options: &'a Options,
    run: String,
    started_at: Timestamp,
    /// The same moment by a clock that cannot be set.
    begun: Instant,
    /// Why the database must be an older copy than the last one that acted here, if it is.
    restored: Option<String>,
}

impl Pass<'_> {
    /// Notes beside the database how far it has come; an older copy must not pass for the one that
    /// acts here before a person has said so.
    async fn set_mark(&self) -> Result<(), StoreError> {
        match self.restored {
            None => self.store.set_mark().await,
            Some(_) => Ok(()),
        }
    }

    /// The moment for which the plan is made.
    fn moment(&self) -> Timestamp {
        self.options.at.unwrap_or(self.started_at)
    }

    fn grace(&self) -> SignedDuration {
        span(self.settings.policy.grace)
    }

    /// Notes that the pass begins, and what a process that died left without a result.
    async fn begin(&self) -> Result<(), StoreError> {
        let (run, at, dry_run) = (self.run.clone(), self.started_at, self.options.dry_run);
        let interrupted = self
            .store
            .write(move |db| {
                Runs::begin(db, &run, dry_run, at)?;
                Ledger::recover(db, at)
            })
            .await?;
        if interrupted > 0 {
            tracing::warn!(
                interrupted,
                "an earlier pass was interrupted; what it had sent is being settled"
            );
        }
        Ok(())
    }

    async fn observe(&self) -> Result<Observation, StoreError> {
        let progress = |done, total| self.options.progress.tell(Stage::Observe, done, total);
        let errand = Errand {
            run: &self.run,
            at: self.started_at,
            counts: !self.options.dry_run,
            progress: &progress,
        };
        observe::everything(self.services, self.store, errand).await
    }

    async fn plan(&self, seen: &mut Observation) -> Result<(Snapshot, Plan), StoreError> {
        let policy = Policy {
            grace: self.grace(),
            invite_stale_after: span(self.settings.policy.invite_stale_after),
            revoke_suppressed_invites: self.settings.policy.revoke_suppressed_invites,
        };
        let wanted = Wanted {
            now: self.moment(),
            policy: policy.clone(),
            rules: self.team_rules(seen).await?,
            sources: seen.sources.clone(),
        };
        let snapshot = self
            .store
            .read(move |db| snapshot::load(db, wanted))
            .await?;
        let plan = plan::plan(&snapshot, &policy, self.moment());
        for left in &plan.left_alone {
            tracing::debug!(target = %left.target, email = %left.email, why = ?left.why, "left alone");
        }
        Ok((snapshot, plan))
    }

    /// The configured rules by the teams they mean; a team that is not there is a finding.
    async fn team_rules(
        &self,
        seen: &mut Observation,
    ) -> Result<BTreeMap<TargetRef, TeamPolicy>, StoreError> {
        let mut rules = BTreeMap::new();
        for account in &self.settings.sapling {
            for rule in &account.teams {
                let team = crate::domain::Target::Sapling {
                    account: account.name.clone(),
                    team: rule.team.clone(),
                };
                let (wanted, followed) = (team.clone(), rule.follow.clone());
                let (found, follow) = self
                    .store
                    .read(move |db| {
                        let followed = followed.as_ref().map(|t| Targets::find(db, t));
                        Ok((Targets::find(db, &wanted)?, followed.transpose()?.flatten()))
                    })
                    .await?;
                let Some(found) = found.filter(|t| seen.team_ids.contains_key(&t.id())) else {
                    if seen.sources.keys().any(|t| t.account() == account.name) {
                        let id = TargetId(0);
                        seen.findings.push(Finding {
                            finding: FindingKind::TargetUnknown,
                            place: Place::Target(TargetRef::new(id, team)),
                            email: None,
                            detail: Some(
                                "a [[sapling.team]] names it, and no team has this name or id"
                                    .to_owned(),
                            ),
                        });
                    }
                    continue;
                };
                let policy = TeamPolicy {
                    max_age: rule.max_age.map(span),
                    follow,
                };
                rules.insert(found, policy);
            }
        }
        Ok(rules)
    }

    /// Records the plan, does what was approved, and reads back what can be read. Returns every
    /// action of this run, and those that wait.
    async fn apply(
        &self,
        reviewed: Reviewed,
        seen: &mut Observation,
    ) -> Result<Vec<ActionResult>, StoreError> {
        let run = self.run.clone();
        let at = self.started_at;
        let complete = |(target, health): (&TargetRef, &SourceHealth)| {
            (*health == SourceHealth::Complete).then(|| target.id())
        };
        let read: HashSet<TargetId> = seen.sources.iter().filter_map(complete).collect();
        let doubt = self.clock_doubt(&reviewed).await?;
        let restored = self.restored.clone();
        let tracked = self
            .store
            .write(move |db| {
                if let Some(why) = restored.filter(|_| !reviewed.held.is_empty()) {
                    Holds::doubt(db, &run, &why, at)?;
                }
                let refused = refusals(reviewed.held, reviewed.protected);
                Ledger::record_plan(db, &run, reviewed.approved.actions(), &refused, &read, at)
            })
            .await?;
        self.set_mark().await?;
        let progress = |done, total| self.options.progress.tell(Stage::Apply, done, total);
        let touched = Apply {
            services: self.services,
            store: self.store,
            run: &self.run,
            team_ids: &seen.team_ids,
            grace: self.grace(),
            patient: self.options.patient,
            clock_doubt: doubt.as_deref(),
            max_skew: self.max_skew(),
            stop: &self.options.stop,
            progress: &progress,
        }
        .all(tracked)
        .await?;
        let teams = touched.into_iter().filter_map(|team| {
            let id = seen.team_ids.get(&team.id())?.clone();
            Some((team, id))
        });
        let errand = Errand {
            run: &self.run,
            at: clock::now(),
            counts: false,
            progress: &|_, _| {},
        };
        let found = observe::read_back(self.services, self.store, teams.collect(), errand).await?;
        seen.findings.extend(found);
        let run = self.run.clone();
        self.store.read(move |db| Ledger::of_run(db, &run)).await
    }

    async fn standing_findings(&self) -> Result<Vec<Finding>, StoreError> {
        let soonest = self.settings.mail.as_ref().map(|m| &m.notify_before);
        let soon = soonest.and_then(|windows| windows.iter().max().copied());
        let soon = soon.map_or(SignedDuration::from_hours(14 * 24), span);
        let holders = self.services.holders();
        let now = self.moment();
        self.store
            .read(move |db| Findings::standing(db, now, soon, &holders))
            .await
    }

    /// Notes how the pass ended, mails the report unless this was a look, and tells the result.
    async fn finish(
        &self,
        seen: Observation,
        actions: Vec<ActionResult>,
    ) -> Result<PassOutcome, PassError> {
        let counts = Counts::of(&actions);
        let mut verdict = judge(counts, &seen.findings, &seen.errors);
        let (run, dry_run) = (self.run.clone(), self.options.dry_run);
        self.store
            .write(move |db| Runs::finish(db, &run, dry_run, verdict, counts, clock::now()))
            .await?;
        let mut mails = Vec::new();
        if !dry_run {
            self.set_mark().await?;
            let mut suppressed = mailing::queue_alarm(self, counts.held).await?;
            if self.options.report {
                suppressed.extend(mailing::queue_report(self).await?);
            }
            mails = mailing::deliver(self, suppressed).await?;
        }
        if verdict == Verdict::Converged && mails.iter().any(|m| m.state == "failed") {
            verdict = Verdict::Incomplete;
        }
        Ok(PassOutcome {
            run: self.run.clone(),
            dry_run,
            outcome: verdict,
            started_at: self.started_at,
            finished_at: clock::now(),
            counts,
            actions,
            findings: seen.findings,
            errors: seen.errors,
            mails,
        })
    }
}

/// The verdict on a pass: what a person must decide goes before what will be tried again.
fn judge(counts: Counts, findings: &[Finding], errors: &[TargetMessage]) -> Verdict {
    let doubtful = findings
        .iter()
        .any(|f| f.finding == FindingKind::ObservationDoubtful);
    if counts.held > 0 {
        Verdict::Held
    } else if counts.failed > 0 || counts.unknown > 0 || doubtful || !errors.is_empty() {
        Verdict::Incomplete
    } else {
        Verdict::Converged
    }
}

fn refusals(held: Vec<Refused>, protected: Vec<Refused>) -> Vec<(ActionState, Refused)> {
    let held = held.into_iter().map(|r| (ActionState::Held, r));
    let protected = protected.into_iter().map(|r| (ActionState::Protected, r));
    held.chain(protected).collect()
}

/// The actions of a dry run: none was tried.
fn planned(reviewed: Reviewed) -> Vec<ActionResult> {
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

/// A configured span; the configuration's limit keeps it far from overflow.
fn span(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
