//! Lock files beside the database, locked while a process does something; the kernel releases the
//! lock when the process dies. Only the file at the path counts: a deleted lock file keeps nobody
//! out, so its holder has to notice the deletion.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::files::{self, Identity};
use crate::store::StoreError;
use crate::store::db::open_files::OpenFiles;

/// A process that asks whether a lock is taken holds it for an instant. So that this does not keep
/// out a process that wants the lock, it tries this often, with this wait in between.
const TRIES: u32 = 4;
const BETWEEN: Duration = Duration::from_millis(10);

/// How often a lock file may be replaced while it is being locked, before that is an error.
const MOST_REPLACED: u32 = 100;

/// The suffix of the lock for opening the database or moving its mark: held for an instant, except
/// during a migration.
const TURN: &str = "turn";

/// A lock that only one process holds at a time; released when dropped.
#[derive(Debug)]
#[must_use = "the right ends when this is dropped"]
pub struct Lock {
    file: File,
    path: PathBuf,
    files: Arc<OpenFiles>,
}

impl Lock {
    /// Locks the file beside the database with this suffix; `None` while another process has it
    /// locked. From then on, nothing more is written once that file is gone from its path.
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

    /// Whether a process holds this lock.
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

/// The lock for opening the database or moving its mark.
#[derive(Debug)]
pub(in crate::store) struct Turn {
    _file: File,
}

impl Turn {
    /// Waits at most this long for the lock.
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

/// The path of a file beside the database: the database's name with a suffix.
pub(in crate::store) fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    path.into()
}

/// Locks the file at a path and returns it; `None` while another process has it locked.
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
                // It was deleted or replaced since it was opened: only the file at the path counts.
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

/// Takes a shared lock; no process holds the exclusive one for longer than an instant.
pub(in crate::store) fn shared(file: &File, path: &Path) -> Result<(), StoreError> {
    file.lock_shared().map_err(|source| fault(path, source))
}

/// Opens a file for reading if a process has it locked; `None` if nobody has.
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
