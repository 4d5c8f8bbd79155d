//! One pass at a time for each database: a lock that the kernel takes back when a process dies.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::files;

/// The right to run a pass; given back when dropped.
#[derive(Debug)]
#[must_use = "the right to run a pass ends when this is dropped"]
pub struct PassLock {
    _file: File,
}

impl PassLock {
    pub(super) fn take(database: &Path) -> Result<Option<Self>, StoreError> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
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
