//! Files beside the database that a process has locked as long as it does something: the kernel takes
//! a lock back when the process dies. A lock is the file at its path: one that was deleted locks
//! nobody out, and who held it has to notice.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::files::{self, Identity};
use crate::store::StoreError;
use crate::store::db::open_files::OpenFiles;

/// Whoever asks whether a lock is taken holds it for an instant; that must not keep away who is to
/// have it. So it is tried this often, with this wait between.
const TRIES: u32 = 4;
const BETWEEN: Duration = Duration::from_millis(10);

/// How often a lock file may be replaced while it is being locked: somebody means it.
const MOST_REPLACED: u32 = 100;

/// The ending of the file of whoever opens the database, or moves the mark: an instant's work, but
/// for an upgrade.
const TURN: &str = "turn";

/// The right to do what only one process may; given back when dropped.
#[derive(Debug)]
#[must_use = "the right ends when this is dropped"]
pub struct Lock {
    file: File,
    path: PathBuf,
    files: Arc<OpenFiles>,
}

impl Lock {
    /// Takes the right that the file beside the database with this ending stands for. From here on,
    /// nothing is written once that file is gone from its path.
    pub(in crate::store) fn take(
        files: &Arc<OpenFiles>,
        ending: &str,
    ) -> Result<Option<Self>, StoreError> {
        let path = beside(files.path(), ending);
        let Some((file, identity)) = take(&path)? else {
            return Ok(None);
        };
        files.watch_lock(path.clone(), identity);
        Ok(Some(Self {
            file,
            path,
            files: Arc::clone(files),
        }))
    }

    /// Whether a process has it.
    pub(in crate::store) fn is_taken(database: &Path, ending: &str) -> Result<bool, StoreError> {
        Ok(look(&beside(database, ending))?.is_some())
    }

    pub(in crate::store) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    pub(in crate::store) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.files.forget_lock(&self.path);
    }
}

/// The turn of whoever opens the database or moves its mark.
#[derive(Debug)]
pub(in crate::store) struct Turn {
    _file: File,
}

impl Turn {
    /// Waits for it.
    pub(in crate::store) fn take(database: &Path, most: Duration) -> Result<Self, StoreError> {
        let path = beside(database, TURN);
        let begin = Instant::now();
        loop {
            if let Some((file, _)) = take(&path)? {
                return Ok(Self { _file: file });
            }
            if begin.elapsed() >= most {
                return Err(StoreError::NoTurn(database.to_owned()));
            }
        }
    }
}

/// A file beside the database, of the database's name with an ending of its own.
pub(in crate::store) fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    path.into()
}

/// Locks the file at a path and hands it out; `None` while somebody else has it locked.
fn take(path: &Path) -> Result<Option<(File, Identity)>, StoreError> {
    let fault = |source| fault(path, source);
    let mut tried = 1;
    loop {
        let file = files::open_or_make(path).map_err(fault)?;
        match file.try_lock() {
            Ok(()) => {
                let identity = Identity::of(&file.metadata().map_err(fault)?);
                let there = fs::symlink_metadata(path);
                if there.is_ok_and(|there| Identity::of(&there) == identity) {
                    return Ok(Some((file, identity)));
                }
                // Deleted since it was opened: another one is what counts.
                if tried >= MOST_REPLACED {
                    let what = "it is replaced again and again while it is being locked";
                    return Err(fault(io::Error::other(what)));
                }
            }
            Err(TryLockError::WouldBlock) if tried < TRIES => thread::sleep(BETWEEN),
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(fault(source)),
        }
        tried += 1;
    }
}

/// Locks a file together with others; nobody has it alone for longer than an instant.
pub(in crate::store) fn shared(file: &File, path: &Path) -> Result<(), StoreError> {
    file.lock_shared().map_err(|source| fault(path, source))
}

/// Hands out a file that somebody has locked, to be read; `None` for one that nobody has.
pub(in crate::store) fn look(path: &Path) -> Result<Option<File>, StoreError> {
    let file = match files::open(path) {
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

pub(in crate::store) fn fault(path: &Path, source: io::Error) -> StoreError {
    StoreError::File {
        path: path.to_owned(),
        source,
    }
}
