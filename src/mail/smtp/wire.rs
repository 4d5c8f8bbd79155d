//! The client's side of an SMTP connection: sends commands one by one, and reads answers within
//! bounds.

use std::io;
use std::time::Duration;

use futures_util::FutureExt;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::reply::{Line, Reply};

/// The longest line of an answer. RFC 5321 (4.5.3.1.5) says 512 bytes; servers say more.
const LONGEST_LINE: usize = 4096;
/// The most lines of one answer; the longest lists of extensions have some twenty.
const MOST_LINES: usize = 128;
/// A mail is written in pieces of this size, each within its own time.
const PIECE: usize = 64 * 1024;

/// Why a conversation cannot go on.
#[derive(Debug, Error)]
pub(super) enum WireError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the mail server closed the connection")]
    Closed,
    #[error("no answer within {} seconds", .0.as_secs_f32())]
    Silent(Duration),
    #[error("the mail server's answer is too long")]
    TooLong,
    #[error("this is no answer of a mail server: {0}")]
    NotReply(String),
    /// Data that came before a command was sent cannot be its answer: somebody in between may have
    /// put it there, and each later answer would be read as that of the command before.
    #[error("the mail server, or somebody in between, said something before it was asked")]
    Unasked,
    #[error("a command would hold a line break")]
    Unfit,
}

/// A stream with a read buffer.
pub(super) struct Wire<S> {
    stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// The stream alone, for TLS: nothing that was received before may count as received under TLS.
    pub(super) fn into_stream(self) -> Result<S, WireError> {
        self.nothing_waits()?;
        Ok(self.stream)
    }

    /// Sends a command and waits for its answer.
    pub(super) async fn ask(&mut self, command: &str, limit: Duration) -> Result<Reply, WireError> {
        self.nothing_waits()?;
        if command.chars().any(char::is_control) {
            return Err(WireError::Unfit);
        }
        let line = format!("{command}\r\n");
        self.write(line.as_bytes(), limit).await?;
        self.reply(limit).await
    }

    /// Sends a part of a mail.
    pub(super) async fn send(&mut self, bytes: &[u8], limit: Duration) -> Result<(), WireError> {
        self.nothing_waits()?;
        for piece in bytes.chunks(PIECE) {
            self.write(piece, limit).await?;
        }
        Ok(())
    }

    pub(super) async fn reply(&mut self, limit: Duration) -> Result<Reply, WireError> {
        timeout(limit, self.whole_reply())
            .await
            .map_err(|_| WireError::Silent(limit))?
    }

    /// Checks, without waiting, whether the server is still connected and has sent nothing. What it
    /// has sent is kept.
    pub(super) fn is_quiet(&mut self) -> Result<(), WireError> {
        let mut buffer = [0; 1024];
        match self.stream.read(&mut buffer).now_or_never() {
            None => {}
            Some(Ok(0)) => return Err(WireError::Closed),
            Some(Ok(length)) => self
                .read
                .extend_from_slice(buffer.get(..length).unwrap_or_default()),
            Some(Err(error)) => return Err(error.into()),
        }
        self.nothing_waits()
    }

    fn nothing_waits(&self) -> Result<(), WireError> {
        match self.read.is_empty() {
            true => Ok(()),
            false => Err(WireError::Unasked),
        }
    }

    async fn write(&mut self, bytes: &[u8], limit: Duration) -> Result<(), WireError> {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        let written = timeout(limit, write).await;
        Ok(written.map_err(|_| WireError::Silent(limit))??)
    }

    async fn whole_reply(&mut self) -> Result<Reply, WireError> {
        let mut reply: Option<Reply> = None;
        for _ in 0..MOST_LINES {
            let bytes = self.line().await?;
            let wrong = || WireError::NotReply(String::from_utf8_lossy(&bytes).into_owned());
            let line = Line::read(&bytes).ok_or_else(wrong)?;
            let reply = reply.get_or_insert_with(|| Reply {
                code: line.code,
                lines: Vec::new(),
            });
            if line.code != reply.code {
                return Err(wrong());
            }
            reply.lines.push(line.text);
            if line.is_last {
                return Ok(reply.clone());
            }
        }
        Err(WireError::TooLong)
    }

    /// The next line, without its end.
    async fn line(&mut self) -> Result<Vec<u8>, WireError> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.read.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return match line.len() <= LONGEST_LINE {
                    true => Ok(line),
                    false => Err(WireError::TooLong),
                };
            }
            if self.read.len() > LONGEST_LINE {
                return Err(WireError::TooLong);
            }
            let mut buffer = [0; 1024];
            let length = self.stream.read(&mut buffer).await?;
            if length == 0 {
                return Err(WireError::Closed);
            }
            self.read
                .extend_from_slice(buffer.get(..length).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn wire() -> (Wire<DuplexStream>, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        (Wire::new(ours), theirs)
    }

    async fn after(said: &[u8]) -> Result<Reply, WireError> {
        let (mut wire, mut server) = wire();
        server.write_all(said).await.unwrap();
        drop(server);
        wire.reply(SOON).await
    }

    #[tokio::test]
    async fn an_answer_may_hold_any_bytes_and_end_its_lines_either_way() {
        let reply = after(b"250-m\xe4il\r\n250-\n250\r\n").await.unwrap();
        assert_eq!(reply.code, 250);
        assert_eq!(reply.lines, ["m\u{fffd}il", "", ""]);
    }

    #[tokio::test]
    async fn answers_without_an_end_are_given_up() {
        let long = [b"250 ".to_vec(), vec![b'x'; LONGEST_LINE], b"\r\n".to_vec()].concat();
        assert!(matches!(after(&long).await, Err(WireError::TooLong)));
        let endless = vec![b'x'; LONGEST_LINE + 1];
        assert!(matches!(after(&endless).await, Err(WireError::TooLong)));
        let many = b"250-x\r\n".repeat(MOST_LINES + 1);
        assert!(matches!(after(&many).await, Err(WireError::TooLong)));
        assert!(matches!(after(b"250-x\r\n").await, Err(WireError::Closed)));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_told_as_it_came() {
        for wrong in [
            &b"hello\r\n"[..],
            b"250-x\r\n550 y\r\n",
            b"\r\n",
            b"250-x\r\n\r\n",
        ] {
            let failed = after(wrong).await;
            assert!(matches!(failed, Err(WireError::NotReply(_))), "{failed:?}");
        }
    }

    #[tokio::test]
    async fn what_was_said_before_it_was_asked_for_ends_the_conversation() {
        let (mut wire, mut server) = wire();
        server.write_all(b"220 go\r\n250 more\r\n").await.unwrap();
        assert_eq!(wire.reply(SOON).await.unwrap().code, 220);
        let asked = wire.ask("NOOP", SOON).await;
        assert!(matches!(asked, Err(WireError::Unasked)), "{asked:?}");
        assert!(matches!(wire.into_stream(), Err(WireError::Unasked)));
    }

    #[tokio::test]
    async fn a_command_is_one_line() {
        let (mut wire, _server) = wire();
        let asked = wire.ask("RCPT TO:<a@b>\r\nDATA", SOON).await;
        assert!(matches!(asked, Err(WireError::Unfit)), "{asked:?}");
    }
}
