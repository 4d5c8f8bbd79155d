//! One pass, from top to bottom: give what is owed, observe, plan, guard, apply, read back, report,
//! mail. The only file that knows all the stages.

mod giving;
mod judging;
mod mailing;
mod meanwhile;
mod options;
mod reviewing;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::apply::Apply;
use crate::clock;
use crate::config::Settings;
use crate::domain::{
    Action, ActionResult, ActionState, Counts, Finding, FindingKind, LeftAlone, MailResult,
    Obligation, Owed, PassOutcome, Place, Plan, Reach, Snapshot, TargetMessage, TargetRef,
    TeamPolicy, Verdict, Why,
};
use crate::failpoint;
use crate::guard::{Refused, Reviewed};
use crate::mail::RoundError;
use crate::mail::round::round;
use crate::observe::{self, Errand, Observation};
use crate::plan::{self, Policy};
use crate::services::Services;
use crate::store::snapshot::{self, Wanted};
use crate::store::{
    Findings, Holds, Ledger, Lock, ReadTeam, Runs, Store, StoreError, closing, queries, tables,
};

pub use mailing::MailError;
pub(crate) use mailing::{holders, last_report, scope};
pub use options::{Delivery, Options, Progress, Stage, Stop};

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
    /// A fault of lapsed's own.
    #[error("the pass panicked ({0}); please report it")]
    Panicked(String),
    /// What waits in the outbox could not be sent on its way.
    #[error(transparent)]
    Round(#[from] RoundError),
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
    let begun = Instant::now();
    let _panic = services.metrics.on_panic(options);
    let result = stages(settings, services, store, options).await;
    services.metrics.pass(options, &result, begun.elapsed());
    result
}

async fn stages(
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
    lock: &Lock,
    settings: &Settings,
    services: &Services,
    store: &Store,
    options: &Options,
) -> Result<PassOutcome, PassError> {
    let started_at = clock::now();
    let mut pass = Pass {
        lock,
        settings,
        store,
        services,
        options,
        run: uuid::Uuid::now_v7().to_string(),
        started_at,
        moment: options.at.unwrap_or(started_at),
        begun: Instant::now(),
        restored: store.looks_restored().await?,
        reach: Reach::Everything,
    };
    pass.reach = pass.reach().await?;
    services.forget_clocks();
    pass.begin().await?;
    failpoint::pause("hang", "panic").await;
    services.look_at_clocks(&pass.reach).await;
    let unmended = pass.give_entries().await?;
    let mut seen = pass.observe().await?;
    seen.errors.extend(unmended);
    seen.findings.extend(pass.unconfirmed().await?);
    pass.compare_clocks(&mut seen).await?;
    pass.give_members(&mut seen).await?;
    pass.end_unanswered().await?;
    // An end that came while was read is acted on too.
    pass.moment = options.at.unwrap_or_else(clock::now);
    pass.believe_absences(&seen).await?;
    let rules = pass.team_rules(&mut seen).await?;
    let (snapshot, plan) = pass.plan(&seen, &rules, &pass.reach).await?;
    seen.findings.extend(returned(&plan));
    let actions = if options.dry_run {
        planned(pass.guard(plan, &snapshot).await?)
    } else {
        let known: BTreeSet<Obligation> = plan.actions.iter().map(Action::obligation).collect();
        let reviewed = pass.guard(plan, &snapshot).await?;
        let touched = pass.apply(reviewed, &mut seen, &pass.reach).await?;
        pass.apply_what_showed(touched, known, &mut seen, &rules)
            .await?;
        let run = pass.run.clone();
        store.read(move |db| Ledger::of_run(db, &run)).await?
    };
    seen.errors.extend(pass.give_again().await?);
    pass.add_standing_findings(&mut seen).await?;
    if pass.reach.is_everything() {
        store.tidy();
    }
    pass.finish(seen, actions).await
}

