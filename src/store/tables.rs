//! Tables, a file for each: its rows in and out.

pub(crate) mod clock;
pub(crate) mod entry;
