//! One attempt: the intent is written to disk, checked once more and sent, and the result is
//! written to disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::{Remove, call};
use crate::clock;
use crate::domain::{Action, ActionState, Reason};
use crate::execute::attempt::{Caller, Circuit, Places};
use crate::guard::OBSERVES;
use crate::providers::StillDue;
use crate::store::{Attempt, Ledger, Settled, StoreError, Tracked};

/// A call that is sent this soon after its intent needs no second check: when the intent was
/// written, the action was due and the files were in place.
const FRESH: Duration = Duration::from_millis(50);

/// Where a test can stop a removal.
const PLACES: Places = Places {
    after_intent: "after-intent",
    after_call: "after-call",
    after_result: "after-result",
};

impl Remove<'_> {
    /// Intent, call, result. A call may wait long for its turn; what is no longer due by then is
    /// planned again. Once the account has stopped, nothing new is tried, but what has its intent
    /// is sent. Returns whether anything was sent.
    pub(super) async fn once(
        &self,
        mut actions: Vec<Tracked>,
        by_bulk: bool,
        circuit: &Circuit,
    ) -> Result<bool, StoreError> {
        if let Some(why) = circuit.breaker().stopped() {
            self.not_tried(actions, &why).await?;
            return Ok(false);
        }
        let mut any_sent = false;
        while !actions.is_empty() {
            if self.services.observes() {
                self.not_tried(actions, OBSERVES).await?;
                break;
            }
            let (intended, judged) = self.intend(std::mem::take(&mut actions)).await?;
            let intended = Arc::new(intended);
            if intended.is_empty() {
                break;
            }
            let still_due = self.still_due(&intended, judged);
            let call = async { Ok(call::send(self, &intended, by_bulk, &still_due).await) };
            let caller = Caller {
                services: self.services,
                store: self.store,
                places: &PLACES,
            };
            let record = |results: Vec<Option<Settled>>| {
                any_sent |= self.heard(&intended, &results, circuit);
                actions = withheld(&intended, &results);
                self.record(Arc::clone(&intended), results)
            };
            caller.send(call, record).await?;
        }
        Ok(any_sent)
    }

    /// Tells the breaker what the answers say of the account. Returns whether anything was sent.
    fn heard(&self, intended: &[Tracked], results: &[Option<Settled>], circuit: &Circuit) -> bool {
        let is_sent = results.iter().any(Option::is_some);
        if is_sent {
            let sent = results.iter().flatten();
            let is_general = sent.clone().any(|sent| sent.is_general);
            let not_before = sent.filter_map(|sent| sent.not_before).max();
            let rows = intended.iter().map(|tracked| tracked.row);
            circuit.note(rows, is_general, not_before);
            let target = intended.first().map(|first| &first.action.target);
            if let Some(why) = target.and_then(|target| self.clock_differs(target)) {
                circuit.breaker().stop(why);
            }
        }
        is_sent
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
    async fn record(
        &self,
        intended: Arc<Vec<Tracked>>,
        results: Vec<Option<Settled>>,
    ) -> Result<(), StoreError> {
        let run = self.run.to_owned();
        let at = clock::now();
        let recorded = self
            .store
            .write(move |db| {
                let mut recorded = Vec::with_capacity(results.len());
                for (tracked, settled) in intended.iter().zip(results) {
                    if let Some(settled) = settled {
                        let settled = Ledger::settle(db, &run, tracked, settled, at)?;
                        recorded.push((tracked.action.clone(), settled));
                    }
                }
                Ok(recorded)
            })
            .await?;
        for (action, settled) in recorded {
            self.log(&action, &settled);
            self.count(&action, settled.state, at);
        }
        Ok(())
    }

    /// A line of the journal for each removal that was sent.
    fn log(&self, action: &Action, settled: &Settled) {
        let (kind, state) = (action.kind.as_str(), settled.state.as_str());
        tracing::info!(
            run = self.run,
            target = %action.target,
            email = %action.email,
            reason = action.reason.as_str(),
            state,
            detail = settled.detail.as_deref(),
            "{kind}: {state}"
        );
    }

    /// Counts how an attempt ended, and how late it was; for an end in time, the grace is not
    /// counted.
    fn count(&self, action: &Action, state: ActionState, at: Timestamp) {
        let grace = match action.reason {
            Reason::GrantEnded | Reason::RoleEnded | Reason::WhitelistEnded => self.grace,
            _ => SignedDuration::ZERO,
        };
        let lag = at.duration_since(action.due).saturating_sub(grace);
        self.services.metrics.tried(action, state, lag);
    }

    /// The last check, after all waiting: that no grant covers any of the people again, and that
    /// the database and the locks are still those at their paths.
    fn still_due(&self, intended: &Arc<Vec<Tracked>>, judged: Instant) -> StillDue {
        let (store, intended, grace) = (self.store.clone(), Arc::clone(intended), self.grace);
        let acting = self.services.while_acting();
        StillDue::by(move || {
            let (store, intended) = (store.clone(), Arc::clone(&intended));
            let acting = acting.clone();
            Box::pin(async move {
                if !acting.holds().await {
                    return false;
                }
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
                // If the database cannot be read, whether they are due is unknown: nothing is sent.
                !covered.await.unwrap_or(true)
            })
        })
    }
}

/// Ends before this moment are acted on.
fn cutoff(at: Timestamp, grace: SignedDuration) -> Timestamp {
    at.checked_sub(grace).unwrap_or(Timestamp::MIN)
}

/// The actions that were not sent. If the database cannot be read, the next intent fails and says
/// why.
fn withheld(intended: &[Tracked], results: &[Option<Settled>]) -> Vec<Tracked> {
    let pairs = intended.iter().zip(results);
    let withheld = pairs.filter(|(_, result)| result.is_none());
    withheld.map(|(tracked, _)| tracked.clone()).collect()
}
