//! Removes what the guard approved: what has been due longest first, each account beside the others.

mod call;
mod once;
mod work;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::attempt::{self, Account, Circuit, Left};
use super::proofs;
use crate::clock;
use crate::domain::{Means, TargetId, TargetRef, UNREADABLE};
use crate::guard::clocks::Clocks;
use crate::progress::Stop;
use crate::providers::accounts::Services;
use crate::store::{Ledger, Resting, Store, StoreError, Tracked};
use work::Work;

/// How many actions are under way for each concurrent call. Writing an intent or result to disk
/// takes about as long as a call, so that others can call meanwhile. With more, intents would be
/// too old by the time of their calls and would have to be checked again.
const UNDER_WAY: usize = 5;

/// What the work at all accounts shares.
struct Shared {
    total: u64,
    done: AtomicU64,
    /// The teams from which something was removed.
    touched: Mutex<BTreeSet<TargetRef>>,
}

impl Shared {
    fn touch(&self, team: Option<TargetRef>) {
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        touched.extend(team);
    }
}

/// What the stage needs.
pub(crate) struct Remove<'a> {
    pub(crate) services: &'a Services,
    pub(crate) store: &'a Store,
    pub(crate) run: &'a str,
    /// The provider's ids of the teams.
    pub(crate) team_ids: &'a HashMap<TargetId, String>,
    /// How long after an end access is left alone.
    pub(crate) grace: SignedDuration,
    /// Whether a failed action waits until its next try, or a person has asked for it now.
    pub(crate) respect_backoff: bool,
    /// What the clocks said before.
    pub(crate) clocks: &'a Clocks,
    /// Set when nothing new may be started.
    pub(crate) stop: &'a Stop,
    pub(crate) progress: &'a (dyn Fn(u64, u64) + Send + Sync),
}

