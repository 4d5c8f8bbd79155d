//! The GETs: teams, their people, suppressed addresses.

use axum::extract::{Path, State};
use axum::response::Response;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::{Call, Id, StateOf, admit_reader};
use crate::reply::{Refusal, ready_json};
use crate::server::with;

/// `GET team`: the teams that the holder is a member of, admin or not.
pub(super) async fn teams(
    State(shared): StateOf,
    Extension(asked): Call,
) -> Result<Json<Value>, Refusal> {
    with(&shared, |state| {
        admit_reader(state, &asked)?;
        let mine = state
            .teams()
            .iter()
            .filter(|team| team.member(&state.holder).is_some());
        let teams: Vec<Value> = mine
            .map(|team| json!({ "id": team.id(), "name": team.name() }))
            .collect();
        Ok(Json(json!({ "teams": teams })))
    })
}

/// `GET team/{id}/team_user`: members and invites.
pub(super) async fn team_users(
    State(shared): StateOf,
    Path(id): Id,
    Extension(asked): Call,
) -> Result<Response, Refusal> {
    with(&shared, |state| {
        admit_reader(state, &asked)?;
        let place = state.managed(&id)?;
        Ok(ready_json(state.at(place).listing()))
    })
}

/// `GET organization/{id}/suppressed_emails`: those of the holder's own domain.
pub(super) async fn suppressed(
    State(shared): StateOf,
    Path(id): Id,
    Extension(asked): Call,
) -> Result<Json<Value>, Refusal> {
    with(&shared, |state| {
        admit_reader(state, &asked)?;
        if !state.suppressed_access || id != state.organization_id {
            return Err(Refusal::forbidden(
                "access to suppressed emails was not granted",
            ));
        }
        let own = domain(&state.holder);
        let shown: Vec<&String> = state
            .suppressed
            .iter()
            .filter(|email| domain(email) == own)
            .collect();
        Ok(Json(json!({ "suppressed_emails": shown })))
    })
}

fn domain(email: &str) -> Option<String> {
    let (_, domain) = email.rsplit_once('@')?;
    Some(domain.to_lowercase())
}
