//! Compares the files that a process has open with those at their paths: once its database was
//! replaced, a process must neither decide by the old file nor write to it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::files::{self, Identity};
use crate::store::db::lock::{self, beside, fault};
use crate::store::{StoreError, db::high_water};

/// The suffix of the file on which every process that has the database open holds a shared lock. It
/// says which database file that is: all must have the same one open.
const OPEN: &str = "open";
/// The file's fixed length, more than its content takes: it is overwritten in place, which works on
/// a full disk.
const LONGEST: usize = 128;
/// How long to wait for processes that have a file open that is no longer at its path.
const OTHERS: Duration = Duration::from_secs(3);
const BETWEEN: Duration = Duration::from_millis(20);
/// The suffix for the log of the database that was at the path before.
const EARLIER: &str = "earlier-wal";

/// The open file is no longer the one at its path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{path} was {} while lapsed had it open; it stops, so that nothing is done by a file that is no longer there. Start it again (systemd does so by itself)",
    if *.replaced { "replaced" } else { "deleted or moved away" }
)]
pub struct Displaced {
    /// Which file.
    path: PathBuf,
    /// Whether there is another file at its path.
    replaced: bool,
}

/// A file that must stay at its path.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    identity: Identity,
}

impl Watched {
    fn now(path: PathBuf) -> Result<Self, StoreError> {
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Self {
                identity: Identity::of(&metadata),
                path,
            }),
            Err(error) => Err(gone_or(path, error)),
        }
    }

    fn check(&self) -> Result<(), StoreError> {
        match fs::metadata(&self.path) {
            Ok(metadata) if Identity::of(&metadata) == self.identity => Ok(()),
            Ok(_) => Err(StoreError::Displaced(Displaced {
                path: self.path.clone(),
                replaced: true,
            })),
            Err(error) => Err(gone_or(self.path.clone(), error)),
        }
    }
}

fn gone_or(path: PathBuf, error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            StoreError::Displaced(Displaced {
                path,
                replaced: false,
            })
        }
        _ => fault(&path, error),
    }
}

/// The files of one database that this process has open.
#[derive(Debug)]
pub(in crate::store) struct OpenFiles {
    /// The real file, after following a link.
    path: PathBuf,
    /// The database, by the path in the configuration.
    database: Watched,
    /// SQLite's log and its index.
    log: Mutex<Vec<Watched>>,
    /// The locks that are held.
    locks: Mutex<Vec<Watched>>,
    shared: Mutex<Option<File>>,
    /// Whether no other process had the database open when this one opened it.
    alone: bool,
}

impl OpenFiles {
    /// Registers that this process is about to open the database at `named`. The caller holds the
    /// `Turn` of `path`, the real file behind `named`.
    pub(in crate::store) fn claim(named: &Path, path: &Path) -> Result<Self, StoreError> {
        let metadata = fs::metadata(named).map_err(|error| fault(named, error))?;
        if metadata.is_dir() {
            return Err(fault(named, io::ErrorKind::IsADirectory.into()));
        }
        if metadata.nlink() > 1 {
            return Err(StoreError::ManyNames {
                path: named.to_owned(),
                names: metadata.nlink(),
            });
        }
        let database = Watched {
            path: named.to_owned(),
            identity: Identity::of(&metadata),
        };
        let at = beside(path, OPEN);
        let (file, alone) = share(path, &at, database.identity)?;
        // Left behind by a process that died while writing the mark; nobody is writing it now.
        files::remove_unfinished(&high_water::path(path));
        let lock = Watched::now(at)?;
        Ok(Self {
            path: path.to_owned(),
            database,
            log: Mutex::default(),
            locks: Mutex::new(vec![lock]),
            shared: Mutex::new(Some(file)),
            alone,
        })
    }

    /// The database itself.
    pub(in crate::store) fn path(&self) -> &Path {
        &self.path
    }

    /// From now on, `check` also requires SQLite's log and index to stay at their paths.
    pub(in crate::store) fn watch_log(&self) -> Result<(), StoreError> {
        self.database.check()?;
        let [log, index] = log_of(&self.path).map(Watched::now);
        *of(&self.log) = vec![log?, index?];
        if let Some(file) = of(&self.shared).as_mut().filter(|_| self.alone) {
            let words = Said {
                database: self.database.identity.to_string(),
                log: log_said(&self.path),
            };
            words
                .write(file)
                .map_err(|source| fault(&beside(&self.path, OPEN), source))?;
        }
        Ok(())
    }

    /// From now on, `check` also requires this lock file to stay, until the lock is released.
    pub(in crate::store) fn watch_lock(&self, path: PathBuf, identity: Identity) {
        of(&self.locks).push(Watched { path, identity });
    }

    pub(in crate::store) fn forget_lock(&self, path: &Path) {
        of(&self.locks).retain(|watched| watched.path != path);
    }

