//! A mail server that answers by a script: what a real one does only on bad days.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the server does at a step.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Say(&'static str),
    /// Answers with these bytes, whatever they are.
    Bytes(&'static [u8]),
    /// Answers so, and closes.
    SayAndClose(&'static str),
    /// Closes without a word.
    Close,
    Hang,
}

/// What the server saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) connections: usize,
    pub(super) commands: Vec<String>,
    pub(super) mails: Vec<String>,
}

/// A running server; it ends with the test.
pub(super) struct Server {
    pub(super) port: u16,
    pub(super) seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a server. The script is asked at each step with the connection's number, from 1, and
/// the step: `GREET`, a command's first word, `SECRET` for a line of a login, or `CONTENT` when a
/// message has been read. `None` is what a healthy server does.
pub(super) async fn serve<S>(script: S) -> Server
where
    S: Fn(usize, &str) -> Option<Act> + Copy + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let shared = Arc::clone(&seen);
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let seen = Arc::clone(&shared);
            let number = {
                let mut seen = seen.lock().unwrap();
                seen.connections += 1;
                seen.connections
            };
            tokio::spawn(talk(stream, number, script, seen));
        }
    });
    Server { port, seen, task }
}

/// What a healthy server says.
fn healthy(step: &str) -> Act {
    Act::Say(match step {
        "GREET" => "220 mail.example ESMTP",
        "EHLO" => "250-mail.example\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
        "AUTH" => "235 welcome",
        "DATA" => "354 go ahead",
        "QUIT" => return Act::SayAndClose("221 bye"),
        _ => "250 ok",
    })
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    number: usize,
    script: impl Fn(usize, &str) -> Option<Act>,
    seen: Arc<Mutex<Seen>>,
) {
    let mut stream = BufReader::new(stream);
    let mut step = "GREET".to_owned();
    loop {
        let act = script(number, &step).unwrap_or_else(|| healthy(&step));
        let is_taken = matches!(act, Act::Say(words) if words.starts_with("354"));
        match act {
            Act::Say(words) => {
                if stream
                    .write_all(format!("{words}\r\n").as_bytes())
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Act::Bytes(bytes) => {
                let line = [bytes, b"\r\n"].concat();
                if stream.write_all(&line).await.is_err() {
                    return;
                }
            }
            Act::SayAndClose(words) => {
                let _ = stream.write_all(format!("{words}\r\n").as_bytes()).await;
                return;
            }
            Act::Close => return,
            Act::Hang => tokio::time::sleep(Duration::from_secs(600)).await,
        }
        if step == "DATA" && is_taken {
            let mut mail = String::new();
            while !mail.ends_with("\r\n.\r\n") {
                if !matches!(stream.read_line(&mut mail).await, Ok(read) if read > 0) {
                    return;
                }
            }
            seen.lock().unwrap().mails.push(mail);
            step = "CONTENT".to_owned();
        } else {
            let mut line = String::new();
            if !matches!(stream.read_line(&mut line).await, Ok(read) if read > 0) {
                return;
            }
            let command = line.trim_end().to_owned();
            step = command
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned();
            seen.lock().unwrap().commands.push(command);
        }
    }
}
