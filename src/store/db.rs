//! The database file: opening, locking, writing, backup, and checking that the file at its path is
//! still the one that is open.

pub(in crate::store) mod backup;
pub(in crate::store) mod bytes;
pub(in crate::store) mod daemon_lock;
pub(in crate::store) mod error;
pub(in crate::store) mod high_water;
pub(in crate::store) mod lock;
pub(in crate::store) mod open;
pub(in crate::store) mod open_files;
pub(in crate::store) mod read_only;
pub(in crate::store) mod values;
pub(in crate::store) mod writer;
