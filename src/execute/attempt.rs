//! The life of a call, the same for what is removed and for what is given: its intent is on disk before
//! it is sent, its result is on disk before anything follows from it, and an account whose calls fail
//! gets no more of them.

use std::collections::BTreeMap;
use std::future::Future;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;

use super::proofs;
use crate::breaker::Breaker;
use crate::clock;
use crate::domain::{Provider, TargetRef};
use crate::failpoint;
use crate::providers::CallError;
use crate::providers::accounts::Services;
use crate::store::{Store, StoreError};

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

/// A provider's account, by its name.
pub(super) type Account = (Provider, String);

/// The account of a target.
pub(super) fn account_of(target: &TargetRef) -> Account {
    (target.provider(), target.account().to_owned())
}

/// The works of each account, in their order; `target` tells where one is done.
pub(super) fn by_account<W>(
    works: impl IntoIterator<Item = W>,
    target: impl Fn(&W) -> Option<&TargetRef>,
) -> BTreeMap<Account, Vec<W>> {
    let mut accounts: BTreeMap<Account, Vec<W>> = BTreeMap::new();
    for work in works {
        if let Some(account) = target(&work).map(account_of) {
            accounts.entry(account).or_default().push(work);
        }
    }
    accounts
}

/// Does one account's work in its order, as much at once as the breaker lets in. Begins nothing new
/// once the breaker has stopped or `may_begin` is false. Returns what came of it, and what is left.
pub(super) async fn work_off<W, T, F>(
    works: Vec<W>,
    breaker: &Breaker,
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
        while breaker.lets_in(under_way.len())
            && may_begin()
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

/// Tells the account's breaker how a call ended: whether it failed for a reason that concerns the
/// provider as a whole.
pub(super) fn note(breaker: &Breaker, is_general: bool) {
    breaker.note(is_general, |last| {
        let (failed, tried) = (last.failed, last.tried);
        format!("not tried: {failed} of the last {tried} calls before it failed")
    });
}

/// The moment before which the provider asks not to be called again.
pub(super) fn not_before(error: &CallError) -> Option<Timestamp> {
    clock::now().checked_add(error.retry_after()?).ok()
}

/// Why nothing can be sent to a target whose account is not configured.
pub(super) fn not_configured(target: &TargetRef) -> String {
    format!(
        "no [[{}]] account named {:?} is configured",
        target.provider(),
        target.account()
    )
}
