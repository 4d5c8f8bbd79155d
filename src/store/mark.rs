//! The mark beside the database: how far the trail had come when lapsed last acted, in a pass or at
//! a person's word. A database that does not reach the mark is an older copy.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, named_params};

use super::trail::{self, Head};
use super::{Store, StoreError};
use crate::files;

impl Store {
    /// Why the database must be an older copy than the last one that acted here, if it is.
    pub(crate) async fn looks_restored(&self) -> Result<Option<String>, StoreError> {
        let path = path(self.path());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::File { path, source }),
        };
        let Ok(mark) = text.trim().parse::<Head>() else {
            return Ok(Some(format!("{} cannot be understood", path.display())));
        };
        self.read(move |db| doubt(db, &mark)).await
    }

    /// The same, unless the database looked like an older copy before: only a person's word makes
    /// that the one that acts here.
    pub(crate) async fn set_mark_unless(
        &self,
        restored: Option<&String>,
    ) -> Result<(), StoreError> {
        match restored {
            None => self.set_mark().await,
            Some(why) => {
                tracing::warn!(
                    why,
                    "noted in a database that is not known to be the one that acts here"
                );
                Ok(())
            }
        }
    }

    /// Notes how far the trail has come.
    pub(crate) async fn set_mark(&self) -> Result<(), StoreError> {
        let head = self.read(trail::head).await?;
        let path = path(self.path());
        write(&path, &head).map_err(|source| StoreError::File { path, source })
    }
}

fn path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".mark");
    path.into()
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

/// Writes the file anew beside the old one, so that there is always a whole one.
fn write(path: &Path, head: &Head) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    // One that a crash has left.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = files::make(&new)?;
    writeln!(file, "{head}")?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
