//! The daemon's listener, asked over a socket of our own, so that a request can be anything.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::{Daemon, World, until};

/// An answer.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl World {
    /// Has the daemon listen at a free port, with further keys of `[status]`.
    pub(crate) fn listen(&mut self, more: &str) {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        self.config.status = Some((port, more.to_owned()));
    }

    pub(crate) fn port(&self) -> u16 {
        self.config.status.as_ref().unwrap().0
    }

    /// A daemon that has made its first pass, and listens.
    pub(crate) async fn listening(&self) -> Daemon {
        let daemon = Daemon::past_first_pass(self).await;
        until("it listens", || {
            TcpStream::connect(("127.0.0.1", self.port())).is_ok()
        })
        .await;
        daemon
    }

    /// GETs a path as a browser on this machine would.
    pub(crate) fn get(&self, path: &str) -> Heard {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n"))
    }

    /// POSTs a body of this kind to a path, by a name that is none of this machine's.
    pub(crate) fn post(&self, path: &str, kind: &str, body: &str) -> Heard {
        let length = body.len();
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: lapsed.acme.example\r\nContent-Type: {kind}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ))
    }

    /// Sends a request, which still lacks its last line break.
    pub(crate) fn ask(&self, request: &str) -> Heard {
        self.send(&format!("{request}\r\n"))
    }

    fn send(&self, request: &str) -> Heard {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        // Whoever refuses a request may hang up before having read it all.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        Heard {
            status: head
                .split(' ')
                .nth(1)
                .and_then(|code| code.parse().ok())
                .unwrap_or(0),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }
}
