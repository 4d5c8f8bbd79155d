//! Bodies that break off, drip, or do not end.

use super::*;
use crate::providers::http::receive::LARGEST_BODY;

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
    assert!(matches!(error, CallError::TimedOut { .. }), "{error:?}");
    assert!(error.is_unknown_outcome());
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

/// Reads a large body into nothing, and says how many bytes there were.
async fn read_large(http: &Http) -> Result<(usize, Answer), CallError> {
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let large: Large = Arc::new(move |body: &mut dyn Read| {
        let bytes = std::io::copy(body, &mut std::io::sink()).map_err(|e| e.to_string())?;
        counted.store(bytes as usize, Ordering::SeqCst);
        Ok(())
    });
    let call = Call {
        large: Some(large),
        ..call(Method::GET)
    };
    let answer = http.read(call).await?;
    let bytes = count.load(Ordering::SeqCst);
    Ok((bytes, answer))
}

#[tokio::test]
async fn a_body_too_large_for_memory_is_read_while_it_comes_in() {
    let size = 40 << 20;
    let stub = Stub::start([json(200, &"x".repeat(size))]).await;
    let http = patient_http_at(&stub.url());
    let (bytes, answer) = read_large(&http).await.unwrap();
    assert_eq!((bytes, answer.body.len()), (size, 0));
    // While it is not stored, a small one waits, and so does another large one.
    let soon = Duration::from_millis(200);
    let other = patient_http_at(&stub.url());
    assert!(
        tokio::time::timeout(soon, http.shared.rooms.take(1))
            .await
            .is_err()
    );
    assert!(other.shared.rooms.try_all().is_some());
    drop(answer);
    let (bytes, _) = read_large(&http).await.unwrap();
    assert_eq!(bytes, size);
}

#[tokio::test]
async fn a_large_body_without_room_is_asked_for_again_once_there_is() {
    let stub = Stub::start([json(200, &"x".repeat(10 << 20))]).await;
    let http = patient_http_at(&stub.url());
    let room = http.shared.rooms.take(1).await;
    let give_back = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(room);
    };
    let (read, ()) = tokio::join!(read_large(&http), give_back);
    assert_eq!(read.unwrap().0, 10 << 20);
    assert_eq!(stub.seen().len(), 2);
}

#[tokio::test]
async fn a_body_within_memory_is_kept_and_takes_its_room() {
    let stub = Stub::start([json(200, "{}")]).await;
    let http = patient_http_at(&stub.url());
    let (bytes, answer) = read_large(&http).await.unwrap();
    assert_eq!((bytes, answer.body.as_slice()), (0, &b"{}"[..]));
    assert!(http.shared.rooms.try_all().is_none());
    drop(answer);
    assert!(http.shared.rooms.try_all().is_some());
}

#[tokio::test]
async fn a_large_body_that_does_not_go_on_is_left() {
    let stub = Stub::start([Reply::Endless(ENDLESS, &[b' '; 65536])]).await;
    let http = patient_http_at(&stub.url());
    let error = read_large(&http).await.map(|(bytes, _)| bytes).unwrap_err();
    assert!(error.to_string().contains("does not go on"), "{error}");
    assert!(stub.written() < 2 * LARGEST_BODY, "{}", stub.written());
}
