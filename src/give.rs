//! Gives access: for each provision, writes the intent to disk, makes the call, and writes the
//! result to disk. The next pass settles what was interrupted, half-replaced entries first.

mod back;
mod call;
mod many;
pub(crate) mod work;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;

use crate::clock;
use crate::domain::{Finding, Provider, ProvisionState, Standing, TargetId, UNREADABLE};
use crate::failpoint;
use crate::progress::{Progress, Stage, Stop};
use crate::services::Services;
use crate::store::{Intent, Next, Provision, Provisions, Store, StoreError};

use work::Work;

/// After a refusal what was there before is posted again, and no more than that.
const MOST_TRIES: usize = 2;

pub(crate) struct Give<'a> {
    pub(crate) services: &'a Services,
    pub(crate) store: &'a Store,
    pub(crate) run: &'a str,
    /// The provider's ids of the teams.
    pub(crate) team_ids: &'a HashMap<TargetId, String>,
    /// The teams that were read right before.
    pub(crate) read: HashSet<TargetId>,
    /// Set when nothing new is to be begun.
    pub(crate) stop: &'a Stop,
    pub(crate) progress: &'a Progress,
    /// How many rows are settled, and of how many.
    pub(crate) tally: Tally,
}

/// How far the giving has come.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    done: AtomicU64,
    total: AtomicU64,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Gave {
    /// By row; those that were not started are missing.
    pub(crate) given: BTreeMap<i64, (Provision, Standing)>,
    /// What reading back showed beyond what was given.
    pub(crate) findings: Vec<Finding>,
    /// What is still to be done.
    pub(crate) left: Vec<Work>,
}

impl Gave {
    /// The last word on a row counts.
    fn put(&mut self, row: Provision, standing: Standing) {
        self.given.insert(row.row, (row, standing));
    }
}

