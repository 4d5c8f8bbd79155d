//! Whether this machine's clock can be trusted for the moments of what a person asks for: by it a
//! span becomes an end, and access begins.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::{GiveError, Given, Requests};
use crate::clock;
use crate::domain::Target;
use crate::guard::clocks::Clocks;
use crate::store::{NewGrant, Store, StoreError, tables};

/// The accounts whose clocks differ from ours, such as `sentius:acme`, and how.
pub(in crate::commands) type Doubts = BTreeMap<String, String>;

impl Requests<'_> {
    /// The accounts of these targets whose clocks differ from ours: by their answers, and where none
    /// has told the time, by the last comparison.
    pub(in crate::commands) async fn doubts(
        &self,
        targets: &[Target],
    ) -> Result<Doubts, StoreError> {
        let accounts: BTreeSet<String> = targets.iter().map(Target::account_name).collect();
        let mut told = self.services.skews();
        told.retain(|account, _| accounts.contains(account));
        let clocks = Clocks {
            accounts: told,
            jumped: SignedDuration::ZERO,
            most: self.settings.guard.max_clock_skew,
        };
        let mut doubts = last(self.store, &accounts).await?;
        doubts.retain(|account, _| !clocks.accounts.contains_key(account));
        doubts.extend(clocks.differences().map(|(a, why)| (a.to_owned(), why)));
        let at = clock::now();
        self.store
            .write(move |db| tables::clock::compared(db, &clocks, at))
            .await?;
        Ok(doubts)
    }
}

/// The accounts whose clocks differed from ours when they were last compared.
async fn last(store: &Store, accounts: &BTreeSet<String>) -> Result<Doubts, StoreError> {
    let mut doubted = store.read(tables::clock::doubted).await?;
    doubted.retain(|account, _| accounts.contains(account));
    let words = |account: &String| {
        format!(
            "this machine's clock and that of {account} differed by more than guard.max_clock_skew when \
             they were last compared"
        )
    };
    let doubts = doubted.into_keys();
    Ok(doubts.map(|a| (a.clone(), words(&a))).collect())
}

/// Refuses spans where the clock that they would be counted by is in doubt.
pub(in crate::commands) fn refuse_spans<'a>(
    grants: impl Iterator<Item = &'a NewGrant>,
    doubts: &Doubts,
) -> Result<(), GiveError> {
    for grant in grants.filter(|grant| grant.is_relative()) {
        refuse_span(&grant.target, doubts)?;
    }
    Ok(())
}

/// The same for one span.
pub(in crate::commands) fn refuse_span(target: &Target, doubts: &Doubts) -> Result<(), GiveError> {
    match doubts.get(&target.account_name()) {
        Some(why) => Err(GiveError::Clock(why.clone())),
        None => Ok(()),
    }
}

/// The same for access that is only recorded, where nobody is asked.
pub(in crate::commands) async fn refuse_noted_spans(
    store: &Store,
    grants: &[NewGrant],
) -> Result<(), GiveError> {
    let spans = grants.iter().filter(|grant| grant.is_relative());
    let accounts = spans.map(|grant| grant.target.account_name()).collect();
    refuse_spans(grants.iter(), &last(store, &accounts).await?)
}

/// Notes with each result that its moments may be wrong.
pub(in crate::commands) fn mark(given: &mut [Given], doubts: &Doubts) {
    for one in given {
        let Some(why) = doubts.get(&one.target.account_name()) else {
            continue;
        };
        let doubt = format!("{why}: the start and the end may be wrong");
        one.detail = Some(match one.detail.take() {
            Some(detail) => format!("{detail}; {doubt}"),
            None => doubt.clone(),
        });
        one.clock = Some(doubt);
    }
}
