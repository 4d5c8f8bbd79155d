//! Records access that is there already, and calls nobody.

use jiff::Timestamp;

use super::requests::{Given, told};
use crate::clock;
use crate::domain::{ProvisionState, Standing};
use crate::store::{Db, Grants, Imported, NewGrant, Same, Store, StoreError};

/// How many grants are recorded in one transaction. Half a minute of one would outlast the time
/// for which another process waits for the database. What a crash leaves unrecorded is harmless:
/// every row was checked before, and importing the same file again changes nothing of what is there.
pub(super) const AT_ONCE: usize = 5_000;

/// Records grants.
///
/// # Errors
/// Only of the database.
pub(crate) async fn note(
    store: &Store,
    grants: Vec<NewGrant>,
    same: Same,
) -> Result<Vec<Given>, StoreError> {
    let restored = store.looks_restored().await?;
    let at = clock::now();
    let mut given = Vec::with_capacity(grants.len());
    for some in grants.chunks(AT_ONCE) {
        let some = some.to_vec();
        given.extend(store.write(move |db| all(db, &some, same, at)).await?);
    }
    store.set_mark_unless(restored.as_ref()).await;
    Ok(given)
}

/// What [`note`] would do.
///
/// # Errors
/// The same.
pub(crate) async fn rehearse_note(
    store: &Store,
    grants: Vec<NewGrant>,
    same: Same,
) -> Result<Vec<Given>, StoreError> {
    let at = clock::now();
    store.rehearse(move |db| all(db, &grants, same, at)).await
}

fn all(db: &Db, grants: &[NewGrant], same: Same, at: Timestamp) -> Result<Vec<Given>, StoreError> {
    let mut given = Vec::with_capacity(grants.len());
    for grant in grants {
        let recorded = Grants::note(db, grant, same, at)?;
        let state = match recorded.imported {
            Imported::Unchanged => ProvisionState::Unchanged,
            _ => ProvisionState::Recorded,
        };
        let standing = Standing {
            state,
            result: None,
            detail: None,
        };
        given.push(told(recorded, Some(standing), at));
    }
    Ok(given)
}
