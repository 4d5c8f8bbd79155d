//! Sapling's user management in memory: teams, members, invites and suppressed addresses.

mod adding;
mod reading;
mod removing;
mod state;
mod team;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::routing::{delete, get, post};
use axum::{Extension, Router};
use serde_json::Value;

pub use state::SaplingState;
pub use team::{Invite, Team, TeamUser};

use super::call::{Asked, Content};
use super::reply::Refusal;
use super::server::{Shared, StandIn, with};

/// A running stand-in for Sapling.
pub type Sapling = StandIn<SaplingState>;

impl StandIn<SaplingState> {
    /// Starts it on a free port of loopback, within the current tokio runtime.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(state: SaplingState) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(state));
        let api = Router::new()
            .route("/team", get(reading::teams))
            .route(
                "/team/{id}/team_user",
                get(reading::team_users).post(adding::one),
            )
            .route("/team/{id}/team_user2", post(adding::many))
            .route("/team/{id}/team_users/bulk_delete", delete(removing::bulk))
            .route(
                "/team_user/{id}",
                delete(removing::by_id).patch(adding::change),
            )
            .route("/team_user_invite/{id}", delete(removing::invite))
            .route(
                "/organization/{id}/suppressed_emails",
                get(reading::suppressed),
            )
            .with_state(Arc::clone(&state));
        let people = Arc::clone(&state);
        let subject = move |path: &str| {
            let id = path.strip_prefix("/api/v1/team_user/")?;
            with(&people, |state| {
                let (team, seat) = state.seat_of(id).ok()?;
                Some(state.teams()[team].seat(seat)?.login_email.clone())
            })
        };
        let routes = Router::new().nest("/api/v1", api);
        Self::serve(state, routes, Box::new(subject)).await
    }
}

type Call = Extension<Arc<Asked>>;
type Id = Path<String>;
type StateOf = State<Shared<SaplingState>>;

/// Lets a GET in: the key stands in the query, or else in the header.
fn admit_reader(state: &SaplingState, asked: &Asked) -> Result<(), Refusal> {
    let key = asked.param("key").or(asked.bearer.as_deref());
    admit(state, key)
}

/// Lets any other call in: the key stands in the body, or else in the header. The body may hold
/// nothing but `known` beside it.
fn admit_writer(state: &SaplingState, asked: &Asked, known: &[&str]) -> Result<(), Refusal> {
    let key = match &asked.content {
        Content::Malformed(why) => return Err(Refusal::bad_request(why)),
        Content::Empty => None,
        Content::Json(json) => json.get("key"),
    };
    match key {
        Some(key) => admit(state, key.as_str())?,
        None => admit(state, asked.bearer.as_deref())?,
    }
    let fields = match &asked.content {
        Content::Json(Value::Object(fields)) => Some(fields),
        _ => None,
    };
    let mut names = fields.into_iter().flat_map(|fields| fields.keys());
    match names.find(|name| *name != "key" && !known.contains(&name.as_str())) {
        Some(name) => Err(Refusal::bad_request(format!("{name} is not known here"))),
        None => Ok(()),
    }
}

fn admit(state: &SaplingState, key: Option<&str>) -> Result<(), Refusal> {
    if key == Some(&state.api_key) {
        Ok(())
    } else {
        Err(Refusal::unauthorized())
    }
}

/// A member of the body that must be a text.
fn text<'a>(asked: &'a Asked, name: &str) -> Result<&'a str, Refusal> {
    let found = asked.field(name).and_then(Value::as_str);
    found.ok_or_else(|| Refusal::bad_request(format!("{name} is missing or not a text")))
}

/// The `emails` of a body: a list of texts, not empty.
fn texts(asked: &Asked) -> Result<Vec<&str>, Refusal> {
    let wrong = || Refusal::bad_request("emails is missing or not a list of texts");
    let list = asked
        .field("emails")
        .and_then(Value::as_array)
        .ok_or_else(wrong)?;
    let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
    texts.filter(|texts| !texts.is_empty()).ok_or_else(wrong)
}
