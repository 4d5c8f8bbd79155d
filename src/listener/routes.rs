//! The answer of each path. Only GET and HEAD are allowed, but for the form of an owner's answers; errors
//! are plain text.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::View;
use super::answer;
use super::auth::Auth;
use super::cache::Cache;
use super::gauges::gauges;
use super::page;
use super::people::{self, Shown};
use crate::config::Settings;
use crate::metrics;
use crate::status::{self, Status};

/// How long the database may take for an answer: monitors give up soon after.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where owners answer by the link in a mail. It is there only if `status.public_url` says where they
/// reach it, and needs no token but the link's.
const ANSWER: &str = "/answer";

/// What the handlers share.
struct Shared {
    view: View,
    auth: Auth,
    status: Cache<Status>,
    page: Arc<Cache<String>>,
    /// What is asked about people is read for one after the other: whoever asks a lot waits, and
    /// takes no more than one thread's time.
    turn: Mutex<()>,
}

/// An answer, or why there is none now.
type Answer = Result<Response, Unready>;

pub(super) fn router(view: View, auth: Auth) -> Router {
    let shared = Arc::new(Shared {
        view,
        auth,
        status: Cache::new(),
        page: Arc::new(Cache::new()),
        turn: Mutex::default(),
    });
    Router::new()
        .route("/", get(page))
        .route("/people", get(find))
        .route("/person", get(person))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(numbers))
        .route(ANSWER, get(look).post(answer).fallback(only_answering))
        .fallback(nothing)
        .method_not_allowed_fallback(only_reading)
        .layer(from_fn_with_state(Arc::clone(&shared), pass))
        .with_state(shared)
}

/// What every request passes through: access is checked, and each answer forbids the browser what
/// it does not need.
async fn pass(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let settings = shared.settings();
    let is_open = parts.uri.path() == ANSWER && takes_answers(&settings);
    let asked = match is_open {
        true => Ok(()),
        false => shared.auth.ask(&parts, &settings),
    };
    let mut response = match asked {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refused) => *refused,
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, page::policy());
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn healthz(State(shared): State<Arc<Shared>>) -> Answer {
    (shared.view.alive)().map_err(Unready)?;
    Ok("ok\n".into_response())
}

/// The daemon is ready if all tasks run, the database answers and passes are made, whatever the
/// result of those passes.
async fn readyz(State(shared): State<Arc<Shared>>) -> Answer {
    // Mail and the other tasks count too: a pass that cannot be reported is not enough.
    (shared.view.alive)().map_err(Unready)?;
    let status = shared.status().await?;
    match status::hindrances(&status).as_slice() {
        [] => Ok("ok\n".into_response()),
        reasons => Err(Unready(reasons.join("; "))),
    }
}

