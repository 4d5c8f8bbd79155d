//! One pass and one postman at a time for each database: locks that the kernel takes back when a
//! process dies.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::files;

/// The right to do what only one process may; given back when dropped.
#[derive(Debug)]
#[must_use = "the right ends when this is dropped"]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the right that the file beside the database with this ending stands for.
    pub(super) fn take(database: &Path, ending: &str) -> Result<Option<Self>, StoreError> {
        let mut path = database.as_os_str().to_owned();
        path.push(ending);
        let path = PathBuf::from(path);
        let fault = |source| StoreError::File {
            path: path.clone(),
            source,
        };
        let file = files::open_or_make(&path).map_err(fault)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(fault(source)),
        }
    }
}
