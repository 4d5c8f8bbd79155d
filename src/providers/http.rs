//! One account's HTTP: how a request is sent, and how its answer is received within limits.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::poll;
use jiff::SignedDuration;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, Url};
use secrecy::SecretString;
use serde::Serialize;
use tokio_util::task::AbortOnDropHandle;

use super::answer::{Answer, Judge};
use super::limits::Gate;
use super::redact::Redactor;
use super::{BuildError, CallError, Gone, StillDue, dates, retry};
use crate::clock;
use crate::config::HttpSettings;
use crate::metrics::Metrics;

/// The most that a success may hold, decompressed: a team of 100,000 takes about as much.
const LARGEST_BODY: usize = 32 << 20;
/// Room is made at once for an announced body of up to so much: what is announced may not come.
const EXPECTED_BODY: usize = 1 << 20;
/// The most that is read of a refusal, for its message.
const LARGEST_REFUSAL: usize = 64 << 10;
/// The longest that connecting may take; never more than half of the whole, so that a
/// connection that never came about is told apart from an answer that did not come.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept: shorter than servers keep theirs, since one that the
/// server is just closing costs an unknown outcome.
const LONGEST_IDLE: Duration = Duration::from_secs(15);

/// What both clients of an account share; cloning shares it further.
#[derive(Clone)]
pub(super) struct Http {
    shared: Arc<Inner>,
    still: Option<StillDue>,
    urgent: bool,
}

struct Inner {
    account: String,
    base: Url,
    client: Client,
    gate: Gate,
    redactor: Redactor,
    skew: dates::Skew,
    timeout: Duration,
    metrics: Metrics,
}

/// One request. It holds the key, and so has no `Debug`.
pub(super) struct Call {
    pub(super) method: Method,
    /// The path below the base URL, its segments percent-encoded.
    pub(super) path: String,
    /// The query, percent-encoded.
    pub(super) query: Option<String>,
    /// What is accepted in answer.
    pub(super) accept: &'static str,
    /// A JSON document.
    pub(super) body: Option<Vec<u8>>,
    /// The `Authorization` header, marked as sensitive.
    pub(super) authorization: Option<HeaderValue>,
}

impl Http {
    /// Makes the client of `account`, whose key is `key`: it is needed to know it when it comes
    /// back, and is not sent by anything in here.
    pub(super) fn new(
        account: String,
        base: &Url,
        key: &SecretString,
        settings: &HttpSettings,
        metrics: &Metrics,
    ) -> Result<Self, BuildError> {
        let gate = Gate::new(settings)?;
        let redactor = Redactor::new(key);
        let client = client(base, settings).map_err(|error| BuildError::Client {
            account: account.clone(),
            reason: redactor.reason(error),
        })?;
        let shared = Arc::new(Inner {
            account,
            base: base.clone(),
            client,
            gate,
            redactor,
            skew: dates::Skew::new(),
            timeout: settings.timeout,
            metrics: metrics.clone(),
        });
        Ok(Self {
            shared,
            still: None,
            urgent: false,
        })
    }

    /// The same, for calls that are to be made only while they are still due.
    pub(super) fn while_due(&self, still: StillDue) -> Self {
        Self {
            still: Some(still),
            ..self.clone()
        }
    }

    /// The same, for calls that do not wait behind all the others.
    pub(super) fn urgent(&self) -> Self {
        Self {
            urgent: true,
            ..self.clone()
        }
    }

    /// How far the provider's clock is ahead of ours (behind: negative), as last seen.
    pub(super) fn skew(&self) -> Option<SignedDuration> {
        self.shared.skew.last()
    }

    /// Forgets what it said, as before the first answer.
    pub(super) fn forget_clock(&self) {
        self.shared.skew.forget();
    }

