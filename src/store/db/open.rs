//! Opens a database safely: only one of lapsed's own, never a newer one, readable by the owner
//! alone.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use refinery::Target;
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OpenFlags};

use crate::domain::canonical;
use crate::files;
use crate::store::db::lock::{Turn, fault};
use crate::store::db::open_files::OpenFiles;
use crate::store::{StoreError, db::backup, trail};

mod migrations {
    refinery::embed_migrations!("migrations");
}

/// "LPSD": marks a SQLite file as ours.
const APPLICATION_ID: i64 = 0x4c50_5344;

/// How large the log may grow before a checkpoint, in bytes.
const LARGEST_LOG: i64 = 64 << 20;

/// How long a statement waits for another process's transaction.
const BUSY: Duration = Duration::from_secs(10);

/// How long to wait for other processes that are opening the database: there may be many.
const TURN: Duration = Duration::from_secs(60);

/// Whether to create a missing database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum IfMissing {
    Make,
    Fail,
}

/// Opens the connection that writes, after migrating the database, with the files that it has open.
/// Only one process opens it at a time, so none sees it half created.
pub(in crate::store) fn writable(
    named: &Path,
    if_missing: IfMissing,
) -> Result<(Connection, Arc<OpenFiles>), StoreError> {
    match if_missing {
        IfMissing::Make => make_file(named)?,
        IfMissing::Fail => must_be_there(named)?,
    }
    let path = resolve(named)?;
    check_files(&path)?;
    let _turn = Turn::take(&path, TURN)?;
    let files = Arc::new(OpenFiles::claim(named, &path)?);
    let connection = prepared(&path)?;
    files.watch_log()?;
    Ok((connection, files))
}

/// Follows a symbolic link to the database: its log and lock files are beside the real file.
pub(in crate::store) fn resolve(named: &Path) -> Result<PathBuf, StoreError> {
    let is_link = std::fs::symlink_metadata(named).is_ok_and(|it| it.is_symlink());
    match is_link {
        true => std::fs::canonicalize(named).map_err(|error| fault(named, error)),
        false => Ok(named.to_owned()),
    }
}

/// Checks the files that SQLite opens by name. It would follow a hard link and, as root, give the
/// linked file to the database's owner; and it would block on a pipe.
pub(in crate::store) fn check_files(path: &Path) -> Result<(), StoreError> {
    let is_file = |it: std::fs::Metadata| it.is_file() || it.is_dir();
    if !std::fs::symlink_metadata(path).is_ok_and(is_file) {
        files::check(path).map_err(|error| fault(path, error))?;
    }
    for ending in ["-wal", "-shm", "-journal"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        let beside = PathBuf::from(beside);
        files::check(&beside).map_err(|error| fault(&beside, error))?;
    }
    Ok(())
}

pub(in crate::store) fn must_be_there(named: &Path) -> Result<(), StoreError> {
    match named.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(StoreError::Missing(named.to_owned())),
        Err(error) => Err(fault(named, error)),
    }
}

fn prepared(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = connect(path)?;
    let fresh = check_ours(&connection, path)?;
    refuse_newer(&connection, path)?;
    // Larger pages than the default, because most pages are written many at a time, twice, and read
    // back. The size cannot change once the file is created.
    if fresh {
        connection.pragma_update(None, "page_size", 8192)?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // An intent has to be on disk before the provider is called.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // The first reading of many teams writes some thousand pages: a large cache (in KiB) keeps most
    // of them from being written twice, and a large log (in pages) avoids checkpoints meanwhile.
    connection.pragma_update(None, "cache_size", -16_384)?;
    let pages = LARGEST_LOG / page_size(&connection)?;
    connection.pragma_update(None, "wal_autocheckpoint", pages)?;
    migrate(&mut connection, path)?;
    // The rollback data of a savepoint: a few pages, not worth a file.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    if fresh {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    trail::take_over(&mut connection)?;
    trail::watch(&connection)?;
    Ok(connection)
}

/// Migrates a database to the current form. A database that is not new is copied first, to a file
/// beside it with the old form in its name: an older program can go on with that copy.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let (known, found) = (known(), form(connection));
    if found >= known {
        return Ok(());
    }
    if found > 0 {
        let copy = copy_of(path, found);
        backup::before_upgrade(connection, form, &copy)?;
        tracing::info!(
            copy = %copy.display(),
            "{} is brought from form {found} to form {known}; as it was it lies in {}",
            path.display(),
            copy.display()
        );
    }
    know_canonical(connection)?;
    // Some migrations recreate tables that other tables refer to.
    connection.pragma_update(None, "foreign_keys", false)?;
    // One transaction for all migrations and their version records, in case the process is killed.
    let migrated = migrations::migrations::runner()
        .set_target(Target::Latest)
        .set_grouped(true)
        .run(connection)
        .map_err(|source| StoreError::Migration {
            path: path.to_owned(),
            source: Box::new(source),
        });
    connection.pragma_update(None, "foreign_keys", true)?;
    migrated.map(|_| ())
}

