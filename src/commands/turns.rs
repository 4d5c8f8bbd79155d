//! Gives in batches: between them the lock for calling the providers is released for a moment, so
//! that ends and commands are acted on in time.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::requests::{ASK_AGAIN, GiveError, Requests};
use crate::domain::Standing;
use crate::execute::provisions::work::{self, Work};
use crate::execute::provisions::{Circuits, Give, Tally};
use crate::observe::Observation;
use crate::store::{Lock, Provision, Provisions, StoreError};

/// How long a batch may take, by the calls that are allowed and by the clock.
const BATCH: Duration = Duration::from_secs(2);
/// How long others have for taking their turn: longer than between two tries of theirs.
const TURN: Duration = ASK_AGAIN.saturating_add(Duration::from_millis(100));

/// How the rows stand that were given, by their number.
pub(super) type Standings = HashMap<i64, Standing>;

impl Requests<'_> {
    /// Gives these rows, and gives the lock up between batches; it is `None` in the end when another
    /// process did not end in time. What is not given then, or when somebody asks to stop, stays
    /// planned, and the next pass gives it.
    pub(super) async fn give_in_turns(
        &self,
        lock: &mut Option<Lock>,
        rows: Vec<Provision>,
        seen: &Observation,
    ) -> Result<Standings, GiveError> {
        let give = Give {
            services: self.services,
            store: self.store,
            run: "",
            team_ids: &seen.team_ids,
            read: seen.complete(),
            stop: &self.stop,
            progress: &self.progress,
            tally: Tally::default(),
            circuits: Circuits::default(),
        };
        let most = calls_in(BATCH, self.settings.http.requests_per_second);
        let mut standings = Standings::new();
        let mut works = give.works(rows).await?;
        let mut ours = None;
        while !works.is_empty() && !self.stop.is_set() {
            let batch = work::next(&mut works, most);
            let gave = give.batch(batch, Some(Instant::now() + BATCH)).await?;
            let given = gave.given.into_iter();
            standings.extend(given.map(|(row, (_, standing))| (row, standing)));
            for left in gave.left.into_iter().rev() {
                works.push_front(left);
            }
            if works.is_empty() || self.stop.is_set() {
                break;
            }
            if ours.is_none() {
                ours = self.store.lock_giving()?;
            }
            drop(lock.take());
            tokio::time::sleep(TURN).await;
            *lock = match self.lock(|_| {}).await {
                Ok(lock) => Some(lock),
                Err(GiveError::Busy(_)) => break,
                Err(error) => return Err(error),
            };
            works = self.still_open(works, &mut standings).await?;
        }
        Ok(standings)
    }

    /// Those of the works that are still to be done: a pass may have settled some meanwhile, or a
    /// person may have taken them back.
    async fn still_open(
        &self,
        works: VecDeque<Work>,
        standings: &mut Standings,
    ) -> Result<VecDeque<Work>, StoreError> {
        let (works, settled) = self
            .store
            .read(move |db| {
                let mut settled = Vec::new();
                let mut open = VecDeque::with_capacity(works.len());
                for mut work in works {
                    let rows = std::mem::take(&mut work.rows);
                    let mut still = Vec::with_capacity(rows.len());
                    for row in rows {
                        match Provisions::current(db, row.row)? {
                            Ok(row) => still.push(row),
                            Err(standing) => settled.push((row.row, standing)),
                        }
                    }
                    if !still.is_empty() {
                        open.push_back(work.with(still));
                    }
                }
                Ok((open, settled))
            })
            .await?;
        standings.extend(settled);
        Ok(works)
    }
}

/// How many calls fit, at least one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates, and the rate is positive"
)]
fn calls_in(time: Duration, a_second: f64) -> usize {
    ((time.as_secs_f64() * a_second) as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_the_calls_of_two_seconds_and_at_least_one() {
        for (rate, calls) in [(10.0, 20), (0.001, 1), (2.4, 4), (1e300, usize::MAX)] {
            assert_eq!(calls_in(BATCH, rate), calls, "{rate}");
        }
    }
}
