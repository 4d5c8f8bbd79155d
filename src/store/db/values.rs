//! Values as they are stored: instants as milliseconds since 1970, UTC, vocabularies as their words,
//! flags as four columns.

use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Row, RowIndex};

use crate::domain::{
    ActionKind, Evidence, Flags, Provided, ProvisionKind, ProvisionState, Reason, Role, Verdict,
};

/// Columns that hold a word of a vocabulary. An unknown one is an error: without its role, a row would
/// be about the access as a whole.
macro_rules! words {
    ($($word:ty),* $(,)?) => {$(
        impl FromSql for $word {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let word = value.as_str()?;
                let name = stringify!($word);
                word.parse()
                    .map_err(|_| FromSqlError::Other(format!("{word:?} is no {name}").into()))
            }
        }
    )*};
}

words!(
    ActionKind,
    Evidence,
    Provided,
    ProvisionKind,
    ProvisionState,
    Reason,
    Role,
    Verdict
);

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

/// A membership's flags: the column `is_admin`, and after it those of the other three.
pub(in crate::store) fn flags(row: &Row<'_>, is_admin: impl RowIndex) -> rusqlite::Result<Flags> {
    let first = is_admin.idx(row.as_ref())?;
    Ok(Flags {
        is_admin: row.get(first)?,
        is_manager: row.get(first + 1)?,
        edit_permission: row.get(first + 2)?,
        inspect_permission: row.get(first + 3)?,
    })
}
