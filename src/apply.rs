//! Does what the guard approved: for each action an intent on disk, then the call, then its result
//! on disk.

mod attempt;
mod call;
mod work;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use crate::clock;
use crate::domain::{ActionState, Evidence, Means, TargetId, TargetRef};
use crate::gates::Clocks;
use crate::pass::Stop;
use crate::services::Services;
use crate::store::{Ledger, Settled, Store, StoreError, Tracked};
use work::Work;

/// Why an action in a team that was not read waits.
const UNREADABLE: &str = "the team could not be read, or is not among those of the key's holder";
/// How many calls go first, to see whether the provider takes them.
const FIRST_BATCH: usize = 5;
/// By how much each batch is larger than the one before.
const BATCH_GROWS: usize = 4;
/// So many actions are under way for each call allowed: while most wait for the disk to have their
/// intents and results, which takes as long as some calls, others call. With more, an intent would
/// be too old for its call, and be looked at again.
const UNDER_WAY: usize = 5;
/// So many failures that tell of the provider are needed before their rate says anything.
const BREAKS_FROM: u64 = 5;

/// What the accounts' work shares.
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
pub(crate) struct Apply<'a> {
    pub(crate) services: &'a Services,
    pub(crate) store: &'a Store,
    pub(crate) run: &'a str,
    /// The provider's ids of the teams.
    pub(crate) team_ids: &'a HashMap<TargetId, String>,
    /// How long after an end access is left alone.
    pub(crate) grace: SignedDuration,
    /// Whether a failed action waits until its next try, or a person has asked for it now.
    pub(crate) patient: bool,
    /// Why nothing may be removed now, if so.
    pub(crate) clock_doubt: Option<&'a str>,
    /// How far our clock and a provider's may differ.
    pub(crate) max_skew: SignedDuration,
    /// Set when nothing new is to be begun.
    pub(crate) stop: &'a Stop,
    pub(crate) progress: &'a (dyn Fn(u64, u64) + Send + Sync),
}

impl Apply<'_> {
    /// Tries every action. Returns the teams from which something was removed, to be read back.
    ///
    /// # Errors
    /// Only of the database: what cannot be written down is not done.
    pub(crate) async fn all(
        &self,
        tracked: Vec<Tracked>,
    ) -> Result<BTreeSet<TargetRef>, StoreError> {
        let now = clock::now();
        let mut to_call = Vec::with_capacity(tracked.len());
        for tracked in tracked {
            match tracked.action.means {
                Means::AlreadyGone => self.already_gone(tracked).await?,
                Means::Unreadable => self.not_tried(tracked, UNREADABLE).await?,
                _ if self.clock_doubt.is_some() => {
                    let why = self.clock_doubt.unwrap_or_default();
                    self.not_tried(tracked, why).await?;
                }
                _ if self.waits(&tracked, now) => {}
                _ => to_call.push(tracked),
            }
        }
        let total = to_call.len() as u64;
        let shared = Shared {
            total,
            done: AtomicU64::new(0),
            touched: Mutex::new(BTreeSet::new()),
        };
        let accounts = work::by_account(to_call, self.services);
        stream::iter(
            accounts
                .into_iter()
                .map(|works| self.account(works, &shared)),
        )
        .buffer_unordered(usize::MAX)
        .try_collect::<Vec<()>>()
        .await?;
        Ok(shared
            .touched
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner))
    }

    /// One account's work in growing batches, the oldest first, but last what failed before: a
    /// fault of the provider, or of ours, shows before everything was tried. When most of a batch
    /// fails, the rest waits for the next pass; the other accounts go on.
    async fn account(&self, works: Vec<Work>, shared: &Shared) -> Result<(), StoreError> {
        let mut works = works.into_iter().peekable();
        let mut size = FIRST_BATCH;
        while works.peek().is_some() {
            let batch: Vec<Work> = works.by_ref().take(size).collect();
            size = size.saturating_mul(BATCH_GROWS);
            let tried = AtomicU64::new(0);
            let failed = AtomicU64::new(0);
            stream::iter(batch.into_iter().map(Ok::<_, StoreError>))
                .try_for_each_concurrent(self.services.concurrency * UNDER_WAY, |work| {
                    let (tried, failed) = (&tried, &failed);
                    async move {
                        if self.stop.is_set() {
                            return Ok(());
                        }
                        let (actions, team) = (work.len() as u64, work.team());
                        let (due, by_bulk) = work.into_parts();
                        let result = self.attempt(due, by_bulk).await?;
                        tried.fetch_add(result.sent, Ordering::Relaxed);
                        failed.fetch_add(result.failed, Ordering::Relaxed);
                        if result.sent > 0 {
                            shared.touch(team);
                        }
                        let done = shared.done.fetch_add(actions, Ordering::Relaxed) + actions;
                        (self.progress)(done, shared.total);
                        Ok(())
                    }
                })
                .await?;
            if let Some(why) = self.stops(tried.into_inner(), failed.into_inner()) {
                for tracked in works.by_ref().flat_map(|work| work.into_parts().0) {
                    self.not_tried(tracked, &why).await?;
                }
            }
        }
        Ok(())
    }

    /// Why an account's work stops after a batch, if it does: most of it failed, or its answers
    /// told of a clock that differs from ours.
    fn stops(&self, tried: u64, failed: u64) -> Option<String> {
        if failed >= BREAKS_FROM && failed * 2 > tried {
            return Some(format!(
                "not tried: {failed} of the {tried} calls before it failed"
            ));
        }
        let clocks = Clocks {
            providers: self.services.skews(),
            ..Clocks::default()
        };
        clocks.doubt(clock::now(), self.max_skew)
    }

    /// Whether the action's next try is still to come.
    fn waits(&self, tracked: &Tracked, now: Timestamp) -> bool {
        self.patient && tracked.next_try.is_some_and(|next| next > now)
    }

    async fn already_gone(&self, tracked: Tracked) -> Result<(), StoreError> {
        let run = self.run.to_owned();
        let at = clock::now();
        self.count(&tracked.action, ActionState::Absent, at);
        let settled = Settled {
            state: ActionState::Absent,
            evidence: Some(Evidence::Verified),
            detail: Some("a complete reading does not show it".to_owned()),
            not_before: None,
            is_general: false,
        };
        self.store
            .write(move |db| Ledger::settle(db, &run, &tracked, &settled, at))
            .await
    }

    async fn not_tried(&self, tracked: Tracked, why: &str) -> Result<(), StoreError> {
        let (at, why) = (clock::now(), why.to_owned());
        self.store
            .write(move |db| Ledger::not_tried(db, &tracked, &why, at))
            .await
    }
}
