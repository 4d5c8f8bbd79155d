//! Why the daemon could not start.

use std::path::PathBuf;

use thiserror::Error;

use crate::listener::ListenError;
use crate::providers::BuildError;
use crate::store::StoreError;

/// Why the daemon could not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum DaemonError {
    /// Threads cannot be started.
    #[error("threads cannot be started")]
    Runtime(#[source] std::io::Error),
    /// Signals cannot be received.
    #[error("signals cannot be received")]
    Signals(#[source] std::io::Error),
    /// Another daemon lives on this database.
    #[error("another daemon is running on {0}")]
    Another(PathBuf),
    /// The database or a file beside it cannot be used, or is no longer what is at its path.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The listener's address cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// An account's client could not be made.
    #[error(transparent)]
    Client(#[from] BuildError),
}
