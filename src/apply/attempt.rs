//! One attempt: intent on disk, a last look, the call, the result on disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::{Apply, call};
use crate::breaker::Breaker;
use crate::clock;
use crate::domain::{Action, ActionState, Reason};
use crate::failpoint;
use crate::providers::StillDue;
use crate::store::{Attempt, Ledger, Settled, StoreError, Tracked};

/// A call that goes out this soon after its intent needs no second look: the intent itself was
/// written only because the action was still due, and told only because the files were in place.
const FRESH: Duration = Duration::from_millis(50);

impl Apply<'_> {
    /// Intent, call, result. A call may wait long for its turn; what turned out not to be due any
    /// more when it came is looked at anew. What the account has stopped for is not tried; what has
    /// its intent by then is sent. Returns whether anything was sent.
    pub(super) async fn attempt(
        &self,
        mut actions: Vec<Tracked>,
        by_bulk: bool,
        breaker: &Breaker,
    ) -> Result<bool, StoreError> {
        if let Some(why) = breaker.stopped() {
            self.not_tried(actions, &why).await?;
            return Ok(false);
        }
        let mut any_sent = false;
        while !actions.is_empty() {
            let (intended, judged) = self.intend(actions).await?;
            let intended = Arc::new(intended);
            if intended.is_empty() {
                break;
            }
            failpoint::reach("after-intent");
            let results =
                call::send(self, &intended, by_bulk, &self.still_due(&intended, judged)).await;
            failpoint::reach("after-call");
            self.services.keep_proofs(self.store).await?;
            if results.iter().any(Option::is_some) {
                any_sent = true;
                let failed = results.iter().flatten().any(|sent| sent.is_general);
                breaker.note(failed, |last| {
                    let (failed, tried) = (last.failed, last.tried);
                    format!("not tried: {failed} of the last {tried} calls before it failed")
                });
                let target = intended.first().map(|first| &first.action.target);
                if let Some(why) = target.and_then(|target| self.clock_differs(target)) {
                    breaker.stop(why);
                }
            }
            actions = withheld(&intended, &results);
            self.note(intended, results).await?;
            failpoint::reach("after-result");
        }
        Ok(any_sent)
    }

    /// Writes the intents down, in one transaction. Returns those that still stand, and when that was
    /// judged.
    async fn intend(&self, actions: Vec<Tracked>) -> Result<(Vec<Tracked>, Instant), StoreError> {
        let run = self.run.to_owned();
        let at = clock::now();
        let cutoff = cutoff(at, self.grace);
        self.store
            .write_before_call(move |db| {
                let mut standing = Vec::with_capacity(actions.len());
                for tracked in actions {
                    if Ledger::intend(db, &run, &tracked, cutoff, at)? == Attempt::Intended {
                        standing.push(tracked);
                    }
                }
                Ok((standing, Instant::now()))
            })
            .await
    }

    /// Writes the results down, in one transaction.
    pub(super) async fn note(
        &self,
        intended: Arc<Vec<Tracked>>,
        results: Vec<Option<Settled>>,
    ) -> Result<(), StoreError> {
        if intended.is_empty() {
            return Ok(());
        }
        let run = self.run.to_owned();
        let at = clock::now();
        let (intended, results) = self
            .store
            .write(move |db| {
                for (tracked, settled) in intended.iter().zip(&results) {
                    if let Some(settled) = settled {
                        Ledger::settle(db, &run, tracked, settled, at)?;
                    }
                }
                Ok((intended, results))
            })
            .await?;
        for (tracked, settled) in intended.iter().zip(results) {
            if let Some(settled) = settled {
                self.count(&tracked.action, settled.state, at);
            }
        }
        Ok(())
    }

    /// Counts how a try ended, with its lag behind the moment it was meant for: what time ended
    /// waits for the grace.
    fn count(&self, action: &Action, state: ActionState, at: Timestamp) {
        let grace = match action.reason {
            Reason::GrantEnded | Reason::RoleEnded | Reason::WhitelistEnded => self.grace,
            _ => SignedDuration::ZERO,
        };
        let lag = at.duration_since(action.due).saturating_sub(grace);
        self.services.metrics.tried(action, state, lag);
    }

    /// The last look, after all waiting: whether no grant covers any of the people again, and the
    /// database that says so, and the locks, are still those at their paths.
    fn still_due(&self, intended: &Arc<Vec<Tracked>>, judged: Instant) -> StillDue {
        let (store, intended, grace) = (self.store.clone(), Arc::clone(intended), self.grace);
        StillDue::by(move || {
            let (store, intended) = (store.clone(), Arc::clone(&intended));
            Box::pin(async move {
                if judged.elapsed() < FRESH {
                    return true;
                }
                // The next intent says what is wrong.
                if store.is_in_place().is_err() {
                    return false;
                }
                let at = clock::now();
                let cutoff = cutoff(at, grace);
                let covered = store.read(move |db| {
                    for tracked in intended.iter() {
                        if Ledger::is_covered(db, &tracked.action, cutoff, at)? {
                            return Ok(true);
                        }
                    }
                    Ok(false)
                });
                // A database that cannot be read says nothing about being due: rather wait.
                !covered.await.unwrap_or(true)
            })
        })
    }
}

/// The moment that an end has to lie before.
fn cutoff(at: Timestamp, grace: SignedDuration) -> Timestamp {
    at.checked_sub(grace).unwrap_or(Timestamp::MIN)
}

/// The actions that were not sent. Nothing came of asking when the database cannot be read, and
/// then the next intent fails and says why.
fn withheld(intended: &[Tracked], results: &[Option<Settled>]) -> Vec<Tracked> {
    let pairs = intended.iter().zip(results);
    let withheld = pairs.filter(|(_, result)| result.is_none());
    withheld.map(|(tracked, _)| tracked.clone()).collect()
}
