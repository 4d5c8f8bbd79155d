//! How the pass ends: findings, what is owed, the mail, and the verdict.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{Delivery, Options, Pass, PassError, mailing};
use crate::clock;
use crate::config::Settings;
use crate::domain::{
    ActionResult, Counts, Finding, FindingKind, Owed, PassOutcome, TargetMessage, Verdict,
};
use crate::mail::Pace;
use crate::mail::round::{Round, round, states};
use crate::observe::Observation;
use crate::providers::accounts::Services;
use crate::store::queries::{self, OwedAt};
use crate::store::{Findings, Runs, Store, StoreError};

impl Pass<'_> {
    /// Adds the findings that hold whatever was done in this pass.
    pub(super) async fn add_standing_findings(
        &self,
        seen: &mut Observation,
    ) -> Result<(), StoreError> {
        if !self.scope.is_everything() {
            return Ok(());
        }
        let soonest = self.settings.mail.as_ref().map(|m| &m.notify_before);
        let soon = soonest.and_then(|windows| windows.iter().max().copied());
        let soon = soon.unwrap_or(SignedDuration::from_hours(14 * 24));
        let holders = self.settings.holders();
        let now = self.moment;
        // Most of a first look at many teams is this: it is read in two parts at once.
        let unmanaged = |part| {
            let holders = holders.clone();
            self.store
                .read_aside(move |db| Findings::unmanaged(db, now, &holders, (part, 2)))
        };
        let standing = self.store.read(move |db| Findings::standing(db, now, soon));
        let (mut found, more, standing) = tokio::try_join!(unmanaged(0), unmanaged(1), standing)?;
        let elsewhere = self.elsewhere().await?;
        for others in [
            more,
            standing,
            std::mem::take(&mut seen.findings),
            elsewhere,
        ] {
            found.extend(others);
        }
        // Who has just come back stands in two of them.
        let mut told = BTreeSet::new();
        found.retain(|f| {
            told.insert((
                f.finding,
                f.place.clone(),
                f.email.clone(),
                f.detail.clone(),
            ))
        });
        seen.findings = found;
        Ok(())
    }

    /// What is owed now. A dry run has recorded nothing: what it would do is due, and what it would
    /// hold waits for approval.
    pub(super) async fn owed(&self, dry_run: bool, counts: Counts) -> Result<Owed, StoreError> {
        let asked = OwedAt::new(self.settings, clock::now(), self.restored.is_some());
        let mut owed = owed(self.store, asked).await?;
        if dry_run && !self.settings.guard.observe_only {
            owed.remove = counts.planned + counts.held;
            owed.confirm = owed.confirm.max(u64::from(counts.held > 0));
        }
        Ok(owed)
    }

    /// Records how the pass ended, puts its mail into the outbox unless it was a dry run, and
    /// returns the outcome.
    pub(super) async fn finish(
        &self,
        seen: Observation,
        actions: Vec<ActionResult>,
    ) -> Result<PassOutcome, PassError> {
        let counts = Counts::of(&actions);
        let (run, dry_run) = (self.run.clone(), self.options.dry_run);
        let finished_at = clock::now();
        let owed = self.owed(dry_run, counts).await?;
        let verdict = judge(owed, dry_run, &seen.errors);
        self.store
            .write(move |db| Runs::finish(db, &run, dry_run, verdict, counts, finished_at))
            .await?;
        let mut suppressed = Vec::new();
        if !dry_run {
            self.set_mark().await;
            mailing::queue_alarm(self).await?;
            if self.options.report {
                mailing::queue_report(self.settings, self.store, Some(&self.run)).await?;
            }
            suppressed = mailing::queue_letters(self).await?;
        }
        let mails = states(self.store, suppressed).await?;
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

/// Delivers what waits in the outbox, if that is left to the pass, and judges the outcome again.
/// The locks are released by then, so that a slow mail server delays nobody.
pub(crate) async fn deliver(
    settings: &Settings,
    services: &Services,
    store: &Store,
    options: &Options,
    mut outcome: PassOutcome,
) -> Result<PassOutcome, PassError> {
    let Some(mail) = &settings.mail else {
        return Ok(outcome);
    };
    if options.dry_run || options.mail != Delivery::Here {
        return Ok(outcome);
    }
    let delivered = round(&Round {
        settings: mail,
        store,
        pace: Pace::Hasty,
        due_only: options.respect_backoff,
        stop: &options.stop,
        metrics: &services.metrics,
    })
    .await?;
    // What nobody had the time to try was to go out now all the same.
    let has_unsent = delivered.iter().any(|mail| mail.state == "failed");
    outcome.mails.extend(delivered);
    if options.scope.is_everything() {
        // What was just refused is reported at once.
        let now = clock::now();
        let refused = store
            .read(move |db| Findings::refused_mails(db, now))
            .await?;
        let known = |found: &Finding| found.finding != FindingKind::MailRefused;
        outcome.findings.retain(known);
        outcome.findings.extend(refused);
    }
    let unconfirmed = store.looks_restored().await?.is_some();
    let mut asked = OwedAt::new(settings, clock::now(), unconfirmed);
    if has_unsent {
        asked.untried = SignedDuration::ZERO;
    }
    outcome.owed = owed(store, asked).await?;
    let verdict = judge(outcome.owed, false, &outcome.errors);
    if verdict != outcome.outcome {
        outcome.outcome = verdict;
        let run = outcome.run.clone();
        store
            .write(move |db| Runs::correct(db, &run, verdict))
            .await?;
    }
    Ok(outcome)
}

async fn owed(store: &Store, mut asked: OwedAt) -> Result<Owed, StoreError> {
    asked.import_runs = store.is_giving()?;
    store.read(move |db| queries::owed(db, &asked)).await
}

/// The verdict on a pass: what a person has to decide comes before what will be tried again.
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
