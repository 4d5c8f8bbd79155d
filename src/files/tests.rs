//! Links, rights, and what is left where something ends halfway.

use std::os::unix::fs::{PermissionsExt, chown, symlink};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

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
    write(&deep.join("written"), b"text").unwrap();
    assert_eq!((mode(&deep), mode(&deep.join("file"))), (0o700, 0o600));
    assert_eq!(mode(&deep.join("written")), 0o600);
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
    fs::write(&other, "precious").unwrap();
    assert!(open_or_make(&link).is_err());
    assert!(open(&link).is_err());
    assert!(write(&link, b"text").is_err());
    assert!(Draft::of(&link).unwrap().publish().is_err());
    let hard = home.path().join("hard");
    fs::hard_link(&other, &hard).unwrap();
    assert!(open_or_make(&hard).is_err());
    assert_eq!(fs::read(&other).unwrap(), b"precious");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 3);
}

#[test]
fn a_file_is_written_whole_or_stays_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("file");
    write(&path, b"old").unwrap();
    let mut draft = Draft::of(&path).unwrap();
    draft.write(b"half").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert!(draft.publish().is_err(), "it is there already");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    write(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
}

#[test]
fn what_a_dead_process_left_is_removed_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    for name in ["l.db", "l.db.new", "l.db.a1.new", "l.db.mark", "other.new"] {
        fs::write(home.path().join(name), "").unwrap();
    }
    remove_unfinished(&home.path().join("l.db"));
    let mut left: Vec<_> = fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["l.db", "l.db.mark", "other.new"]);
}