/// Logs how a pass ended; `what` it was.
pub(crate) fn log(what: &str, outcome: &PassOutcome) {
    let (verdict, counts) = (outcome.outcome.as_str(), outcome.counts);
    tracing::info!(
        run = outcome.run,
        outcome = verdict,
        done = counts.done,
        failed = counts.failed,
        held = counts.held,
        "{what}: {verdict}, {} done, {} failed, {} held",
        counts.done,
        counts.failed,
        counts.held
    );
}

/// What the stages of one pass share.
struct Pass<'a> {
    /// The right to it.
    lock: &'a Lock,
    settings: &'a Settings,
    store: &'a Store,
    services: &'a Services,
    options: &'a Options,
    run: String,
    started_at: Timestamp,
    /// The same moment by a clock that cannot be set.
    begun: Instant,
    /// The moment for which the plan is made.
    moment: Timestamp,
    /// Why the database must be an older copy than the last one that acted here, if it is.
    restored: Option<String>,
    /// What it is about.
    reach: Reach,
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

    fn grace(&self) -> SignedDuration {
        span(self.settings.policy.grace)
    }

    /// Notes that the pass begins, and what a process that died left without a result.
    async fn begin(&self) -> Result<(), StoreError> {
        let (run, at, dry_run) = (self.run.clone(), self.started_at, self.options.dry_run);
        let whole = self.reach.is_everything();
        let interrupted = self
            .store
            .write(move |db| {
                Runs::begin(db, &run, whole, dry_run, at)?;
                Ledger::recover(db, at)
            })
            .await?;
        if interrupted > 0 {
            tracing::warn!(
                interrupted,
                "an earlier pass was interrupted; what became of its calls under way ({interrupted}) is being settled"
            );
        }
        Ok(())
    }

    /// Tells that a person has yet to confirm the database; the run is the one to approve.
    async fn unconfirmed(&self) -> Result<Option<Finding>, StoreError> {
        let Some(why) = self.restored.clone() else {
            return Ok(None);
        };
        if !self.options.dry_run {
            let (run, at, why) = (self.run.clone(), self.started_at, why.clone());
            self.store
                .write(move |db| Holds::doubt(db, &run, &why, at))
                .await?;
        }
        Ok(Some(Finding {
            finding: FindingKind::DatabaseUnconfirmed,
            place: Place::Database,
            email: None,
            detail: Some(format!("{why}; lapsed approve {} confirms it", self.run)),
        }))
    }

    /// Tells of clocks that differ, and notes what was compared.
    async fn compare_clocks(&self, seen: &mut Observation) -> Result<(), StoreError> {
        let clocks = self.clocks();
        for (account, why) in clocks.differing() {
            let place = Place::of_account(account);
            seen.findings.push(Finding {
                finding: FindingKind::ClockDoubtful,
                place: place.clone(),
                email: None,
                detail: Some(why.clone()),
            });
            seen.errors.push(TargetMessage {
                place,
                message: why,
            });
        }
        let at = clock::now();
        self.store
            .write(move |db| tables::clock::compared(db, &clocks, at))
            .await
    }

    /// Closes the grants that are over and whose people are believed to be gone.
    async fn believe_absences(&self, seen: &Observation) -> Result<(), StoreError> {
        let teams: Vec<ReadTeam> = seen.read_teams().collect();
        if self.options.dry_run || teams.is_empty() {
            return Ok(());
        }
        let (run, at, now) = (self.run.clone(), self.started_at, self.moment);
        let cutoff = now.checked_sub(self.grace()).unwrap_or(Timestamp::MIN);
        self.store
            .write(move |db| closing::believe(db, &run, &teams, cutoff, at))
            .await
    }

    async fn plan(
        &self,
        seen: &Observation,
        rules: &BTreeMap<TargetRef, TeamPolicy>,
        reach: &Reach,
    ) -> Result<(Snapshot, Plan), StoreError> {
        let policy = Policy {
            grace: self.grace(),
            invite_stale_after: span(self.settings.policy.invite_stale_after),
            revoke_suppressed_invites: self.settings.policy.revoke_suppressed_invites,
            remove_returned: self.settings.policy.remove_returned,
        };
        let wanted = Wanted {
            now: self.moment,
            policy: policy.clone(),
            rules: rules.clone(),
            sources: seen.sources.clone(),
            reach: reach.clone(),
            holders: self.services.holders(),
        };
        let snapshot = self
            .store
            .read(move |db| snapshot::load(db, wanted))
            .await?;
        let plan = plan::plan(&snapshot, &policy, self.moment);
        for left in &plan.left_alone {
            tracing::debug!(target = %left.target, email = %left.email, why = ?left.why, "left alone");
        }
        Ok((snapshot, plan))
    }

    /// Records the plan, does what was approved, and reads back what can be read. Returns the teams
    /// from which something was removed.
    async fn apply(
        &self,
        reviewed: Reviewed,
        seen: &mut Observation,
        reach: &Reach,
    ) -> Result<BTreeSet<TargetRef>, StoreError> {
        let run = self.run.clone();
        let at = self.started_at;
        let read = seen.readable();
        let within = reach.clone();
        let recorded = self
            .store
            .write(move |db| {
                let refused = refusals(reviewed.held, reviewed.protected);
                Ledger::record_plan(
                    db,
                    &run,
                    reviewed.approved.actions(),
                    &refused,
                    &read,
                    &within,
                    at,
                )
            })
            .await?;
        let error = |(target, message)| TargetMessage {
            place: Place::Target(target),
            message,
        };
        seen.errors.extend(recorded.errors.into_iter().map(error));
        let progress = |done, total| self.options.progress.tell(Stage::Apply, done, total);
        let clocks = self.clocks();
        let apply = Apply {
            services: self.services,
            store: self.store,
            run: &self.run,
            team_ids: &seen.team_ids,
            grace: self.grace(),
            patient: self.options.patient,
            clocks: &clocks,
            stop: &self.options.stop,
            progress: &progress,
        };
        // The mark need not be there before the first call: nothing waits for the disk twice.
        let mark = async { self.set_mark().await };
        let (touched, ()) = tokio::try_join!(apply.all(recorded.tracked), mark)?;
        let teams = touched.iter().filter_map(|team| {
            let id = seen.team_ids.get(&team.id())?.clone();
            Some((team.clone(), id))
        });
        let errand = Errand {
            reach,
            ..Errand::aside(&self.run, clock::now())
        };
        let found = observe::read_back(self.services, self.store, teams.collect(), errand).await?;
        seen.findings.extend(found);
        Ok(touched)
    }

    /// What reading back showed to be due is done at once: somebody took an invite between our
    /// reading and our call, or is there under another id.
    async fn apply_what_showed(
        &self,
        touched: BTreeSet<TargetRef>,
        known: BTreeSet<Obligation>,
        seen: &mut Observation,
        rules: &BTreeMap<TargetRef, TeamPolicy>,
    ) -> Result<(), StoreError> {
        if touched.is_empty() {
            return Ok(());
        }
        let reach = Reach::only(touched);
        let (snapshot, mut plan) = self.plan(seen, rules, &reach).await?;
        plan.actions
            .retain(|action| !known.contains(&action.obligation()));
        if !plan.actions.is_empty() {
            let reviewed = self.guard(plan, &snapshot).await?;
            self.apply(reviewed, seen, &reach).await?;
        }
        Ok(())
    }

    /// Adds what stands, whoever did what in this pass.
    async fn add_standing_findings(&self, seen: &mut Observation) -> Result<(), StoreError> {
        if !self.reach.is_everything() {
            return Ok(());
        }
        let soonest = self.settings.mail.as_ref().map(|m| &m.notify_before);
        let soon = soonest.and_then(|windows| windows.iter().max().copied());
        let soon = soon.map_or(SignedDuration::from_hours(14 * 24), span);
        let holders = self.services.holders();
        let now = self.moment;
        // Most of a first look at many teams is this: it is read in two parts at once.
        let unmanaged = |part| {
            let holders = holders.clone();
            self.store
                .read_aside(move |db| Findings::unmanaged(db, now, &holders, (part, 2)))
        };
        let standing = self.store.read(move |db| Findings::standing(db, now, soon));
        let (mut found, more, standing) = tokio::try_join!(unmanaged(0), unmanaged(1), standing)?;
        for others in [more, standing, std::mem::take(&mut seen.findings)] {
            found.extend(others);
        }
        seen.findings = found;
        Ok(())
    }

    async fn deliver(&self, suppressed: Vec<i64>) -> Result<Vec<MailResult>, PassError> {
        match &self.settings.mail {
            Some(mail) => {
                let (patient, stop) = (self.options.patient, &self.options.stop);
                let metrics = &self.services.metrics;
                Ok(round(mail, self.store, patient, suppressed, stop, metrics).await?)
            }
            None => Ok(Vec::new()),
        }
    }

    /// What is owed now. A look has written nothing down: what it would do is due, and what it would
    /// hold waits for a person's word.
    async fn owed(&self, dry_run: bool, counts: Counts) -> Result<Owed, StoreError> {
        let asked = queries::OwedAt::new(self.settings, clock::now(), self.restored.is_some());
        let mut owed = self.store.read(move |db| queries::owed(db, &asked)).await?;
        if dry_run {
            owed.remove = counts.planned + counts.held;
            owed.confirm = owed.confirm.max(u64::from(counts.held > 0));
        }
        Ok(owed)
    }

    /// Notes how the pass ended, mails the report unless this was a look, and tells the result.
    async fn finish(
        &self,
        seen: Observation,
        actions: Vec<ActionResult>,
    ) -> Result<PassOutcome, PassError> {
        let counts = Counts::of(&actions);
        let (run, dry_run) = (self.run.clone(), self.options.dry_run);
        let finished_at = clock::now();
        let mut owed = self.owed(dry_run, counts).await?;
        let mut verdict = judge(owed, dry_run, &seen.errors);
        self.store
            .write(move |db| Runs::finish(db, &run, dry_run, verdict, counts, finished_at))
            .await?;
        let mut mails = Vec::new();
        if !dry_run {
            self.set_mark().await?;
            let mut suppressed = mailing::queue_alarm(self).await?;
            if self.options.report {
                suppressed.extend(mailing::queue_report(self).await?);
            }
            suppressed.extend(mailing::queue_letters(self).await?);
            if self.options.mail == Delivery::Here {
                mails = self.deliver(suppressed).await?;
                owed = self.owed(dry_run, counts).await?;
                let told = judge(owed, dry_run, &seen.errors);
                if told != verdict {
                    verdict = told;
                    let run = self.run.clone();
                    self.store
                        .write(move |db| Runs::correct(db, &run, verdict))
                        .await?;
                }
            }
        }
        Ok(PassOutcome {
            run: self.run.clone(),
            dry_run,
            outcome: verdict,
            started_at: self.started_at,
            finished_at,
            counts,
            owed,
            actions,
            findings: seen.findings,
            errors: seen.errors,
            mails,
        })
    }
}

/// Who came back after a proven absence: told at once.
fn returned(plan: &Plan) -> Vec<Finding> {
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

/// The verdict on a pass: what a person must decide goes before what will be tried again.
fn judge(owed: Owed, dry_run: bool, errors: &[TargetMessage]) -> Verdict {
    let is_owed = if dry_run {
        // What is due is planned, and nothing was to be done.
        owed.doubt > 0
    } else {
        !owed.is_nothing()
    };
    if owed.confirm > 0 {
        Verdict::Held
    } else if is_owed || !errors.is_empty() {
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
