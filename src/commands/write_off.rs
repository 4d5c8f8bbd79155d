//! `write-off`: a person gives up what is owed at a target that can no longer be reached. The
//! reason is recorded, and it is owed again only when the person is seen there again.

use serde::Serialize;
use thiserror::Error;

use crate::clock;
use crate::domain::{Email, Target};
use crate::store::{Ledger, Store, StoreError, Targets};

/// What was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct WrittenOff {
    /// Whose.
    pub email: String,
    pub target: String,
    /// How many removals.
    pub removals: usize,
    /// How many gifts.
    pub gifts: usize,
}

/// Why nothing was given up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum WriteOffError {
    /// Nothing is owed there.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives up what is owed to or from a person at a target.
///
/// # Errors
/// When the target is not on record, or nothing is owed there.
pub(crate) async fn write_off(
    store: &Store,
    email: &Email,
    target: &Target,
    reason: &str,
    by: &str,
) -> Result<WrittenOff, WriteOffError> {
    let (email, target) = (email.clone(), target.clone());
    let (reason, by) = (reason.to_owned(), by.to_owned());
    let at = clock::now();
    let restored = store.looks_restored().await?;
    let written_off = store
        .write(move |db| {
            let found = match Targets::known(db, &target)? {
                Ok(found) => found,
                Err(why) => return Ok(Err(format!("target: {why}"))),
            };
            let (removals, gifts) = Ledger::write_off(db, &found, &email, &reason, &by, at)?;
            if removals + gifts == 0 {
                return Ok(Err(format!(
                    "nothing is owed to or from {email} on {found}"
                )));
            }
            Ok(Ok(WrittenOff {
                email: email.written().to_owned(),
                target: found.written(),
                removals,
                gifts,
            }))
        })
        .await?;
    store.set_mark_unless(restored.as_ref()).await;
    written_off.map_err(WriteOffError::Refused)
}
