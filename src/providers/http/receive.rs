//! Receives bodies within limits: small ones whole, large ones read while they come in.

use std::io::{self, Cursor, Read};
use std::sync::Arc;

use reqwest::Response;
use tokio::sync::mpsc;

use super::Large;
use crate::providers::room::{Room, Rooms};

/// The largest successful answer that is kept whole, decompressed.
pub(super) const LARGEST_BODY: usize = 32 << 20;
/// The largest that is read while it comes in: a team of millions.
pub(super) const LARGEST_STREAM: usize = 1 << 30;
/// Up to here such a body is kept whole nevertheless, which is faster.
const IN_MEMORY: usize = 8 << 20;
/// The most that is allocated at once for an announced body: it may not come.
const EXPECTED_BODY: usize = 1 << 20;
/// After so many spaces in a row the document is given up.
const LONGEST_BLANK: usize = 1 << 20;
/// How many chunks may wait for the parser.
const CHUNKS: usize = 16;

/// What came of receiving a success.
pub(super) enum Received {
    Whole(Vec<u8>),
    /// It was read while it came in.
    Read,
    /// It is too large for memory, and there was no room to read it.
    Crowded,
    /// It is larger than this limit.
    TooLarge(usize),
    /// It contained nothing but spaces for too long.
    Blank,
    /// It is not the document that was expected.
    Unreadable(String),
}

/// The whole body, or `None` as soon as it is known to be larger than allowed.
pub(super) async fn whole(
    mut response: Response,
    largest: usize,
) -> reqwest::Result<Option<Vec<u8>>> {
    let announced = response.content_length().unwrap_or(0);
    if announced > largest as u64 {
        return Ok(None);
    }
    let mut body = buffer(announced);
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > largest {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// A body that is never large.
pub(super) async fn small(response: Response) -> reqwest::Result<Received> {
    let body = whole(response, LARGEST_BODY).await?;
    Ok(body.map_or(Received::TooLarge(LARGEST_BODY), Received::Whole))
}

/// A body that may be large: kept whole up to a limit, and beyond that read while it comes in,
/// which takes all the room there is.
pub(super) async fn large(
    mut response: Response,
    read: &Large,
    rooms: &Rooms,
    room: &mut Room,
) -> reqwest::Result<Received> {
    let announced = response.content_length().unwrap_or(0);
    if announced > LARGEST_STREAM as u64 {
        return Ok(Received::TooLarge(LARGEST_STREAM));
    }
    let mut body = Vec::new();
    if announced <= IN_MEMORY as u64 {
        body = buffer(announced);
        loop {
            let Some(chunk) = response.chunk().await? else {
                return Ok(Received::Whole(body));
            };
            body.extend_from_slice(&chunk);
            if body.len() > IN_MEMORY {
                break;
            }
        }
    }
    if !room.is_taken() {
        match rooms.try_all() {
            Some(all) => *room = all,
            None => return Ok(Received::Crowded),
        }
    }
    stream(response, body, read).await
}

/// Parses what has come and what is still to come, while it is received.
async fn stream(mut response: Response, begun: Vec<u8>, read: &Large) -> reqwest::Result<Received> {
    let mut received = begun.len();
    let (sender, chunks) = mpsc::channel(CHUNKS);
    let read = Arc::clone(read);
    let reading = tokio::task::spawn_blocking(move || {
        read(&mut Cursor::new(begun).chain(Chunks { chunks, now: None }))
    });
    let mut blank = 0;
    while let Some(chunk) = response.chunk().await? {
        received += chunk.len();
        if received > LARGEST_STREAM {
            return Ok(Received::TooLarge(LARGEST_STREAM));
        }
        let is_blank = chunk.iter().all(u8::is_ascii_whitespace);
        blank = if is_blank { blank + chunk.len() } else { 0 };
        if blank > LONGEST_BLANK {
            return Ok(Received::Blank);
        }
        // The parser stops at the first fault, and then the rest is not needed.
        if sender.send(chunk).await.is_err() {
            break;
        }
    }
    drop(sender);
    Ok(match reading.await {
        Ok(Ok(())) => Received::Read,
        Ok(Err(why)) => Received::Unreadable(why),
        Err(_) => Received::Unreadable("a body at which the reader failed".to_owned()),
    })
}

fn buffer(announced: u64) -> Vec<u8> {
    let expected = usize::try_from(announced).unwrap_or_default();
    Vec::with_capacity(expected.min(EXPECTED_BODY))
}

/// Chunks as they come in, as one text.
struct Chunks<B> {
    chunks: mpsc::Receiver<B>,
    /// The one that is being read, and how far.
    now: Option<(B, usize)>,
}

impl<B: AsRef<[u8]>> Read for Chunks<B> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some((chunk, at)) = &mut self.now {
                let rest = chunk.as_ref().get(*at..).unwrap_or_default();
                if !rest.is_empty() {
                    let length = rest.len().min(into.len());
                    into[..length].copy_from_slice(&rest[..length]);
                    *at += length;
                    return Ok(length);
                }
            }
            match self.chunks.blocking_recv() {
                Some(chunk) => self.now = Some((chunk, 0)),
                None => return Ok(0),
            }
        }
    }
}