/// An empty in-memory database, as the migrations create it.
pub(in crate::store) fn pristine() -> Result<Connection, StoreError> {
    let mut connection = Connection::open_in_memory()?;
    know_canonical(&connection)?;
    migrations::migrations::runner()
        .run(&mut connection)
        .map_err(|source| StoreError::Migration {
            path: ":memory:".into(),
            source: Box::new(source),
        })?;
    Ok(connection)
}

/// Defines the SQL function `canonical(address)` for migrations.
fn know_canonical(connection: &Connection) -> Result<(), StoreError> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("canonical", 1, flags, |call| {
        let text = call.get_raw(0).as_str_or_null()?;
        Ok(text.map(|text| canonical(text).into_owned()))
    })?;
    Ok(())
}

/// The path of the copy made before a database of this form was migrated.
fn copy_of(path: &Path, form: i64) -> PathBuf {
    let mut copy = path.as_os_str().to_owned();
    copy.push(format!(".form-{form}"));
    copy.into()
}

/// The newest form that this program knows.
pub(in crate::store) fn known() -> i64 {
    let runner = migrations::migrations::runner();
    let forms = runner.get_migrations().iter();
    forms.map(|m| i64::from(m.version())).max().unwrap_or(0)
}

/// The form of a database; 0 when it has none yet.
pub(in crate::store) fn form(connection: &Connection) -> i64 {
    connection
        .query_row(
            "SELECT ifnull(max(version), 0) FROM refinery_schema_history",
            [],
            |row| row.get(0),
        )
        .unwrap_or(0)
}

/// A further connection to the database that `writable` has opened; fails if the file at its path
/// is now another one.
pub(in crate::store) fn second(files: &OpenFiles) -> Result<Connection, StoreError> {
    files.check()?;
    let connection = connect(files.path())?;
    files.check()?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A read-only connection to an existing database that never waits for a lock.
pub(in crate::store) fn glance(path: &Path) -> Result<Connection, StoreError> {
    check_files(&resolve(path)?)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    check_ours(&connection, path)?;
    refuse_newer(&connection, path)?;
    Ok(connection)
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    // Never creates a database: one that was moved away must not be replaced by an empty one.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // Otherwise SQLite prepares a statement again whenever a parameter changes that it compared
    // with the condition of a partial index.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

fn page_size(db: &Connection) -> Result<i64, StoreError> {
    Ok(db.query_row("PRAGMA page_size", [], |row| row.get(0))?)
}

fn make_file(path: &Path) -> Result<(), StoreError> {
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        files::make_directory(parent).map_err(|e| fault(parent, e))?;
    }
    match files::make(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {
            Err(fault(path, io::ErrorKind::IsADirectory.into()))
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(fault(path, e)),
    }
}

/// Returns whether the file is new (`true`) or a database of lapsed, and refuses all others.
pub(in crate::store) fn check_ours(
    connection: &Connection,
    path: &Path,
) -> Result<bool, StoreError> {
    let not_ours = |why| StoreError::NotOurs {
        path: path.to_owned(),
        why,
    };
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let tables = match count("SELECT count(*) FROM sqlite_schema") {
        Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(not_ours("it is no SQLite file"));
        }
        other => other?,
    };
    if tables == 0 {
        return Ok(true);
    }
    if count("PRAGMA application_id")? == APPLICATION_ID {
        return Ok(false);
    }
    // A first start that was killed after the migrations and before the application id was set.
    if count(
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('refinery_schema_history', 'event_payload')",
    )? == 2
    {
        return Ok(true);
    }
    Err(not_ours("it is a SQLite database of something else"))
}

pub(in crate::store) fn refuse_newer(
    connection: &Connection,
    path: &Path,
) -> Result<(), StoreError> {
    let (known, found) = (known(), form(connection));
    if found <= known {
        return Ok(());
    }
    // The newest copy that this program can use.
    let copies = (1..=known).rev().map(|form| copy_of(path, form));
    Err(StoreError::Newer {
        path: path.to_owned(),
        found,
        known,
        copy: copies.into_iter().find(|copy| copy.exists()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn a_new_database_has_large_pages() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("l.db")).unwrap();
        assert_eq!(store.read(page_size).await.unwrap(), 8192);
    }

    #[tokio::test]
    async fn a_database_that_was_moved_away_is_missing_and_not_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("l.db");
        let store = Store::open(&path).unwrap();
        assert!(store.read_aside(page_size).await.is_ok());
        for ending in ["", "-wal", "-shm"] {
            let from = dir.path().join(format!("l.db{ending}"));
            std::fs::rename(&from, from.with_added_extension("away")).unwrap();
        }
        let error = store.read_aside(page_size).await.unwrap_err();
        assert!(matches!(error, StoreError::Displaced(_)), "{error}");
        assert!(!path.exists());
    }
}
