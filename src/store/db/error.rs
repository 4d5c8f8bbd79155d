//! What can go wrong with the database, in words for a person.

use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;
use thiserror::Error;

use crate::store::db::open_files::Displaced;

/// Why the database could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file or its directory cannot be used.
    #[error("cannot use {}{}", path.display(), unwritable(source))]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no database.
    #[error(
        "there is no database at {0} (state.path): no grant has been recorded there and no pass made"
    )]
    Missing(PathBuf),
    /// The open file is no longer the one at its path.
    #[error(transparent)]
    Displaced(#[from] Displaced),
    /// Another process still has the file open that was at this path before.
    #[error(
        "{0} was replaced while another process of lapsed has open what was there before; stop that one, or wait until it has noticed: the daemon does within seconds"
    )]
    OpenElsewhere(PathBuf),
    /// Other processes have the database open, and its log was deleted.
    #[error(
        "{0} was deleted while another process of lapsed has the database open, and holds what is not yet in it; stop that one, or wait until it has noticed: the daemon does within seconds"
    )]
    LogLost(PathBuf),
    /// The database has several hard links, and its log lies beside only one of them.
    #[error(
        "{path} has {names} names (hard links): SQLite's log would lie beside one of them only, and what it holds be lost for the others; remove the other names"
    )]
    ManyNames {
        /// One of them.
        path: PathBuf,
        /// How many there are.
        names: u64,
    },
    /// Another process holds the lock for opening the database for too long.
    #[error(
        "another process is opening {0}, or bringing it to the current form, and did not end in time"
    )]
    NoTurn(PathBuf),
    /// It was opened for reading only.
    #[error("the database is open for reading only")]
    OnlyReads,
    /// The database needs a migration before it can be read, and nothing can be written.
    #[error(
        "{path} was written by an earlier lapsed (form {found}, this program reads {known}) and cannot be brought to the current form where nothing can be written"
    )]
    Older {
        /// Which.
        path: PathBuf,
        /// The database's form.
        found: i64,
        /// The one that we read.
        known: i64,
    },
    /// The database cannot be read without writing, because its log is not empty.
    #[error(
        "{log} holds what is not yet in the database, and it cannot be read where nothing can be written: make room, or copy the database with {log} to another disk and read it there"
    )]
    Unreadable {
        /// SQLite's log.
        log: PathBuf,
        /// Why the database could not be opened as usual.
        #[source]
        source: Box<StoreError>,
    },
    /// The file is something else.
    #[error(
        "{path} is not a database of lapsed: {why}; point state.path at the right file, or at a new one"
    )]
    NotOurs {
        /// Which.
        path: PathBuf,
        /// How that shows.
        why: &'static str,
    },
    /// Written by a newer lapsed.
    #[error(
        "{path} was written by a newer lapsed (form {found}, this program knows {known}); run that one{}",
        .copy.as_ref().map(|copy| format!(
            ", or move {} into its place: it is the database as it was before the upgrade", copy.display()
        )).unwrap_or_default()
    )]
    Newer {
        /// Which.
        path: PathBuf,
        /// The database's form.
        found: i64,
        /// The newest that we know.
        known: i64,
        /// What was copied before it was upgraded, if it is still there.
        copy: Option<PathBuf>,
    },
    /// Bringing the database to the current form failed.
    #[error("{path} could not be brought to the current form")]
    Migration {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<refinery::Error>,
    },
    /// SQLite returned an error.
    #[error("{}", explain(.0))]
    Sqlite(#[source] rusqlite::Error),
    /// The file is damaged.
    #[error("the database is damaged: {0}; nothing was copied: restore an earlier backup")]
    Damaged(String),
    /// A stored value is not valid.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
    /// The output could not be written.
    #[error("the output could not be written")]
    Output(#[source] io::Error),
    /// The writer has stopped.
    #[error("the database's writer has stopped")]
    Gone,
    /// A transaction that this change was part of did not reach the disk.
    #[error("the change was not written: {0}")]
    NotCommitted(String),
}

impl StoreError {
    /// Whether the data, stored or to be stored, is the cause: then only one target is affected. A
    /// failure of the disk, a lock or the writer affects all.
    #[must_use]
    pub fn is_of_data(&self) -> bool {
        match self {
            Self::Corrupt(_) => true,
            Self::Sqlite(error) => !matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DiskFull
                        | ErrorCode::ReadOnly
                        | ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::CannotOpen
                        | ErrorCode::DatabaseCorrupt
                        | ErrorCode::NotADatabase
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::OutOfMemory
                )
            ),
            _ => false,
        }
    }
}

impl StoreError {
    /// Whether the database could not be opened because nothing can be written there.
    pub(in crate::store) fn is_of_writing(&self) -> bool {
        match self {
            Self::File { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::ReadOnlyFilesystem
                    | io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::PermissionDenied
            ),
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DiskFull
                        | ErrorCode::ReadOnly
                        | ErrorCode::CannotOpen
                        | ErrorCode::SystemIoFailure
                )
            ),
            Self::Migration { .. } => true,
            _ => false,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<rusqlite::types::FromSqlError> for StoreError {
    fn from(error: rusqlite::types::FromSqlError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// Explains a read-only file system: systemd may make it read-only for this user alone.
fn unwritable(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => ", which cannot be opened by this user for writing",
        _ => "",
    }
}

/// SQLite's reason, with what a person can do about it.
fn explain(error: &rusqlite::Error) -> String {
    // The log's index (`-shm`) could not grow.
    let no_room = error
        .sqlite_error()
        .is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE);
    let hint = match error.sqlite_error_code() {
        _ if no_room => "the disk is full: make room, then run again",
        Some(ErrorCode::DiskFull) => "the disk is full: make room, then run again",
        Some(ErrorCode::ReadOnly) => "the database or its directory is read-only for this user",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process keeps the database locked"
        }
        Some(ErrorCode::CannotOpen) => "the file or its directory cannot be opened by this user",
        Some(ErrorCode::DatabaseCorrupt) => "the file is damaged: restore a backup",
        Some(ErrorCode::NotADatabase) => "the file is not a database",
        Some(ErrorCode::SystemIoFailure) => "reading or writing the disk failed",
        _ => return "the database refused a statement".to_owned(),
    };
    format!("database: {hint}")
}
