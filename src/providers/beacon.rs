//! A URL of `[alarm]`: called once, without redirects and retries. No error contains the parts of
//! it that can hold a token: path, query and login.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder};
use secrecy::SecretString;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::http::client;
use super::redact::{Redactor, causes};
use crate::config::{HttpSettings, SecretUrl};

/// The longest that `reach` waits for a connection.
const LONGEST_REACH: Duration = Duration::from_secs(10);

/// The receiver of a heartbeat or an alarm.
pub(crate) struct Beacon {
    url: SecretUrl,
    client: Client,
    /// Knows the parts of the URL that may hold a token.
    redactors: Vec<Redactor>,
}

impl Beacon {
    /// Prepares the client without calling. One call may take up to `patience`.
    ///
    /// # Errors
    /// When TLS cannot start.
    pub(crate) fn new(url: &SecretUrl, patience: Duration) -> Result<Self, String> {
        let redactors = secrets(url).map(|part| Redactor::new(&part)).collect();
        let settings = HttpSettings {
            timeout: patience,
            concurrency: 1,
            requests_per_second: 1.0,
        };
        let made = client(url.expose(), &settings);
        let beacon = |client| Self {
            url: url.clone(),
            client,
            redactors,
        };
        made.map(beacon)
            .map_err(|error| error.without_url().to_string())
    }

    /// Sends a GET.
    ///
    /// # Errors
    /// Says why there was no answer of success, without the URL.
    pub(crate) async fn get(&self) -> Result<(), String> {
        self.send(self.client.get(self.url.expose().clone())).await
    }

    /// Sends a JSON document.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn post(&self, document: String) -> Result<(), String> {
        let post = self.client.post(self.url.expose().clone());
        let post = post.header(CONTENT_TYPE, "application/json").body(document);
        self.send(post).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<(), String> {
        match request.send().await {
            // The body is not read.
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("answered {}", answer.status().as_u16())),
            Err(error) if error.is_timeout() => Err("no answer in time".to_owned()),
            Err(error) => {
                let mut reason = causes(error);
                for redactor in &self.redactors {
                    reason = redactor.clean(&reason);
                }
                Err(reason)
            }
        }
    }
}

/// Checks that the host accepts connections. Nothing is sent: a heartbeat would hide that the
/// daemon sends none.
///
/// # Errors
/// Says why not.
pub(crate) async fn reach(url: &SecretUrl) -> Result<(), String> {
    let url = url.expose();
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or(443);
    match timeout(LONGEST_REACH, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no connection within {LONGEST_REACH:?}")),
    }
}

fn secrets(url: &SecretUrl) -> impl Iterator<Item = SecretString> {
    let url = url.expose();
    let parts = [
        Some(url.path().trim_matches('/')),
        url.query(),
        Some(url.username()),
        url.password(),
    ];
    let parts = parts.into_iter().flatten().filter(|part| part.len() > 3);
    parts.map(SecretString::from)
}
