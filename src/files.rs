//! Files that are lapsed's own: readable by their owner alone, and that owner is the service's user
//! also when root runs a command.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown, lchown};
use std::path::Path;

const ROOT: u32 = 0;

/// Makes a file for writing. Made by root, it gets the owner of its directory: the service could
/// not use it otherwise.
///
/// # Errors
/// When there is anything of that name, be it a link that leads nowhere: whoever owns the directory
/// must not lead root to another file.
pub(crate) fn make(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    if let Some((user, group)) = heir(path, &file.metadata()?)? {
        // As SQLite does for its own files: where root may not, it can use the file itself.
        let _ = fchown(&file, Some(user), Some(group));
    }
    Ok(file)
}

/// Opens a file for writing as it is, or makes it.
///
/// # Errors
/// When it can be neither opened nor made.
pub(crate) fn open_or_make(path: &Path) -> io::Result<File> {
    match make(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().write(true).open(path)
        }
        made => made,
    }
}

/// Makes a directory and those above it, as far as they are missing; the owner is as for files.
///
/// # Errors
/// When one can not be made, or something else has its name.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match path.is_dir() {
            true => Ok(()),
            false => Err(io::ErrorKind::NotADirectory.into()),
        },
        Err(error) => Err(error),
        Ok(()) => {
            if let Some((user, group)) = heir(path, &fs::symlink_metadata(path)?)? {
                let _ = lchown(path, Some(user), Some(group));
            }
            Ok(())
        }
    }
}

/// To whom a thing that root has just made goes: the owner of its directory, unless that is root.
fn heir(path: &Path, made: &fs::Metadata) -> io::Result<Option<(u32, u32)>> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let directory = fs::metadata(parent.unwrap_or(Path::new(".")))?;
    let differs = made.uid() == ROOT && directory.uid() != ROOT;
    Ok(differs.then(|| (directory.uid(), directory.gid())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    #[test]
    fn what_is_made_is_for_the_owners_eyes_only() {
        let home = tempfile::tempdir().unwrap();
        let deep = home.path().join("a/b");
        make_directory(&deep).unwrap();
        make_directory(&deep).unwrap();
        open_or_make(&deep.join("file")).unwrap();
        open_or_make(&deep.join("file")).unwrap();
        assert!(make(&deep.join("file")).is_err());
        assert!(make_directory(&deep.join("file")).is_err());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&deep), mode(&deep.join("file"))), (0o700, 0o600));
    }

    #[test]
    fn what_root_makes_belongs_to_the_directorys_owner() {
        let home = tempfile::tempdir().unwrap();
        if chown(home.path(), Some(65534), Some(65533)).is_err() {
            return; // Only root can give files away.
        }
        make_directory(&home.path().join("a/b")).unwrap();
        make(&home.path().join("a/b/file")).unwrap();
        for name in ["a", "a/b", "a/b/file"] {
            let metadata = fs::metadata(home.path().join(name)).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (65534, 65533), "{name}");
        }
    }

    #[test]
    fn a_link_in_the_way_leads_nowhere() {
        let home = tempfile::tempdir().unwrap();
        let (link, other) = (home.path().join("link"), home.path().join("other"));
        symlink(&other, &link).unwrap();
        assert!(make(&link).is_err());
        assert!(!other.exists());
    }
}
