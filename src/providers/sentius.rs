//! Sentius: the organization's whitelist, which can be written and never read.

use std::sync::atomic::AtomicBool;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::error::key_present;
use super::http::{Call, Http};
use super::{BuildError, CallError, Gone, Proof, StillDue, encode};
use crate::config::{HttpSettings, SentiusAccount};
use crate::domain::Email;
use crate::metrics::Metrics;

const WHITELIST: &str = "/admin/whitelist";

/// One person's entry, as it is posted.
///
/// Posting an entry for an address that has one already is how an end is moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The full name (required by the provider).
    pub name: String,
    /// "The exact address the person will use to authenticate": sent as written.
    pub email: Email,
    /// `can_read` ("must be always provided"), `can_use_api`, `can_use_whitelist`,
    /// `can_delegate`. Sent as they are: the caller sees to `can_read`.
    pub permissions: Vec<String>,
    /// Access is given after this moment.
    pub start: Timestamp,
    /// Access is given up to this moment; `None`: without end.
    pub end: Option<Timestamp>,
}

/// Writes an organization's whitelist. There is no reader, since nothing can be listed: what
/// was granted is known only from our own records.
#[derive(Debug)]
pub(crate) struct Whitelist {
    http: Http,
    key: SecretString,
}

#[derive(Serialize)]
struct Posted<'a> {
    name: &'a str,
    email: &'a str,
    permissions: &'a [String],
    start_date: String,
    end_date: Option<String>,
}

/// "2025-03-05T11:34:30.258Z": always with milliseconds, as the document shows it.
fn instant(at: Timestamp) -> String {
    format!("{at:.3}")
}

impl Whitelist {
    /// Makes the client of an account; `metrics` counts its calls. Nothing is called.
    ///
    /// # Errors
    /// When the key is empty, a limit makes no sense, or the HTTP client cannot start.
    pub(crate) fn new(
        account: &SentiusAccount,
        settings: &HttpSettings,
        metrics: &Metrics,
    ) -> Result<Self, BuildError> {
        let name = format!("sentius:{}", account.name);
        key_present(&name, &account.api_key)?;
        Ok(Self {
            http: Http::new(name, &account.base_url, &account.api_key, settings, metrics)?,
            key: account.api_key.clone(),
        })
    }

    /// The same whitelist, for calls that are to be made only while they are still due.
    #[must_use]
    pub(crate) fn while_due(&self, still: StillDue) -> Self {
        self.by(|http| http.while_due(still))
    }

    /// The same whitelist, for what has to follow: an entry that was taken off is posted again,
    /// whoever waits.
    #[must_use]
    pub(crate) fn in_any_case(&self) -> Self {
        self.by(Http::in_any_case)
    }

    /// The same whitelist, for calls that are not given up for others.
    #[must_use]
    pub(crate) fn patient(&self) -> Self {
        self.by(Http::patient)
    }

    /// The same whitelist, called in another way.
    pub(super) fn by(&self, way: impl FnOnce(&Http) -> Http) -> Self {
        Self {
            http: way(&self.http),
            key: self.key.clone(),
        }
    }

    /// Gives access: `POST /admin/whitelist`.
    ///
    /// # Errors
    /// See [`CallError`]; after an unknown outcome the same entry can be posted again.
    pub(crate) async fn add(&self, entry: &Entry) -> Result<(), CallError> {
        let posted = Posted {
            name: &entry.name,
            email: entry.email.written(),
            permissions: &entry.permissions,
            start_date: instant(entry.start),
            end_date: entry.end.map(instant),
        };
        let call = Call {
            method: Method::POST,
            path: WHITELIST.to_owned(),
            query: Some(encode::query(&[("api_key", self.key.expose_secret())])),
            accept: "application/json",
            body: Some(self.http.document(&posted)?),
            authorization: None,
            large: None,
            is_under_way: AtomicBool::new(false),
        };
        let answer = self.http.write(call).await?;
        self.http.judge(true).acknowledgement(&answer)
    }

    /// Ends access: `DELETE /admin/whitelist`, everything in the query.
    ///
    /// It can be sent again without harm. What it answers for an unknown address is not
    /// documented; a 404 is read as [`Gone::Absent`] once the account has answered a write.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn remove(&self, email: &Email) -> Result<Gone, CallError> {
        let query = encode::query(&[
            ("email", email.written()),
            ("api_key", self.key.expose_secret()),
        ]);
        let call = Call {
            method: Method::DELETE,
            path: WHITELIST.to_owned(),
            query: Some(query),
            accept: "*/*",
            body: None,
            authorization: None,
            large: None,
            is_under_way: AtomicBool::new(false),
        };
        self.http.remove(call).await
    }

    /// Asks for the provider's time, without the key: a whitelist cannot be read, so that before
    /// the first removal nothing else tells it. Any answer will do. Without one the skew stays
    /// unknown.
    pub(crate) async fn look_at_clock(&self) -> Result<(), CallError> {
        let call = Call {
            method: Method::GET,
            path: "/".to_owned(),
            query: None,
            accept: "*/*",
            body: None,
            authorization: None,
            large: None,
            is_under_way: AtomicBool::new(false),
        };
        self.http.ask(call).await.map(drop)
    }

    /// Whether the account has ever answered a write with success.
    pub(crate) fn proof(&self) -> &Proof {
        self.http.proof()
    }

    /// How far the provider's clock is ahead of ours (behind: negative), by the `Date` of its
    /// last answer; `None` before the first.
    #[must_use]
    pub(crate) fn skew(&self) -> Option<SignedDuration> {
        self.http.skew()
    }

    /// Forgets the provider's clock, as before the first answer.
    pub(crate) fn forget_clock(&self) {
        self.http.forget_clock();
    }
}

#[cfg(test)]
mod tests;
