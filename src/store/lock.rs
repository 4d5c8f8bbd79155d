//! Files beside the database that a process has locked as long as it does something: the kernel takes
//! a lock back when the process dies.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::StoreError;
use crate::files;

/// Whoever asks whether a lock is taken holds it for an instant; that must not keep away who is to
/// have it. So it is tried this often, with this wait between.
const TRIES: u32 = 4;
const BETWEEN: Duration = Duration::from_millis(10);

/// The right to do what only one process may; given back when dropped.
#[derive(Debug)]
#[must_use = "the right ends when this is dropped"]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the right that the file beside the database with this ending stands for.
    pub(super) fn take(database: &Path, ending: &str) -> Result<Option<Self>, StoreError> {
        let file = take(&beside(database, ending))?;
        Ok(file.map(|file| Self { _file: file }))
    }

    /// Whether a process has it.
    pub(super) fn is_taken(database: &Path, ending: &str) -> Result<bool, StoreError> {
        Ok(look(&beside(database, ending))?.is_some())
    }
}

/// A file beside the database, of the database's name with an ending of its own.
pub(super) fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    path.into()
}

/// Locks a file and hands it out; `None` while somebody else has it locked.
pub(super) fn take(path: &Path) -> Result<Option<File>, StoreError> {
    let fault = |source| fault(path, source);
    let file = files::open_or_make(path).map_err(fault)?;
    for tried in 1.. {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if tried < TRIES => thread::sleep(BETWEEN),
            Err(TryLockError::WouldBlock) => break,
            Err(TryLockError::Error(source)) => return Err(fault(source)),
        }
    }
    Ok(None)
}

/// Hands out a file that somebody has locked, to be read; `None` for one that nobody has.
pub(super) fn look(path: &Path) -> Result<Option<File>, StoreError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(fault(path, source)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(file)),
        Err(TryLockError::Error(source)) => Err(fault(path, source)),
    }
}

pub(super) fn fault(path: &Path, source: io::Error) -> StoreError {
    StoreError::File {
        path: path.to_owned(),
        source,
    }
}
