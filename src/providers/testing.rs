//! A provider for the clients' tests: real TCP, scripted answers, the bytes it was sent.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::CallError;
use crate::config::HttpSettings;

/// A key with everything in it that encodings disagree about.
pub(super) const KEY: &str = "sk-very-secret&=+%";

/// What the provider does with a request.
#[derive(Clone)]
pub(super) enum Reply {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes and waits for the next request on the same connection.
    Keep(&'static [u8]),
    /// Closes without a word.
    Close,
    /// Sends these bytes for ever, as fast as they are taken, after a head.
    Endless(&'static [u8], &'static [u8]),
    /// Sends a byte every ten milliseconds, for ever.
    Drip,
}

/// An answer with a JSON body.
pub(super) fn json(status: u16, body: &str) -> Reply {
    answer(
        status,
        &["content-type: application/json; charset=utf-8"],
        body,
    )
}

/// An answer with an HTML page.
pub(super) fn html(status: u16) -> Reply {
    answer(status, &["content-type: text/html"], "<html>Sign in</html>")
}

/// An answer with these headers.
pub(super) fn answer(status: u16, headers: &[&str], body: &str) -> Reply {
    let mut text = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
    if status != 204 {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    Reply::Bytes(format!("{text}\r\n{body}").into_bytes())
}

/// A listening provider. The nth request gets the nth reply, later ones the last.
pub(super) struct Stub {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    written: Arc<AtomicUsize>,
}

impl Stub {
    pub(super) async fn start(replies: impl Into<Vec<Reply>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stub = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            written: Arc::default(),
        };
        let (replies, seen, written) = (replies.into(), stub.seen.clone(), stub.written.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (replies, seen, written) = (replies.clone(), seen.clone(), written.clone());
                tokio::spawn(async move { serve(stream, &replies, &seen, &written).await });
            }
        });
        stub
    }

    pub(super) fn url(&self) -> Url {
        format!("http://{}", self.address).parse().unwrap()
    }

    /// The requests so far, as they came over the wire.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// The only request so far: head and body.
    pub(super) fn request(&self) -> (String, String) {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        let (head, body) = seen[0].split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    /// How many bytes of an endless body have been taken.
    pub(super) fn written(&self) -> usize {
        self.written.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut stream: TcpStream,
    replies: &[Reply],
    seen: &Mutex<Vec<String>>,
    written: &AtomicUsize,
) {
    while let Some(request) = request(&mut stream).await {
        let index = {
            let mut seen = seen.lock().unwrap();
            seen.push(request);
            seen.len() - 1
        };
        match replies.get(index).or(replies.last()).unwrap() {
            Reply::Bytes(bytes) => drop(stream.write_all(bytes).await),
            Reply::Keep(bytes) => {
                drop(stream.write_all(bytes).await);
                continue;
            }
            Reply::Close => {}
            Reply::Endless(head, bytes) => {
                drop(stream.write_all(head).await);
                while stream.write_all(bytes).await.is_ok() {
                    written.fetch_add(bytes.len(), Ordering::SeqCst);
                }
            }
            Reply::Drip => {
                let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
                drop(stream.write_all(head).await);
                while stream.write_all(b" ").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
        return;
    }
}

/// One request, its body as long as its head says.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, value)| value.parse().unwrap());
        if body.len() >= length {
            return Some(text.into_owned());
        }
    }
}

/// Settings under which a test is quick.
pub(super) fn settings() -> HttpSettings {
    HttpSettings {
        timeout: Duration::from_millis(400),
        concurrency: 4,
        requests_per_second: 100_000.0,
    }
}

/// Searches what people could come to see of a value for the key.
#[track_caller]
pub(super) fn assert_no_key(value: &impl fmt::Debug) {
    let text = format!("{value:?} {value:#?}");
    assert!(!text.contains("very-secret"), "{text}");
}

/// The same, for an error.
#[track_caller]
pub(super) fn assert_no_key_in(error: &CallError) {
    assert_no_key(error);
    assert!(!error.to_string().contains("very-secret"), "{error}");
}
