//! Requests and answers over real sockets: what is repeated, what is known, what is said.

mod bodies;
mod counted;
mod unsent;

use secrecy::SecretString;

use super::super::testing::{KEY, Reply, Stub, answer, assert_no_key_in, html, json, settings};
use super::*;
use crate::providers::encode;

fn http_at(base: &Url) -> Http {
    let key = SecretString::from(KEY);
    Http::new(
        "test:acme".to_owned(),
        base,
        &key,
        &settings(),
        &Metrics::default(),
    )
    .unwrap()
}

fn call(method: Method) -> Call {
    Call {
        method,
        path: "/thing".to_owned(),
        query: Some(encode::query(&[("key", KEY)])),
        accept: "*/*",
        body: Some(serde_json::to_vec(&serde_json::json!({ "key": KEY })).unwrap()),
        authorization: None,
        large: None,
        is_under_way: AtomicBool::new(false),
    }
}

/// What becomes of a write to a provider that answers like this.
async fn write(reply: Reply) -> (Result<Answer, CallError>, Stub) {
    let stub = Stub::start([reply]).await;
    let result = http_at(&stub.url()).write(call(Method::POST)).await;
    if let Err(error) = &result {
        assert_no_key_in(error);
    }
    (result, stub)
}

async fn read(replies: impl Into<Vec<Reply>>) -> (Result<Answer, CallError>, Stub) {
    let stub = Stub::start(replies).await;
    let result = http_at(&stub.url()).read(call(Method::GET)).await;
    if let Err(error) = &result {
        assert_no_key_in(error);
    }
    (result, stub)
}

fn error(result: Result<Answer, CallError>) -> CallError {
    result.map(|answer| answer.status).unwrap_err()
}

