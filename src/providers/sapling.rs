//! Sapling: teams, their members and invites; reading and writing are different types.

mod digest;
mod lenient;
mod page;
mod reader;
mod wire;
mod writer;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use reqwest::Method;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::error::key_present;
use super::http::{Call, Http};
use super::{BuildError, CallError, encode};
use crate::config::{HttpSettings, SaplingAccount, SaplingAuth};
use crate::metrics::Metrics;

pub(crate) use digest::Digest;
pub(crate) use reader::{Reader, TeamReading};
pub(crate) use wire::{Added, BulkRemoved, Flags, PendingUser, Team, TeamUser};
pub(crate) use writer::Writer;

const API: &str = "/api/v1";

/// Makes the two clients of an account, which share connections and limits; `metrics` counts their
/// calls. Nothing is called.
///
/// # Errors
/// When the key is empty or no header can hold it, a limit makes no sense, or the HTTP client
/// cannot start.
pub(crate) fn connect(
    account: &SaplingAccount,
    settings: &HttpSettings,
    metrics: &Metrics,
) -> Result<(Reader, Writer), BuildError> {
    let name = format!("sapling:{}", account.name);
    key_present(&name, &account.api_key)?;
    let bearer = match account.auth {
        SaplingAuth::Parameter => None,
        SaplingAuth::Bearer => Some(bearer(&name, &account.api_key)?),
    };
    let access = Arc::new(SaplingAccess {
        http: Http::new(name, &account.base_url, &account.api_key, settings, metrics)?,
        key: account.api_key.clone(),
        bearer,
    });
    Ok((Reader::new(access.clone()), Writer::new(access)))
}

fn bearer(account: &str, key: &SecretString) -> Result<HeaderValue, BuildError> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {}", key.expose_secret())).map_err(|_| {
            BuildError::Key {
                account: account.to_owned(),
                problem: "holds characters that no header may hold",
            }
        })?;
    value.set_sensitive(true);
    Ok(value)
}

/// What reader and writer share: the connection, and how the key is sent.
///
/// The key goes either into the query (GET) and the JSON body (the others), or into the
/// header, never both: "the parameter wins when both are present".
#[derive(Debug)]
struct SaplingAccess {
    http: Http,
    key: SecretString,
    /// The header; `None`: the key goes as a parameter.
    bearer: Option<HeaderValue>,
}

/// A JSON document with the key as its first field.
#[derive(Serialize)]
struct Keyed<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(flatten)]
    said: &'a T,
}

/// A JSON document with the key alone.
#[derive(Serialize)]
struct Nothing {}

impl SaplingAccess {
    /// The same connection, used in another way.
    fn by(&self, http: Http) -> Arc<Self> {
        Arc::new(Self {
            http,
            key: self.key.clone(),
            bearer: self.bearer.clone(),
        })
    }

    fn get(&self, path: &str) -> Call {
        let query = match self.bearer {
            Some(_) => None,
            None => Some(encode::query(&[("key", self.key.expose_secret())])),
        };
        self.call(Method::GET, path, query, None)
    }

    fn send(&self, method: Method, path: &str, said: &impl Serialize) -> Result<Call, CallError> {
        let key = match self.bearer {
            Some(_) => None,
            None => Some(self.key.expose_secret()),
        };
        let body = self.http.document(&Keyed { key, said })?;
        Ok(self.call(method, path, None, Some(body)))
    }

    fn call(
        &self,
        method: Method,
        path: &str,
        query: Option<String>,
        body: Option<Vec<u8>>,
    ) -> Call {
        Call {
            method,
            path: format!("{API}{path}"),
            query,
            accept: "application/json",
            body,
            authorization: self.bearer.clone(),
            large: None,
            is_under_way: AtomicBool::new(false),
        }
    }
}

/// An id as one segment of a path, whatever it holds.
fn segment(id: &str) -> Result<String, CallError> {
    encode::segment(id).ok_or_else(|| CallError::NotSent {
        reason: format!("{id:?} is no id"),
    })
}

#[cfg(test)]
mod tests;
