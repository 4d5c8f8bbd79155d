//! A length of time as people write it: `30s`, `15m`, `36h`, `14d`, `6w`.

use jiff::{SignedDuration, Span, SpanRelativeTo};
use thiserror::Error;

/// The longest span accepted, 100 years: adding it to any date of this or the next century cannot
/// overflow.
const LONGEST: SignedDuration = SignedDuration::from_hours(36_500 * 24);

/// Why a text is not a span.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpanError {
    /// Nothing was there.
    #[error("the span is empty; write one such as 30s, 15m, 36h, 14d or 6w")]
    Empty,
    /// A number that could mean anything.
    #[error("{0:?} has no unit; write {0}s, {0}m, {0}h, {0}d or {0}w")]
    NoUnit(String),
    /// A unit whose length depends on the calendar.
    #[error("{0:?} counts months or years, which differ in length; count days or weeks, as in 90d")]
    Calendar(String),
    /// Before zero.
    #[error("{0:?} is negative; a span is zero or longer")]
    Negative(String),
    /// Over 100 years.
    #[error("{0:?} is too long; the longest span is 36500d")]
    TooLong(String),
    /// Anything else.
    #[error("{0:?} is not a span; write one such as 30s, 15m, 36h, 14d or 6w")]
    Malformed(String),
}

/// Reads a span. A day is 24 hours and a week is seven days, whatever clocks do meanwhile.
///
/// # Errors
/// Tells what is wrong with the text.
pub fn parse_span(text: &str) -> Result<SignedDuration, SpanError> {
    let text = text.trim();
    let owned = || text.to_owned();
    if text.is_empty() {
        return Err(SpanError::Empty);
    }
    if text.starts_with('-') {
        return Err(SpanError::Negative(owned()));
    }
    if text.chars().all(|c| c.is_ascii_digit()) {
        return Err(SpanError::NoUnit(owned()));
    }
    // A time of day is no length, though it may be read as one.
    if text.contains(':') {
        return Err(SpanError::Malformed(owned()));
    }
    let span: Span = text.parse().map_err(|_| {
        if plausible(text) {
            SpanError::TooLong(owned())
        } else {
            SpanError::Malformed(owned())
        }
    })?;
    if span.is_negative() {
        return Err(SpanError::Negative(owned()));
    }
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(SpanError::Calendar(owned()));
    }
    let length = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| SpanError::TooLong(owned()))?;
    if length > LONGEST {
        return Err(SpanError::TooLong(owned()));
    }
    Ok(length)
}

/// Whether a text that could not be read is a number too big for its unit, rather than no span.
fn plausible(text: &str) -> bool {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    digits.len() >= 7
        && digits.bytes().all(|b| b.is_ascii_digit())
        && ["s", "m", "h", "d", "w"].contains(&unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_with_days_of_24_hours() {
        const HOUR: i64 = 60 * 60;
        for (text, seconds) in [
            ("0s", 0),
            ("30s", 30),
            ("15m", 15 * 60),
            ("36h", 36 * HOUR),
            ("14d", 14 * 24 * HOUR),
            ("6w", 42 * 24 * HOUR),
            ("1d12h", 36 * HOUR),
            ("1w 2d", 9 * 24 * HOUR),
            (" 5m ", 300),
            ("36500d", 36_500 * 24 * HOUR),
        ] {
            assert_eq!(
                parse_span(text),
                Ok(SignedDuration::from_secs(seconds)),
                "{text}"
            );
        }
        assert_eq!(parse_span("250ms"), Ok(SignedDuration::from_millis(250)));
    }

    #[test]
    fn what_is_no_span_is_refused_with_what_to_write_instead() {
        for (text, why) in [
            ("", "is empty"),
            ("  ", "is empty"),
            ("14", "no unit"),
            ("1mo", "months or years"),
            ("2 years", "months or years"),
            ("1y3d", "months or years"),
            ("-1d", "negative"),
            ("1d ago", "negative"),
            ("36501d", "too long"),
            ("99999999d", "too long"),
            ("99999999999999999999999d", "too long"),
            ("20000000000000s", "too long"),
            ("abc", "not a span"),
            ("14 parsecs", "not a span"),
            ("d14", "not a span"),
            ("14d!", "not a span"),
            ("1.5.2h", "not a span"),
            ("٣d", "not a span"),
            ("18:00:00", "not a span"),
            ("1d 12:00:00", "not a span"),
        ] {
            let error = parse_span(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }
}
