//! The POSTs and the PATCH: people are added, invited, and given other flags.

use axum::extract::{Path, State};
use axum::response::Response;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::team::{Invite, TeamUser};
use super::{Call, Id, SaplingState, StateOf, admit_writer, text, texts};
use crate::call::Asked;
use crate::reply::{Refusal, is_address, nothing};
use crate::server::with;

/// The flags of a member, as the API names them.
const FLAGS: [&str; 4] = [
    "is_admin",
    "is_manager",
    "edit_permission",
    "inspect_permission",
];

/// `POST team/{id}/team_user`: one person.
pub(super) async fn one(
    State(shared): StateOf,
    Path(id): Id,
    Extension(asked): Call,
) -> Result<Json<Value>, Refusal> {
    with(&shared, |state| {
        admit_writer(state, &asked, &[&FLAGS[..], &["email"]].concat())?;
        let email = text(&asked, "email")?;
        add(state, &id, &asked, &[email])
    })
}

/// `POST team/{id}/team_user2`: several, all with the same flags.
pub(super) async fn many(
    State(shared): StateOf,
    Path(id): Id,
    Extension(asked): Call,
) -> Result<Json<Value>, Refusal> {
    with(&shared, |state| {
        admit_writer(state, &asked, &[&FLAGS[..], &["emails"]].concat())?;
        add(state, &id, &asked, &texts(&asked)?)
    })
}

/// `PATCH team_user/{id}`: other flags.
pub(super) async fn change(
    State(shared): StateOf,
    Path(id): Id,
    Extension(asked): Call,
) -> Result<Response, Refusal> {
    with(&shared, |state| {
        admit_writer(state, &asked, &FLAGS)?;
        let flags = flags(&asked)?;
        let (place, seat) = state.seat_of(&id)?;
        let team = state.at(place);
        if let Some(email) = team.seat(seat).map(|user| user.login_email.clone()) {
            team.change_member(&email, |user| {
                apply(user, flags);
                user.updated_at = crate::clock::now();
            });
        }
        Ok(nothing())
    })
}

fn add(
    state: &mut SaplingState,
    id: &str,
    asked: &Asked,
    emails: &[&str],
) -> Result<Json<Value>, Refusal> {
    let flags = match state.ignores_flags {
        true => flags(asked).map(|_| [None; 4])?,
        false => flags(asked)?,
    };
    let place = state.managed(id)?;
    let (mut added, mut invited) = (Vec::new(), Vec::new());
    let (mut errors, mut already) = (Vec::new(), Vec::new());
    for &email in emails {
        let account = state.account(email);
        let superuser = state.superuser;
        let team = state.at(place);
        if !is_address(email) {
            errors.push(json!({ "email": email, "reason": "not an email address" }));
        } else if team.member(email).is_some() {
            already.push(json!({ "email": email }));
        } else if superuser && account.is_some() {
            let mut user = TeamUser::new(email, crate::clock::now());
            apply(&mut user, flags);
            team.add_member(user);
            team.remove_invite(email);
            added.push(json!({ "email": email, "team_user": team.member(email) }));
        } else {
            // The flags are ignored for an invite, as the document says.
            team.add_invite(Invite {
                registered: account.is_some(),
                confirmed: account == Some(true),
                ..Invite::new(email)
            });
            invited.push(json!({ "email": email }));
        }
    }
    Ok(Json(json!({
        "added": added,
        "invited": invited,
        "errors": errors,
        "already_exists": already,
    })))
}

/// The four flags of a body, in the order of [`FLAGS`]; absent ones are `None`.
fn flags(asked: &Asked) -> Result<[Option<bool>; 4], Refusal> {
    let mut flags = [None; 4];
    for (flag, name) in flags.iter_mut().zip(FLAGS) {
        *flag = match asked.field(name) {
            None => None,
            Some(Value::Bool(value)) => Some(*value),
            Some(_) => return Err(Refusal::bad_request(format!("{name} is not a boolean"))),
        };
    }
    Ok(flags)
}

fn apply(user: &mut TeamUser, [admin, manager, edit, inspect]: [Option<bool>; 4]) {
    user.is_admin = admin.unwrap_or(user.is_admin);
    user.is_manager = manager.unwrap_or(user.is_manager);
    user.edit_permission = edit.unwrap_or(user.edit_permission);
    user.inspect_permission = inspect.unwrap_or(user.inspect_permission);
}
