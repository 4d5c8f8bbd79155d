//! Exit codes, and the errors that lead to them.

use std::io;
use std::process::ExitCode;

use crate::daemon::DaemonError;
use crate::domain::Verdict;
use crate::listener::ListenError;
use crate::pass::PassError;
use crate::providers::BuildError;
use crate::store::StoreError;
use crate::text::is_active;

use super::{logging, output};

/// How the program ends: others' scripts are written against these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// All that was due is done.
    Done = 0,
    /// It could not run: database, lock, internal.
    CouldNotRun = 1,
    /// Usage or configuration.
    Usage = 2,
    /// It ran, but something failed and will be tried again.
    Incomplete = 3,
    /// The guard holds actions.
    Held = 4,
    /// Another pass is running on this database.
    Busy = 5,
    /// A file is different from what it gave before.
    Different = 6,
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Converged => Self::Done,
            Verdict::Incomplete => Self::Incomplete,
            Verdict::Held => Self::Held,
        }
    }
}

/// Why a command failed, and its exit code.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            error: anyhow::Error::msg(message.into()),
        }
    }

    pub(super) fn of(exit: Exit, error: anyhow::Error) -> Self {
        Self { exit, error }
    }

    /// The same, with words in front of it.
    pub(super) fn with_note(self, note: &'static str) -> Self {
        Self {
            exit: self.exit,
            error: self.error.context(note),
        }
    }

    pub(super) fn could_not_run(error: anyhow::Error) -> Self {
        Self {
            exit: Exit::CouldNotRun,
            error,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::could_not_run(error.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::could_not_run(error.into())
    }
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Self {
        match error {
            DaemonError::Client(error) => error.into(),
            DaemonError::Listen(error) => error.into(),
            other => Self::could_not_run(other.into()),
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<ListenError> for Failure {
    fn from(error: ListenError) -> Self {
        match error {
            // The other program may go, and a restart helps then.
            ListenError::InUse(_) | ListenError::Other { .. } => Self::could_not_run(error.into()),
            _ => Self::usage(error.to_string()),
        }
    }
}

impl From<PassError> for Failure {
    fn from(error: PassError) -> Self {
        let exit = match error {
            PassError::Busy(_) => Exit::Busy,
            _ => Exit::CouldNotRun,
        };
        Self {
            exit,
            error: error.into(),
        }
    }
}

/// Ends the program. An error is reported once, here, with its causes.
pub(super) fn report(result: Result<Exit, Failure>) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        // The reader of our output has closed it.
        Err(failure) if is_broken_pipe(&failure.error) => Exit::Done,
        Err(failure) => {
            complain(&told(&failure.error));
            failure.exit
        }
    };
    ExitCode::from(exit as u8)
}

/// In the journal an error is logged as such; elsewhere it is a line on stderr.
fn complain(error: &str) {
    if logging::stderr_is_journal() && tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!("{error}");
    } else {
        output::complain(&format!("lapsed: {error}"));
    }
}

/// An error with its causes, leaving out those that only say again what was just said.
pub(super) fn told(error: &anyhow::Error) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        // SQLite's library repeats its words behind a number.
        let words = match cause.strip_prefix("Error code ") {
            Some(rest) => rest.split_once(": ").map_or(rest, |(_, words)| words),
            None => cause.as_str(),
        };
        if !said.last().is_some_and(|last| last.contains(words)) {
            said.push(cause);
        }
    }
    said.join(": ")
}

/// Shows help, version or what is wrong with the command line.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    let plain = error.to_string();
    if error.use_stderr() && plain.chars().any(|c| c != '\n' && is_active(c)) {
        // The message repeats what was typed or pasted.
        output::complain(plain.trim_end());
    } else {
        // A closed stdout is no reason to fail.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() {
        Exit::Usage as u8
    } else {
        Exit::Done as u8
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}
