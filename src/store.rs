//! Storage: the database itself in `db`, a file for each table in `tables`, one for each kind of
//! reader in `queries`, the ledger of removals, and the audit trail.

mod db;
mod ledger;
mod locks;
pub(crate) mod queries;
pub(crate) mod tables;
pub mod trail;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use db::open::{self, IfMissing};
use db::open_files::OpenFiles;
use db::read_only::ReadOnly;
use db::writer::{Kind, Writer};

pub use db::daemon_lock::Presence;
pub use db::error::StoreError;
pub use db::lock::Lock;
pub use db::open_files::Displaced;
pub(crate) use ledger::absent::{self, ReadTeam};
pub(crate) use ledger::upgrade;
pub(crate) use ledger::{Attempt, Kept, Ledger, Lost, Settled, Tracked};
pub(crate) use queries::due_between_passes::Agenda;
pub(crate) use queries::ending::ending;
pub(crate) use queries::findings::Findings;
pub(crate) use queries::list::Listing;
pub use queries::list::{GrantFilter, GrantRow, MemberFilter, MemberRow};
pub(crate) use tables::answering::Answering;
pub(crate) use tables::episodes::Episodes;
pub(crate) use tables::grants::{Dropped, Grants, OfSource, Recorded, Word};
pub use tables::grants::{Held, Imported, NewGrant, RowGrant, Same, SourceRow};
pub use tables::holds::Approval;
pub(crate) use tables::holds::{HeldRemoval, Holds};
pub(crate) use tables::links::{LinkAnswer, LinkAnswered, LinkQuestion, Links, QuestionStands};
pub(crate) use tables::notices::Notices;
pub(crate) use tables::outbox::{Again, NewMail, Outbox, Waiting};
pub use tables::provisions::Asked;
pub(crate) use tables::provisions::{
    Intent, NewProvision, Next, Outlook, Posting, Provision, Provisions,
};
pub(crate) use tables::resting::Resting;
pub use tables::reviews::ReviewRow;
pub(crate) use tables::reviews::{ReviewAnswer, Reviews};
pub(crate) use tables::runs::Runs;
pub(crate) use tables::sources::{Doubt, SourceKind, SourceState, Sources, Version};
pub(crate) use tables::targets::{ListedTeam, Targets};
pub(crate) use tables::teams::{Belief, KnownTeam, Look, Teams};

/// A connection, for code that only passes it on.
pub(crate) type Db = Connection;

/// An open database. Cheap to clone; all clones share the connections.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    access: Access,
    /// `None` once it was released.
    reader: Mutex<Option<Connection>>,
}

/// How a database was opened.
#[derive(Debug)]
enum Access {
    Full {
        writer: Writer,
        files: Arc<OpenFiles>,
    },
    Reading(ReadOnly),
}

impl Drop for Inner {
    fn drop(&mut self) {
        let Access::Full { files, .. } = &self.access else {
            return;
        };
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = reader.as_ref().filter(|_| files.log_is_lost()) {
            bring_in(reader);
        }
        if !files.names_are_ours() {
            reader.take().map(|reader| Box::leak(Box::new(reader)));
        }
        // Released before SQLite deletes its log: otherwise a process that opens the database in
        // between would report the log as lost.
        files.release();
    }
}

