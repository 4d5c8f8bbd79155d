//! Lines in and answers out, with bounds: a client cannot make the sink hold more than it wants.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

/// A line as it came, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Ended by CR LF, as it must be.
    Whole(Vec<u8>),
    /// Ended by LF alone, or with a CR inside.
    Bare,
    /// Longer than asked for; it was read to its end and dropped.
    TooLong,
    /// The client is gone.
    Closed,
}

/// One side of an SMTP connection.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// The next line, of at most `limit` bytes with its end.
    pub(super) async fn line(&mut self, limit: usize) -> io::Result<Line> {
        let mut line = Vec::new();
        let mut length = 0_usize;
        loop {
            let chunk = self.stream.fill_buf().await?;
            if chunk.is_empty() {
                return Ok(Line::Closed);
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |end| end + 1);
            length = length.saturating_add(taken);
            if length <= limit {
                line.extend_from_slice(&chunk[..taken]);
            }
            self.stream.consume(taken);
            if end.is_some() {
                break;
            }
        }
        if length > limit {
            return Ok(Line::TooLong);
        }
        match line.strip_suffix(b"\r\n") {
            Some(text) if !text.contains(&b'\r') => Ok(Line::Whole(text.to_vec())),
            _ => Ok(Line::Bare),
        }
    }

    /// Sends an answer; its line end is added.
    pub(super) async fn say(&mut self, answer: &str) -> io::Result<()> {
        self.say_bytes(answer.as_bytes()).await
    }

    /// The same, of any bytes.
    pub(super) async fn say_bytes(&mut self, answer: &[u8]) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(&[answer, b"\r\n"].concat()).await?;
        stream.flush().await
    }
}
