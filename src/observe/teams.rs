//! Reads many teams of one account, as many at a time as the account answers well, and stops once
//! most of the recent readings have failed.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::ReadOptions;
use super::team::{self, Read};
use crate::breaker::{Breaker, Failures};
use crate::domain::{TargetId, TargetRef};
use crate::providers::accounts::TeamAccount;
use crate::providers::{CallError, StillDue};
use crate::store::{KnownTeam, Sources, Store, StoreError};

/// How many teams are read or stored at a time, however few calls are allowed at once: enough that
/// the next ones are read while the last ones are committed together. The memory for the bodies is
/// limited elsewhere.
const UNDER_WAY: usize = 128;

/// A team of an account: the provider's id of it, and ours.
pub(super) type Listed = (String, TargetRef);

/// How the reason begins why a team was not asked.
const NOT_ASKED: &str = "not asked: ";

/// Reads the teams of one account and hands over what came of each, in no order. Those that could
/// not be read when they were last asked come last, and of these the one that was asked longest ago
/// first: they must not keep others from being read, nor one that answers again.
pub(super) async fn read(
    account: &TeamAccount,
    store: &Store,
    mut teams: Vec<Listed>,
    known: &HashMap<TargetId, KnownTeam>,
    options: ReadOptions<'_>,
    mut take: impl FnMut(Listed, Read),
) -> Result<(), StoreError> {
    let turns = store.read(|db| Sources::turns(db, NOT_ASKED)).await?;
    teams.sort_by_key(|(_, target)| turns.get(&target.id()).copied().unwrap_or_default());
    let breaker = Arc::new(Breaker::new(UNDER_WAY));
    let account = &account.while_due(goes_on(&breaker));
    let breaker = &breaker;
    let mut teams = teams.into_iter();
    let mut under_way = FuturesUnordered::new();
    loop {
        while breaker.lets_in(under_way.len())
            && let Some((id, target)) = teams.next()
        {
            let known = known.get(&target.id()).copied().unwrap_or_default();
            under_way.push(async move {
                let read = team::read(account, store, &id, &target, known, options, breaker).await;
                ((id, target), read)
            });
        }
        match under_way.next().await {
            Some((team, read)) => take(team, read?),
            None => break,
        }
    }
    for (id, target) in teams {
        let known = known.get(&target.id()).copied().unwrap_or_default();
        let since = team::Since {
            at: options.at,
            version: known.version,
        };
        let read = team::not_asked(store, &target, breaker, since).await?;
        take((id, target), read);
    }
    Ok(())
}

/// Asked right before each call goes out, after all waiting for its turn.
fn goes_on(breaker: &Arc<Breaker>) -> StillDue {
    let breaker = Arc::clone(breaker);
    StillDue::by(move || {
        let goes_on = breaker.stopped().is_none();
        Box::pin(std::future::ready(goes_on))
    })
}

/// Tells the breaker what came of a reading.
pub(super) fn note<T>(breaker: &Breaker, answer: &Result<T, CallError>) {
    let failed = match answer {
        Ok(_) => false,
        Err(CallError::Withheld) => return,
        Err(error) => error.is_outage(),
    };
    breaker.note(failed, |Failures { failed, tried }| {
        format!("{NOT_ASKED}{failed} of the last {tried} readings failed")
    });
}
