//! The one door to SQLite: opening, one writer, readers, and the SQL in `store/`, a family of
//! tables each.

mod backup;
mod error;
mod findings;
mod grants;
mod holds;
pub(crate) mod invites;
mod ledger;
mod listing;
mod lock;
mod mark;
mod members;
mod open;
mod outbox;
mod runs;
pub(crate) mod snapshot;
mod sources;
pub(crate) mod summary;
mod targets;
mod teams;
mod time;
pub mod trail;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

pub use error::StoreError;
pub(crate) use findings::Findings;
pub(crate) use grants::Grants;
pub use grants::{Imported, NewGrant};
pub use holds::Approval;
pub(crate) use holds::Holds;
pub(crate) use ledger::{Attempt, Ledger, Settled, Tracked};
pub(crate) use listing::Listing;
pub use listing::{GrantFilter, GrantRow, MemberFilter, MemberRow};
pub use lock::PassLock;
pub(crate) use outbox::{NewMail, Outbox};
pub(crate) use runs::Runs;
pub(crate) use sources::{SourceKind, SourceState, Sources};
pub(crate) use targets::{ListedTeam, Targets};
pub(crate) use teams::{Look, Taken, Teams};

/// An open database. Cheap to clone; all clones share the connections.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    writer: writer::Writer,
    reader: Mutex<Connection>,
}

impl Store {
    /// Opens the database, makes it when it is missing, and brings it to the current form.
    ///
    /// # Errors
    /// When the file is not a database of lapsed, is newer than this program, or cannot be used.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let writer = open::writable(path)?;
        let reader = open::second(path)?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                writer: writer::Writer::start(writer)?,
                reader: Mutex::new(reader),
            }),
        })
    }

    /// Where the database is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Changes the database. `job` runs on the writer's thread, together with what else is waiting,
    /// in one transaction; if it fails, only its own changes are undone. Returns when the change is
    /// on disk.
    ///
    /// # Errors
    /// What `job` returned, or that the transaction could not be committed.
    pub async fn write<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.inner.writer.run(false, job).await
    }

    /// The same for what nobody is in a hurry with: more of the kind is awaited before the commit, so
    /// that many share one.
    ///
    /// # Errors
    /// As for `write`.
    pub(crate) async fn write_patiently<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.inner.writer.run(true, job).await
    }

    /// Changes the database and takes the change back: what `write` would return, and nothing done.
    ///
    /// # Errors
    /// What `job` returned.
    pub async fn rehearse<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let rehearsal = move |db: &Connection| {
            db.execute_batch("SAVEPOINT rehearsal")?;
            let result = job(db);
            db.execute_batch("ROLLBACK TO rehearsal; RELEASE rehearsal")?;
            result
        };
        self.inner.writer.run(false, rehearsal).await
    }

    /// Reads from the database, in one consistent view.
    ///
    /// # Errors
    /// What `job` returned.
    pub async fn read<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let task = tokio::task::spawn_blocking(move || {
            let mut connection = inner.reader.lock().unwrap_or_else(PoisonError::into_inner);
            let view = connection.transaction()?;
            job(&view)
        });
        task.await.map_err(|_| StoreError::Gone)?
    }

    /// Brings what was written from the log into the database, beside whatever else is done: it would
    /// otherwise be waited for when the log is full, or at the end.
    pub(crate) fn tidy(&self) {
        let path = self.inner.path.clone();
        tokio::task::spawn_blocking(move || {
            let tidied = open::second(&path).and_then(|connection| {
                Ok(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
            });
            if let Err(error) = tidied {
                tracing::debug!(%error, "the log was not brought into the database");
            }
        });
    }

    /// A number that changes when another process has changed the database.
    pub(crate) fn version(db: &Connection) -> Result<i64, StoreError> {
        Ok(db.query_row("PRAGMA data_version", [], |row| row.get(0))?)
    }

    /// Takes the right to run a pass on this database; `None` while another process has it.
    ///
    /// # Errors
    /// When the lock file beside the database cannot be made.
    pub fn lock_pass(&self) -> Result<Option<PassLock>, StoreError> {
        PassLock::take(&self.inner.path)
    }
}
