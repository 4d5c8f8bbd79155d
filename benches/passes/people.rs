//! The people of the benches, by number, and grants of theirs as CSV.

use std::fmt::Write as _;
use std::ops::Range;

use jiff::{SignedDuration, Timestamp};

pub(crate) const DAY: i64 = 24 * 60 * 60;

/// The part of a person's address before `@example.com`.
pub(crate) fn local_part(number: usize) -> String {
    format!("person.{number:07}")
}

pub(crate) fn address(number: usize) -> String {
    format!("{}@example.com", local_part(number))
}

/// So many seconds from a time.
pub(crate) fn after(time: Timestamp, seconds: i64) -> Timestamp {
    time + SignedDuration::from_secs(seconds)
}

/// Grants on the whitelist for `lapsed import`, each with the end that `end` gives it.
pub(crate) fn grants_csv(
    people: Range<usize>,
    now: Timestamp,
    end: impl Fn(usize) -> i64,
) -> String {
    let start = after(now, -400 * DAY);
    let mut csv = "email,target,name,permissions,start,end\n".to_owned();
    for number in people {
        let (email, end) = (address(number), after(now, end(number)));
        writeln!(
            csv,
            "{email},sentius:acme,Person {number},can_read;can_use_api,{start},{end}"
        )
        .expect("writing to memory does not fail");
    }
    csv
}
