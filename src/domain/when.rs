//! A point in time as people write it: a time, a date or the word for one, a span from now, or never.

use std::borrow::Cow;

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::temporal::Pieces;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::span::{SpanError, parse_span};

/// What WHEN on the command line, or a cell of an import, means; also when access ends.
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
}

/// Why a text is not a point in time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WhenError {
    /// Nothing was there.
    #[error(
        "the time is empty; write one such as 2026-11-22T07:00:00Z, 2026-11-22, \"2026-11-22 18:00\", today, 14d (from now) or never"
    )]
    Empty,
    /// A time of day without a date.
    #[error(
        "{0:?} is a time of day without a date; write both, as in \"2026-11-22 18:00\", or a span from now such as 18h"
    )]
    NoDate(String),
    /// Like 30 February.
    #[error("{0:?} is no date that exists; dates are written 2026-11-22")]
    NoSuchDate(String),
    /// Like 25 o'clock.
    #[error("{0:?} is no time that exists; times are written 2026-11-22T07:00:00Z")]
    NoSuchTime(String),
    /// Further away than the calendar goes.
    #[error("{0:?} is too far away to be stored")]
    OutOfRange(String),
    /// Looked like a span, and is none.
    #[error(transparent)]
    Span(#[from] SpanError),
    /// Anything else.
    #[error(
        "{0:?} is not a time; write one such as 2026-11-22T07:00:00Z, 2026-11-22, \"2026-11-22 18:00\", today, 14d (from now) or never"
    )]
    Malformed(String),
}

impl When {
    /// Reads an RFC 3339 time, a date (or `yesterday`, `today`, `tomorrow`) or a date with a time in the
    /// zone `tz`, a span from `now`, or `never`. The last hours of the year 9999, which cannot be stored in every zone, are the last
    /// moment that can.
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
        let named = day(text, now, tz).map(|date| date.to_string());
        let at = match named.as_deref().unwrap_or(text) {
            text if starts_with_a_year(text) => calendar(text, tz, edge)?,
            text => from_now(text, now)?,
        };
        let last = last_moment(Date::MAX).unwrap_or(at);
        Timestamp::from_millisecond(at.min(last).as_millisecond())
            .map(Self::At)
            .map_err(|_| WhenError::OutOfRange(text.to_owned()))
    }

    /// The text with the word for a day replaced by its date: tomorrow the same word is another day.
    pub(crate) fn dated<'a>(text: &'a str, now: Timestamp, tz: &TimeZone) -> Cow<'a, str> {
        match day(text.trim(), now, tz) {
            Some(date) => date.to_string().into(),
            None => text.into(),
        }
    }

    /// Whether a text is a local time that the clocks pass twice: then the first one counts.
    pub(crate) fn comes_twice(text: &str, tz: &TimeZone) -> bool {
        let text = text.trim();
        let is_local = starts_with_a_year(text) && text.contains(':') && !has_offset(text);
        let wall = text.parse::<DateTime>().ok().filter(|_| is_local);
        wall.is_some_and(|wall| {
            let offset = tz.to_ambiguous_timestamp(wall).offset();
            matches!(offset, AmbiguousOffset::Fold { .. })
        })
    }

    /// Whether a text that can be read counts from now.
    pub(crate) fn is_from_now(text: &str) -> bool {
        parse_span(text).is_ok()
    }

    /// Whether a text that can be read means another time tomorrow: a span, or the word for a day.
    pub(crate) fn counts_from_now(text: &str) -> bool {
        let text = text.trim();
        !text.is_empty() && !text.eq_ignore_ascii_case("never") && !starts_with_a_year(text)
    }

    /// The end that is on record, where absent means never.
    #[must_use]
    pub fn of(end: Option<Timestamp>) -> Self {
        end.map_or(Self::Never, Self::At)
    }

    /// Whether it lies after this moment.
    #[must_use]
    pub fn is_after(self, now: Timestamp) -> bool {
        self.at().is_none_or(|at| at > now)
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

/// The date that a word means now.
fn day(word: &str, now: Timestamp, tz: &TimeZone) -> Option<Date> {
    let today = || now.to_zoned(tz.clone()).date();
    match word.to_ascii_lowercase().as_str() {
        "yesterday" => today().yesterday().ok(),
        "today" => Some(today()),
        "tomorrow" => today().tomorrow().ok(),
        _ => None,
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
        return edge_of(date, tz, edge)
            .or_else(|| last_moment(date))
            .ok_or_else(|| WhenError::OutOfRange(owned()));
    }
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let no_such_time = |_| WhenError::NoSuchTime(owned());
    if has_offset(text) {
        let pieces = Pieces::parse(text).map_err(no_such_time)?;
        let offset = pieces.to_numeric_offset();
        return offset
            .and_then(|_| last_moment(pieces.date()))
            .ok_or_else(|| WhenError::NoSuchTime(owned()));
    }
    let wall: DateTime = text.parse().map_err(no_such_time)?;
    // A time that the clocks leave out is as much later; of one that comes twice, the first.
    tz.to_ambiguous_timestamp(wall)
        .compatible()
        .ok()
        .or_else(|| last_moment(wall.date()))
        .ok_or_else(|| WhenError::OutOfRange(owned()))
}

/// The last moment that can be stored, for the days on which it lies in some zone.
fn last_moment(date: Date) -> Option<Timestamp> {
    let last = Timestamp::from_second(Timestamp::MAX.as_second()).ok()?;
    (Date::MAX.yesterday().ok()? <= date).then_some(last)
}

/// Whether something that may be an offset follows the time of day.
fn has_offset(text: &str) -> bool {
    text.get(10..)
        .is_some_and(|time| time.contains(['+', '-', 'Z', 'z', '[']))
}

/// Tells `18:00` from a span.
fn is_time_of_day(text: &str) -> bool {
    let hour = text.split_once(':').map_or("", |(hour, _)| hour);
    !hour.is_empty() && hour.bytes().all(|b| b.is_ascii_digit())
}

fn from_now(text: &str, now: Timestamp) -> Result<Timestamp, WhenError> {
    if is_time_of_day(text) {
        return Err(WhenError::NoDate(text.to_owned()));
    }
    let span = parse_span(text).map_err(|error| match error {
        SpanError::Malformed(text) => WhenError::Malformed(text),
        error => WhenError::Span(error),
    })?;
    now.checked_add(span)
        .map_err(|_| WhenError::OutOfRange(text.to_owned()))
}

/// The first or the last moment that carries this date in the zone.
///
/// Clocks may be put forward over midnight, so that the day starts later (or the day before ends
/// earlier) than the wall says, and back over it, so that midnight comes twice.
fn edge_of(date: Date, tz: &TimeZone, edge: Edge) -> Option<Timestamp> {
    let wall = match edge {
        Edge::Start => date.to_datetime(Time::midnight()),
        Edge::End => date.at(23, 59, 59, 999_000_000),
    };
    let ambiguous = tz.to_ambiguous_timestamp(wall);
    match (ambiguous.offset(), edge) {
        (AmbiguousOffset::Gap { .. }, _) => {
            let before = ambiguous.earlier().ok()?;
            let jump = tz.following(before).next()?.timestamp();
            match edge {
                Edge::Start => Some(jump),
                Edge::End => jump.checked_sub(SignedDuration::from_millis(1)).ok(),
            }
        }
        (_, Edge::End) => ambiguous.later().ok(),
        (_, Edge::Start) => ambiguous.earlier().ok(),
    }
}

#[cfg(test)]
mod tests;
