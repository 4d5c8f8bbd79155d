//! Bodies that break off, drip, or do not end.

use super::*;

/// A client that ends a body for its size long before its time.
fn patient_http_at(base: &Url) -> Http {
    let patient = HttpSettings {
        timeout: Duration::from_secs(20),
        ..settings()
    };
    let key = SecretString::from(KEY);
    Http::new(
        "test:acme".to_owned(),
        base,
        &key,
        &patient,
        &Metrics::default(),
    )
    .unwrap()
}

#[tokio::test]
async fn a_body_that_is_cut_off_leaves_a_write_unknown() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"half\": ".to_vec();
    let (result, stub) = write(Reply::Bytes(head)).await;
    let error = error(result);
    assert!(matches!(error, CallError::Unanswered { .. }), "{error:?}");
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn a_dripping_body_ends_with_the_timeout() {
    let start = Instant::now();
    let error = error(write(Reply::Drip).await.0);
    assert!(matches!(error, CallError::Unanswered { .. }), "{error:?}");
    assert!(error.to_string().contains("within 400ms"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2));
}

const ENDLESS: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";

#[tokio::test]
async fn a_body_without_end_is_not_read_beyond_the_limit() {
    let stub = Stub::start([Reply::Endless(ENDLESS, &[b' '; 65536])]).await;
    let http = patient_http_at(&stub.url());
    let error = error(http.read(call(Method::GET)).await);
    assert!(error.to_string().contains("more than 32 MiB"), "{error}");
    assert_eq!(stub.seen().len(), 1);
    // What lies in the sockets' buffers may have been written beyond it.
    assert!(stub.written() < 3 * LARGEST_BODY, "{}", stub.written());
}

/// 64 KiB of spaces as a deflate block that any number of the same may follow.
const BLOCK: &[u8] = &[
    236, 193, 129, 0, 0, 0, 0, 128, 32, 149, 253, 41, 23, 169, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 106, 0, 0, 0, 255, 255,
];

#[tokio::test]
async fn the_limit_counts_what_a_compressed_body_unpacks_to() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\
        \x1f\x8b\x08\0\0\0\0\0\0\xff";
    let stub = Stub::start([Reply::Endless(head, BLOCK)]).await;
    let http = patient_http_at(&stub.url());
    let error = error(http.read(call(Method::GET)).await);
    assert!(error.to_string().contains("more than 32 MiB"), "{error}");
}

#[tokio::test]
async fn an_announced_body_that_is_too_large_is_not_read_at_all() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 2147483648\r\n\r\n";
    let (result, stub) = write(Reply::Endless(head, &[b' '; 65536])).await;
    let error = error(result);
    assert!(error.is_unknown_outcome());
    assert!(error.to_string().contains("more than 32 MiB"), "{error}");
    assert!(stub.written() < LARGEST_BODY, "{}", stub.written());
}
