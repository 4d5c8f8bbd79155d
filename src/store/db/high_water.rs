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
//! It costs little: whoever asks while the mark is being written waits for the next writing, which
//! serves all of them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, named_params};
use tokio::sync::Mutex;

use crate::files::{self, Draft};
use crate::store::db::lock::{Turn, beside, fault};
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

/// Those who wait for the mark before they call.
#[derive(Debug, Default)]
pub(in crate::store) struct Callers {
    /// How many have asked so far.
    asked: AtomicU64,
    served: Mutex<Served>,
}

#[derive(Debug, Default)]
struct Served {
    /// So many of those who asked need not wait any more.
    callers: u64,
    /// Whether the log says that the mark cannot be written.
    is_told: bool,
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
        let done = self.write(job).await?;
        let callers = self.callers();
        let place = callers.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut served = callers.served.lock().await;
        if served.callers < place {
            // Their changes are all on disk, so the mark that is written now is beyond them.
            let all = callers.asked.load(Ordering::SeqCst);
            match self.move_mark(Whose::Own).await {
                Ok(()) => served.is_told = false,
                Err(_) if served.is_told => {}
                Err(error) => {
                    served.is_told = true;
                    self.warn_of(error);
                }
            }
            served.callers = all;
        }
        Ok(done)
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
            self.warn_of(error);
        }
    }

    fn warn_of(&self, error: StoreError) {
        let path = path(self.path());
        let error = format!("{:#}", anyhow::Error::from(error));
        tracing::warn!(
            path = %path.display(),
            error,
            "{} could not be written: {error}. Nothing is lost by that; the next command or pass that can writes it",
            path.display()
        );
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
        self.read(move |db| {
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
        })
        .await
    }
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
