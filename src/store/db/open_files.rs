//! The files that a process has open, held against those at their paths: a database that was
//! replaced under a process must not decide anything any more, nor hear of anything new.

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

/// The ending of the file that whoever has the database open has locked, shared with the others. It
/// says which file that is: all have the same one open.
const OPEN: &str = "open";
/// More than its numbers take; written over in place, which a full disk allows.
const LONGEST: usize = 128;
/// How long others are waited for who have something open that is no longer at its path.
const OTHERS: Duration = Duration::from_secs(3);
const BETWEEN: Duration = Duration::from_millis(20);
/// The ending of a log that belonged to the database that was at the path before.
const EARLIER: &str = "earlier-wal";

/// What is open is no longer what is at its path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{path} was {} while lapsed had it open; it stops, so that nothing is done by a file that is no longer there. Start it again (systemd does so by itself)",
    if *.replaced { "replaced" } else { "deleted or moved away" }
)]
pub struct Displaced {
    /// Which file.
    path: PathBuf,
    /// Whether there is another one at its path.
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

/// What this process has open of one database.
#[derive(Debug)]
pub(in crate::store) struct OpenFiles {
    /// The database itself: what a link leads to.
    path: PathBuf,
    /// By the path that the configuration names.
    database: Watched,
    /// SQLite's log and its index.
    log: Mutex<Vec<Watched>>,
    /// The locks that are held.
    locks: Mutex<Vec<Watched>>,
    shared: Mutex<Option<File>>,
    /// Nobody else had the database open when this process opened it.
    alone: bool,
}

impl OpenFiles {
    /// Says that this process is about to open the database at `named`; whoever calls this is the
    /// only one who does, and has the turn at `path`, to which that leads.
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
        // What somebody left who died while writing: nobody does now.
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

    /// From here on, SQLite's files beside the database have to stay too.
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

    /// From here on, a lock that this process holds has to stay, until it is given up.
    pub(in crate::store) fn watch_lock(&self, path: PathBuf, identity: Identity) {
        of(&self.locks).push(Watched { path, identity });
    }

    pub(in crate::store) fn forget_lock(&self, path: &Path) {
        of(&self.locks).retain(|watched| watched.path != path);
    }

    /// Whether what is open is what is there: the database, its log, and the locks held.
    ///
    /// # Errors
    /// When it is not, or that cannot be told.
    pub(in crate::store) fn check(&self) -> Result<(), StoreError> {
        self.database.check()?;
        for watched in of(&self.log).iter().chain(of(&self.locks).iter()) {
            watched.check()?;
        }
        Ok(())
    }

    /// Whether the database is there and its log was deleted: then what the log held is in nobody's
    /// reach but ours.
    pub(in crate::store) fn log_is_lost(&self) -> bool {
        let log = log_of(&self.path).into_iter().next();
        self.database.check().is_ok()
            && !of(&self.log).is_empty()
            && log.is_some_and(|log| matches!(log.try_exists(), Ok(false)))
    }

    /// Whether SQLite may tidy up after itself by the names of its files: they may be another
    /// database's.
    pub(in crate::store) fn names_are_ours(&self) -> bool {
        let replaced = |watched: &Watched| matches!(watched.check(), Err(StoreError::Displaced(it)) if it.replaced);
        self.database.check().is_ok() && !of(&self.log).iter().any(replaced)
    }

    /// No longer keeps others from another file at this path.
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

/// What the file says that they have locked who have the database open.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    /// Which file the database is.
    database: String,
    /// Which one its log.
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

/// Which file the log is; its birth tells it from another that got the same number.
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

/// Joins those who have this file open, and says whether there are none; refused while others have
/// another one open that was at this path before, or while their log is gone: to open the database
/// without it would lose what it holds.
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
        // One that was killed is gone only when the kernel has taken all its locks back, and a
        // daemon ends by itself.
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

/// Whether what the others have open is what is at the path.
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

/// Another database came to this path since it was last open: a log that stayed is not its own, and
/// SQLite would take it for that. One that came with it is.
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
