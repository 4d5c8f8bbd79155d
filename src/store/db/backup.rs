//! A consistent copy of the database, made while other processes read and write it.

use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::files::{self, Draft};
use crate::store::db::lock::fault;
use crate::store::{Store, StoreError};

/// Pages copied per step, and the pause between steps, which lets a writer in.
const PAGES: std::ffi::c_int = 4096;
const PAUSE: Duration = Duration::from_millis(1);

impl Store {
    /// Copies the database into a new file that only the owner can read. The file appears only when
    /// it is complete and its integrity was checked; on failure there is none.
    pub(crate) async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let to = to.to_owned();
        self.read(move |db| {
            // Checked first, so that a large database is not copied in vain.
            if to.symlink_metadata().is_ok() {
                return Err(fault(&to, io::Error::from_raw_os_error(libc::EEXIST)));
            }
            let draft = Draft::of(&to).map_err(|source| fault(&to, source))?;
            copy_checked(db, draft.unfinished()).map_err(|error| no_room(&to, error))?;
            draft.publish().map_err(|source| fault(&to, source))
        })
        .await
    }
}

/// A full disk is the one that the copy goes to, since nothing else is written.
fn no_room(to: &Path, error: StoreError) -> StoreError {
    match &error {
        StoreError::Sqlite(said) if said.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
            fault(to, io::ErrorKind::StorageFull.into())
        }
        _ => error,
    }
}

/// Copies a database before it is migrated. If another process has migrated it meanwhile, that
/// process made the copy, and this one is dropped.
pub(in crate::store) fn before_upgrade(
    db: &Connection,
    form: impl Fn(&Connection) -> i64,
    to: &Path,
) -> Result<(), StoreError> {
    let before = form(db);
    files::remove_unfinished(to);
    let draft = Draft::of(to).map_err(|source| fault(to, source))?;
    copy_into(db, draft.unfinished())?;
    if form(&Connection::open_with_flags(
        draft.unfinished(),
        OpenFlags::SQLITE_OPEN_READ_ONLY,
    )?) != before
    {
        return Ok(());
    }
    let replaced = draft.hand_over().and_then(|()| draft.replace());
    replaced.map_err(|source| fault(to, source))
}

/// Copies, then checks the integrity of the copy: damaged pages are copied as they are.
fn copy_checked(db: &Connection, to: &Path) -> Result<(), StoreError> {
    copy_into(db, to)?;
    let copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    // The check may report several problems, one per line.
    let found = found.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(StoreError::Damaged(found))
}

fn copy_into(db: &Connection, to: &Path) -> Result<(), StoreError> {
    let mut copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    Backup::new(db, &mut copy)?.run_to_completion(PAGES, PAUSE, None)?;
    // Makes the copy a single file: no log beside it that somebody could forget to take along.
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    Ok(())
}
