//! Does what the guard approved: for each action an intent on disk, then the call, then its result
//! on disk.

mod call;
mod work;

use std::collections::{BTreeSet, HashMap};

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use crate::clock;
use crate::domain::{ActionState, Evidence, Means, TargetId, TargetRef};
use crate::services::Services;
use crate::store::{Attempt, Ledger, Settled, Store, StoreError, Tracked};
use work::Work;

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
                Means::Unreadable => {
                    self.not_tried(tracked, "the team could not be read")
                        .await?
                }
                _ if self.waits(&tracked, now) => {}
                _ => to_call.push(tracked),
            }
        }
        let total = to_call.len() as u64;
        let accounts = work::by_account(to_call, self.services);
        let done = std::sync::atomic::AtomicU64::new(0);
        let touched = std::sync::Mutex::new(BTreeSet::new());
        let of_account = |works: Vec<Work>| {
            let (done, touched) = (&done, &touched);
            async move {
                // More are under way than calls allowed: while some wait for the disk, others call.
                stream::iter(works.into_iter().map(Ok::<_, StoreError>))
                    .try_for_each_concurrent(self.services.concurrency * 3, |work| async move {
                        let (size, team) = (work.len() as u64, work.team());
                        if self.one(work).await?
                            && let Some(team) = team
                            && let Ok(mut touched) = touched.lock()
                        {
                            touched.insert(team);
                        }
                        let done = done.fetch_add(size, std::sync::atomic::Ordering::Relaxed);
                        (self.progress)(done + size, total);
                        Ok(())
                    })
                    .await
            }
        };
        let all = accounts.into_iter().map(of_account);
        stream::iter(all)
            .buffer_unordered(usize::MAX)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(touched.into_inner().unwrap_or_default())
    }

    /// Whether the action's next try is still to come.
    fn waits(&self, tracked: &Tracked, now: Timestamp) -> bool {
        self.patient && tracked.next_try.is_some_and(|next| next > now)
    }

    /// Intent, call, result. Returns whether anything was sent.
    async fn one(&self, work: Work) -> Result<bool, StoreError> {
        let (actions, by_bulk) = work.into_parts();
        let intended = self.intend(actions).await?;
        if intended.is_empty() {
            return Ok(false);
        }
        let results = call::send(self, &intended, by_bulk).await;
        let run = self.run.to_owned();
        let at = clock::now();
        self.store
            .write(move |db| {
                for (tracked, settled) in intended.iter().zip(&results) {
                    Ledger::settle(db, &run, tracked, settled, at)?;
                }
                Ok(())
            })
            .await?;
        Ok(true)
    }

    /// Writes the intents down, in one transaction, and returns those that still stand.
    async fn intend(&self, actions: Vec<Tracked>) -> Result<Vec<Tracked>, StoreError> {
        let run = self.run.to_owned();
        let at = clock::now();
        let cutoff = at.checked_sub(self.grace).unwrap_or(Timestamp::MIN);
        self.store
            .write(move |db| {
                let mut standing = Vec::with_capacity(actions.len());
                for tracked in actions {
                    if Ledger::intend(db, &run, &tracked, cutoff, at)? == Attempt::Intended {
                        standing.push(tracked);
                    }
                }
                Ok(standing)
            })
            .await
    }

    async fn already_gone(&self, tracked: Tracked) -> Result<(), StoreError> {
        let run = self.run.to_owned();
        let at = clock::now();
        let settled = Settled {
            state: ActionState::Absent,
            evidence: Some(Evidence::Verified),
            detail: Some("a complete reading does not show it".to_owned()),
            not_before: None,
        };
        self.store
            .write(move |db| Ledger::settle(db, &run, &tracked, &settled, at))
            .await
    }

    async fn not_tried(&self, tracked: Tracked, why: &'static str) -> Result<(), StoreError> {
        let at = clock::now();
        self.store
            .write(move |db| Ledger::not_tried(db, &tracked, why, at))
            .await
    }
}
