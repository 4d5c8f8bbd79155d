//! Records access that is there already, and calls nobody.

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::requests::{GiveError, Given, clocks, told};
use crate::clock;
use crate::domain::{Email, ProvisionState, Standing};
use crate::store::{
    Asked, Db, Grants, Imported, NewGrant, Provisions, Same, Store, StoreError, Targets,
};

/// How many grants are recorded in one transaction, at most. Half a minute of one would outlast the time
/// for which another process waits for the database. What a crash leaves unrecorded is harmless:
/// every row was checked before, and importing the same file again changes nothing of what is there.
const AT_ONCE: usize = 5_000;

/// How many of them share a savepoint. Each statement takes the longer the more pages its savepoint has
/// changed so far: SQLite walks through the copies of them all.
const TOGETHER: usize = 50;

/// What is said of a row about somebody who is not there.
const ABSENT: &str = "granted, and not there by the last reading of the team";

/// Records many grants in their order, with what `record` returns for each.
///
/// # Errors
/// Only of the database.
pub(super) async fn all<X, T>(
    store: &Store,
    grants: &[X],
    record: impl Fn(&Db, &[X]) -> Result<Vec<T>, StoreError> + Clone + Send + 'static,
) -> Result<Vec<T>, StoreError>
where
    X: Clone + Send + 'static,
    T: Send + 'static,
{
    let jobs = grants.chunks(TOGETHER).map(|some| {
        let (some, record) = (some.to_vec(), record.clone());
        store.write(move |db| record(db, &some))
    });
    let jobs = stream::iter(jobs).buffered(AT_ONCE / TOGETHER);
    let recorded: Vec<Vec<T>> = jobs.try_collect().await?;
    Ok(recorded.into_iter().flatten().collect())
}

/// Records grants.
///
/// # Errors
/// When the database could not be used, or a span would be counted by a clock in doubt.
pub(crate) async fn note(
    store: &Store,
    grants: Vec<NewGrant>,
    same: Same,
    asked: Asked,
) -> Result<Vec<Given>, GiveError> {
    clocks::refuse_noted_spans(store, &grants).await?;
    let restored = store.looks_restored().await?;
    let at = clock::now();
    let given = all(store, &grants, move |db, some| {
        note_some(db, some, same, &asked, at)
    })
    .await?;
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
    asked: Asked,
) -> Result<Vec<Given>, GiveError> {
    clocks::refuse_noted_spans(store, &grants).await?;
    let at = clock::now();
    let given = store
        .rehearse(move |db| {
            let mut given = note_some(db, &grants, same, &asked, at)?;
            for one in &mut given {
                if one.end.is_none_or(|end| end > at) && is_absent(db, one)? {
                    one.detail = Some(ABSENT.to_owned());
                }
            }
            Ok(given)
        })
        .await?;
    Ok(given)
}

fn is_absent(db: &Db, given: &Given) -> Result<bool, StoreError> {
    match Targets::find(db, &given.target)? {
        Some(target) => Provisions::is_absent(db, &target, &Email::observed(&given.email)),
        None => Ok(false),
    }
}

fn note_some(
    db: &Db,
    grants: &[NewGrant],
    same: Same,
    asked: &Asked,
    at: Timestamp,
) -> Result<Vec<Given>, StoreError> {
    let mut given = Vec::with_capacity(grants.len());
    for grant in grants {
        let recorded = Grants::note(db, grant, same, asked, at)?;
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
