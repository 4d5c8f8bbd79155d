//! Instants as they are stored: milliseconds since 1970, UTC.

use jiff::Timestamp;

pub(in crate::store) fn stored(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// Lapsed never stores milliseconds outside jiff's range (years -9999 to 9999). The nearest instant
/// keeps such a row visible, where an error would fail the whole query.
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
