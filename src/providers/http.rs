//! The HTTP client of one account: pacing, retries, and a record of each call.

mod receive;
mod send;

use std::fmt;
use std::io::Read;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::poll;
use jiff::SignedDuration;
use reqwest::header::HeaderValue;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};
use secrecy::SecretString;
use serde::Serialize;
use tokio_util::task::AbortOnDropHandle;

use super::answer::{Answer, Judge};
use super::limits::Gate;
use super::proof::Proof;
use super::redact::Redactor;
use super::room::{Room, Rooms};
use super::{BuildError, CallError, GiveWay, Gone, StillDue, dates, retry};
use crate::config::HttpSettings;
use crate::metrics::Metrics;

/// The longest that connecting may take; never more than half of the whole timeout, so that a
/// failed connection can be told from a missing answer.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept: shorter than servers keep theirs, since a connection that
/// the server is just closing causes an unknown outcome.
const LONGEST_IDLE: Duration = Duration::from_secs(15);

/// What both clients of an account share; cloning shares it further.
#[derive(Clone)]
pub(super) struct Http {
    shared: Arc<Inner>,
    still: Option<StillDue>,
    way: Option<GiveWay>,
    urgent: bool,
}

struct Inner {
    account: String,
    base: Url,
    client: Client,
    gate: Gate,
    rooms: Rooms,
    proof: Proof,
    redactor: Redactor,
    skew: dates::Skew,
    timeout: Duration,
    metrics: Metrics,
}

/// Reads the body of a successful answer while it comes in, where it is too large for memory.
pub(super) type Large = Arc<dyn Fn(&mut dyn Read) -> Result<(), String> + Send + Sync>;

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
    /// For answers that may be large: they reserve memory until they are stored, and this reads
    /// those that are too large for it.
    pub(super) large: Option<Large>,
    /// Whether it was sent and not answered yet.
    pub(super) is_under_way: AtomicBool,
}

/// What sending a request comes to.
enum Sent {
    /// An answer, and the memory that its body has reserved, if it was read while it came in.
    Answered(Answer),
    /// The answer is too large for memory, and there is no room just now to read it.
    Crowded,
}

impl Http {
    /// Makes the client of `account`. `key` is needed to recognize the key in answers; nothing in
    /// here sends it.
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
            rooms: Rooms::new(),
            proof: Proof::new(&account, base, key),
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
            way: None,
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

    /// The same, for calls that are given up for others.
    pub(super) fn giving_way(&self, way: GiveWay) -> Self {
        Self {
            way: Some(way),
            ..self.clone()
        }
    }

    /// The same, for calls that are not given up for others.
    pub(super) fn patient(&self) -> Self {
        Self {
            way: None,
            ..self.clone()
        }
    }

    /// The same, for calls that are made in any case.
    pub(super) fn in_any_case(&self) -> Self {
        Self {
            still: None,
            way: None,
            ..self.clone()
        }
    }

    /// How far the provider's clock is ahead of ours (behind: negative), as last seen.
    pub(super) fn skew(&self) -> Option<SignedDuration> {
        self.shared.skew.last()
    }

    /// Forgets the provider's clock, as before the first answer.
    pub(super) fn forget_clock(&self) {
        self.shared.skew.forget();
    }

    /// Whether the account has ever answered with success.
    pub(super) fn proof(&self) -> &Proof {
        &self.shared.proof
    }

