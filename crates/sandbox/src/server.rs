//! What both HTTP stand-ins share: a listener, the call log, latency and faults around state.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::call::{Asked, Call, CallLog};
use super::fault_injection::{self, Outcome};
use super::faults::Faults;
use super::line::{Line, Switchboard};
use super::reply::{no_method, no_route};

/// The largest body taken: bulk calls of ten thousands of addresses fit.
const LARGEST_BODY: usize = 16 << 20;

/// What handlers work on.
pub(super) type Shared<S> = Arc<Mutex<S>>;

/// Runs a closure on shared state.
pub(super) fn with<S, T>(state: &Shared<S>, work: impl FnOnce(&mut S) -> T) -> T {
    work(&mut state.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A provider in memory behind HTTP on loopback; it stops, mid-answer if need be, when dropped.
pub struct StandIn<S> {
    base_url: String,
    state: Shared<S>,
    front: Arc<Front>,
    _stop: DropGuard,
}

/// Everything between the connection and the handlers.
struct Front {
    log: CallLog,
    faults: Faults,
    latency_us: AtomicU64,
    /// How far its clock is ahead of this machine's, in seconds.
    clock_ahead: AtomicI64,
    subject: Box<Subject>,
}

/// Tells the address behind an id in a path.
pub(super) type Subject = dyn Fn(&str) -> Option<String> + Send + Sync;

impl<S> StandIn<S> {
    /// Binds a free port of loopback and serves there.
    pub(super) async fn serve(
        state: Shared<S>,
        routes: Router,
        subject: Box<Subject>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let front = Arc::new(Front {
            log: CallLog::new(),
            faults: Faults::default(),
            latency_us: AtomicU64::new(0),
            clock_ahead: AtomicI64::new(0),
            subject,
        });
        let service = routes
            .fallback(no_route)
            .method_not_allowed_fallback(no_method)
            .layer(from_fn_with_state(Arc::clone(&front), pass))
            .into_make_service_with_connect_info::<Line>();
        let stop = CancellationToken::new();
        let board = Switchboard {
            listener,
            stop: stop.clone(),
        };
        let ended = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = axum::serve(board, service) => {}
                () = ended.cancelled() => {}
            }
        });
        Ok(Self {
            base_url,
            state,
            front,
            _stop: stop.drop_guard(),
        })
    }

    /// Where it listens, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Looks at the state, or changes it behind the API's back.
    pub fn with<T>(&self, work: impl FnOnce(&mut S) -> T) -> T {
        with(&self.state, work)
    }

    /// Sets its clock ahead of this machine's by so many seconds.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.front.clock_ahead.store(seconds, Ordering::Relaxed);
    }

    /// The calls so far, in the order in which they arrived.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.front.log.all()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.front.log.clear();
    }

    /// Switches the log of calls on (as it is at the start) or off, for benches.
    pub fn log_calls(&self, on: bool) {
        self.front.log.switch(on);
    }

    /// The rules about what goes wrong.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.front.faults
    }

    /// How long every answer takes at least.
    pub fn set_latency(&self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.front.latency_us.store(micros, Ordering::Relaxed);
    }
}

impl<S> fmt::Debug for StandIn<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandIn")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// The way of every call: read, written down, spoiled or handled, answered.
async fn pass(
    State(front): State<Arc<Front>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let mut asked = Asked::read(&parts, &bytes);
    if asked.emails.is_empty() && (front.log.is_on() || !front.faults.is_empty()) {
        asked.emails.extend((front.subject)(&asked.path));
    }
    let number = front.log.arrived(&asked, &bytes);
    let met = front.faults.meet(&asked.method, &asked.path, &asked.emails);
    let latency = Duration::from_micros(front.latency_us.load(Ordering::Relaxed));
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    parts.extensions.insert(Arc::new(asked));
    let handled = next.run(Request::from_parts(parts, Body::empty()));
    match fault_injection::play(met, handled).await {
        Outcome::Answered(mut response) => {
            fault_injection::set_clock(&mut response, front.clock_ahead.load(Ordering::Relaxed));
            front.log.answered(number, response.status().as_u16());
            response
        }
        Outcome::Silence => {
            line.hang_up();
            // Never sent: the line is dead before this is written.
            Response::new(Body::empty())
        }
    }
}

/// A client that neither hides nor repeats anything, for the stand-ins' own tests.
#[cfg(test)]
pub(super) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap()
}
