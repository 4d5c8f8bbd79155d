//! Queries over several tables, a file for each kind of reader.

pub(in crate::store) mod as_of;
pub(in crate::store) mod bearer;
pub(crate) mod due_between_passes;
pub(in crate::store) mod ending;
pub(in crate::store) mod findings;
pub(in crate::store) mod list;
pub(crate) mod not_given;
mod owed;
pub(crate) mod page;
pub(crate) mod person;
pub(crate) mod plan_input;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod sql;
pub(crate) mod status;
pub(in crate::store) mod stays;
#[cfg(test)]
mod tests;

pub(crate) use owed::{OwedAt, observed, owed};
