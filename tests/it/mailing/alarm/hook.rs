//! Somebody who is called: answers as it is told to, and keeps what it heard.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A server on loopback; its thread ends with the test's process.
pub(super) struct Hook {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    answer: String,
    hangs: bool,
    /// Heads and bodies.
    heard: Vec<(String, String)>,
    /// Those that are left hanging.
    open: Vec<TcpStream>,
}

impl Hook {
    pub(super) fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let hook = Self {
            port: socket.local_addr().unwrap().port(),
            shared: Arc::default(),
        };
        hook.answer(200);
        let shared = Arc::clone(&hook.shared);
        thread::spawn(move || {
            for stream in socket.incoming() {
                serve(stream.unwrap(), &shared);
            }
        });
        hook
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(super) fn answer(&self, status: u16) {
        self.shared.lock().unwrap().answer = format!("HTTP/1.1 {status} So\r\n");
    }

    pub(super) fn redirect(&self, to: &str) {
        self.shared.lock().unwrap().answer = format!("HTTP/1.1 307 So\r\nLocation: {to}\r\n");
    }

    pub(super) fn hang(&self) {
        self.shared.lock().unwrap().hangs = true;
    }

    /// The first line of each request.
    pub(super) fn lines(&self) -> Vec<String> {
        let shared = self.shared.lock().unwrap();
        let heads = shared.heard.iter().map(|(head, _)| head.lines().next());
        heads.map(|line| line.unwrap().to_owned()).collect()
    }

    pub(super) fn bodies(&self) -> Vec<String> {
        let shared = self.shared.lock().unwrap();
        shared.heard.iter().map(|(_, body)| body.clone()).collect()
    }
}

/// One request a connection; a connection without one was only a look.
fn serve(mut stream: TcpStream, shared: &Mutex<Shared>) {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => text.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(text).unwrap();
    let lower = head.to_lowercase();
    let length = lower.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.lines().next()?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    let mut shared = shared.lock().unwrap();
    shared.heard.push((head, String::from_utf8(body).unwrap()));
    if shared.hangs {
        shared.open.push(stream);
        return;
    }
    let answer = format!(
        "{}Content-Length: 0\r\nConnection: close\r\n\r\n",
        shared.answer
    );
    let _ = stream.write_all(answer.as_bytes());
}
