//! Delivers into a directory: one file a mail, complete or absent.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::files;

/// Writes a mail under its Message-ID; the same id replaces the same file.
///
/// The file has its full content under a name of its own before it gets its final name, and both
/// are on the disk when this returns: a crash leaves no half mail, and none that was reported as
/// delivered is lost.
pub(super) fn write(directory: &Path, message_id: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    // Reports name people: a directory that we make is for our eyes only.
    files::make_directory(directory)?;
    let path = directory.join(file_name(message_id));
    // Readable by us only, and gone again when anything fails.
    let mut file = tempfile::Builder::new()
        .prefix(".lapsed-")
        .suffix(".tmp")
        .tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()?;
    Ok(path)
}

/// Checks that a mail could be written.
pub(super) fn check(directory: &Path) -> io::Result<()> {
    files::make_directory(directory)?;
    let mut file = tempfile::Builder::new()
        .prefix(".lapsed-")
        .suffix(".tmp")
        .tempfile_in(directory)?;
    file.write_all(b"lapsed checks that it may write here\n")?;
    file.close()
}

/// A Message-ID as a file name: characters that are special to a file system become dashes.
fn file_name(message_id: &str) -> String {
    let bare = message_id.trim_start_matches('<').trim_end_matches('>');
    let name: String = bare
        .chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || "._-@".contains(c) => c,
            _ => '-',
        })
        .take(200) // File systems take 255 bytes.
        .collect();
    // No hidden file, and neither `.` nor `..`.
    format!("{}.eml", name.trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_mail_is_a_file_for_our_eyes_only() {
        let home = tempfile::tempdir().unwrap();
        let outbox = home.path().join("deep/outbox");
        let path = write(&outbox, "<report-1@acme.example>", b"one").unwrap();
        assert_eq!(path, outbox.join("report-1@acme.example.eml"));
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&outbox), 0o700);
    }

    #[test]
    fn the_same_mail_again_is_the_same_file() {
        let home = tempfile::tempdir().unwrap();
        write(home.path(), "<a@b>", b"one").unwrap();
        write(home.path(), "<a@b>", b"two").unwrap();
        assert_eq!(names(home.path()), ["a@b.eml"]);
        assert_eq!(std::fs::read(home.path().join("a@b.eml")).unwrap(), b"two");
    }

    #[test]
    fn no_message_id_leads_out_of_the_directory() {
        for id in ["<../../etc/passwd@x>", "..", "/etc/passwd", "", "<a\0b@c>"] {
            let name = file_name(id);
            assert!(!name.contains(['/', '\0']), "{id:?}: {name}");
            assert!(!name.starts_with(".."), "{id:?}: {name}");
            assert!(name.ends_with(".eml"), "{id:?}: {name}");
        }
        assert!(file_name(&"x".repeat(5000)).len() < 255);
    }

    #[test]
    fn a_check_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        let outbox = home.path().join("outbox");
        check(&outbox).unwrap();
        assert!(names(&outbox).is_empty());
    }

    #[test]
    fn where_a_file_stands_no_directory_is_made() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(check(file.path()).is_err());
        assert!(write(file.path(), "<a@b>", b"one").is_err());
    }
}
