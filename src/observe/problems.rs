//! Why there is no reading, as the source keeps it.

use jiff::Timestamp;

use crate::domain::{Finding, FindingKind, Place};
use crate::providers::CallError;
use crate::store::{Db, SourceKind, SourceState, Sources, Store, StoreError};

pub(super) fn state_of(error: &CallError) -> SourceState {
    match error {
        error if error.is_forbidden() => SourceState::Forbidden,
        CallError::Implausible { .. } => SourceState::Doubtful,
        _ => SourceState::Unreadable,
    }
}

pub(super) async fn note_problem(
    store: &Store,
    account: &str,
    kind: SourceKind,
    state: SourceState,
    why: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (account, why) = (account.to_owned(), why.to_owned());
    store
        .write(move |db| put_problem(db, &account, kind, state, &why, at))
        .await
}

/// Notes why there is no reading.
pub(super) fn put_problem(
    db: &Db,
    account: &str,
    kind: SourceKind,
    state: SourceState,
    why: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    match state {
        // A page of a longer list, or not what is documented: this counts as no reading.
        SourceState::Doubtful => Sources::impossible(db, account, kind, why, at),
        _ => Sources::problem(db, account, kind, state, why, None, at),
    }
}

pub(super) fn doubtful(place: Place, detail: String) -> Finding {
    Finding {
        finding: FindingKind::ObservationDoubtful,
        place,
        email: None,
        detail: Some(detail),
    }
}
