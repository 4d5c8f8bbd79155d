//! When whoever has the right to call gives up a call: once access has ended elsewhere.

use crate::clock;
use crate::config::Settings;
use crate::providers::GiveWay;
use crate::store::Store;
use crate::store::queries::due_between_passes::waits_elsewhere;

/// For one taking of the lock. If the database cannot be read, nobody is known to wait.
pub(crate) fn give_way(settings: &Settings, store: &Store) -> GiveWay {
    let (store, grace) = (store.clone(), settings.policy.grace);
    GiveWay::to(move |account| {
        let (store, account) = (store.clone(), account.to_owned());
        Box::pin(async move {
            let now = clock::now();
            let waits = move |db: &_| waits_elsewhere(db, &account, grace, now);
            store.read(waits).await.unwrap_or(false)
        })
    })
}
