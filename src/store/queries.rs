//! Questions that have one answer, a file for each asker.

mod owed;
pub(crate) mod sql;
#[cfg(test)]
mod tests;

pub(crate) use owed::{OwedAt, owed};
