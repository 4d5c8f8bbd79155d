//! The architecture's rules about who may use whom, read off the sources.

use std::fs;
use std::path::{Path, PathBuf};

/// A file under `src`: its path from there, and its text.
struct Source {
    path: String,
    text: String,
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths = Vec::new();
    files(&root, &mut paths);
    paths.sort();
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).unwrap(),
        path: path
            .strip_prefix(&root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned(),
    };
    paths.into_iter().map(read).collect()
}

impl Source {
    /// Whether it is the module `name` or below it.
    fn is_in(&self, name: &str) -> bool {
        self.path == format!("{name}.rs") || self.path.starts_with(&format!("{name}/"))
    }

    /// Code that only tests are made of, in files of their own.
    fn is_test(&self) -> bool {
        self.path.contains("/tests") || self.path.ends_with("/testing.rs")
    }

    /// The lines of code, without comments and without the tests at the end.
    fn code(&self) -> impl Iterator<Item = &str> {
        let end = self
            .text
            .find("\n#[cfg(test)]\nmod tests {")
            .unwrap_or(self.text.len());
        self.text[..end]
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
    }

    fn uses(&self, word: &str) -> bool {
        self.code().any(|line| {
            line.match_indices(word).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            })
        })
    }
}

/// The files that use `word` although they are in none of the modules that may.
fn trespassers(word: &str, may: &[&str]) -> Vec<String> {
    let is_free = |s: &Source| !s.is_test() && !may.iter().any(|name| s.is_in(name));
    let sources = sources("src").into_iter();
    let found = sources.filter(|s| is_free(s) && s.uses(word));
    found.map(|s| s.path).collect()
}

#[test]
fn each_library_has_its_place() {
    for (word, may) in [
        ("Timestamp::now", &["clock"][..]),
        ("Zoned::now", &["clock"]),
        ("SystemTime::now", &["clock"]),
        ("rusqlite", &["store"]),
        ("refinery", &["store"]),
        ("reqwest", &["providers", "config", "sandbox/server"]),
        ("axum", &["listener", "sandbox"]),
        ("hyper", &["listener", "cli/logging"]),
        // An address type is named where recipients are composed.
        (
            "lettre",
            &["mail", "config", "domain/email", "pass/mailing"],
        ),
        ("comfy_table", &["cli"]),
        ("indicatif", &["cli"]),
        ("clap", &["cli"]),
        ("prometheus_client", &["metrics"]),
        ("process::exit", &[]),
    ] {
        assert_eq!(trespassers(word, may), [""; 0], "{word}");
    }
}

#[test]
fn the_configuration_and_the_sandbox_name_types_only() {
    for source in sources("src") {
        if source.is_in("config") && !source.is_test() {
            let named = source.code().filter(|line| line.contains("reqwest"));
            for line in named {
                assert!(line.contains("reqwest::Url"), "{}: {line}", source.path);
            }
        }
        if source.path == "sandbox/server.rs" {
            let (shipped, _) = source
                .text
                .split_once("#[cfg(test)]\npub(super) fn client")
                .unwrap();
            assert!(!shipped.contains("reqwest"), "only its tests need a client");
        }
    }
}

#[test]
fn what_decides_does_no_work_of_its_own() {
    for source in sources("src") {
        let is_pure = [
            "domain", "plan", "guard", "schedule", "explain", "notices", "review",
        ]
        .iter()
        .any(|name| source.is_in(name));
        if !is_pure || source.is_test() {
            continue;
        }
        for word in [
            "tokio",
            "rusqlite",
            "reqwest",
            "std::fs",
            "std::net",
            "std::env",
            "async fn",
            "clock::now",
        ] {
            assert!(!source.uses(word), "{} uses {word}", source.path);
        }
    }
}

#[test]
fn every_file_says_its_job_first_and_ends_in_time() {
    for (folder, most) in [("src", 500), ("tests", 500)] {
        let sources = sources(folder);
        assert!(!sources.is_empty());
        for Source { path, text } in sources {
            assert!(
                text.starts_with("//! "),
                "{path} does not say what it is for"
            );
            let lines = text.lines().count();
            assert!(lines <= most, "{path} has {lines} lines");
            assert!(!path.ends_with("mod.rs"), "{path}");
        }
    }
}

/// The rooms in the order in which the flow passes them. Each uses only those before it, so that no two
/// use each other.
const ROOMS: [&str; 30] = [
    "failpoint",
    "clock",
    "files",
    "progress",
    "domain",
    "config",
    "schedule",
    "breaker",
    "plan",
    "guard",
    "notices",
    "review",
    "report",
    "explain",
    "status",
    "metrics",
    "providers",
    "store",
    "services",
    "observe",
    "apply",
    "give",
    "mail",
    "pass",
    "commands",
    "import",
    "alarm",
    "listener",
    "daemon",
    "cli",
];

/// The rooms that a line of code names.
fn named(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").filter_map(move |(at, word)| {
        let rest = &line[at + word.len()..];
        assert!(!rest.starts_with('{'), "one room in each line: {line}");
        rest.split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
    })
}

#[test]
fn every_room_uses_only_those_before_it() {
    let place = |room: &str| ROOMS.iter().position(|known| *known == room);
    let mut wrong = Vec::new();
    for source in sources("src") {
        let room = source.path.split(['/', '.']).next().unwrap();
        if source.is_test() || ["lib", "main"].contains(&room) {
            continue;
        }
        let Some(own) = place(room) else {
            wrong.push(format!("{} is in no room of the list", source.path));
            continue;
        };
        for line in source.code() {
            for other in named(line).filter(|other| *other != room) {
                if place(other).is_none_or(|place| place > own) {
                    wrong.push(format!(
                        "{} uses {other}, which does not stand before {room}: {}",
                        source.path,
                        line.trim()
                    ));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}
