//! Times as providers write them: in headers and in JSON.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{AGE, DATE, HeaderMap, RETRY_AFTER};

use crate::clock;

/// A wrong weekday does not make a date unreadable.
const RFC_2822: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);

/// An instant as "Wed, 07 Oct 2020 21:15:47 GMT" (documented), or in one of the older forms of HTTP
/// or RFC 3339 (tolerated).
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    // This parser is much faster for the documented form, which every member of every team has.
    if let Ok(time) = httpdate::parse_http_date(text) {
        return Timestamp::try_from(time).ok();
    }
    RFC_2822
        .parse_timestamp(text)
        .or_else(|_| text.parse())
        .ok()
        .map(clock::millis)
}

/// The first moment of 2000: no account is older than the providers.
const FIRST: Timestamp = Timestamp::constant(946_684_800, 0);
/// How far ahead a provider's clock may be.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);

/// Whether a date can be one of something that has happened by `now`. Others, such as 1970, the
/// year 1 or 9999, stand for "unknown".
pub(super) fn is_believable(at: Timestamp, now: Timestamp) -> bool {
    at >= FIRST && at.duration_since(now) <= AHEAD
}

/// When the answer was made, by the provider's clock; `None` for an answer from a cache.
pub(super) fn made_at(headers: &HeaderMap) -> Option<Timestamp> {
    if headers.contains_key(AGE) {
        return None;
    }
    instant(headers.get(DATE)?.to_str().ok()?)
}

/// The longest that a provider's `Retry-After` is respected: one odd answer must not keep access
/// open for days.
const LONGEST_REST: Duration = Duration::from_secs(6 * 60 * 60);

/// How long the provider asks to be left alone, from seconds or a date; a date is compared with the
/// provider's own clock where the answer has it. Six hours at most.
pub(super) fn retry_after(headers: &HeaderMap, received: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let wait = Duration::from_secs(text.parse().unwrap_or(u64::MAX));
        return Some(wait.min(LONGEST_REST));
    }
    let until = instant(text)?;
    let now = made_at(headers).unwrap_or(received);
    let wait: Duration = until.duration_since(now).try_into().unwrap_or_default();
    Some(wait.min(LONGEST_REST))
}

/// How far a provider's clock is from ours, as last seen.
#[derive(Debug)]
pub(super) struct Skew {
    /// Milliseconds; `UNSEEN` until the first answer.
    millis: AtomicI64,
}

const UNSEEN: i64 = i64::MIN;

impl Skew {
    pub(super) fn new() -> Self {
        Self {
            millis: AtomicI64::new(UNSEEN),
        }
    }

    /// Notes the `Date` of an answer to a request sent at `sent` and answered at `received`.
    ///
    /// A date between the two is no skew, since the answer may have been made at any moment
    /// between; nor is the second that the header cannot express.
    pub(super) fn note(&self, date: Timestamp, sent: Timestamp, received: Timestamp) {
        const GRAIN: i64 = 1000;
        let (date, sent, received) = (
            date.as_millisecond(),
            sent.as_millisecond(),
            received.as_millisecond(),
        );
        let skew = if date > received {
            date - received
        } else if date + GRAIN <= sent {
            date - sent
        } else {
            0
        };
        self.millis.store(skew, Ordering::Relaxed);
    }

    /// Forgets the last answer's date.
    pub(super) fn forget(&self) {
        self.millis.store(UNSEEN, Ordering::Relaxed);
    }

    pub(super) fn last(&self) -> Option<SignedDuration> {
        match self.millis.load(Ordering::Relaxed) {
            UNSEEN => None,
            millis => Some(SignedDuration::from_millis(millis)),
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn headers(pairs: &[(reqwest::header::HeaderName, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn both_forms_of_a_date_are_read() {
        let expected = Some(at("2020-10-07T21:15:47Z"));
        for text in [
            "Wed, 07 Oct 2020 21:15:47 GMT",
            "Thu, 07 Oct 2020 21:15:47 GMT",
            "Wed, 7 Oct 2020 21:15:47 +0000",
            "2020-10-07T23:15:47.0004+02:00",
        ] {
            assert_eq!(instant(text), expected, "{text}");
        }
        for text in ["", "yesterday", "2020-10-07", "2020-10-07T21:15:47"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_by_the_providers_clock() {
        let now = at("2026-11-22T07:00:00Z");
        let wait = |pairs: &[_]| retry_after(&headers(pairs), now);
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[(RETRY_AFTER, "7")]), Some(Duration::from_secs(7)));
        assert_eq!(wait(&[(RETRY_AFTER, "soon")]), None);
        assert_eq!(wait(&[(RETRY_AFTER, "-1")]), None);
        let date = "Sun, 22 Nov 2026 07:00:30 GMT";
        assert_eq!(wait(&[(RETRY_AFTER, date)]), Some(Duration::from_secs(30)));
        let ahead = [(RETRY_AFTER, date), (DATE, "Sun, 22 Nov 2026 07:00:25 GMT")];
        assert_eq!(wait(&ahead), Some(Duration::from_secs(5)));
        let past = [(RETRY_AFTER, "Sun, 22 Nov 2026 06:00:00 GMT")];
        assert_eq!(wait(&past), Some(Duration::ZERO));
        let absurd = wait(&[(RETRY_AFTER, "99999999999999999999999")]);
        assert_eq!(absurd, Some(LONGEST_REST));
        let years = [(RETRY_AFTER, "Wed, 21 Oct 2037 07:28:00 GMT")];
        assert_eq!(wait(&years), Some(LONGEST_REST));
    }

    #[test]
    fn skew_is_what_the_calls_own_length_cannot_explain() {
        let (sent, received) = (at("2026-11-22T07:00:00.900Z"), at("2026-11-22T07:00:03Z"));
        let skew = Skew::new();
        assert_eq!(skew.last(), None);
        for (date, millis) in [
            ("2026-11-22T07:00:00Z", 0),
            ("2026-11-22T07:00:02Z", 0),
            ("2026-11-22T07:10:03Z", 600_000),
            ("2026-11-22T06:50:00.900Z", -600_000),
        ] {
            skew.note(at(date), sent, received);
            assert_eq!(
                skew.last(),
                Some(SignedDuration::from_millis(millis)),
                "{date}"
            );
        }
    }

    #[test]
    fn the_date_of_a_cached_answer_says_nothing() {
        let date = (DATE, "Sun, 22 Nov 2026 07:00:25 GMT");
        assert!(made_at(&headers(std::slice::from_ref(&date))).is_some());
        assert!(made_at(&headers(&[date, (AGE, "500")])).is_none());
    }
}
