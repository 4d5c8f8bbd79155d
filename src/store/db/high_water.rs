//! The high-water mark, a file beside the database: the last audit event when lapsed last acted, in
//! a pass or by a person's command. A database that ends before the mark is an older copy.
//!
//! No call that changes a provider goes out before the mark has come as far as the call's intent
//! (`write_before_call`). So a database that has lost the intent of a call, as by a kill and the loss
//! of its log, is always known for it: the trail has no gaps, so what lacks that event ends before
//! it, and the mark does not. When the log is brought into the database does not matter, nor which
//! process does that. A database that is whole is never doubted: the mark is read from the database
//! after the commit, so it names an event that is on disk, and only a person moves it back.
//!
//! It costs little: the writer moves it once for all that it has committed together.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, named_params};

use crate::files::{self, Draft};
use crate::store::db::lock::{Turn, beside, fault};
use crate::store::db::open_files::OpenFiles;
use crate::store::db::writer::Kind;
use crate::store::trail::{self, Head};
use crate::store::{Store, StoreError};

/// The most bytes that are read of it: more than a head takes.
const LONGEST: u64 = 200;
/// How long to wait for another process that is opening the database or moving the mark.
const TURN: Duration = Duration::from_secs(10);

/// Who moves the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Lapsed itself: the mark only moves forward.
    Own,
    /// A person, who confirms that this is the right database: the mark may move back.
    Persons,
}

impl Store {
    /// Changes the database before a call that is about the change, as `write` does: returns when
    /// the change is on disk and the mark has come as far. The call goes out also where the mark
    /// cannot be written, which the log tells: access would never end otherwise.
    ///
    /// # Errors
    /// As for `write`.
    pub(crate) async fn write_before_call<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer()?.run(Kind::BeforeCall, job).await
    }

    /// Why the database must be older than the one that lapsed last acted on here, if it is.
    pub(crate) async fn looks_restored(&self) -> Result<Option<String>, StoreError> {
        let path = path(self.path());
        match look(&path)? {
            Found::Nothing => Ok(None),
            Found::Nonsense => Ok(Some(format!("{} cannot be understood", path.display()))),
            Found::Mark(mark) => self.read(move |db| doubt(db, &mark)).await,
        }
    }

    /// Moves the mark to the last audit event, unless the database looked like an older copy: only
    /// a person can confirm such a database.
    pub(crate) async fn set_mark_unless(&self, restored: Option<&String>) {
        match restored {
            None => self.set_mark().await,
            Some(why) => tracing::warn!(
                why,
                "noted in a database that is not known to be the one that acts here"
            ),
        }
    }

    /// Moves the mark to the last audit event. A failure is only logged: the change itself is done,
    /// and the next command or pass writes the mark.
    pub(crate) async fn set_mark(&self) {
        if let Err(error) = self.move_mark(Whose::Own).await {
            warn_of(self.path(), error);
        }
    }

    /// Moves the mark because a person confirmed that this is the right database.
    ///
    /// # Errors
    /// When the mark cannot be written: then the confirmation has no effect.
    pub(crate) async fn confirm_mark(&self) -> Result<(), StoreError> {
        self.move_mark(Whose::Persons).await
    }

    async fn move_mark(&self, whose: Whose) -> Result<(), StoreError> {
        let files = std::sync::Arc::clone(self.files()?);
        self.read(move |db| moved(db, &files, whose)).await
    }
}

/// Moves the mark before a call, once for all that were committed together. Only the first failure of
/// several is told.
pub(in crate::store) fn before_call(db: &Connection, files: &OpenFiles, is_told: &mut bool) {
    match moved(db, files, Whose::Own) {
        Ok(()) => *is_told = false,
        Err(_) if *is_told => {}
        Err(error) => {
            *is_told = true;
            warn_of(files.path(), error);
        }
    }
}

fn warn_of(database: &Path, error: StoreError) {
    let path = path(database);
    let error = format!("{:#}", anyhow::Error::from(error));
    tracing::warn!(
        path = %path.display(),
        error,
        "{} could not be written: {error}. Nothing is lost by that; the next command or pass that can writes it",
        path.display()
    );
}

fn moved(db: &Connection, files: &OpenFiles, whose: Whose) -> Result<(), StoreError> {
    let path = path(files.path());
    // The mark is read again under the lock, so that it never moves back.
    let _turn = Turn::take(files.path(), TURN)?;
    files.check()?;
    let head = trail::head(db)?;
    if whose == Whose::Own {
        match look(&path)? {
            Found::Mark(mark) if mark.seq > 0 && mark == head => return Ok(()),
            Found::Mark(mark) if doubt(db, &mark)?.is_some() => return Ok(()),
            Found::Nonsense => return Ok(()),
            Found::Mark(_) | Found::Nothing => {}
        }
    }
    write(&path, &head).map_err(|source| fault(&path, source))
}

/// What the file of the mark holds.
enum Found {
    Nothing,
    Nonsense,
    Mark(Head),
}

fn look(path: &Path) -> Result<Found, StoreError> {
    let bytes = match files::read(path, LONGEST) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(source) => return Err(fault(path, source)),
    };
    let mark = std::str::from_utf8(&bytes).ok();
    let mark = mark.and_then(|text| text.trim().parse().ok());
    Ok(mark.map_or(Found::Nonsense, Found::Mark))
}

pub(in crate::store) fn path(database: &Path) -> PathBuf {
    beside(database, "mark")
}

fn write(path: &Path, head: &Head) -> io::Result<()> {
    let mut draft = Draft::of(path)?;
    draft.write(format!("{head}\n").as_bytes())?;
    draft.hand_over()?;
    draft.replace()
}

fn doubt(db: &Connection, mark: &Head) -> Result<Option<String>, StoreError> {
    let head = trail::head(db)?;
    if head.seq == 0 && mark.seq > 0 {
        return Ok(Some(format!(
            "the database is new, and {} audit events were there when lapsed last acted here: it was deleted or replaced",
            mark.seq
        )));
    }
    if head.seq < mark.seq {
        return Ok(Some(format!(
            "the database holds {} audit events, and {} were there when lapsed last acted here: it is an older copy",
            head.seq, mark.seq
        )));
    }
    let hash: Option<[u8; 32]> = db
        .prepare_cached("SELECT hash FROM event WHERE seq = :seq")?
        .query_row(named_params! { ":seq": mark.seq }, |row| row.get(0))
        .optional()?;
    if mark.seq > 0 && hash != Some(mark.hash) {
        return Ok(Some(
            "the database has another history than the one that last acted here".to_owned(),
        ));
    }
    Ok(None)
}
