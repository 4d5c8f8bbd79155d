//! Values as they are stored: instants as milliseconds since 1970, UTC, and roles as their words.

use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

use crate::domain::Role;

/// An unknown word is an error: without its role, a row would be about the access as a whole.
impl FromSql for Role {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        word.parse()
            .map_err(|_| FromSqlError::Other(format!("{word:?} is no role").into()))
    }
}

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
