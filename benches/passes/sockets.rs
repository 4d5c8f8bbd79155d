//! The same calls over bare sockets: the least that a client can do.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::people::local_part;

/// A connection that is kept, with one call on it at a time.
struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    async fn open(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.expect("the stand-in listens");
        stream.set_nodelay(true).expect("it is a TCP socket");
        Self {
            stream,
            read: Vec::with_capacity(4096),
        }
    }

    /// Sends a request and reads its answer: the status and the body.
    async fn call(&mut self, request: &str) -> (u16, &[u8]) {
        let sent = self.stream.write_all(request.as_bytes()).await;
        sent.expect("the connection holds");
        self.read.clear();
        let (status, body) = loop {
            self.more().await;
            if let Some(head) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                let text = std::str::from_utf8(&self.read[..head]).expect("a head is text");
                let (status, length) = understand(text);
                break (status, head + 4..head + 4 + length);
            }
        };
        while self.read.len() < body.end {
            self.more().await;
        }
        (status, &self.read[body])
    }

    async fn more(&mut self) {
        let read = self.stream.read_buf(&mut self.read).await;
        assert!(
            read.expect("the connection holds") > 0,
            "the stand-in hung up"
        );
    }
}

/// The status and the length of the body, from the head of an answer.
fn understand(head: &str) -> (u16, usize) {
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, length)| length.trim().parse().expect("a length is a number"));
    let status = status.expect("an answer starts with its status");
    assert!(
        status == 204 || length.is_some(),
        "without a length: {head}"
    );
    (status, length.unwrap_or(0))
}

/// Takes these people off the whitelist and tells how long it took.
pub(crate) fn delete(
    to: SocketAddr,
    key: &Arc<str>,
    people: Range<usize>,
    connections: usize,
) -> Duration {
    let start = Instant::now();
    let next = Arc::new(AtomicUsize::new(people.start));
    runtime().block_on(async {
        let mut all = JoinSet::new();
        for _ in 0..connections {
            let (next, key) = (Arc::clone(&next), Arc::clone(key));
            all.spawn(async move {
                let mut connection = Connection::open(to).await;
                loop {
                    let person = next.fetch_add(1, Ordering::Relaxed);
                    if person >= people.end {
                        return;
                    }
                    let email = local_part(person);
                    let (status, _) = connection
                        .call(&format!(
                            "DELETE /admin/whitelist?email={email}%40example.com&api_key={key} HTTP/1.1\r\n\
                             host: {to}\r\naccept: */*\r\n\r\n"
                        ))
                        .await;
                    assert!((200..300).contains(&status), "{status}");
                }
            });
        }
        while let Some(ended) = all.join_next().await {
            ended.expect("every connection does its part");
        }
    });
    start.elapsed()
}

/// Reads every team's people once, so that the stand-in has their listings ready for whoever is
/// measured first, and tells how many bytes they are.
pub(crate) fn read_teams(to: SocketAddr, key: &str) -> usize {
    let get = |path: &str| format!("GET /api/v1/{path}?key={key} HTTP/1.1\r\nhost: {to}\r\n\r\n");
    runtime().block_on(async {
        let mut connection = Connection::open(to).await;
        let (status, body) = connection.call(&get("team")).await;
        assert_eq!(status, 200);
        let list: serde_json::Value = serde_json::from_slice(body).expect("JSON");
        let mut bytes = body.len();
        for team in list["teams"].as_array().expect("teams") {
            let id = team["id"].as_str().expect("an id");
            let (status, body) = connection.call(&get(&format!("team/{id}/team_user"))).await;
            assert_eq!(status, 200);
            bytes += body.len();
        }
        bytes
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the runtime starts")
}
