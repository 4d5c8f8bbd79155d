//! Carries faults out on a call and its answer.

use std::convert::Infallible;
use std::io;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::faults::{Answer, Fault};

/// How a call ends.
pub(super) enum Outcome {
    /// With an answer.
    Answered(Response),
    /// With a closed connection.
    Silence,
}

/// A page such as a captive portal or a proxy sends instead of an answer.
const SIGN_IN: &str = "<!doctype html><html><head><title>Sign in</title></head>\
    <body><form method=\"post\"><h1>Sign in to continue</h1></form></body></html>";

/// How many bytes more than are sent [`Fault::CutBody`] announces.
const MISSING: usize = 64;

/// Lets a call run into the faults it met.
pub(super) async fn play(met: Vec<Fault>, handled: impl Future<Output = Response>) -> Outcome {
    let (colours, decisive): (Vec<Fault>, Vec<Fault>) =
        met.into_iter().partition(Fault::only_colours);
    for fault in &colours {
        if let Fault::Delay(time) = fault {
            tokio::time::sleep(*time).await;
        }
    }
    let mut response = match decisive.into_iter().next() {
        None => handled.await,
        Some(fault) => match spoil(fault, handled).await {
            Outcome::Answered(response) => response,
            Outcome::Silence => return Outcome::Silence,
        },
    };
    for fault in &colours {
        response = colour(fault, response).await;
    }
    Outcome::Answered(response)
}

async fn spoil(fault: Fault, handled: impl Future<Output = Response>) -> Outcome {
    let response = match fault {
        Fault::DropBefore => return Outcome::Silence,
        Fault::DropAfter => {
            handled.await;
            return Outcome::Silence;
        }
        Fault::Hang(time) => {
            tokio::time::sleep(time).await;
            return Outcome::Silence;
        }
        Fault::HangAfter(time) => {
            handled.await;
            tokio::time::sleep(time).await;
            return Outcome::Silence;
        }
        Fault::Status(answer) => {
            if answer.applied {
                handled.await;
            }
            stand_in(answer)
        }
        Fault::Html => ([(CONTENT_TYPE, "text/html; charset=utf-8")], SIGN_IN).into_response(),
        Fault::CutBody => cut(handled.await).await,
        Fault::Late(time) => {
            let answer = handled.await;
            tokio::time::sleep(time).await;
            answer
        }
        Fault::Endless => endless(),
        Fault::Redirect { status, to } => (code(status), [(LOCATION, to)]).into_response(),
        Fault::Delay(_) | Fault::DateSkew(_) | Fault::Omit(_) | Fault::EmptyLists => handled.await,
    };
    Outcome::Answered(response)
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn stand_in(answer: Answer) -> Response {
    let kind = [(CONTENT_TYPE, answer.content_type)];
    let mut response = (code(answer.code), kind, answer.body).into_response();
    let wait = answer.retry_after.and_then(|text| text.parse().ok());
    if let Some(wait) = wait {
        response.headers_mut().insert(RETRY_AFTER, wait);
    }
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

async fn whole(body: Body) -> Bytes {
    to_bytes(body, usize::MAX).await.unwrap_or_default()
}

async fn cut(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    if parts.status == StatusCode::NO_CONTENT {
        // Such an answer has no body that could be cut.
        parts.status = StatusCode::OK;
    }
    let bytes = whole(body).await;
    parts
        .headers
        .insert(CONTENT_LENGTH, (bytes.len() + MISSING).into());
    let told = stream::iter([Ok(bytes)]);
    // The bytes are on their way before the stream fails, or nothing of them would be seen.
    let failed = stream::once(async {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    Response::from_parts(parts, Body::from_stream(told.chain(failed)))
}

fn endless() -> Response {
    let start = Bytes::from_static(br#"{"endless": ["#);
    let chunk = Bytes::from_static(&[b' '; 8192]);
    let rest = stream::repeat(chunk);
    let body = stream::iter([start]).chain(rest).map(Ok::<_, Infallible>);
    let kind = [(CONTENT_TYPE, "application/json")];
    (kind, Body::from_stream(body)).into_response()
}

/// Tells the time of a clock that is ahead by so many seconds, where no fault tells another one.
pub(super) fn set_clock(response: &mut Response, ahead: i64) {
    if ahead == 0 || response.headers().contains_key(DATE) {
        return;
    }
    let shifted = crate::clock::now().checked_add(SignedDuration::from_secs(ahead));
    let date = shifted.ok().map(http_date);
    if let Some(date) = date.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(DATE, date);
    }
}

async fn colour(fault: &Fault, mut response: Response) -> Response {
    match fault {
        Fault::DateSkew(seconds) => {
            let shifted = crate::clock::now().checked_add(SignedDuration::from_secs(*seconds));
            let date = shifted.ok().map(http_date);
            if let Some(date) = date.and_then(|text| HeaderValue::from_str(&text).ok()) {
                response.headers_mut().insert(DATE, date);
            }
            response
        }
        Fault::Omit(key) => {
            rewrite(response, |top| {
                top.remove(key);
            })
            .await
        }
        Fault::EmptyLists => {
            rewrite(response, |top| {
                for list in top.values_mut().filter_map(Value::as_array_mut) {
                    list.clear();
                }
            })
            .await
        }
        _ => response,
    }
}

/// Changes an answer that is a JSON object; leaves any other alone.
async fn rewrite(
    response: Response,
    change: impl FnOnce(&mut serde_json::Map<String, Value>),
) -> Response {
    let json =
        response.headers().get(CONTENT_TYPE) == Some(&HeaderValue::from_static("application/json"));
    if !json {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let mut bytes = whole(body).await;
    if let Ok(Value::Object(mut top)) = serde_json::from_slice(&bytes) {
        change(&mut top);
        bytes = Value::Object(top).to_string().into();
        parts.headers.remove(CONTENT_LENGTH);
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// A moment as HTTP and Sapling write it: "Wed, 07 Oct 2020 21:15:47 GMT".
pub(super) fn http_date(at: Timestamp) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&at)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
