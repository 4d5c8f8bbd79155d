//! A database where nothing can be written: on a full or read-only disk, or without write
//! permission. SQLite needs an index to read its log and cannot create one here, so either the log
//! is empty or the index must exist.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;
use crate::store::db::open::{
    check_files, check_ours, form, known, must_be_there, refuse_newer, resolve,
};

/// A database that is only read.
#[derive(Debug)]
pub(in crate::store) struct ReadOnly {
    path: PathBuf,
    uri: String,
}

impl ReadOnly {
    /// Finds out how to read a database that could not be opened as usual, for the reason
    /// `unusual`.
    pub(in crate::store) fn of(named: &Path, unusual: StoreError) -> Result<Self, StoreError> {
        must_be_there(named)?;
        let path = resolve(named)?;
        check_files(&path)?;
        let (log, index) = (with(&path, "-wal"), with(&path, "-shm"));
        let logged = fs::metadata(&log).map_or(0, |log| log.len());
        let how = match (logged, index.exists()) {
            // The log is empty, and nobody can write.
            (0, _) => "immutable=1",
            // SQLite reads the index, or builds one in memory.
            (_, true) => "readonly_shm=1",
            (_, false) => {
                return Err(StoreError::Unreadable {
                    log,
                    source: Box::new(unusual),
                });
            }
        };
        let uri = format!("file:{}?mode=ro&{how}", escaped(path.as_os_str()));
        let database = Self { path, uri };
        match database.connect().and_then(|db| database.check(&db)) {
            Err(error) if error.is_of_writing() && logged > 0 => Err(StoreError::Unreadable {
                log,
                source: Box::new(unusual),
            }),
            Err(error) if error.is_of_writing() => Err(unusual),
            checked => checked.map(|()| database),
        }
    }

    pub(in crate::store) fn path(&self) -> &Path {
        &self.path
    }

    pub(in crate::store) fn connect(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(&self.uri, flags)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        Ok(connection)
    }

    fn check(&self, db: &Connection) -> Result<(), StoreError> {
        check_ours(db, &self.path)?;
        refuse_newer(db, &self.path)?;
        let (found, known) = (form(db), known());
        if found < known {
            return Err(StoreError::Older {
                path: self.path.clone(),
                found,
                known,
            });
        }
        Ok(())
    }
}

fn with(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// A path, percent-encoded for a URI.
fn escaped(path: &OsStr) -> String {
    path.as_bytes().iter().fold(String::new(), |mut uri, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
        uri
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_one_in_a_uri() {
        assert_eq!(
            escaped(OsStr::new("/a b/c?d#e%.db")),
            "/a%20b/c%3Fd%23e%25.db"
        );
    }
}
