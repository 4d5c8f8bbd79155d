//! A desk to work at: a folder with a configuration and keys, and the program run in it as a
//! person would.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lapsed_sandbox::{Sapling, SaplingState, Sentius, SentiusState};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A port that nobody listens on: port 9 of loopback, "discard".
const NOBODY: &str = "http://127.0.0.1:9";

/// The folder, and in it `lapsed.toml`, `sentius.key` and `sapling.key`.
pub(crate) struct Desk {
    folder: TempDir,
}

/// How a run of the program ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    /// With a configuration that is good, though nobody listens at its providers.
    pub(crate) fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        desk.key("sentius.key", "SENTIUS-KEY-0123456789abcdefghij");
        desk.key("sapling.key", "SAPLING-KEY-0123456789abcdefghij");
        desk.configure(&accounts(NOBODY, NOBODY));
        desk
    }

    /// Replaces the configuration but for its first lines.
    pub(crate) fn configure(&self, toml: &str) {
        let text = format!(
            "timezone = \"Europe/Berlin\"\n[state]\npath = \"lapsed.db\"\n[http]\nrequests_per_second = 1000\n{toml}"
        );
        self.write("lapsed.toml", text);
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn key(&self, name: &str, text: &str) {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// The names of what lies in the folder, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The program in this folder, with these arguments and an environment of nothing.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lapsed"));
        command
            .args(args)
            .env_clear()
            .env("LAPSED_CONFIG", "lapsed.toml")
            .current_dir(self.root())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// Runs what must end well, and returns what it printed.
    #[track_caller]
    pub(crate) fn good(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// Runs what must end well and print JSON.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.good(args)).unwrap()
    }

    /// Records grants from CSV.
    #[track_caller]
    pub(crate) fn import(&self, csv: impl AsRef<[u8]>) -> String {
        self.write("grants.csv", csv);
        self.good(&["import", "grants.csv", "--record-only"])
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// What must have failed in one clear message: this code, nothing on stdout, this on stderr.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, said: &str) {
        let Self { out, err, .. } = self;
        assert_eq!(self.code, Some(code), "{out}{err}");
        assert_eq!(out, "", "{err}");
        assert!(err.contains(said), "{said:?} is not in {err:?}");
        assert!(err.starts_with("lapsed: "), "{err}");
        for noise in ["panicked", "backtrace", "Caused by", "Error {", "Some("] {
            assert!(!err.contains(noise), "{err}");
        }
    }
}

/// The accounts `sentius:acme` and `sapling:acme` at these addresses.
pub(crate) fn accounts(sentius: &str, sapling: &str) -> String {
    format!(
        "[[sentius]]\nname = \"acme\"\nbase_url = {sentius:?}\napi_key_file = \"sentius.key\"\n\
         [[sapling]]\nname = \"acme\"\nbase_url = {sapling:?}\napi_key_file = \"sapling.key\"\n\
         self_email = \"robot@acme.example\"\n"
    )
}

/// Both providers, running.
pub(crate) struct Providers {
    pub(crate) sentius: Sentius,
    pub(crate) sapling: Sapling,
    pub(crate) runtime: Runtime,
}

impl Providers {
    pub(crate) fn start(sentius: SentiusState, sapling: SaplingState) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let sentius = runtime.block_on(Sentius::start(sentius)).unwrap();
        let sapling = runtime.block_on(Sapling::start(sapling)).unwrap();
        Self {
            sentius,
            sapling,
            runtime,
        }
    }

    /// A desk whose accounts are these, with more configuration below.
    pub(crate) fn desk(&self, more: &str) -> Desk {
        let desk = Desk::new();
        desk.key("sentius.key", &self.sentius.with(|s| s.api_key.clone()));
        desk.key("sapling.key", &self.sapling.with(|s| s.api_key.clone()));
        let accounts = accounts(self.sentius.base_url(), self.sapling.base_url());
        desk.configure(&format!("{accounts}{more}"));
        desk
    }
}
