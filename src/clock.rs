//! The only place that reads the time.

use jiff::Timestamp;

use crate::failpoint;

/// The current instant in UTC, to the millisecond: everything lapsed stores and compares has
/// that grain, so that what is read back equals what was written.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the clock"
)]
pub fn now() -> Timestamp {
    let now = Timestamp::now().as_millisecond() + failpoint::clock_ahead();
    Timestamp::from_millisecond(now).unwrap_or(Timestamp::MAX)
}

/// Cuts an instant to the millisecond, towards the past.
#[must_use]
pub fn millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}
