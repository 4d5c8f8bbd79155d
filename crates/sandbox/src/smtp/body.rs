//! Reads a mail's text up to its lone dot, and undoes dot-stuffing.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::wire::{Line, Wire};

/// The longest line of a mail, with its end (RFC 5321, 4.5.3.1.6).
const TEXT_LINE: usize = 1000;

/// What followed a DATA.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    Mail(Vec<u8>),
    /// It was read to its end, and this is the answer to it.
    Refused(&'static str),
    Closed,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// The mail, of at most `limit` bytes.
    pub(super) async fn body(&mut self, limit: usize) -> io::Result<Body> {
        let mut body = Vec::new();
        let mut refused = None;
        loop {
            match self.line(TEXT_LINE).await? {
                Line::Closed => return Ok(Body::Closed),
                Line::TooLong => refused = Some("554 5.6.0 a line is too long"),
                Line::Bare => refused = Some("554 5.6.0 lines end with CR LF"),
                Line::Whole(line) if line == b"." => break,
                Line::Whole(line) => {
                    let text = line.strip_prefix(b".").unwrap_or(&line);
                    if body.len() + text.len() + 2 > limit {
                        refused = Some("552 5.3.4 the mail is too large");
                        body.clear();
                    }
                    if refused.is_none() {
                        body.extend_from_slice(text);
                        body.extend_from_slice(b"\r\n");
                    }
                }
            }
        }
        Ok(refused.map_or(Body::Mail(body), Body::Refused))
    }
}