#[tokio::test]
async fn a_connection_dropped_after_the_request_leaves_a_write_unknown_and_unrepeated() {
    let (result, stub) = write(Reply::Close).await;
    let error = error(result);
    assert!(matches!(error, CallError::Unanswered { .. }), "{error:?}");
    assert!(error.is_unknown_outcome());
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn a_kept_connection_dropped_after_the_request_leaves_a_write_unknown_and_unrepeated() {
    let kept = Reply::Keep(b"HTTP/1.1 204 X\r\n\r\n");
    let stub = Stub::start([kept, Reply::Close]).await;
    let http = http_at(&stub.url());
    assert!(http.write(call(Method::POST)).await.is_ok());
    let error = error(http.write(call(Method::POST)).await);
    assert!(matches!(error, CallError::Unanswered { .. }), "{error:?}");
    assert_eq!(stub.seen().len(), 2);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Stub::start([json(200, "{}")]).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}", elsewhere.url());
        let (result, _) = write(answer(status, &[&location], "")).await;
        let error = error(result);
        assert!(error.is_unknown_outcome());
        assert!(error.to_string().contains("not followed"), "{error}");
    }
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn a_write_is_sent_again_after_429_and_only_then() {
    let stub = Stub::start([
        answer(429, &["retry-after: 0"], ""),
        answer(429, &["retry-after: 0"], ""),
        json(200, "{}"),
    ])
    .await;
    let answer = http_at(&stub.url()).write(call(Method::POST)).await;
    assert!(answer.is_ok());
    let seen = stub.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|request| request == &seen[0]));

    for status in [500, 502, 503, 504] {
        let (result, stub) = write(json(status, "{}")).await;
        assert_eq!(error(result).status(), Some(status));
        assert_eq!(stub.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_write_that_is_to_wait_too_long_is_refused_with_the_time() {
    let (result, stub) = write(answer(429, &["retry-after: 3600"], "")).await;
    let error = error(result);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn a_write_without_a_time_to_wait_waits_a_second() {
    let start = Instant::now();
    let stub = Stub::start([json(429, "{}"), json(200, "{}")]).await;
    assert!(http_at(&stub.url()).write(call(Method::POST)).await.is_ok());
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_read_is_made_again_until_it_is_answered() {
    let (result, stub) = read([Reply::Close, json(503, "{}"), json(200, "{}")]).await;
    assert!(result.is_ok());
    assert_eq!(stub.seen().len(), 3);
}

#[tokio::test]
async fn a_read_that_is_refused_for_good_or_implausible_is_made_once() {
    for reply in [
        json(401, "{}"),
        json(403, "{}"),
        json(404, "{}"),
        answer(302, &[], ""),
    ] {
        let (result, stub) = read([reply]).await;
        assert!(result.is_err());
        assert_eq!(stub.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_key_that_a_provider_echoes_is_not_repeated() {
    let body = serde_json::json!({ "error": format!("unknown key {KEY}") }).to_string();
    let (result, _) = write(json(401, &body)).await;
    let error = error(result);
    assert!(error.is_forbidden());
    assert_eq!(error.to_string(), "refused with 401: unknown key [key]");
    let encoded = encode::component(KEY);
    let (result, _) = write(json(400, &format!("{{\"msg\": \"/thing?key={encoded}\"}}"))).await;
    assert!(result.is_err());
}

#[tokio::test]
async fn a_removal_that_meets_a_page_is_neither_done_nor_absent() {
    let refusal_without_end = b"HTTP/1.1 404 X\r\ncontent-type: application/json\r\n\r\n";
    for reply in [
        html(404),
        html(200),
        Reply::Endless(refusal_without_end, &[b' '; 65536]),
        Reply::Bytes(b"HTTP/1.1 404 X\r\ncontent-length: 9\r\n\r\n".to_vec()),
    ] {
        let stub = Stub::start([reply]).await;
        let gone = http_at(&stub.url()).remove(call(Method::DELETE)).await;
        assert_no_key_in(&gone.unwrap_err());
    }
}

#[tokio::test]
async fn skew_is_measured_by_any_answer() {
    let stub = Stub::start([answer(403, &["date: Wed, 07 Oct 2020 21:15:47 GMT"], "")]).await;
    let http = http_at(&stub.url());
    assert_eq!(http.skew(), None);
    assert!(http.read(call(Method::GET)).await.is_err());
    assert!(http.skew().unwrap() < SignedDuration::from_hours(-24));
}

#[tokio::test]
async fn requests_name_us_and_carry_no_referer() {
    let (_, stub) = write(json(200, "{}")).await;
    let (head, _) = stub.request();
    let agent = concat!("user-agent: lapsed/", env!("CARGO_PKG_VERSION"));
    assert!(head.contains(agent), "{head}");
    assert!(!head.to_lowercase().contains("referer"), "{head}");
}

#[tokio::test]
async fn a_base_url_may_have_a_path() {
    for base in ["proxy", "proxy/"] {
        let stub = Stub::start([json(200, "{}")]).await;
        let http = http_at(&stub.url().join(base).unwrap());
        assert!(http.write(call(Method::POST)).await.is_ok());
        assert!(stub.request().0.starts_with("POST /proxy/thing?key=sk-"));
    }
}

#[tokio::test]
async fn what_is_in_flight_is_bounded() {
    let stub = Stub::start([Reply::Drip]).await;
    let http = http_at(&stub.url());
    let calls = (0..20).map(|_| http.write(call(Method::POST)));
    let all = futures_util::future::join_all(calls);
    let _ = tokio::time::timeout(Duration::from_millis(200), all).await;
    assert_eq!(stub.seen().len(), settings().concurrency);
}

/// What is logged while it lives.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn log_lines_tell_what_was_called_and_not_with_which_key() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    // Another test may log here for the first time just now, to nobody, and that is remembered.
    let _ = write(json(200, "{}")).await;
    let _ = write(Reply::Close).await;
    tracing::callsite::rebuild_interest_cache();
    log.0.lock().unwrap().clear();
    let body = serde_json::json!({ "error": KEY }).to_string();
    for reply in [json(200, "{}"), json(401, &body), Reply::Close] {
        let _ = write(reply).await;
    }
    drop(guard);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("very-secret"), "{text}");
    let ours = text
        .lines()
        .filter(|line| line.contains("lapsed::providers"));
    assert_eq!(ours.count(), 3, "{text}");
    assert!(
        text.contains("method=POST path=\"/thing\" status=401 millis="),
        "{text}"
    );
}