    /// The judge of answers to reads, or to writes.
    pub(super) fn judge(&self, write: bool) -> Judge<'_> {
        Judge {
            redactor: &self.shared.redactor,
            proof: &self.shared.proof,
            write,
        }
    }

    /// What a request carries as its body.
    pub(super) fn document(&self, value: &impl Serialize) -> Result<Vec<u8>, CallError> {
        serde_json::to_vec(value).map_err(|error| CallError::NotSent {
            reason: self.shared.redactor.clean(&error.to_string()),
        })
    }

    /// Makes a read, with retries, until it is answered with success.
    pub(super) async fn read(&self, call: Call) -> Result<Answer, CallError> {
        let (judge, call) = (self.judge(false), Arc::new(call));
        let read = retry::read(|| async { judge.success(self.exchange(&call, false).await?) });
        self.unless_given_up(&call, read).await
    }

    /// Sends a write that must be answered with success.
    pub(super) async fn write(&self, call: Call) -> Result<Answer, CallError> {
        let (judge, call) = (self.judge(true), Arc::new(call));
        let write = retry::write(|| async { judge.success(self.exchange(&call, true).await?) });
        self.unless_given_up(&call, write).await
    }

    /// Sends a removal: what is not there is gone too.
    pub(super) async fn remove(&self, call: Call) -> Result<Gone, CallError> {
        let (judge, call) = (self.judge(true), Arc::new(call));
        let write = retry::write(|| async { judge.removal(self.exchange(&call, true).await?) });
        self.unless_given_up(&call, write).await
    }

    /// Sends a read once, whatever the status of its answer.
    pub(super) async fn ask(&self, call: Call) -> Result<Answer, CallError> {
        let call = Arc::new(call);
        let asked = self.exchange(&call, false);
        self.unless_given_up(&call, asked).await
    }

    /// Makes a call with its retries, unless it is given up meanwhile.
    async fn unless_given_up<T>(
        &self,
        call: &Call,
        made: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let Some(way) = &self.way else {
            return made.await;
        };
        let given_up = way.asked(&self.shared.account, self.shared.timeout);
        tokio::select! {
            // In this order, nothing is sent to an account that has given way.
            biased;
            after = given_up => {
                let sent = call.is_under_way.load(Ordering::Relaxed);
                if sent {
                    self.count(call, "unanswered", Some(after));
                }
                Err(CallError::GaveWay { after, sent })
            }
            made = made => made,
        }
    }

    /// Sends a request once and receives the answer, whatever its status.
    ///
    /// Runs in a task of its own, so that a free slot is taken at once, whatever the caller is busy
    /// with. The task ends with the caller. It is polled once first, so that calls queue in the
    /// order in which they were made.
    async fn exchange(&self, call: &Arc<Call>, write: bool) -> Result<Answer, CallError> {
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
        // The call may have waited long for its turn, or for a provider that asked to be left
        // alone.
        if let Some(still) = &self.still
            && !still.holds().await
        {
            self.count(call, "withheld", None);
            return Err(CallError::Withheld);
        }
        // Releasing memory needs no slot, so that this wait ends.
        let mut room = Room::default();
        loop {
            match self.once(call, judge, &mut room).await? {
                Sent::Answered(mut answer) => {
                    if call.large.is_some() && !room.is_taken() {
                        room = self.shared.rooms.take(answer.body.len()).await;
                    }
                    answer.room = room;
                    return Ok(answer);
                }
                Sent::Crowded => room = self.shared.rooms.take_all().await,
            }
        }
    }

    /// Sends a request once, and notes what came of it.
    async fn once(
        &self,
        call: &Call,
        judge: &Judge<'_>,
        room: &mut Room,
    ) -> Result<Sent, CallError> {
        let start = Instant::now();
        call.is_under_way.store(true, Ordering::Relaxed);
        let result = self.send(call, judge, room).await;
        call.is_under_way.store(false, Ordering::Relaxed);
        let took = start.elapsed();
        self.count(call, outcome(&result), Some(took));
        let (account, method, path) = (&self.shared.account, &call.method, &call.path);
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(Sent::Answered(answer)) => tracing::debug!(
                target: "lapsed::providers",
                %account, %method, path, status = answer.status.as_u16(), millis,
                "the provider answered"
            ),
            Ok(Sent::Crowded) => tracing::debug!(
                target: "lapsed::providers",
                %account, %method, path, millis,
                "the answer is large, and is asked for again once there is room"
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
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Http").field(&self.shared.account).finish()
    }
}

/// What came of a call, as it is counted: the answer's class, or why there is none.
fn outcome(result: &Result<Sent, CallError>) -> &'static str {
    match result {
        Ok(Sent::Crowded) => "2xx",
        Ok(Sent::Answered(answer)) => match answer.status.as_u16() {
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            500..=599 => "5xx",
            _ => "implausible",
        },
        Err(CallError::NotSent { .. }) => "not_sent",
        Err(
            CallError::Unanswered { .. } | CallError::TimedOut { .. } | CallError::GaveWay { .. },
        ) => "unanswered",
        Err(_) => "implausible",
    }
}

/// The one kind of HTTP client: no redirects, no referer, all timeouts set, TLS verified.
///
/// The system's proxy settings hold for `https`, where a proxy sees no key.
pub(super) fn client(base: &Url, settings: &HttpSettings) -> reqwest::Result<Client> {
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
