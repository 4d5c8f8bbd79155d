//! The life of a call, the same for what is removed and for what is given: its intent is on disk before
//! it is sent, its result is on disk before anything follows from it, and an account whose calls fail
//! gets no more of them.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;

use super::proofs;
use crate::breaker::{Breaker, Noted};
use crate::clock;
use crate::domain::TargetRef;
use crate::failpoint;
use crate::providers::CallError;
use crate::providers::accounts::Services;
use crate::store::{Resting, Store, StoreError};

/// Where a test can stop the program.
pub(super) struct Places {
    pub(super) after_intent: &'static str,
    pub(super) after_call: &'static str,
    pub(super) after_result: &'static str,
}

/// Who sends what is on disk as intended.
pub(super) struct Caller<'a> {
    pub(super) services: &'a Services,
    pub(super) store: &'a Store,
    pub(super) places: &'a Places,
}

impl Caller<'_> {
    /// Makes the call, and has its result written down by `record`.
    pub(super) async fn send<A, T, F>(
        &self,
        call: impl Future<Output = Result<A, StoreError>>,
        record: impl FnOnce(A) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        failpoint::reach(self.places.after_intent);
        let answer = call.await?;
        failpoint::reach(self.places.after_call);
        proofs::keep(self.services, self.store).await?;
        let recorded = record(answer).await?;
        failpoint::reach(self.places.after_result);
        Ok(recorded)
    }
}

/// A provider's account, such as `sentius:acme`.
pub(super) type Account = String;

/// The works of each account, in their order; `target` tells where one is done.
pub(super) fn by_account<W>(
    works: impl IntoIterator<Item = W>,
    target: impl Fn(&W) -> Option<&TargetRef>,
) -> BTreeMap<Account, Vec<W>> {
    let mut accounts: BTreeMap<Account, Vec<W>> = BTreeMap::new();
    for work in works {
        if let Some(account) = target(&work).map(|target| target.account_name()) {
            accounts.entry(account).or_default().push(work);
        }
    }
    accounts
}

/// The calls to one account: its breaker, and what failed because of the account as a whole.
#[derive(Debug)]
pub(super) struct Circuit {
    account: Account,
    breaker: Breaker,
    failed: Mutex<Failed>,
}

#[derive(Debug, Default)]
struct Failed {
    rows: Vec<i64>,
    /// The provider asked not to be called again before.
    not_before: Option<Timestamp>,
}

/// What an account's work left.
#[derive(Debug)]
pub(super) enum Left {
    /// Nothing, or what a person asked to stop.
    AsItIs,
    /// What has to wait until the calls to the account succeed again, for a reason.
    Rests(Rest),
    /// What has to be tried again now: the account gave way to others, or it answers again.
    Now { woke: Option<Timestamp> },
}

/// Until when has to wait what an account could not do.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) why: String,
    /// What was tried and failed for this reason.
    pub(super) failed: Vec<i64>,
    pub(super) until: Timestamp,
    /// The provider asked not to be called again before.
    pub(super) not_before: Option<Timestamp>,
}

impl Rest {
    /// When what waits is tried again.
    pub(super) fn next_try(&self) -> Timestamp {
        self.not_before
            .map_or(self.until, |asked| self.until.max(asked))
    }
}

impl Circuit {
    /// That of an account's next calls, of which at most so many are under way.
    pub(super) fn new(services: &Services, account: Account, most: usize) -> Self {
        Self {
            breaker: services.rests.breaker(&account, most, clock::now()),
            account,
            failed: Mutex::default(),
        }
    }

    pub(super) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Notes how a call for these rows ended: whether it failed for a reason that concerns the
    /// provider as a whole, and before when that asks not to be called again.
    pub(super) fn note(
        &self,
        rows: impl IntoIterator<Item = i64>,
        is_general: bool,
        not_before: Option<Timestamp>,
    ) {
        if is_general {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.rows.extend(rows);
            failed.not_before = failed.not_before.max(not_before);
        }
        self.breaker.note(is_general, |last| {
            let (failed, tried) = (last.failed, last.tried);
            format!("not tried: {failed} of the last {tried} calls before it failed")
        });
        if is_general && not_before.is_some() {
            let why = "not tried: the provider asked not to be called for a while";
            self.breaker.is_asked_to_rest(why.to_owned());
        }
    }

    /// Ends this stage's work at the account.
    pub(super) async fn conclude(
        &self,
        services: &Services,
        store: &Store,
    ) -> Result<Left, StoreError> {
        let noted = services
            .rests
            .note(&self.account, &self.breaker, clock::now());
        if let (Noted::Rests(until), Some(why)) = (noted, self.breaker.stopped()) {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok(Left::Rests(Rest {
                why,
                failed: std::mem::take(&mut failed.rows),
                until,
                not_before: failed.not_before,
            }));
        }
        let gives_way = services.gives_way(&self.account).await;
        services.rests.note_way(&self.account, gives_way);
        let mut woke = None;
        if noted == Noted::Answers {
            let account = self.account.clone();
            woke = store.read(move |db| Resting::until(db, &account)).await?;
        }
        Ok(match (gives_way, woke) {
            (false, None) => Left::AsItIs,
            _ => Left::Now { woke },
        })
    }

    pub(super) fn account(&self) -> &str {
        &self.account
    }
}

/// Does one account's work in its order, as much at once as the breaker lets in. Begins nothing new
/// once the breaker has stopped, the account gives way to others, or `may_begin` is false. Returns what
/// came of it, and what is left.
pub(super) async fn work_off<W, T, F>(
    works: Vec<W>,
    circuit: &Circuit,
    services: &Services,
    may_begin: impl Fn() -> bool,
    one: impl Fn(W) -> F,
) -> Result<(Vec<T>, Vec<W>), StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut works = works.into_iter();
    let mut done = Vec::new();
    let mut under_way = FuturesUnordered::new();
    loop {
        while circuit.breaker.lets_in(under_way.len())
            && may_begin()
            && !services.gives_way(&circuit.account).await
            && let Some(work) = works.next()
        {
            under_way.push(one(work));
        }
        match under_way.next().await {
            Some(one) => done.push(one?),
            None => break,
        }
    }
    Ok((done, works.collect()))
}

/// The moment before which the provider asks not to be called again.
pub(super) fn not_before(error: &CallError) -> Option<Timestamp> {
    clock::now().checked_add(error.retry_after()?).ok()
}
