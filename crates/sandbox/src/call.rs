//! A call as a stand-in received it: parsed once, and kept in a log.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::Query;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use jiff::Timestamp;
use serde_json::Value;

/// Where a call carried its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyPlace {
    /// In the query string.
    Query,
    /// In the JSON body.
    Body,
    /// As `Authorization: Bearer`, and nowhere else.
    Bearer,
    /// Nowhere.
    None,
}

/// One call, as it came over the wire.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Call {
    /// When it had arrived whole.
    pub at: Timestamp,
    /// The method, in capitals.
    pub method: String,
    /// The path, not decoded.
    pub path: String,
    /// The query without its question mark, not decoded.
    pub query: String,
    /// Where the key was.
    pub key: KeyPlace,
    /// The body as text.
    pub body: String,
    /// The addresses it was about: named in the query or body, or behind the id in the path.
    pub emails: Vec<String>,
    /// The status sent back; `None` while it is being worked on, and when it was left unanswered.
    pub status: Option<u16>,
}

impl Call {
    /// The first address the call was about.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.emails.first().map(String::as_str)
    }
}

/// What a body holds.
#[derive(Debug)]
pub(super) enum Content {
    Empty,
    Json(Value),
    Malformed(String),
}

/// A call, parsed: the handlers and the rules for faults look at this, not at bytes.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) raw_query: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) bearer: Option<String>,
    pub(super) content: Content,
    pub(super) emails: Vec<String>,
}

impl Asked {
    /// Parses a call; never fails, since what is wrong with it is for the handler to say.
    pub(super) fn read(parts: &Parts, body: &Bytes) -> Self {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map(|Query(pairs)| pairs)
            .unwrap_or_default();
        let content = content(parts, body);
        let mut emails: Vec<String> = Vec::new();
        emails.extend(
            query
                .iter()
                .filter(|(k, _)| k == "email")
                .map(|(_, v)| v.clone()),
        );
        if let Content::Json(json) = &content {
            let many = json.get("emails").and_then(Value::as_array);
            let texts = json
                .get("email")
                .into_iter()
                .chain(many.into_iter().flatten());
            emails.extend(texts.filter_map(Value::as_str).map(str::to_owned));
        }
        Self {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            raw_query: parts.uri.query().unwrap_or_default().to_owned(),
            query,
            bearer: bearer(parts),
            content,
            emails,
        }
    }

    /// A parameter of the query, decoded.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A member of the body, when that is a JSON object.
    pub(super) fn field(&self, name: &str) -> Option<&Value> {
        match &self.content {
            Content::Json(json) => json.get(name),
            Content::Empty | Content::Malformed(_) => None,
        }
    }

    fn key_place(&self) -> KeyPlace {
        if self.param("key").or(self.param("api_key")).is_some() {
            KeyPlace::Query
        } else if self.field("key").or(self.field("api_key")).is_some() {
            KeyPlace::Body
        } else if self.bearer.is_some() {
            KeyPlace::Bearer
        } else {
            KeyPlace::None
        }
    }
}

fn content(parts: &Parts, body: &Bytes) -> Content {
    if body.is_empty() {
        return Content::Empty;
    }
    let kind = parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok());
    let kind = kind.and_then(|v| v.split(';').next()).unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case("application/json") {
        return Content::Malformed("the body is not declared as application/json".to_owned());
    }
    match serde_json::from_slice(body) {
        Ok(json @ Value::Object(_)) => Content::Json(json),
        Ok(_) => Content::Malformed("the body is not a JSON object".to_owned()),
        Err(error) => Content::Malformed(format!("the body is not JSON: {error}")),
    }
}

fn bearer(parts: &Parts) -> Option<String> {
    let header = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}

/// The calls so far, in the order in which they arrived.
#[derive(Debug)]
pub(super) struct CallLog {
    inner: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    on: bool,
    /// The number of the first call in `calls`: it grows when the log is cleared.
    first: usize,
    calls: Vec<Call>,
}

impl CallLog {
    pub(super) fn new() -> Self {
        let kept = Kept {
            on: true,
            first: 0,
            calls: Vec::new(),
        };
        Self {
            inner: Mutex::new(kept),
        }
    }

    /// Writes a call down and returns its number, unless the log is off.
    pub(super) fn arrived(&self, asked: &Asked, body: &Bytes) -> Option<usize> {
        let mut kept = self.lock();
        if !kept.on {
            return None;
        }
        kept.calls.push(Call {
            at: crate::clock::now(),
            method: asked.method.clone(),
            path: asked.path.clone(),
            query: asked.raw_query.clone(),
            key: asked.key_place(),
            body: String::from_utf8_lossy(body).into_owned(),
            emails: asked.emails.clone(),
            status: None,
        });
        Some(kept.first + kept.calls.len() - 1)
    }

    pub(super) fn answered(&self, number: Option<usize>, status: u16) {
        let mut kept = self.lock();
        let place = number.and_then(|number| number.checked_sub(kept.first));
        if let Some(call) = place.and_then(|place| kept.calls.get_mut(place)) {
            call.status = Some(status);
        }
    }

    pub(super) fn all(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    pub(super) fn clear(&self) {
        let mut kept = self.lock();
        kept.first += kept.calls.len();
        kept.calls.clear();
    }

    pub(super) fn switch(&self, on: bool) {
        self.lock().on = on;
    }

    pub(super) fn is_on(&self) -> bool {
        self.lock().on
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
