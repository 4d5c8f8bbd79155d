//! What each path answers. Only GET and HEAD, and what is not there is said in plain words.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::time::timeout;

use super::View;
use super::door::Door;
use super::fresh::Fresh;
use super::gauges::gauges;
use super::page;
use crate::config::Settings;
use crate::metrics;
use crate::status::{self, Status};

/// How long the database may take for an answer: monitors give up soon after.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the handlers share.
struct Desk {
    view: View,
    door: Door,
    status: Fresh<Status>,
    page: Fresh<String>,
}

/// An answer, or why there is none now.
type Answer = Result<Response, Unready>;

pub(super) fn routes(view: View, door: Door) -> Router {
    let desk = Arc::new(Desk {
        view,
        door,
        status: Fresh::new(),
        page: Fresh::new(),
    });
    Router::new()
        .route("/", get(page))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(numbers))
        .fallback(nothing)
        .method_not_allowed_fallback(only_reading)
        .layer(from_fn_with_state(Arc::clone(&desk), pass))
        .with_state(desk)
}

/// The way of every request: who may not ask hears so, and every answer forbids what a browser need
/// not do with it.
async fn pass(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = match desk.door.ask(&parts, &desk.settings()) {
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
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn healthz(State(desk): State<Arc<Desk>>) -> Answer {
    (desk.view.alive)().map_err(Unready)?;
    Ok("ok\n".into_response())
}

/// Ready is who can do the work: all tasks run, the database answers, and passes are made. What they meet is
/// another matter.
async fn readyz(State(desk): State<Arc<Desk>>) -> Answer {
    // Passes that nobody hears of are not made as they should: mail and the others count too.
    (desk.view.alive)().map_err(Unready)?;
    let status = desk.status().await?;
    match status::hindrances(&status).as_slice() {
        [] => Ok("ok\n".into_response()),
        reasons => Err(Unready(reasons.join("; "))),
    }
}

async fn numbers(State(desk): State<Arc<Desk>>) -> Answer {
    let status = desk.status().await?;
    let gauges = gauges(&status, desk.view.started_at);
    let text = desk.view.metrics.text(&gauges);
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

async fn page(State(desk): State<Arc<Desk>>) -> Answer {
    let status = desk.status().await?;
    let settings = desk.settings();
    let made = page::render(&desk.view.store, &settings, &status);
    let page = within(desk.page.get(made)).await?;
    Ok(Html(page.as_str().to_owned()).into_response())
}

async fn nothing() -> (StatusCode, &'static str) {
    (
        StatusCode::NOT_FOUND,
        "There is /, /healthz, /readyz and /metrics.\n",
    )
}

async fn only_reading() -> impl IntoResponse {
    (
        StatusCode::METHOD_NOT_ALLOWED,
        [(ALLOW, "GET, HEAD")],
        "This can only be read: GET or HEAD.\n",
    )
}

impl Desk {
    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.view.settings.borrow())
    }

    async fn status(&self) -> Result<Arc<Status>, Unready> {
        let settings = self.settings();
        let made = status::ask(&self.view.store, &settings, false);
        within(self.status.get(made)).await
    }
}

/// What comes in time; else, or when it fails, why not.
async fn within<T, E: std::error::Error + Send + Sync + 'static>(
    made: impl Future<Output = Result<T, E>>,
) -> Result<T, Unready> {
    match timeout(PATIENCE, made).await {
        Ok(made) => made.map_err(|error| Unready(format!("{:#}", anyhow::Error::from(error)))),
        Err(_) => Err(Unready(format!(
            "the database has not answered for {} seconds",
            PATIENCE.as_secs()
        ))),
    }
}

/// Why there is no answer now.
struct Unready(String);

impl IntoResponse for Unready {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, self.0 + "\n").into_response()
    }
}