impl Remove<'_> {
    /// Tries every action. Returns the teams from which something was removed, to be read back.
    ///
    /// # Errors
    /// Only of the database: what cannot be written down is not done.
    pub(crate) async fn all(
        &self,
        tracked: Vec<Tracked>,
    ) -> Result<BTreeSet<TargetRef>, StoreError> {
        let unproven = proofs::recall(self.services, self.store).await?;
        let now = clock::now();
        let mut unreadable = Vec::new();
        let mut doubtful: BTreeMap<String, Vec<Tracked>> = BTreeMap::new();
        let (tracked, elsewhere): (Vec<Tracked>, Vec<Tracked>) = tracked
            .into_iter()
            .partition(|tracked| self.services.has(&tracked.action.target));
        for tracked in elsewhere {
            // Nobody can tell the time there either.
            let why = tracked.action.target.not_configured();
            doubtful.entry(why).or_default().push(tracked);
        }
        let mut to_call = Vec::with_capacity(tracked.len());
        for tracked in tracked {
            let doubt = self.clocks.doubt(&tracked.action.target.account_name());
            let is_unreadable = tracked.action.means == Means::Unreadable;
            match doubt {
                _ if self.services.is_quiet(&tracked.action.target) => to_call.push(tracked),
                // A team at a clock in doubt was not read for that reason.
                Some(why) if !is_unreadable || self.clocks.has_told(&tracked.action.target) => {
                    doubtful.entry(why).or_default().push(tracked);
                }
                _ if is_unreadable => unreadable.push(tracked),
                _ if self.waits(&tracked, now) => {}
                _ => to_call.push(tracked),
            }
        }
        self.not_tried(unreadable, UNREADABLE).await?;
        for (why, tracked) in doubtful {
            self.not_tried(tracked, &why).await?;
        }
        let total = to_call.len() as u64;
        let shared = Shared {
            total,
            done: AtomicU64::new(0),
            touched: Mutex::new(BTreeSet::new()),
        };
        let mut again = match unproven.is_empty() {
            true => Vec::new(),
            false => to_call.clone(),
        };
        self.call(to_call, &shared).await?;
        // What was answered with 404 before another call proved the account.
        let doubted = proofs::try_again(self.store, unproven).await?;
        again.retain(|tracked| doubted.contains(&tracked.row));
        self.call(again, &shared).await?;
        Ok(shared
            .touched
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the calls, those of each account beside those of the others.
    async fn call(&self, due: Vec<Tracked>, shared: &Shared) -> Result<(), StoreError> {
        let accounts = work::by_account(due, self.services).into_iter();
        stream::iter(accounts.map(|(account, works)| self.account(account, works, shared)))
            .buffer_unordered(usize::MAX)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }

    /// One account's work: the oldest first, and what failed before last. Once most of the recent
    /// calls have failed, the rest waits until the account has rested; the other accounts continue.
    async fn account(
        &self,
        account: Account,
        works: Vec<Work>,
        shared: &Shared,
    ) -> Result<(), StoreError> {
        let most = self.services.concurrency * UNDER_WAY;
        let circuit = Circuit::new(self.services, account, most);
        let may_begin = || !self.stop.is_set() && !self.services.observes();
        let one = |work| self.one(work, &circuit, shared);
        let (_, left) = attempt::work_off(works, &circuit, self.services, may_begin, one).await?;
        // Its clock may have stopped it, too.
        let stopped = circuit.breaker().stopped();
        let rests = circuit.conclude(self.services, self.store).await?;
        if stopped.is_none() && matches!(rests, Left::AsItIs) {
            return Ok(());
        }
        let (left, at) = (all_of(left), clock::now());
        let account = circuit.account().to_owned();
        self.store
            .write(move |db| {
                if let Some(why) = stopped {
                    for tracked in &left {
                        Ledger::not_tried(db, tracked, &why, at)?;
                    }
                }
                let left = left.iter().map(|tracked| tracked.row);
                match rests {
                    Left::AsItIs => Ok(()),
                    Left::Rests(rest) => {
                        Resting::begin(db, &account, rest.until)?;
                        let next_try = rest.next_try();
                        Resting::removals(db, left.chain(rest.failed), next_try)
                    }
                    Left::Now { woke } => {
                        if let Some(until) = woke {
                            Resting::wake(db, &account, until, at)?;
                        }
                        Resting::removals(db, left, at)
                    }
                }
            })
            .await
    }

    /// One call's work.
    async fn one(&self, work: Work, circuit: &Circuit, shared: &Shared) -> Result<(), StoreError> {
        let (actions, team) = (work.len() as u64, work.team());
        let (due, by_bulk) = work.into_parts();
        if self.once(due, by_bulk, circuit).await? {
            shared.touch(team);
        }
        let done = shared.done.fetch_add(actions, Ordering::Relaxed) + actions;
        (self.progress)(done.min(shared.total), shared.total);
        Ok(())
    }

    /// Why nothing more is to be removed at an account, if its answers told of a clock that differs
    /// from ours.
    fn clock_differs(&self, target: &TargetRef) -> Option<String> {
        let clocks = Clocks {
            accounts: self.services.skews(),
            ..self.clocks.clone()
        };
        clocks.doubt(&target.account_name())
    }

    /// Whether the action's next try is still to come.
    fn waits(&self, tracked: &Tracked, now: Timestamp) -> bool {
        self.respect_backoff && tracked.next_try.is_some_and(|next| next > now)
    }

    async fn not_tried(&self, tracked: Vec<Tracked>, why: &str) -> Result<(), StoreError> {
        if tracked.is_empty() {
            return Ok(());
        }
        let (at, why) = (clock::now(), why.to_owned());
        self.store
            .write(move |db| {
                for tracked in &tracked {
                    Ledger::not_tried(db, tracked, &why, at)?;
                }
                Ok(())
            })
            .await
    }
}

/// The actions of these works.
fn all_of(works: Vec<Work>) -> Vec<Tracked> {
    works
        .into_iter()
        .flat_map(|work| work.into_parts().0)
        .collect()
}