    /// Checks that the database, its log and the held locks are still the files at their paths.
    ///
    /// # Errors
    /// When one is not, or when that cannot be determined.
    pub(in crate::store) fn check(&self) -> Result<(), StoreError> {
        self.database.check()?;
        for watched in of(&self.log).iter().chain(of(&self.locks).iter()) {
            watched.check()?;
        }
        Ok(())
    }

    /// Whether the database is in place and its log was deleted: then only the processes that have
    /// the log open can still save its content.
    pub(in crate::store) fn log_is_lost(&self) -> bool {
        let log = log_of(&self.path).into_iter().next();
        self.database.check().is_ok()
            && !of(&self.log).is_empty()
            && log.is_some_and(|log| matches!(log.try_exists(), Ok(false)))
    }

    /// Whether SQLite may delete its files by name: after a replacement they may belong to another
    /// database.
    pub(in crate::store) fn names_are_ours(&self) -> bool {
        let replaced = |watched: &Watched| matches!(watched.check(), Err(StoreError::Displaced(it)) if it.replaced);
        self.database.check().is_ok() && !of(&self.log).iter().any(replaced)
    }

    /// Releases the shared lock, so that other processes may open a new file at this path.
    pub(in crate::store) fn release(&self) {
        drop(of(&self.shared).take());
    }
}

/// SQLite's log and its index.
fn log_of(path: &Path) -> [PathBuf; 2] {
    ["-wal", "-shm"].map(|ending| {
        let mut path = path.as_os_str().to_owned();
        path.push(ending);
        path.into()
    })
}

fn of<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The content of the shared lock file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    /// The identity of the database file.
    database: String,
    /// The identity of its log.
    log: String,
}

impl Said {
    fn read(at: &Path) -> io::Result<Self> {
        let bytes = files::read(at, LONGEST as u64)?;
        let text = String::from_utf8_lossy(&bytes);
        let mut words = text.split_whitespace().map(str::to_owned);
        Ok(Self {
            database: words.next().unwrap_or_default(),
            log: words.next().unwrap_or_default(),
        })
    }

    fn write(&self, file: &mut File) -> io::Result<()> {
        let words = format!("{} {}", self.database, self.log);
        file.rewind()?;
        file.write_all(format!("{words:<LONGEST$}").as_bytes())
    }
}

/// The identity of the log; its creation time tells it from a later file with the same inode
/// number.
fn log_said(path: &Path) -> String {
    let [log, _] = log_of(path);
    let Ok(metadata) = fs::metadata(log) else {
        return String::new();
    };
    let born = metadata.created().ok();
    let born = born.and_then(|born| born.duration_since(std::time::UNIX_EPOCH).ok());
    let born = born.map_or(0, |born| born.as_nanos());
    format!("{}:{born}", Identity::of(&metadata))
}

/// Takes the shared lock, and returns whether no other process had the database open. Refused while
/// other processes have another file open that was at this path before, or while their log is
/// missing: opening the database without it would lose what it holds.
fn share(path: &Path, at: &Path, identity: Identity) -> Result<(File, bool), StoreError> {
    let io = |source| fault(at, source);
    let mut file = files::open_or_make(at).map_err(io)?;
    let now = Said {
        database: identity.to_string(),
        log: String::new(),
    };
    let begin = Instant::now();
    let alone = loop {
        match file.try_lock() {
            Ok(()) => break true,
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let why = match others_have(path, &Said::read(at).map_err(io)?, &now) {
            Ok(()) => break false,
            Err(why) => why,
        };
        // Waits: the kernel may still be releasing the locks of a killed process, and a daemon
        // stops by itself.
        if begin.elapsed() >= OTHERS {
            return Err(why);
        }
        thread::sleep(BETWEEN);
    };
    let said = Said::read(at).map_err(io)?;
    if alone && said.database != now.database {
        set_aside(path, &said)?;
        now.write(&mut file).map_err(io)?;
    }
    lock::shared(&file, at)?;
    Ok((file, alone))
}

/// Checks that the other processes have the file open that is at the path, with its log.
fn others_have(path: &Path, said: &Said, now: &Said) -> Result<(), StoreError> {
    if said.database != now.database {
        return Err(StoreError::OpenElsewhere(path.to_owned()));
    }
    let is_lost = |log: &PathBuf| matches!(log.try_exists(), Ok(false));
    match log_of(path).into_iter().find(is_lost) {
        Some(lost) => Err(StoreError::LogLost(lost)),
        None => Ok(()),
    }
}

/// Another database was put at this path since the last opening. If the earlier log is still there,
/// SQLite would take it for the new database's log, so it is renamed. A log that came with the new
/// database stays.
fn set_aside(path: &Path, said: &Said) -> Result<(), StoreError> {
    if said.log.is_empty() || log_said(path) != said.log {
        return Ok(());
    }
    let ([log, _], aside) = (log_of(path), beside(path, EARLIER));
    fs::rename(&log, &aside).map_err(|source| fault(&log, source))?;
    tracing::warn!(
        "{} was replaced, and {} belongs to the database that was there before: it was set aside as {}",
        path.display(),
        log.display(),
        aside.display()
    );
    Ok(())
}
