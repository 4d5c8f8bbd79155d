//! Which accounts have ever answered with success, kept from one run to the next: a 404 from one that
//! never has proves nothing.

use std::collections::HashSet;

use crate::clock;
use crate::providers::accounts::Services;
use crate::providers::{NEVER_PROVEN, Proof};
use crate::store::{Answering, Store, StoreError};

/// Reads from the database which accounts have answered with success before, with the same address
/// and key; called before writes. Returns those that have not.
pub(super) async fn recall(services: &Services, store: &Store) -> Result<Vec<Proof>, StoreError> {
    let unknown = services.proofs().filter(|proof| !proof.is_given());
    let unknown: Vec<Proof> = unknown.cloned().collect();
    if unknown.is_empty() {
        return Ok(unknown);
    }
    store
        .read(move |db| {
            let Some(salt) = Answering::salt(db)? else {
                return Ok(unknown);
            };
            let mut unproven = Vec::new();
            for proof in unknown {
                if Answering::knows(db, proof.account(), &proof.fingerprint(&salt))? {
                    proof.keep();
                } else {
                    unproven.push(proof);
                }
            }
            Ok(unproven)
        })
        .await
}

/// Records which accounts have just answered with success for the first time. Their removals that
/// were answered with a 404, which proved nothing, are tried again at once.
pub(super) async fn keep(services: &Services, store: &Store) -> Result<(), StoreError> {
    if !services.proofs().any(Proof::is_news) {
        return Ok(());
    }
    let news = services.proofs().filter(|proof| proof.is_news());
    let news: Vec<Proof> = news.cloned().collect();
    let at = clock::now();
    let kept = news.clone();
    store
        .write(move |db| {
            let salt = Answering::salt_or_new(db)?;
            for proof in &news {
                Answering::note(db, proof.account(), &proof.fingerprint(&salt), at)?;
                Answering::try_again(db, proof.account(), NEVER_PROVEN, at)?;
            }
            Ok(())
        })
        .await?;
    kept.iter().for_each(Proof::keep);
    Ok(())
}

/// Makes removals that were answered with a 404, which proved nothing, due at once, at those of
/// these accounts that have answered with success since. Returns the rows of those actions.
pub(super) async fn try_again(
    store: &Store,
    unproven: Vec<Proof>,
) -> Result<HashSet<i64>, StoreError> {
    let proven: Vec<Proof> = unproven.into_iter().filter(Proof::is_given).collect();
    if proven.is_empty() {
        return Ok(HashSet::new());
    }
    let at = clock::now();
    store
        .write(move |db| {
            let mut rows = HashSet::new();
            for proof in &proven {
                rows.extend(Answering::try_again(db, proof.account(), NEVER_PROVEN, at)?);
            }
            Ok(rows)
        })
        .await
}
