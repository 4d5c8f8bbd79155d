//! The DELETEs: members by id or in bulk, invites by address.

use axum::extract::{Path, State};
use axum::response::Response;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::{Call, Id, StateOf, admit_writer, text, texts};
use crate::reply::{Refusal, is_address, nothing};
use crate::server::with;

/// `DELETE team_user/{id}`: a member, and with them their invites to the team.
pub(super) async fn by_id(
    State(shared): StateOf,
    Path(id): Id,
    Extension(asked): Call,
) -> Result<Response, Refusal> {
    with(&shared, |state| {
        admit_writer(state, &asked, &[])?;
        let (place, seat) = state.seat_of(&id)?;
        let team = state.at(place);
        if let Some(user) = team.remove_seat(seat) {
            team.remove_invite(&user.login_email);
        }
        Ok(nothing())
    })
}

/// `DELETE team/{id}/team_users/bulk_delete`: many members by address. One address that cannot
/// be taken refuses the whole list; invites stay.
pub(super) async fn bulk(
    State(shared): StateOf,
    Path(id): Id,
    Extension(asked): Call,
) -> Result<Json<Value>, Refusal> {
    with(&shared, |state| {
        admit_writer(state, &asked, &["emails"])?;
        let emails = texts(&asked)?;
        if state.bulk_limit.is_some_and(|limit| emails.len() > limit) {
            return Err(Refusal::bad_request("too many emails"));
        }
        for &email in &emails {
            if !is_address(email) || state.refuse.contains(email) {
                return Err(Refusal::bad_request(format!(
                    "{email:?} is not a valid email"
                )));
            }
            if state.is_holder(email) {
                return Err(Refusal::bad_request("you cannot delete yourself"));
            }
        }
        if state.team(&id).is_none_or(|team| team.id() != id) {
            return Err(Refusal::bad_request("invalid team_id"));
        }
        let place = state.managed(&id)?;
        let (mut deleted, mut not_found) = (Vec::new(), Vec::new());
        for email in emails {
            let member = state.teams()[place].member(email);
            let here = member.is_some_and(|user| state.same(email, &user.login_email));
            let gone = if here {
                state.at(place).remove_member(email)
            } else {
                None
            };
            match gone {
                Some(user) => deleted.push(json!({ "id": user.id, "email": user.login_email })),
                None => not_found.push(email),
            }
        }
        Ok(Json(json!({
            "deleted_users": deleted,
            "not_found_users": not_found,
            "warning": "",
        })))
    })
}

/// `DELETE team_user_invite/{team_id}`: an invite, whether or not the person ever joined.
pub(super) async fn invite(
    State(shared): StateOf,
    Path(id): Id,
    Extension(asked): Call,
) -> Result<Response, Refusal> {
    with(&shared, |state| {
        admit_writer(state, &asked, &["email"])?;
        let email = text(&asked, "email")?;
        let place = state.managed(&id)?;
        let invite = state.teams()[place].invite(email);
        if invite.is_some_and(|invite| state.same(email, &invite.email)) {
            state.at(place).remove_invite(email);
            Ok(nothing())
        } else {
            Err(Refusal::not_found("no such invite"))
        }
    })
}
