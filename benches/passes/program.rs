//! Runs programs and measures them from outside, as whole processes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The name of the variable that holds the providers' key.
const KEY: &str = "PASSES_KEY";

/// How often a running program is asked for its memory. What is reported only grows, so that no
/// more than the growth of its last milliseconds is missed.
const GLANCE: Duration = Duration::from_millis(4);

/// What a program did and what it took.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) wall: Duration,
    /// In bytes; 0 when it was over before anybody could look.
    pub(crate) peak_rss: u64,
    /// Bytes sent to the disk; `None` where the kernel does not tell.
    pub(crate) written: Option<u64>,
    pub(crate) output: Vec<u8>,
    status: ExitStatus,
}

impl Measured {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.output).expect("the output is JSON")
    }
}

/// Runs a program to its end; what it says on standard error goes into a file.
pub(crate) fn measure(command: &mut Command, stderr: &Path) -> Measured {
    let said = File::create(stderr).expect("the temporary directory can be written");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(said);
    let start = Instant::now();
    let mut child = command.spawn().expect("the program starts");
    let about = PathBuf::from(format!("/proc/{}", child.id()));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut peak = 0;
            while !over.load(Ordering::Relaxed) {
                peak = peak.max(line(&about.join("status"), "VmHWM:").unwrap_or(0) * 1024);
                thread::sleep(GLANCE);
            }
            peak
        });
        let mut output = Vec::new();
        let mut stdout = child.stdout.take().expect("it is piped");
        stdout
            .read_to_end(&mut output)
            .expect("the output can be read");
        // It has closed its output, but is not forgotten before it is waited for.
        let written = line(&about.join("io"), "write_bytes:");
        let status = child.wait().expect("it is our child");
        let wall = start.elapsed();
        over.store(true, Ordering::Relaxed);
        let peak_rss = watch.join().expect("watching does not fail");
        Measured {
            wall,
            peak_rss,
            written,
            output,
            status,
        }
    })
}

/// The number behind a word at the start of a line.
pub(crate) fn line(file: &Path, word: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(word))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// A configuration and a database of their own.
#[derive(Debug)]
pub(crate) struct Place {
    directory: TempDir,
    key: String,
}

impl Place {
    /// Makes one on the disk that the build is on, with `accounts` in its configuration.
    pub(crate) fn new(accounts: &str, key: &str, connections: usize) -> Self {
        let directory = TempDir::with_prefix_in("passes-", env!("CARGO_TARGET_TMPDIR"))
            .expect("the build directory can be written");
        let place = Self {
            directory,
            key: key.to_owned(),
        };
        let database = place.file("lapsed.db");
        let config = format!(
            "[state]\npath = {database:?}\n\n{accounts}\n\
             [http]\nconcurrency = {connections}\nrequests_per_second = 100000\n\n\
             [guard]\nmax_removals = 1000000\nmax_removal_percent = 100\n"
        );
        fs::write(place.file("lapsed.toml"), config).expect("the directory is ours");
        place
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Records the grants in `csv`, and tells how long that took.
    pub(crate) fn import(&self, csv: &str) -> Duration {
        let file = self.file("grants.csv");
        fs::write(&file, csv).expect("the directory is ours");
        let words = [
            OsStr::new("import"),
            file.as_os_str(),
            OsStr::new("--record-only"),
        ];
        self.lapsed(words).wall
    }

    /// Makes one pass, that must find nothing wrong.
    pub(crate) fn pass(&self) -> Measured {
        self.lapsed(["--run-now", "--format", "json"])
    }

    /// Runs lapsed; anything but success is the end.
    pub(crate) fn lapsed(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Measured {
        let mut command = self.command();
        command.args(words);
        let said = self.file("stderr");
        let measured = measure(&mut command, &said);
        let status = measured.status;
        assert!(status.success(), "{command:?}: {status}\n{}", tail(&said));
        measured
    }

    /// The program on this place, not started yet.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lapsed"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LAPSED_") {
                command.env_remove(name);
            }
        }
        command
            .env(KEY, &self.key)
            .arg("--config")
            .arg(self.file("lapsed.toml"));
        command
    }

    /// The size of the database and what belongs to it.
    pub(crate) fn database_size(&self) -> u64 {
        let sizes = ["lapsed.db", "lapsed.db-wal"].map(|name| fs::metadata(self.file(name)));
        sizes.into_iter().flatten().map(|file| file.len()).sum()
    }
}

/// A table for the configuration: one account named acme, `more` among it.
pub(crate) fn account(kind: &str, base_url: &str, more: &str) -> String {
    format!(
        "[[{kind}]]\nname = \"acme\"\nbase_url = \"{base_url}\"\napi_key_env = \"{KEY}\"\n{more}\n"
    )
}

/// The last lines of a file.
pub(crate) fn tail(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
