//! What both provider clients share: timeouts, pacing, retries of reads, size limits, redaction.
//!
//! A client is made for one account and keeps to three promises. **A key never leaves by a side
//! door**: it is sent where the provider's document says, and stands in no error, log line or
//! `Debug` text. **A read is whole or it is an error**: what is not exactly the documented
//! answer is `CallError::Implausible`, never an empty list. **A write is sent once**: what is
//! not known to have been refused or done is an unknown outcome, and says so.

pub mod accounts;
mod answer;
mod beacon;
mod dates;
mod denial;
mod encode;
mod error;
mod exists;
mod give_way;
mod http;
mod limits;
mod proof;
mod redact;
mod retry;
mod room;
pub(crate) mod sapling;
pub(crate) mod sentius;
mod signs;
#[cfg(test)]
mod testing;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

pub(crate) use beacon::{Beacon, reach};
pub(crate) use error::{BuildError, CallError, NEVER_PROVEN};
pub(crate) use give_way::GiveWay;
pub(crate) use proof::Proof;
pub(crate) use redact::Redactor;
pub(crate) use room::Room;

/// Asked right before a write is sent, after all waiting: whether it is still due.
#[derive(Clone)]
pub(crate) struct StillDue(Arc<dyn Fn() -> Answering + Send + Sync>);

type Answering = Pin<Box<dyn Future<Output = bool> + Send>>;

impl StillDue {
    /// Asks by this function.
    pub(crate) fn by(ask: impl Fn() -> Answering + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    pub(crate) async fn holds(&self) -> bool {
        (self.0)().await
    }
}

impl fmt::Debug for StillDue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StillDue")
    }
}

/// How a removal that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "what was absent already is told apart from what was removed now"]
pub(crate) enum Gone {
    /// The provider said yes. It is a claim, not proof: neither DELETE says what it found.
    Acknowledged,
    /// The provider did not have it (404, with JSON or nothing in it): already gone.
    Absent,
}