impl Store {
    /// Opens the database, creates it when it is missing, and migrates it to the current form.
    ///
    /// # Errors
    /// When the file is not a database of lapsed, is newer than this program, or cannot be used.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::opened(path, IfMissing::Make)
    }

    /// Opens an existing database for reading; never creates one. Where nothing can be written, it
    /// is read as it is.
    ///
    /// # Errors
    /// When there is none, or as for `open`; and when it cannot be read as a whole where nothing can
    /// be written.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let unusual = match Self::opened(path, IfMissing::Fail) {
            Err(error) if error.is_of_writing() => error,
            opened => return opened,
        };
        let database = ReadOnly::of(path, unusual)?;
        let reader = database.connect()?;
        Ok(Self::with(Access::Reading(database), reader))
    }

    fn opened(path: &Path, if_missing: IfMissing) -> Result<Self, StoreError> {
        let (writer, files) = open::writable(path, if_missing)?;
        let reader = open::second(&files)?;
        let writer = Writer::start(writer, Arc::clone(&files))?;
        Ok(Self::with(Access::Full { writer, files }, reader))
    }

    fn with(access: Access, reader: Connection) -> Self {
        Self {
            inner: Arc::new(Inner {
                access,
                reader: Mutex::new(Some(reader)),
            }),
        }
    }

    fn files(&self) -> Result<&Arc<OpenFiles>, StoreError> {
        match &self.inner.access {
            Access::Full { files, .. } => Ok(files),
            Access::Reading(_) => Err(StoreError::OnlyReads),
        }
    }

    fn writer(&self) -> Result<&Writer, StoreError> {
        match &self.inner.access {
            Access::Full { writer, .. } => Ok(writer),
            Access::Reading(_) => Err(StoreError::OnlyReads),
        }
    }

    /// Checks that the database, its log and the locks held by this process are still the files at
    /// their paths. Every write checks this by itself.
    ///
    /// # Errors
    /// When they are not: nothing read from this database may be used then.
    pub fn is_in_place(&self) -> Result<(), StoreError> {
        match &self.inner.access {
            Access::Full { files, .. } => files.check(),
            Access::Reading(_) => Ok(()),
        }
    }

    /// Checkpoints a log that was deleted: only a process that still has it open can. To be called
    /// before this process stops for that reason.
    pub(crate) fn save_lost_log(&self) {
        if let Access::Full { files, .. } = &self.inner.access
            && files.log_is_lost()
            && let Some(reader) = &*self.reader()
        {
            bring_in(reader);
        }
    }

    fn reader(&self) -> MutexGuard<'_, Option<Connection>> {
        self.inner
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads from an existing database on this thread: creates and changes nothing, waits for no
    /// lock, and needs no write permission.
    ///
    /// # Errors
    /// When there is none, when it is not ours, or what `job` returned.
    pub(crate) fn glance<T>(
        path: &Path,
        job: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        job(&open::glance(path)?)
    }

    /// Where the database is.
    #[must_use]
    pub fn path(&self) -> &Path {
        match &self.inner.access {
            Access::Full { files, .. } => files.path(),
            Access::Reading(database) => database.path(),
        }
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
        self.writer()?.run(Kind::Urgent, job).await
    }

    /// The same for changes that are not urgent: the commit waits a little for more of them, so
    /// that many share one.
    ///
    /// # Errors
    /// As for `write`.
    pub(crate) async fn write_patiently<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer()?.run(Kind::Patient, job).await
    }

    /// Runs `job` and rolls it back: returns what `write` would, and changes nothing.
    ///
    /// # Errors
    /// What `job` returned.
    pub async fn rehearse<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let rehearsal = move |db: &Connection| savepoint(db, "rehearsal", |_| true, || job(db));
        self.writer()?.run(Kind::Urgent, rehearsal).await
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
        let store = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let mut reader = store.reader();
            let view = reader.as_mut().ok_or(StoreError::Gone)?.transaction()?;
            job(&view)
        });
        task.await.map_err(|_| StoreError::Gone)?
    }

    /// Reads through a separate connection, in one consistent view: for large reads, or several at
    /// once, so that other readers need not wait.
    ///
    /// # Errors
    /// What `job` returned, or that there is no such connection.
    pub(crate) async fn read_aside<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let store = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let mut connection = store.another()?;
            let view = connection.transaction()?;
            job(&view)
        });
        task.await.map_err(|_| StoreError::Gone)?
    }

    fn another(&self) -> Result<Connection, StoreError> {
        match &self.inner.access {
            Access::Full { files, .. } => open::second(files),
            Access::Reading(database) => database.connect(),
        }
    }

    /// Checkpoints the log in the background. Otherwise a write would wait for that when the log is
    /// full, or the process when it ends.
    pub(crate) fn tidy(&self) {
        let store = self.clone();
        tokio::task::spawn_blocking(move || {
            let tidied = store.another().and_then(|connection| {
                Ok(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
            });
            if let Err(error) = tidied {
                tracing::debug!(%error, "the log was not brought into the database");
            }
        });
    }

    /// A number that changes whenever the database has changed; `None` while the connection is in
    /// use. Cheap enough to be read each second, on this thread.
    pub(crate) fn version(&self) -> Option<i64> {
        let reader = self.inner.reader.try_lock().ok()?;
        reader
            .as_ref()?
            .query_row("PRAGMA data_version", [], |row| row.get(0))
            .ok()
    }
}

/// Checkpoints the log, as far as other readers allow.
fn bring_in(db: &Connection) {
    let brought = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    match brought {
        Ok(()) => tracing::warn!("the log was deleted; what it held was brought into the database"),
        Err(error) => tracing::error!(
            %error,
            "the log was deleted, and what it held could not be brought into the database: {error}"
        ),
    }
}

/// Runs `job` in a savepoint: if it fails, only its own changes are undone.
fn apart<T>(db: &Connection, job: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    savepoint(db, "apart", Result::is_err, job)
}

/// Runs `job` in a savepoint. If `is_undone` says so of its result, its changes are undone, and the
/// trail forgets them too. The name tells it from those within, which a panic leaves open.
fn savepoint<T>(
    db: &Connection,
    name: &str,
    is_undone: impl FnOnce(&Result<T, StoreError>) -> bool,
    job: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    db.prepare_cached(&format!("SAVEPOINT {name}"))?
        .execute([])?;
    let untold = trail::untold();
    let result = job();
    if is_undone(&result) {
        db.prepare_cached(&format!("ROLLBACK TO {name}"))?
            .execute([])?;
        trail::back_to(untold);
    }
    db.prepare_cached(&format!("RELEASE {name}"))?.execute([])?;
    result
}

/// The query plan of a statement on a fresh database, a line for each step.
#[cfg(test)]
async fn steps_of(sql: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("l.db")).unwrap();
    let sql = format!("EXPLAIN QUERY PLAN {sql}");
    let explain = move |db: &Connection| {
        let mut statement = db.prepare(&sql)?;
        let steps = statement.raw_query().mapped(|row| row.get("detail"));
        Ok(steps.collect::<Result<_, _>>()?)
    };
    store.read(explain).await.unwrap()
}
