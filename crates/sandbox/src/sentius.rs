//! The Sentius whitelist in memory: one endpoint to add, one to remove, none to read.

mod entry;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Json, Router};

pub use entry::{Entry, PERMISSIONS};

use super::call::{Asked, Content};
use super::reply::{Refusal, nothing};
use super::server::{Shared, StandIn, with};

/// The whitelist of one organization.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SentiusState {
    /// The one key that is taken.
    pub api_key: String,
    /// Whether the key's holder has `can_use_whitelist`; without it every call is a 403.
    pub can_use_whitelist: bool,
    /// The whitelist by address, byte for byte.
    pub entries: BTreeMap<String, Entry>,
    /// Whether an address in other letters is the same one. The document does not say.
    pub ignores_case: bool,
    /// Whether a second entry for an address is refused instead of taking the first one's place.
    pub refuses_second: bool,
}

impl SentiusState {
    /// An empty whitelist behind this key.
    #[must_use]
    pub fn new(api_key: &str) -> Self {
        Self {
            api_key: api_key.to_owned(),
            can_use_whitelist: true,
            entries: BTreeMap::new(),
            ignores_case: false,
            refuses_second: false,
        }
    }

    /// Puts an entry on the whitelist, in the place of one with the same address.
    pub fn add(&mut self, entry: Entry) {
        self.remove(&entry.email);
        self.entries.insert(entry.email.clone(), entry);
    }

    fn remove(&mut self, email: &str) -> Option<Entry> {
        let written = self.find(email)?;
        self.entries.remove(&written)
    }

    /// How the address is written there.
    fn find(&self, email: &str) -> Option<String> {
        let is = |there: &&String| match self.ignores_case {
            true => there.to_lowercase() == email.to_lowercase(),
            false => *there == email,
        };
        self.entries.keys().find(is).cloned()
    }
}

/// A running stand-in for Sentius.
pub type Sentius = StandIn<SentiusState>;

impl StandIn<SentiusState> {
    /// Starts it on a free port of loopback, within the current tokio runtime.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(state: SentiusState) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(state));
        let routes = Router::new()
            .route("/admin/whitelist", post(add).delete(remove))
            .with_state(Arc::clone(&state));
        Self::serve(state, routes, Box::new(|_| None)).await
    }
}

type Call = Extension<Arc<Asked>>;
type StateOf = State<Shared<SentiusState>>;

async fn add(State(shared): StateOf, Extension(asked): Call) -> Result<Json<Entry>, Refusal> {
    with(&shared, |state| {
        admit(state, &asked)?;
        let json = match &asked.content {
            Content::Json(json) => json,
            Content::Empty => return Err(Refusal::bad_request("the body is missing")),
            Content::Malformed(why) => return Err(Refusal::bad_request(why)),
        };
        let entry = Entry::read(json).map_err(Refusal::bad_request)?;
        if state.refuses_second && state.find(&entry.email).is_some() {
            return Err(Refusal::conflict("the address is on the whitelist already"));
        }
        state.add(entry.clone());
        Ok(Json(entry))
    })
}

async fn remove(State(shared): StateOf, Extension(asked): Call) -> Result<Response, Refusal> {
    with(&shared, |state| {
        admit(state, &asked)?;
        let email = asked
            .param("email")
            .ok_or_else(|| Refusal::bad_request("email is missing"))?;
        match state.remove(email) {
            Some(_) => Ok(nothing()),
            None => Err(Refusal::not_found("the address is not on the whitelist")),
        }
    })
}

fn admit(state: &SentiusState, asked: &Asked) -> Result<(), Refusal> {
    if asked.param("api_key") != Some(&state.api_key) {
        return Err(Refusal::unauthorized());
    }
    if !state.can_use_whitelist {
        return Err(Refusal::forbidden("can_use_whitelist is missing"));
    }
    Ok(())
}
