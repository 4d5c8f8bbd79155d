//! Gives what is owed, each account beside the others. The next pass settles what was interrupted,
//! half-replaced entries first.

mod back;
mod call;
mod many;
pub(crate) mod work;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;

use super::attempt::{self, Account, Caller, Circuit, Left, Places, Rest};
use super::proofs;
use crate::clock;
use crate::domain::{Answered, Finding, Provider, ProvisionState, Standing, TargetId, UNREADABLE};
use crate::progress::{Progress, Stage, Stop};
use crate::providers::accounts::Services;
use crate::store::{Intent, Next, Provision, Provisions, Resting, Store, StoreError};

use work::Work;

/// Where a test can stop a gift.
const PLACES: Places = Places {
    after_intent: "give-after-intent",
    after_call: "give-after-call",
    after_result: "give-after-result",
};

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
    /// What the calls of these gifts tell of each account.
    pub(crate) circuits: Circuits,
}

/// The calls of each account.
#[derive(Debug, Default)]
pub(crate) struct Circuits(Mutex<BTreeMap<Account, Arc<Circuit>>>);

impl Circuits {
    /// Those of one account, at first few at once, and `most` at last.
    fn of(&self, services: &Services, account: Account, most: usize) -> Arc<Circuit> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(circuit) = all.get(&account) {
            return Arc::clone(circuit);
        }
        let circuit = Arc::new(Circuit::new(services, account.clone(), most));
        all.insert(account, Arc::clone(&circuit));
        circuit
    }
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

    fn append(&mut self, mut other: Self) {
        self.given.append(&mut other.given);
        self.left.append(&mut other.left);
    }
}

impl Give<'_> {
    /// Tries everything, several at once, and reads back the teams that were changed.
    ///
    /// # Errors
    /// Only of the database: what cannot be written down is not done.
    pub(crate) async fn all(&self, rows: Vec<Provision>) -> Result<Gave, StoreError> {
        proofs::recall(self.services, self.store).await?;
        let mut works = self.works(rows).await?;
        let mut all = Gave::default();
        while !works.is_empty() && !self.stop.is_set() {
            let gave = self.batch(works.drain(..).collect(), None).await?;
            let is_stuck = gave.given.is_empty();
            all.given.extend(gave.given);
            all.findings.extend(gave.findings);
            works.extend(gave.left);
            if is_stuck {
                break;
            }
        }
        // What gives way to others is due again now.
        let (rows, at) = (works.into_iter().flat_map(|work| work.rows), clock::now());
        let rows: Vec<i64> = rows.map(|row| row.row).collect();
        if !rows.is_empty() && !self.stop.is_set() {
            let due = move |db: &_| Resting::gifts(db, rows, at);
            self.store.write(due).await?;
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
        let most = match until {
            // What is under way when the time is over has to end too.
            Some(_) => self.services.concurrency,
            None => self.services.concurrency * 3,
        };
        let accounts = attempt::by_account(works, Work::target).into_iter();
        let accounts = accounts.map(|(account, works)| {
            let circuit = self.circuits.of(self.services, account, most);
            self.account(works, circuit, until)
        });
        let gave: Vec<Gave> = stream::iter(accounts)
            .buffer_unordered(usize::MAX)
            .try_collect()
            .await?;
        let mut all = Gave::default();
        gave.into_iter().for_each(|gave| all.append(gave));
        Ok(all)
    }

    /// One account's work. Once most of the recent calls have failed, the rest waits until the account
    /// has rested; the other accounts continue.
    async fn account(
        &self,
        works: Vec<Work>,
        circuit: Arc<Circuit>,
        until: Option<Instant>,
    ) -> Result<Gave, StoreError> {
        let is_over = || until.is_some_and(|until| Instant::now() >= until);
        let may_begin = || !self.stop.is_set() && !self.services.observes() && !is_over();
        let one = |work| self.work(work, &circuit);
        let (done, left) =
            attempt::work_off(works, &circuit, self.services, may_begin, one).await?;
        let mut all = Gave::default();
        done.into_iter().for_each(|gave| all.append(gave));
        match circuit.conclude(self.services, self.store).await? {
            Left::Rests(rest) => {
                let rows = left.into_iter().flat_map(|work| work.rows);
                for (row, standing) in self.wait(circuit.account(), rows.collect(), rest).await? {
                    all.put(row, standing);
                }
            }
            Left::Now { woke: Some(until) } => {
                let (account, at) = (circuit.account().to_owned(), clock::now());
                let wake = move |db: &_| Resting::wake(db, &account, until, at);
                self.store.write(wake).await?;
                all.left.extend(left);
            }
            Left::Now { woke: None } | Left::AsItIs => all.left.extend(left),
        }
        Ok(all)
    }

    /// One call's work.
    async fn work(&self, work: Work, circuit: &Circuit) -> Result<Gave, StoreError> {
        let mut gave = Gave::default();
        let rows = work.rows.len() as u64;
        match <[Provision; 1]>::try_from(work.rows) {
            Ok([row]) => {
                let standing = self.one(&row, circuit).await?;
                gave.put(row, standing);
            }
            Err(rows) => self.many(rows, &mut gave, circuit).await?,
        }
        self.tell(rows);
        Ok(gave)
    }

    /// Notes of these rows that they were not tried, since the account rests, and of all that have to
    /// wait for it until when.
    async fn wait(
        &self,
        account: &str,
        rows: Vec<Provision>,
        rest: Rest,
    ) -> Result<Vec<(Provision, Standing)>, StoreError> {
        let (account, at) = (account.to_owned(), clock::now());
        self.store
            .write(move |db| {
                Resting::begin(db, &account, rest.until)?;
                let mut waiting = Vec::with_capacity(rows.len());
                for row in rows {
                    let standing = Provisions::not_tried(db, &row, &rest.why, at)?;
                    waiting.push((row, standing));
                }
                let rows = waiting.iter().map(|(row, _)| row.row);
                let next_try = rest.next_try();
                Resting::gifts(db, rows.chain(rest.failed), next_try)?;
                Ok(waiting)
            })
            .await
    }

    fn tell(&self, rows: u64) {
        let done = self.tally.done.fetch_add(rows, Ordering::Relaxed) + rows;
        let total = self.tally.total.load(Ordering::Relaxed).max(done);
        self.progress.tell(Stage::Give, done, total);
    }

    async fn one(&self, provision: &Provision, circuit: &Circuit) -> Result<Standing, StoreError> {
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
                circuit.breaker().note_no_call();
                return Ok(refused.unwrap_or(standing));
            }
            let next = self.call(provision, &intent, circuit).await?;
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
    async fn call(
        &self,
        provision: &Provision,
        intent: &Intent,
        circuit: &Circuit,
    ) -> Result<Next, StoreError> {
        let call = call::send(self, provision, intent);
        let record = |answered: Answered| {
            circuit.note([provision.row], answered.is_general, answered.not_before);
            let (row, at) = (provision.clone(), clock::now());
            let settle = move |db: &_| Provisions::settle(db, &row, &answered, at);
            self.store.write(settle)
        };
        self.caller().send(call, record).await
    }

    fn caller(&self) -> Caller<'_> {
        Caller {
            services: self.services,
            store: self.store,
            places: &PLACES,
        }
    }
}

fn is_unread(row: &Provision, read: &HashSet<TargetId>) -> bool {
    row.target.provider() == Provider::Sapling && !read.contains(&row.target.id())
}
