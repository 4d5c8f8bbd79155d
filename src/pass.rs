//! One pass, from top to bottom: give what is owed, observe, plan, guard, apply, read back, report,
//! mail. The only file that knows all the stages.
//!
//! Two locks: one for a whole pass on everything, so that only one runs at a time, and one for
//! calling the providers, which a pass releases while it reads.

mod dropped;
mod ending;
mod ends_meanwhile;
mod give_way;
mod giving;
mod guard_input;
mod mailing;
mod options;
mod removing;
mod reviewing;
mod rules;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use thiserror::Error;

use crate::clock::{self, ClockError};
use crate::config::Settings;
use crate::domain::{Action, ActionResult, Obligation, PassOutcome, Scope};
use crate::failpoint;
use crate::mail::RoundError;
use crate::metrics::NotMade;
use crate::observe::Observation;
use crate::providers::accounts::Services;
use crate::store::{Ledger, Lock, Runs, Store, StoreError};

pub(crate) use dropped::{Fate, foresee};
pub(crate) use ending::deliver;
pub(crate) use give_way::give_way;
pub use mailing::MailError;
pub(crate) use mailing::{last_report, queue_report, summarize};
pub use options::{Delivery, Options};
use removing::{planned, returned};

/// Why a pass could not be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PassError {
    /// Another one is running.
    #[error("another pass is running on {0}")]
    Busy(PathBuf),
    /// The clock cannot be right.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The report could not be made.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// A fault of lapsed's own.
    #[error("the pass panicked ({0}); please report it")]
    Panicked(String),
    /// The mail in the outbox could not be delivered.
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
    let _panic = services.metrics.on_panic(options.kind());
    let result = match stages(settings, services, store, options).await {
        Ok(outcome) => deliver(settings, services, store, options, outcome).await,
        Err(error) => Err(error),
    };
    count(services, options, &result, begun.elapsed());
    result
}

async fn stages(
    settings: &Settings,
    services: &Services,
    store: &Store,
    options: &Options,
) -> Result<PassOutcome, PassError> {
    clock::check()?;
    let busy = || PassError::Busy(store.path().to_owned());
    let _whole = match options.scope.is_everything() {
        true => Some(store.lock_pass()?.ok_or_else(busy)?),
        false => None,
    };
    let lock = store.lock()?.ok_or_else(busy)?;
    let giving = services.giving_way(&give_way(settings, store));
    let mut pass = Pass::begin(&lock, settings, &giving, store, options).await?;
    let unmended = pass.give_entries().await?;
    // Reading may take long and changes nothing at the providers, so others may call them meanwhile.
    drop(lock);
    pass.services = services;
    let mut seen = pass.observe().await?;
    let lock = pass.lock_again().await?;
    let acting = services.giving_way(&give_way(settings, store));
    pass.services = &acting;
    pass.observe_overtaken(&lock, &mut seen).await?;
    seen.errors.extend(unmended);
    let actions = pass.act(&lock, &mut seen).await?;
    // What follows only informs people.
    drop(lock);
    pass.finish(seen, actions).await
}

/// Runs a pass on some targets for a caller that holds the lock for calling the providers. Its mail
/// is left to [`deliver`], after that lock is released.
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
    let services = &services.giving_way(&give_way(settings, store));
    let mut pass = Pass::begin(lock, settings, services, store, options).await?;
    let unmended = pass.give_entries().await?;
    let mut seen = pass.observe_alone(lock).await?;
    seen.errors.extend(unmended);
    let actions = pass.act(lock, &mut seen).await?;
    pass.finish(seen, actions).await
}

/// Counts a pass.
fn count(
    services: &Services,
    options: &Options,
    result: &Result<PassOutcome, PassError>,
    took: Duration,
) {
    let result = result.as_ref().map_err(|error| match error {
        PassError::Busy(_) => NotMade::Busy,
        _ => NotMade::Error,
    });
    services.metrics.pass(options.kind(), result, took);
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
    /// Its scope.
    scope: Scope,
}

impl<'a> Pass<'a> {
    /// Begins a pass: records what a process that died left without a result, and asks the
    /// providers for the time.
    async fn begin(
        _lock: &Lock,
        settings: &'a Settings,
        services: &'a Services,
        store: &'a Store,
        options: &'a Options,
    ) -> Result<Self, PassError> {
        let started_at = clock::now();
        let mut pass = Self {
            settings,
            store,
            services,
            options,
            run: clock::new_id().to_string(),
            started_at,
            moment: options.at.unwrap_or(started_at),
            begun: Instant::now(),
            restored: store.looks_restored().await?,
            scope: Scope::Everything,
        };
        pass.scope = pass.scope().await?;
        services.forget_clocks();
        pass.note_begin().await?;
        failpoint::pause("hang", "panic").await;
        failpoint::panic("pass");
        services.look_at_clocks(&pass.scope).await;
        Ok(pass)
    }

    /// Does what is due according to the readings. Returns what became of each action.
    async fn act(
        &mut self,
        _lock: &Lock,
        seen: &mut Observation,
    ) -> Result<Vec<ActionResult>, PassError> {
        seen.findings.extend(self.unconfirmed().await?);
        self.compare_clocks(seen).await?;
        self.give_members(seen).await?;
        self.end_unanswered().await?;
        // An end that came while was read is acted on too.
        self.moment = self.options.at.unwrap_or_else(clock::now);
        self.believe_absences(seen).await?;
        let rules = self.team_rules(seen).await?;
        let dropped = self.dropped().await?;
        let (snapshot, plan) = self.plan(seen, &rules, &self.scope).await?;
        seen.findings.extend(returned(&plan));
        let actions = if self.options.dry_run {
            planned(self.guard(plan, &snapshot).await?)
        } else {
            // What is read back shows teams.
            let of_teams = plan.actions.iter().filter(|a| a.target.team().is_some());
            let known: BTreeSet<Obligation> = of_teams.map(Action::obligation).collect();
            let mut reviewed = self.guard(plan, &snapshot).await?;
            drop(snapshot);
            self.end_dropped(dropped, &mut reviewed).await?;
            let touched = self.apply(reviewed, seen, &self.scope).await?;
            self.apply_what_showed(touched, known, seen, &rules).await?;
            let run = self.run.clone();
            self.store.read(move |db| Ledger::of_run(db, &run)).await?
        };
        seen.errors.extend(self.give_again().await?);
        self.add_standing_findings(seen).await?;
        if self.scope.is_everything() {
            self.store.tidy();
        }
        Ok(actions)
    }

    /// Writes beside the database how far it has come, so that an older copy is noticed until a
    /// person confirms it.
    async fn set_mark(&self) {
        if self.restored.is_none() {
            self.store.set_mark().await;
        }
    }

    /// Notes that the pass begins, and what is left of others.
    async fn note_begin(&self) -> Result<(), StoreError> {
        let (run, at, dry_run) = (self.run.clone(), self.started_at, self.options.dry_run);
        let whole = self.scope.is_everything();
        self.store
            .write(move |db| Runs::begin(db, &run, whole, dry_run, at))
            .await?;
        self.recover().await
    }

    /// Notes what a process that had the right to call and died left without a result.
    async fn recover(&self) -> Result<(), StoreError> {
        let at = clock::now();
        let interrupted = self.store.write(move |db| Ledger::recover(db, at)).await?;
        if interrupted > 0 {
            tracing::warn!(
                interrupted,
                "an earlier pass was interrupted; what became of its calls under way ({interrupted}) is being settled"
            );
        }
        Ok(())
    }
}
