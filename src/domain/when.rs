//! A point in time as people write it: a time, a date, a span from now, or never.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::span::{SpanError, parse_span};

/// What WHEN on the command line, or a cell of an import, comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At this moment, to the millisecond.
    At(Timestamp),
    /// Not at all.
    Never,
}

/// Which of its moments a bare date stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Its first, as in `--start 2026-11-22`.
    Start,
    /// Its last millisecond, as in `--end 2026-11-22`: the day itself is still included.
    End,
    /// Its first, where neither a start nor an end is meant, as in `--as-of 2026-11-22`.
    Instant,
}

/// Why a text is not a point in time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WhenError {
    /// Nothing was there.
    #[error(
        "the time is empty; write one such as 2026-11-22T07:00:00Z, 2026-11-22, 14d (from now) or never"
    )]
    Empty,
    /// A time of day that could be anywhere.
    #[error("{0:?} does not say in which zone; add Z for UTC or an offset such as +01:00")]
    NoOffset(String),
    /// Like 30 February.
    #[error("{0:?} is no date that exists; dates are written 2026-11-22")]
    NoSuchDate(String),
    /// Like 25 o'clock.
    #[error("{0:?} is no time that exists; times are written 2026-11-22T07:00:00Z")]
    NoSuchTime(String),
    /// Before year -9999 or after year 9999.
    #[error("{0:?} is too far away to be reckoned with")]
    OutOfRange(String),
    /// Looked like a span, and is none.
    #[error(transparent)]
    Span(#[from] SpanError),
    /// Anything else.
    #[error(
        "{0:?} is not a time; write one such as 2026-11-22T07:00:00Z, 2026-11-22, 14d (from now) or never"
    )]
    Malformed(String),
}

impl When {
    /// Reads an RFC 3339 time, a date in the zone `tz`, a span from `now`, or `never`.
    ///
    /// # Errors
    /// Tells what is wrong with the text.
    pub fn parse(text: &str, now: Timestamp, tz: &TimeZone, edge: Edge) -> Result<Self, WhenError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(WhenError::Empty);
        }
        if text.eq_ignore_ascii_case("never") {
            return Ok(Self::Never);
        }
        let at = if starts_with_a_year(text) {
            calendar(text, tz, edge)?
        } else {
            from_now(text, now)?
        };
        Timestamp::from_millisecond(at.as_millisecond())
            .map(Self::At)
            .map_err(|_| WhenError::OutOfRange(text.to_owned()))
    }

    /// The moment, where there is one.
    #[must_use]
    pub fn at(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::Never => None,
        }
    }
}

/// Tells `2026-…` from a span, which has no dash after four digits.
fn starts_with_a_year(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.by_ref().take(4).filter(u8::is_ascii_digit).count() == 4 && bytes.next() == Some(b'-')
}

fn calendar(text: &str, tz: &TimeZone, edge: Edge) -> Result<Timestamp, WhenError> {
    let owned = || text.to_owned();
    if !text.bytes().any(|b| b == b':') {
        let date: Date = text.parse().map_err(|_| WhenError::NoSuchDate(owned()))?;
        if text.len() != "2026-11-22".len() {
            return Err(WhenError::NoSuchDate(owned()));
        }
        return edge_of(date, tz, edge).ok_or_else(|| WhenError::OutOfRange(owned()));
    }
    text.parse().map_err(|_| {
        if text.parse::<DateTime>().is_ok() && !has_offset(text) {
            WhenError::NoOffset(owned())
        } else {
            WhenError::NoSuchTime(owned())
        }
    })
}

/// Whether something that may be an offset follows the time of day.
fn has_offset(text: &str) -> bool {
    text.get(10..)
        .is_some_and(|time| time.contains(['+', '-', 'Z', 'z']))
}

fn from_now(text: &str, now: Timestamp) -> Result<Timestamp, WhenError> {
    let span = parse_span(text).map_err(|error| match error {
        SpanError::Malformed(text) => WhenError::Malformed(text),
        error => WhenError::Span(error),
    })?;
    SignedDuration::try_from(span)
        .ok()
        .and_then(|span| now.checked_add(span).ok())
        .ok_or_else(|| WhenError::OutOfRange(text.to_owned()))
}

/// The first or the last moment that carries this date in the zone.
///
/// Clocks may be put forward over midnight, so that the day starts later (or the day before ends
/// earlier) than the wall says, and back over it, so that midnight comes twice.
fn edge_of(date: Date, tz: &TimeZone, edge: Edge) -> Option<Timestamp> {
    let wall = match edge {
        Edge::Start | Edge::Instant => date.to_datetime(Time::midnight()),
        Edge::End => date.at(23, 59, 59, 999_000_000),
    };
    let ambiguous = tz.to_ambiguous_timestamp(wall);
    match (ambiguous.offset(), edge) {
        (AmbiguousOffset::Gap { .. }, _) => {
            let before = ambiguous.earlier().ok()?;
            let jump = tz.following(before).next()?.timestamp();
            match edge {
                Edge::Start | Edge::Instant => Some(jump),
                Edge::End => jump.checked_sub(SignedDuration::from_millis(1)).ok(),
            }
        }
        (_, Edge::End) => ambiguous.later().ok(),
        (_, Edge::Start | Edge::Instant) => ambiguous.earlier().ok(),
    }
}

#[cfg(test)]
mod tests;
