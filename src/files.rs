//! lapsed's own files: readable by their owner alone, who is the service's user also when root runs
//! a command. No link is followed, and a file is replaced completely or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown, lchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

const ROOT: u32 = 0;
/// The suffix of a file that is still being written.
const UNFINISHED: &str = ".new";

/// The identity of a file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(crate) fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.device, self.inode)
    }
}

/// Makes a file for writing. Made by root, it gets the owner of its directory: the service could
/// not use it otherwise.
///
/// # Errors
/// When anything of that name exists, even a dangling link: the owner of the directory must not
/// lead root to another file.
pub(crate) fn make(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    hand_over(path, &file)?;
    Ok(file)
}

/// Opens a file for reading and writing as it is, or makes it.
///
/// # Errors
/// When it can be neither opened nor created, or is no regular file of its own, such as a link.
pub(crate) fn open_or_make(path: &Path) -> io::Result<File> {
    match make(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            own(OpenOptions::new().read(true).write(true), path)
        }
        made => made,
    }
}

/// Opens a file of lapsed's own for reading.
///
/// # Errors
/// When it is not there, cannot be read, or is no file of its own.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    own(OpenOptions::new().read(true), path)
}

/// The content of such a file, up to a limit that it should not reach.
///
/// # Errors
/// The same.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens what is there, unless it leads elsewhere: a link of either kind, a device, a pipe.
fn own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // Opening a pipe would wait for its reader.
    let opened = options
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let file = match opened {
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
            return Err(leads_elsewhere("it is a symbolic link"));
        }
        opened => opened?,
    };
    check_own(&file.metadata()?)?;
    Ok(file)
}

/// Checks whether the path may be opened by code that follows links and waits for pipes.
///
/// # Errors
/// When something is there and is no file of its own.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        there => check_own(&there?),
    }
}

fn check_own(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_symlink() {
        return Err(leads_elsewhere("it is a symbolic link"));
    }
    if !metadata.is_file() {
        return Err(leads_elsewhere("it is no regular file"));
    }
    if metadata.nlink() > 1 {
        return Err(leads_elsewhere("it has another name, by a hard link"));
    }
    Ok(())
}

fn leads_elsewhere(what: &str) -> io::Error {
    io::Error::other(format!("{what}, and lapsed follows none; remove it"))
}

/// A file that is still being written, under a temporary name. It gets its final name once it is
/// complete, and is deleted when dropped before.
#[derive(Debug)]
pub(crate) struct Draft {
    file: NamedTempFile,
    path: PathBuf,
}

impl Draft {
    /// Begins a file that is to be at `path`, for the owner's eyes only.
    ///
    /// # Errors
    /// When its directory takes no file.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let name = path
            .file_name()
            .ok_or_else(|| io::Error::from_raw_os_error(libc::EISDIR))?;
        let mut prefix = name.to_owned();
        prefix.push(".");
        let file = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(UNFINISHED)
            .tempfile_in(folder(path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Its temporary path.
    pub(crate) fn unfinished(&self) -> &Path {
        self.file.path()
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Gives it its final name, replacing the file that has it.
    ///
    /// # Errors
    /// When the existing one is no regular file: a link is neither followed nor replaced.
    pub(crate) fn replace(self) -> io::Result<()> {
        match fs::symlink_metadata(&self.path) {
            Ok(there) if there.is_symlink() => {
                return Err(leads_elsewhere("it is a symbolic link"));
            }
            Ok(there) if !there.is_file() => {
                return Err(leads_elsewhere("it is no regular file"));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path).map_err(|e| e.error)?;
        keep_names(&self.path)
    }

    /// Gives it its final name, if nothing has it.
    ///
    /// # Errors
    /// When something has it, even a dangling link.
    pub(crate) fn publish(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        let published = self.file.persist_noclobber(&self.path);
        published.map_err(|e| e.error)?;
        keep_names(&self.path)
    }

    /// Gives it to the owner of its directory, where root made it.
    pub(crate) fn hand_over(&self) -> io::Result<()> {
        hand_over(&self.path, self.file.as_file())
    }
}

/// Writes a file completely, replacing the present one, readable by its owner alone.
///
/// # Errors
/// When it cannot be written; the present file is kept.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = Draft::of(path)?;
    draft.write(bytes)?;
    draft.replace()
}

/// Removes unfinished files beginning with `path`, left by processes that died while writing. No
/// process may be writing one now.
pub(crate) fn remove_unfinished(path: &Path) {
    let Some(name) = path.file_name() else { return };
    let mut prefix = name.to_owned();
    prefix.push(".");
    let Ok(entries) = fs::read_dir(folder(path)) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(prefix.as_encoded_bytes()) && bytes.ends_with(UNFINISHED.as_bytes()) {
            // A failure does not matter: nobody reads the file.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn folder(path: &Path) -> &Path {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Syncs the directory: only then is a new name on disk.
fn keep_names(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

fn hand_over(path: &Path, file: &File) -> io::Result<()> {
    if let Some((user, group)) = heir(path, &file.metadata()?)? {
        // As SQLite does for its own files: where root may not, it can use the file itself.
        let _ = fchown(file, Some(user), Some(group));
    }
    Ok(())
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
        // Another process has just made it.
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

/// The new owner of something that root has made: the owner of its directory, unless that is root.
fn heir(path: &Path, made: &fs::Metadata) -> io::Result<Option<(u32, u32)>> {
    let directory = fs::metadata(folder(path))?;
    let differs = made.uid() == ROOT && directory.uid() != ROOT;
    Ok(differs.then(|| (directory.uid(), directory.gid())))
}

#[cfg(test)]
mod tests;
