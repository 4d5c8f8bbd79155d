//! What both provider clients share: timeouts, pacing, retries of reads, size limits, redaction.
//!
//! A client is made for one account and keeps to three promises. **A key never leaves by a side
//! door**: it is sent where the provider's document says, and stands in no error, log line or
//! `Debug` text. **A read is whole or it is an error**: what is not exactly the documented
//! answer is [`CallError::Implausible`], never an empty list. **A write is sent once**: what is
//! not known to have been refused or done is an unknown outcome, and says so.

mod answer;
mod dates;
mod encode;
mod error;
mod http;
mod limits;
mod redact;
mod retry;
pub mod sapling;
pub mod sentius;
#[cfg(test)]
mod testing;

pub use error::{BuildError, CallError};

/// How a removal that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "what was absent already is told apart from what was removed now"]
pub enum Gone {
    /// The provider said yes. It is a claim, not proof: neither DELETE says what it found.
    Acknowledged,
    /// The provider did not have it (404, with JSON or nothing in it): already gone.
    Absent,
}