async fn numbers(State(shared): State<Arc<Shared>>) -> Answer {
    let status = shared.status().await?;
    let gauges = gauges(&status, shared.view.started_at);
    let text = shared.view.metrics.text(&gauges);
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

async fn page(State(shared): State<Arc<Shared>>) -> Answer {
    let page = shared.page.soon(PATIENCE, Arc::clone(&shared).overview());
    let page = page.await?.ok_or_else(|| {
        let why =
            "there is so much to read that the page is still being made: ask again in a minute";
        Unready(why.to_owned())
    })?;
    Ok(Html(page.as_str().to_owned()).into_response())
}

/// What a form or a link asks for.
#[derive(Deserialize)]
struct Asked {
    q: Option<String>,
    email: Option<String>,
}

type Asking = Result<Query<Asked>, QueryRejection>;

async fn find(State(shared): State<Arc<Shared>>, asked: Asking) -> Answer {
    let Ok(Query(asked)) = asked else {
        return Ok(unclear());
    };
    let text = asked.q.unwrap_or_default();
    let page = shared.in_turn(people::find(&shared.view.store, &text));
    Ok(Html(page.await?).into_response())
}

async fn person(State(shared): State<Arc<Shared>>, asked: Asking) -> Answer {
    let email = match asked {
        Ok(Query(Asked {
            email: Some(email), ..
        })) if !email.trim().is_empty() => email,
        _ => return Ok(unclear()),
    };
    let settings = shared.settings();
    let page = people::show(&shared.view.store, &settings, &email);
    let Shown { html, is_known } = shared.in_turn(page).await?;
    let status = match is_known {
        true => StatusCode::OK,
        false => StatusCode::NOT_FOUND,
    };
    Ok((status, Html(html)).into_response())
}

/// What a link asks for.
#[derive(Deserialize)]
struct Linked {
    t: Option<String>,
}

async fn look(
    State(shared): State<Arc<Shared>>,
    asked: Result<Query<Linked>, QueryRejection>,
) -> Answer {
    let settings = shared.settings();
    if !takes_answers(&settings) {
        return Ok(nothing().await.into_response());
    }
    let token = asked.ok().and_then(|Query(asked)| asked.t);
    let token = token.unwrap_or_default();
    let shown = answer::look(&shared.view.store, &settings, &token);
    shared.in_turn(shown).await
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Answer {
    let settings = shared.settings();
    if !takes_answers(&settings) {
        return Ok(nothing().await.into_response());
    }
    let (parts, body) = request.into_parts();
    let body = match answer::receive(&parts, body).await {
        Ok(body) => body,
        Err(refused) => return Ok(*refused),
    };
    let taken = answer::take(&shared.view.store, &settings, &body);
    shared.in_turn(taken).await
}

async fn only_answering(State(shared): State<Arc<Shared>>) -> Response {
    if !takes_answers(&shared.settings()) {
        return nothing().await.into_response();
    }
    (
        StatusCode::METHOD_NOT_ALLOWED,
        [(ALLOW, "GET, HEAD, POST")],
        "This is read by GET or HEAD, and answered by POST.\n",
    )
        .into_response()
}

fn takes_answers(settings: &Settings) -> bool {
    let status = settings.status.as_ref();
    status.is_some_and(|status| status.public_url.is_some())
}

fn unclear() -> Response {
    (
        StatusCode::BAD_REQUEST,
        "Ask for /people?q=TEXT or /person?email=ADDRESS, with what is no letter, digit or one of -._~@ as %XX.\n",
    )
        .into_response()
}

async fn nothing() -> (StatusCode, &'static str) {
    (
        StatusCode::NOT_FOUND,
        "There is /, /people, /person, /healthz, /readyz and /metrics.\n",
    )
}

async fn only_reading() -> impl IntoResponse {
    (
        StatusCode::METHOD_NOT_ALLOWED,
        [(ALLOW, "GET, HEAD")],
        "This can only be read: GET or HEAD.\n",
    )
}

impl Shared {
    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.view.settings.borrow())
    }

    /// Waits for its turn, and for what is made then.
    async fn in_turn<T, E: std::error::Error + Send + Sync + 'static>(
        &self,
        made: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Unready> {
        within(async {
            let _turn = self.turn.lock().await;
            made.await
        })
        .await
    }

    /// The overview, however long it takes.
    async fn overview(self: Arc<Self>) -> Result<String, Unready> {
        let status = self.status().await?;
        let settings = self.settings();
        let made = page::render(&self.view.store, &settings, &status).await;
        made.map_err(Unready::because)
    }

    async fn status(&self) -> Result<Arc<Status>, Unready> {
        let settings = self.settings();
        let made = self.view.store.status(&settings, false);
        within(self.status.get(made)).await
    }
}

/// What comes in time; else, or when it fails, why not.
async fn within<T, E: std::error::Error + Send + Sync + 'static>(
    made: impl Future<Output = Result<T, E>>,
) -> Result<T, Unready> {
    match timeout(PATIENCE, made).await {
        Ok(made) => made.map_err(Unready::because),
        Err(_) => Err(Unready(format!(
            "the database has not answered for {} seconds",
            PATIENCE.as_secs()
        ))),
    }
}

/// Why there is no answer now.
struct Unready(String);

impl Unready {
    fn because(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(format!("{:#}", anyhow::Error::from(error)))
    }
}

impl IntoResponse for Unready {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, self.0 + "\n").into_response()
    }
}
