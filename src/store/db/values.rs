//! Instants as they are stored: milliseconds since 1970, UTC.

use jiff::Timestamp;

pub(in crate::store) fn stored(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// Millisecond counts beyond jiff's years -9999 to 9999 cannot have been stored by us; the nearest
/// instant keeps such a row visible instead of failing all others.
pub(in crate::store) fn read(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

pub(in crate::store) fn read_if_any(millis: Option<i64>) -> Option<Timestamp> {
    millis.map(read)
}