impl Give<'_> {
    /// Tries everything, several at once, and reads back the teams that were changed.
    ///
    /// # Errors
    /// Only of the database: what cannot be written down is not done.
    pub(crate) async fn all(&self, rows: Vec<Provision>) -> Result<Gave, StoreError> {
        self.services.recall_proofs(self.store).await?;
        let mut works = self.works(rows).await?;
        let mut all = Gave::default();
        while !works.is_empty() && !self.stop.is_set() {
            let gave = self.batch(works.drain(..).collect(), None).await?;
            all.given.extend(gave.given);
            all.findings.extend(gave.findings);
            works.extend(gave.left);
        }
        Ok(all)
    }

    /// The calls that these rows will take.
    pub(crate) async fn works(&self, rows: Vec<Provision>) -> Result<VecDeque<Work>, StoreError> {
        let total = rows.len() as u64;
        self.tally.total.fetch_add(total, Ordering::Relaxed);
        let (at, read) = (clock::now(), self.read.clone());
        let outlooks = self
            .store
            .read(move |db| {
                let mut outlooks = Vec::with_capacity(rows.len());
                for row in rows {
                    let outlook = match is_unread(&row, &read) {
                        true => crate::store::Outlook::Nothing,
                        false => Provisions::outlook(db, &row, at)?,
                    };
                    outlooks.push((row, outlook));
                }
                Ok(outlooks)
            })
            .await?;
        Ok(work::group(outlooks))
    }

    /// Does this work: first what gives memberships, then, after reading them back, what needs one.
    /// Starts nothing new after `until`, and returns what is left.
    pub(crate) async fn batch(
        &self,
        works: Vec<Work>,
        until: Option<Instant>,
    ) -> Result<Gave, StoreError> {
        let (follows, first): (Vec<Work>, _) = works.into_iter().partition(Work::follows);
        let mut gave = self.run(first, until).await?;
        self.read_back(&mut gave).await?;
        let lacking = self.lacking(&gave).await?;
        let then = lacking.iter().map(|(row, _)| Work::alone(row.clone()));
        let then = then.chain(follows);
        let mut then = self.run(then.collect(), until).await?;
        self.read_back(&mut then).await?;
        gave.findings.append(&mut then.findings);
        gave.left.append(&mut then.left);
        for (lacking, membership) in lacking {
            let flags = then.given.remove(&lacking.row);
            if let Some(((_, flags), (_, membership))) = flags.zip(gave.given.get_mut(&membership))
            {
                back::join(membership, flags);
            }
        }
        gave.given.append(&mut then.given);
        Ok(gave)
    }

    async fn run(&self, works: Vec<Work>, until: Option<Instant>) -> Result<Gave, StoreError> {
        let at_once = match until {
            // What is under way when the time is over has to end too.
            Some(_) => self.services.concurrency,
            None => self.services.concurrency * 3,
        };
        let is_over = || until.is_some_and(|until| Instant::now() >= until);
        let done: Vec<Gave> = stream::iter(works)
            .map(|work| async {
                let mut gave = Gave::default();
                if self.stop.is_set() || is_over() {
                    gave.left.push(work);
                    return Ok(gave);
                }
                let rows = work.rows.len() as u64;
                match <[Provision; 1]>::try_from(work.rows) {
                    Ok([row]) => {
                        let standing = self.one(&row).await?;
                        gave.put(row, standing);
                    }
                    Err(rows) => self.many(rows, &mut gave).await?,
                }
                self.tell(rows);
                Ok::<_, StoreError>(gave)
            })
            .buffer_unordered(at_once.max(1))
            .try_collect()
            .await?;
        let mut all = Gave::default();
        for mut gave in done {
            all.given.append(&mut gave.given);
            all.left.append(&mut gave.left);
        }
        Ok(all)
    }

    fn tell(&self, rows: u64) {
        let done = self.tally.done.fetch_add(rows, Ordering::Relaxed) + rows;
        let total = self.tally.total.load(Ordering::Relaxed).max(done);
        self.progress.tell(Stage::Give, done, total);
    }

    async fn one(&self, provision: &Provision) -> Result<Standing, StoreError> {
        if is_unread(provision, &self.read) {
            let (row, at) = (provision.clone(), clock::now());
            let note = move |db: &_| Provisions::not_tried(db, &row, UNREADABLE, at);
            return self.store.write(note).await;
        }
        let mut refused: Option<Standing> = None;
        for _ in 0..MOST_TRIES {
            let (row, at) = (provision.clone(), clock::now());
            let intent = self
                .store
                .write_before_call(move |db| Provisions::intend(db, &row, at))
                .await?;
            if let Intent::Nothing(standing) = intent {
                return Ok(refused.unwrap_or(standing));
            }
            failpoint::reach("give-after-intent");
            let next = self.call(provision, &intent).await?;
            match (next, refused.take()) {
                (Next::Mend(standing), _) => refused = Some(standing),
                (Next::Rest(mended), Some(mut standing)) => {
                    let words = if mended.state == ProvisionState::Done {
                        "the entry that was there before is there again"
                    } else {
                        "the entry that was there before is not there again yet; the next pass posts it"
                    };
                    let why = standing.detail.unwrap_or_default();
                    standing.detail = Some(format!("{why}; {words}"));
                    return Ok(standing);
                }
                (Next::Rest(standing), None) => return Ok(standing),
            }
        }
        Ok(refused.unwrap_or(Standing {
            state: ProvisionState::Failed,
            result: None,
            detail: None,
        }))
    }

    /// Sends what is on disk as intended, and writes down what came of it.
    async fn call(&self, provision: &Provision, intent: &Intent) -> Result<Next, StoreError> {
        let answered = call::send(self, provision, intent).await?;
        failpoint::reach("give-after-call");
        self.services.keep_proofs(self.store).await?;
        let (row, at) = (provision.clone(), clock::now());
        let next = self
            .store
            .write(move |db| Provisions::settle(db, &row, &answered, at))
            .await?;
        failpoint::reach("give-after-result");
        Ok(next)
    }
}

fn is_unread(row: &Provision, read: &HashSet<TargetId>) -> bool {
    row.target.provider() == Provider::Sapling && !read.contains(&row.target.id())
}
