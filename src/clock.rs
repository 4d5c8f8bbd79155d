//! The only place that reads the time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;
use uuid::{NoContext, Uuid};

use crate::failpoint;

/// The clock says a time that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("this machine's clock says {0}, which is before 1970; set it right, and try again")]
pub struct ClockError(Timestamp);

/// The current instant in UTC, to the millisecond: everything lapsed stores and compares has
/// that grain, so that what is read back equals what was written.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the clock"
)]
pub fn now() -> Timestamp {
    let now = Timestamp::now().as_millisecond();
    let now = now.saturating_add(failpoint::clock_ahead());
    let nearest = if now < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_millisecond(now).unwrap_or(nearest)
}

/// How far the clock has moved more (less: negative) than time went by since it showed `since`: it was
/// set, or the machine slept.
pub(crate) fn moved(since: Timestamp, went_by: Duration) -> SignedDuration {
    now().duration_since(since) - SignedDuration::try_from(went_by).unwrap_or_default()
}

/// Whether the clock can be right at all: TLS, mail and identifiers know no time before 1970, so
/// nothing is begun by such a clock.
///
/// # Errors
/// Says which time it tells.
pub fn check() -> Result<(), ClockError> {
    let now = now();
    if now < Timestamp::UNIX_EPOCH {
        return Err(ClockError(now));
    }
    Ok(())
}

/// A new identifier; later ones sort after it (UUID version 7).
pub(crate) fn new_id() -> Uuid {
    let millis = u64::try_from(now().as_millisecond()).unwrap_or(0);
    let nanos = u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, millis / 1000, nanos))
}

/// Cuts an instant to the millisecond, towards the past.
#[must_use]
pub fn millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}
