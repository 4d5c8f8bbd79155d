//! How the pass ends: what stands out, what is owed, the mail, and the verdict.

use jiff::SignedDuration;

use super::{Delivery, Pass, PassError, mailing, span};
use crate::clock;
use crate::domain::{ActionResult, Counts, MailResult, Owed, PassOutcome, TargetMessage, Verdict};
use crate::mail::round::round;
use crate::observe::Observation;
use crate::store::{Findings, Runs, StoreError, queries};

impl Pass<'_> {
    /// Adds what stands, whoever did what in this pass.
    pub(super) async fn add_standing_findings(
        &self,
        seen: &mut Observation,
    ) -> Result<(), StoreError> {
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

    pub(super) async fn deliver(&self, suppressed: Vec<i64>) -> Result<Vec<MailResult>, PassError> {
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
    pub(super) async fn owed(&self, dry_run: bool, counts: Counts) -> Result<Owed, StoreError> {
        let mut asked = queries::OwedAt::new(self.settings, clock::now(), self.restored.is_some());
        asked.import_runs = self.store.is_giving()?;
        let mut owed = self.store.read(move |db| queries::owed(db, &asked)).await?;
        if dry_run {
            owed.remove = counts.planned + counts.held;
            owed.confirm = owed.confirm.max(u64::from(counts.held > 0));
        }
        Ok(owed)
    }

    /// Notes how the pass ended, mails the report unless this was a look, and tells the result.
    pub(super) async fn finish(
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
            self.set_mark().await;
            let mut suppressed = mailing::queue_alarm(self).await?;
            if self.options.report {
                suppressed.extend(
                    mailing::queue_report(self.settings, self.store, Some(&self.run)).await?,
                );
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
