//! The only place in this crate that reads the time.

use jiff::Timestamp;

/// Now in UTC, cut to the millisecond: times of calls and mails compare with those of lapsed, which
/// have that grain.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the clock"
)]
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}
