//! Whether a daemon is running on this database: the daemon keeps a file beside it locked. Only the
//! lock counts, never the process id in the file, because process ids are reused.

use std::io::{Read, Write};
use std::path::Path;

use crate::clock;
use crate::status::Daemon;
use crate::store::db::lock::{self, Lock, beside, fault};
use crate::store::{Store, StoreError};

/// The suffix of that file.
const DAEMON: &str = "daemon";
/// The most bytes that are read of it: more than a process id and a time take.
const LONGEST: u64 = 100;

/// The lock of this database's daemon; released when dropped.
#[derive(Debug)]
#[must_use = "the daemon counts as gone when this is dropped"]
pub struct Presence {
    _lock: Lock,
}

impl Store {
    /// Takes the lock of this database's daemon; `None` while another daemon is running.
    ///
    /// # Errors
    /// When the file beside the database cannot be written.
    pub fn claim_daemon(&self) -> Result<Option<Presence>, StoreError> {
        let Some(mut lock) = Lock::take(self.files()?, DAEMON)? else {
            return Ok(None);
        };
        let words = format!("{} {}\n", std::process::id(), clock::now());
        let file = lock.file();
        let written = file
            .set_len(0)
            .and_then(|()| file.write_all(words.as_bytes()));
        written.map_err(|source| fault(lock.path(), source))?;
        Ok(Some(Presence { _lock: lock }))
    }

    /// The daemon that is running on this database, if any.
    ///
    /// # Errors
    /// When the file beside the database exists and cannot be read.
    pub fn daemon(&self) -> Result<Option<Daemon>, StoreError> {
        find(&beside(self.path(), DAEMON))
    }
}

fn find(path: &Path) -> Result<Option<Daemon>, StoreError> {
    let Some(file) = lock::look(path)? else {
        return Ok(None);
    };
    let mut words = Vec::new();
    file.take(LONGEST)
        .read_to_end(&mut words)
        .map_err(|source| fault(path, source))?;
    let words = String::from_utf8_lossy(&words);
    let mut words = words.split_whitespace();
    Ok(Some(Daemon {
        pid: words.next().and_then(|word| word.parse().ok()),
        since: words.next().and_then(|word| word.parse().ok()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_is_there_as_long_as_its_claim_and_only_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("lapsed.db")).unwrap();
        assert_eq!(store.daemon().unwrap(), None);

        let before = clock::now();
        let presence = store.claim_daemon().unwrap().unwrap();
        let daemon = store.daemon().unwrap().unwrap();
        assert_eq!(daemon.pid, Some(std::process::id()));
        assert!(daemon.since.is_some_and(|since| since >= before));
        assert!(store.claim_daemon().unwrap().is_none());

        drop(presence);
        assert_eq!(store.daemon().unwrap(), None, "the file alone says nothing");
        assert!(store.claim_daemon().unwrap().is_some());
    }

    #[test]
    fn what_somebody_wrote_into_the_file_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("lapsed.db")).unwrap();
        let _presence = store.claim_daemon().unwrap().unwrap();
        std::fs::write(beside(store.path(), "daemon"), b"\xff -1 now").unwrap();
        let daemon = store.daemon().unwrap().unwrap();
        assert_eq!((daemon.pid, daemon.since), (None, None));
    }
}
