//! A consistent copy of the database, made while others read and write.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use super::{Store, StoreError};

/// Pages copied at once, and the pause between: a writer gets its turn.
const PAGES: std::ffi::c_int = 4096;
const PAUSE: Duration = Duration::from_millis(1);

impl Store {
    /// Copies the database into a new file that only the owner can read. The file is whole and was
    /// checked when this returns, and gone when it fails.
    pub(crate) async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let to = to.to_owned();
        let fault = |source| StoreError::File {
            path: to.clone(),
            source,
        };
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&to)
            .map_err(fault)?;
        let copy = to.clone();
        let copied = self.read(move |db| copy_checked(db, &copy)).await;
        if copied.is_err() {
            // The failure itself is what the caller hears of.
            let _ = fs::remove_file(&to);
        }
        copied
    }
}

/// Copies a database that is about to be changed; one that another process has changed meanwhile is
/// left to its copy.
pub(super) fn before_upgrade(
    db: &Connection,
    form: impl Fn(&Connection) -> i64,
    to: &Path,
) -> Result<(), StoreError> {
    let fault = |source| StoreError::File {
        path: to.to_owned(),
        source,
    };
    let before = form(db);
    let folder = to.parent().filter(|p| !p.as_os_str().is_empty());
    let new = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(fault)?;
    copy_into(db, &new.path().to_owned())?;
    if form(&Connection::open_with_flags(
        new.path(),
        OpenFlags::SQLITE_OPEN_READ_ONLY,
    )?) != before
    {
        return Ok(());
    }
    new.as_file().sync_all().map_err(fault)?;
    new.persist(to).map_err(|e| fault(e.error))?;
    Ok(())
}

/// A copy that proves to be whole, indexes and all: pages are copied as they are, damaged ones too.
fn copy_checked(db: &Connection, to: &PathBuf) -> Result<(), StoreError> {
    copy_into(db, to)?;
    let copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    // It may tell of several things on several lines.
    let found = found.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(StoreError::Damaged(found))
}

fn copy_into(db: &Connection, to: &PathBuf) -> Result<(), StoreError> {
    let mut copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    Backup::new(db, &mut copy)?.run_to_completion(PAGES, PAUSE, None)?;
    // A single file, with no log beside it that could be forgotten.
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    Ok(())
}
