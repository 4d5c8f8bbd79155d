//! The architecture's rules about who may use whom, read off the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Where lapsed's own code is.
const LAPSED: &str = "src";
/// Where the stand-ins for providers and mail servers are.
const SANDBOX: &str = "crates/sandbox/src";

/// A file: its path from its crate's folder, and its text.
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

/// The files in a folder that use `word` although they are in none of the modules that may.
fn trespassers(folder: &str, word: &str, may: &[&str]) -> Vec<String> {
    let is_free = |s: &Source| !s.is_test() && !may.iter().any(|name| s.is_in(name));
    let sources = sources(folder).into_iter();
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
        ("reqwest", &["providers", "config"]),
        ("axum", &["listener"]),
        ("hyper", &["listener", "cli/logging"]),
        // An address type is named where recipients are composed.
        (
            "lettre",
            &["mail", "config", "domain/email", "pass/mailing"],
        ),
        ("terminal_size", &["cli"]),
        ("indicatif", &["cli"]),
        ("clap", &["cli"]),
        ("prometheus_client", &["metrics"]),
        ("lapsed_sandbox", &["cli/demo"]),
        ("process::exit", &[]),
    ] {
        assert_eq!(trespassers(LAPSED, word, may), [""; 0], "{word}");
    }
}

/// What else the sandbox may not use, its manifest does not have.
#[test]
fn the_sandbox_knows_nothing_of_lapsed_and_reads_the_time_in_one_place() {
    for (word, may) in [
        ("lapsed::", &[][..]),
        ("Timestamp::now", &["clock"]),
        ("Zoned::now", &["clock"]),
        ("SystemTime::now", &["clock"]),
        ("process::exit", &[]),
    ] {
        assert_eq!(trespassers(SANDBOX, word, may), [""; 0], "{word}");
    }
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/sandbox/Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    assert!(!manifest.contains("path ="), "it depends on no neighbour");
}

#[test]
fn the_configuration_names_types_only() {
    for source in sources(LAPSED) {
        if source.is_in("config") && !source.is_test() {
            let named = source.code().filter(|line| line.contains("reqwest"));
            for line in named {
                assert!(line.contains("reqwest::Url"), "{}: {line}", source.path);
            }
        }
    }
}

#[test]
fn what_decides_does_no_work_of_its_own() {
    for source in sources(LAPSED) {
        let is_pure = ["domain", "plan", "guard", "schedule", "explain", "notify"]
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
    for folder in [LAPSED, SANDBOX, "tests"] {
        let sources = sources(folder);
        assert!(!sources.is_empty());
        for source in sources {
            let is_test = folder == "tests" || source.is_test();
            let Source { path, text } = source;
            assert!(
                text.starts_with("//! "),
                "{path} does not say what it is for"
            );
            let lines = text.lines().count();
            assert!(lines <= 500, "{path} has {lines} lines");
            let code = text.split("\n#[cfg(test)]").next().unwrap().lines();
            let most = if is_test { 500 } else { 400 };
            assert!(
                code.count() <= most,
                "{path} has more than {most} lines of code"
            );
            assert!(!path.ends_with("mod.rs"), "{path}");
        }
    }
}

/// The rooms in the order in which the flow passes them. Each uses only those before it, so that no two
/// use each other.
const ROOMS: [&str; 27] = [
    "failpoint",
    "clock",
    "files",
    "progress",
    "text",
    "domain",
    "config",
    "schedule",
    "breaker",
    "plan",
    "guard",
    "notify",
    "report",
    "explain",
    "status",
    "metrics",
    "providers",
    "store",
    "observe",
    "execute",
    "mail",
    "pass",
    "commands",
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
    for source in sources(LAPSED) {
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

/// The words in quotation marks of SQL that follow each place of `before`, up to `end`.
fn quoted<'a>(text: &'a str, before: &str, end: char) -> Vec<&'a str> {
    let rests = text
        .match_indices(before)
        .map(|(at, _)| &text[at + before.len()..]);
    let quoted = |rest: &'a str| {
        rest.split(end)
            .next()
            .unwrap()
            .split('\'')
            .skip(1)
            .step_by(2)
    };
    match end {
        // The first one alone.
        '\n' => rests.filter_map(|rest| quoted(rest).next()).collect(),
        _ => rests.flat_map(quoted).collect(),
    }
}

#[test]
fn sql_asks_for_kinds_of_events_and_for_fields_that_there_are() {
    let payloads = include_str!("../../src/domain/event/payloads.txt");
    let events = payloads.lines().map(|line| line.split_once(' ').unwrap());
    let (mut kinds, mut fields) = (BTreeSet::new(), BTreeSet::new());
    for (kind, payload) in events {
        let payload: BTreeMap<String, Value> = serde_json::from_str(payload).unwrap();
        kinds.insert(kind);
        fields.extend(payload.into_keys());
    }
    let (mut asked, mut wrong) = (0, Vec::new());
    for source in sources("src/store") {
        let code = source.code().collect::<Vec<_>>().join("\n");
        let named = ["e.kind = ", "o.kind = "].map(|is| quoted(&code, is, '\n'));
        let listed = ["e.kind IN (", "e.kind NOT IN ("].map(|is| quoted(&code, is, ')'));
        let named = named.into_iter().chain(listed).flatten();
        let unknown = named
            .inspect(|_| asked += 1)
            .filter(|kind| !kinds.contains(kind));
        wrong.extend(unknown.map(|kind| format!("{}: the kind {kind}", source.path)));
        let read = quoted(&code, "body ->> ", '\n').into_iter();
        let unknown = read
            .inspect(|_| asked += 1)
            .filter(|field| !fields.contains(*field));
        wrong.extend(unknown.map(|field| format!("{}: the field {field}", source.path)));
    }
    assert_eq!(wrong, [""; 0]);
    assert!(asked > 20, "{asked}");
}
