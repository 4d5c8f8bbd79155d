//! Acts at once on what becomes due during a reading, which takes minutes in a large organization, and
//! long where an account hangs: by a pass on its targets only, in parallel with the reading.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::{Options, Pass, PassError, count, deliver, log, under};
use crate::clock;
use crate::domain::Scope;
use crate::observe::{self, Observation, ReadOptions};
use crate::progress::Stage;
use crate::store::{Agenda, Lock, StoreError};

/// The longest wait before asking again what is due: another process may record an end.
const LOOK: Duration = Duration::from_secs(1);
/// How often the right to call the providers is asked for while another process has it.
const ASK_AGAIN: Duration = Duration::from_millis(50);

impl Pass<'_> {
    /// Reads all in scope while others may call the providers.
    pub(super) async fn observe(&self) -> Result<Observation, PassError> {
        let progress = |done, total| self.options.progress.tell(Stage::Observe, done, total);
        let options = self.options(false, &progress);
        let mut reading = pin!(observe::all(self.services, self.store, options));
        if !self.options.exact {
            return Ok(reading.await?);
        }
        let mut since = self.started_at;
        let mut waiting = self.options.waiting.clone();
        loop {
            let scope = tokio::select! {
                biased;
                seen = &mut reading => return Ok(seen?),
                scope = self.comes_due(since, &mut waiting) => scope?,
            };
            since = clock::now();
            let mut acting = self.act_on(scope);
            let mut seen = None;
            // Answers under way are accepted meanwhile, so that they do not count as missing.
            loop {
                tokio::select! {
                    biased;
                    acted = &mut acting => {
                        acted?;
                        break;
                    }
                    all = &mut reading, if seen.is_none() => seen = Some(all),
                }
            }
            if let Some(seen) = seen {
                return Ok(seen?);
            }
        }
    }

    /// Reads all in scope while nobody else may call the providers.
    pub(super) async fn observe_alone(&self, _lock: &Lock) -> Result<Observation, PassError> {
        let progress = |done, total| self.options.progress.tell(Stage::Observe, done, total);
        let options = self.options(true, &progress);
        Ok(observe::all(self.services, self.store, options).await?)
    }

    /// Reads those again that others were changing meanwhile.
    pub(super) async fn observe_overtaken(
        &self,
        _lock: &Lock,
        seen: &mut Observation,
    ) -> Result<(), PassError> {
        let options = ReadOptions {
            at: clock::now(),
            ..self.options(true, &|_, _| {})
        };
        Ok(observe::overtaken(self.services, self.store, seen, options).await?)
    }

    fn options<'a>(
        &'a self,
        alone: bool,
        progress: &'a (dyn Fn(u64, u64) + Send + Sync),
    ) -> ReadOptions<'a> {
        ReadOptions {
            run: &self.run,
            at: self.started_at,
            counts: !self.options.dry_run,
            scope: &self.scope,
            alone,
            progress,
        }
    }

    /// Takes the lock for calling the providers again, and records what a process that held it and
    /// died left behind. The present holder releases it between batches.
    pub(super) async fn lock_again(&self) -> Result<Lock, PassError> {
        loop {
            if let Some(lock) = self.store.lock()? {
                self.recover().await?;
                return Ok(lock);
            }
            if self.options.stop.is_set() {
                return Err(PassError::Busy(self.store.path().to_owned()));
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Waits until something is due that was not at `since`, and says where; after a moment, what
    /// waits in any case.
    async fn comes_due(
        &self,
        since: Timestamp,
        waiting: &mut Option<Scope>,
    ) -> Result<Scope, StoreError> {
        let grace = self.settings.policy.grace;
        if waiting.is_some() {
            tokio::time::sleep(LOOK).await;
        }
        if let Some(scope) = waiting.take() {
            return Ok(scope);
        }
        loop {
            let now = clock::now();
            let agenda = self
                .store
                .read(move |db| Agenda::load(db, since, grace, now))
                .await?;
            let next = agenda.next().filter(|at| *at > now);
            match agenda.scope.without_accounts_of(&self.scope) {
                // A team that has still to be found by its name is found by this reading.
                Scope::Everything => {}
                Scope::Only(targets) if targets.is_empty() => {}
                scope => return Ok(scope),
            }
            let left = next.and_then(|at| Duration::try_from(at.duration_since(now)).ok());
            tokio::time::sleep(left.map_or(LOOK, |left| left.min(LOOK))).await;
        }
    }

    /// Passes and this contain each other, so the future has to be boxed.
    fn act_on(&self, scope: Scope) -> BoxFuture<'_, Result<(), PassError>> {
        let begun = Instant::now();
        let options = Options {
            report: false,
            exact: false,
            waiting: None,
            scope,
            ..self.options.clone()
        };
        // Hundreds of readings may wait for their turn.
        let services = self.services.urgent();
        Box::pin(async move {
            let lock = self.lock_again().await?;
            let result = under(&lock, self.settings, &services, self.store, &options).await;
            drop(lock);
            let result = match result {
                Ok(outcome) => {
                    deliver(self.settings, &services, self.store, &options, outcome).await
                }
                Err(error) => Err(error),
            };
            count(&services, &options, &result, begun.elapsed());
            log("what came due while reading was acted on", &result?);
            Ok(())
        })
    }
}