    /// The judge of answers to reads, or to writes.
    pub(super) fn judge(&self, write: bool) -> Judge<'_> {
        Judge {
            redactor: &self.shared.redactor,
            write,
        }
    }

    /// What a request carries as its body.
    pub(super) fn document(&self, value: &impl Serialize) -> Result<Vec<u8>, CallError> {
        serde_json::to_vec(value).map_err(|error| CallError::NotSent {
            reason: self.shared.redactor.clean(&error.to_string()),
        })
    }

    /// Makes a read, again if need be, until it is answered with success.
    pub(super) async fn read(&self, call: Call) -> Result<Answer, CallError> {
        let (judge, call) = (self.judge(false), Arc::new(call));
        retry::read(|| async { judge.success(self.exchange(&call, false).await?) }).await
    }

    /// Sends a write that must be answered with success.
    pub(super) async fn write(&self, call: Call) -> Result<Answer, CallError> {
        let (judge, call) = (self.judge(true), Arc::new(call));
        retry::write(|| async { judge.success(self.exchange(&call, true).await?) }).await
    }

    /// Sends a removal: what is not there is gone too.
    pub(super) async fn remove(&self, call: Call) -> Result<Gone, CallError> {
        let (judge, call) = (self.judge(true), Arc::new(call));
        retry::write(|| async { judge.removal(self.exchange(&call, true).await?) }).await
    }

    /// Sends a request once and receives the answer, whatever its status.
    ///
    /// In a task of its own, beside that of its connection: a place that becomes free is taken at
    /// once, whatever else the caller is busy with. It ends with the caller. Polled once before,
    /// so that calls queue in the order in which they were made.
    pub(super) async fn exchange(
        &self,
        call: &Arc<Call>,
        write: bool,
    ) -> Result<Answer, CallError> {
        let (http, call) = (self.clone(), Arc::clone(call));
        let mut call = Box::pin(async move { http.in_turn(&call, &http.judge(write)).await });
        if let Poll::Ready(result) = poll!(&mut call) {
            return result;
        }
        match AbortOnDropHandle::new(tokio::spawn(call)).await {
            Ok(result) => result,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => Err(CallError::Unanswered {
                    reason: "the program is ending".to_owned(),
                }),
            },
        }
    }

    async fn in_turn(&self, call: &Call, judge: &Judge<'_>) -> Result<Answer, CallError> {
        let _place = self.shared.gate.enter(self.urgent).await;
        // The call may have waited long for its turn, or for a provider that asked for patience.
        if let Some(still) = &self.still
            && !still.holds().await
        {
            self.count(call, "withheld", None);
            return Err(CallError::Withheld);
        }
        let start = Instant::now();
        let result = self.send(call, judge).await;
        let took = start.elapsed();
        self.count(call, outcome(&result), Some(took));
        let (account, method, path) = (&self.shared.account, &call.method, &call.path);
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(answer) => tracing::debug!(
                target: "lapsed::providers",
                %account, %method, path, status = answer.status.as_u16(), millis,
                "the provider answered"
            ),
            Err(error) => tracing::debug!(
                target: "lapsed::providers",
                %account, %method, path, millis, %error,
                "the call failed"
            ),
        }
        result
    }

    fn count(&self, call: &Call, outcome: &'static str, took: Option<Duration>) {
        let (account, method) = (&self.shared.account, call.method.as_str());
        self.shared.metrics.call(account, method, outcome, took);
    }

    async fn send(&self, call: &Call, judge: &Judge<'_>) -> Result<Answer, CallError> {
        let mut url = self.shared.base.clone();
        url.set_path(&format!(
            "{}{}",
            self.shared.base.path().trim_end_matches('/'),
            call.path
        ));
        url.set_query(call.query.as_deref());
        url.set_fragment(None);
        let mut request = self
            .shared
            .client
            .request(call.method.clone(), url)
            .header(ACCEPT, call.accept);
        if let Some(authorization) = &call.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(body) = &call.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let sent = clock::now();
        let response = request.send().await.map_err(|error| self.failure(error))?;
        let received = clock::now();
        if let Some(date) = dates::made_at(response.headers()) {
            self.shared.skew.note(date, sent, received);
        }
        let mut answer = Answer {
            status: response.status(),
            content_type: content_type(&response),
            retry_after: dates::retry_after(response.headers(), received),
            body: Vec::new(),
        };
        let (largest, whole) = if answer.status.is_success() {
            (LARGEST_BODY, true)
        } else {
            (LARGEST_REFUSAL, false)
        };
        match self.receive(response, largest).await {
            Ok(Some(body)) => answer.body = body,
            Ok(None) if whole => {
                let limit = largest >> 20;
                return Err(judge.implausible(&format!("a body of more than {limit} MiB")));
            }
            Err(error) if whole => return Err(error),
            // The status is known, which is all that matters of a refusal. What could not be
            // read must not pass for an empty body, which would let a 404 mean "gone".
            Ok(None) | Err(_) => answer.body = b"?".to_vec(),
        }
        Ok(answer)
    }

    /// The whole body, or `None` as soon as it is known to be larger than allowed.
    async fn receive(
        &self,
        mut response: Response,
        largest: usize,
    ) -> Result<Option<Vec<u8>>, CallError> {
        let announced = response.content_length().unwrap_or(0);
        if announced > largest as u64 {
            return Ok(None);
        }
        let expected = usize::try_from(announced).unwrap_or_default();
        let mut body = Vec::with_capacity(expected.min(EXPECTED_BODY));
        while let Some(chunk) = response.chunk().await.map_err(|error| self.cut(error))? {
            if body.len() + chunk.len() > largest {
                return Ok(None);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Some(body))
    }

    /// The one place where an error of the HTTP library becomes ours, before any answer.
    fn failure(&self, error: reqwest::Error) -> CallError {
        let never_left = error.is_builder() || error.is_connect();
        if !never_left {
            return self.cut(error);
        }
        CallError::NotSent {
            reason: self.shared.redactor.reason(error),
        }
    }

    /// The same, once the request may have reached the provider.
    fn cut(&self, error: reqwest::Error) -> CallError {
        CallError::Unanswered {
            reason: if error.is_timeout() {
                format!("no whole answer within {:?}", self.shared.timeout)
            } else {
                self.shared.redactor.reason(error)
            },
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Http").field(&self.shared.account).finish()
    }
}

/// What came of a call, as it is counted: the answer's class, or why there is none.
fn outcome(result: &Result<Answer, CallError>) -> &'static str {
    match result {
        Ok(answer) => match answer.status.as_u16() {
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            500..=599 => "5xx",
            _ => "implausible",
        },
        Err(CallError::NotSent { .. }) => "not_sent",
        Err(CallError::Unanswered { .. }) => "unanswered",
        Err(_) => "implausible",
    }
}

/// The content type without its parameters, in lower case.
fn content_type(response: &Response) -> Option<String> {
    let text = response.headers().get(CONTENT_TYPE)?.as_bytes();
    let essence = text.split(|byte| *byte == b';').next()?;
    Some(String::from_utf8_lossy(essence.trim_ascii()).to_lowercase())
}

/// The one kind of HTTP client: no redirects, no referer, all timeouts set, TLS verified.
///
/// The system's proxy settings hold for `https`, where a proxy sees no key.
fn client(base: &Url, settings: &HttpSettings) -> reqwest::Result<Client> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Somebody else may install theirs at the same moment: any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let builder = Client::builder()
        .user_agent(concat!("lapsed/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(LONGEST_CONNECT.min(settings.timeout / 2))
        .timeout(settings.timeout)
        .pool_idle_timeout(LONGEST_IDLE)
        .pool_max_idle_per_host(settings.concurrency);
    if base.scheme() == "https" {
        builder.https_only(true).build()
    } else {
        // Loopback: no proxy comes between, and no CA certificates need to be installed.
        builder.no_proxy().tls_certs_only([]).build()
    }
}

#[cfg(test)]
mod tests;
