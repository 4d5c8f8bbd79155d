//! What can go wrong with a call, in the kinds that callers branch on.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// Why a client could not be made. No message holds the key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The key is empty, or holds what no header may hold.
    #[error("{account}: the key {problem}")]
    Key {
        /// Which account, as `sentius:NAME` or `sapling:NAME`.
        account: String,
        /// What is wrong with it, without a character of it.
        problem: &'static str,
    },
    /// A number in `[http]` cannot be kept to.
    #[error("http.{setting} {problem}")]
    Setting {
        /// The key in `[http]`.
        setting: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The HTTP client could not start: for `https`, most often no CA certificates installed.
    #[error("{account}: no HTTP client: {reason}")]
    Client {
        /// Which account.
        account: String,
        /// The library's reason.
        reason: String,
    },
}

/// Refuses an empty key, which would be sent as if it were one.
pub(super) fn key_present(account: &str, key: &SecretString) -> Result<(), BuildError> {
    if key.expose_secret().trim().is_empty() {
        return Err(BuildError::Key {
            account: account.to_owned(),
            problem: "is empty",
        });
    }
    Ok(())
}

/// How a call failed. No variant's text holds the key, nor the address that was called.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// Was due no longer when its turn came: nothing was sent.
    #[error("not sent: it is no longer due")]
    Withheld,
    /// The request never left: no name, no connection, no TLS, or nothing valid to send. The
    /// provider certainly did nothing.
    #[error("could not be reached: {reason}")]
    NotSent {
        /// Why, for people.
        reason: String,
    },
    /// The request left and no whole answer came back: the outcome is unknown.
    #[error("did not answer: {reason}")]
    Unanswered {
        /// Why, for people.
        reason: String,
    },
    /// The provider, or a proxy before it, answered with an HTTP error status.
    #[error("refused with {status}: {message}")]
    Refused {
        /// The HTTP status, 400 to 599.
        status: u16,
        /// What the answer said, in one line of at most 200 characters.
        message: String,
        /// How long the provider asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// An answer that is neither the documented success nor an error: an HTML page, a missing
    /// key, a redirect, a body without end.
    #[error("answered with something else than documented: {reason}")]
    Implausible {
        /// What was found, for people.
        reason: String,
        /// The call was a write, which may or may not have been done.
        write: bool,
    },
}

impl CallError {
    /// Whether the key may not do this (401, 403): that account or team is left alone.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    /// Whether a write may have been done all the same, so that it must be settled: by reading
    /// where that is possible, by sending it again where not.
    ///
    /// A 504 counts: a proxy sent the request on and gave up waiting.
    #[must_use]
    pub fn is_unknown_outcome(&self) -> bool {
        match self {
            Self::Unanswered { .. } => true,
            Self::Implausible { write, .. } => *write,
            Self::Refused { status, .. } => *status == 504,
            Self::NotSent { .. } | Self::Withheld => false,
        }
    }

    /// Whether the same call may well succeed soon: the network, 429, 500, 502, 503 and 504.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotSent { .. } | Self::Unanswered { .. } => true,
            Self::Refused { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            Self::Implausible { .. } | Self::Withheld => false,
        }
    }

    /// Whether the failure tells of the provider, or of our key, as a whole rather than of this
    /// one call.
    #[must_use]
    pub fn is_general(&self) -> bool {
        match self {
            Self::NotSent { .. } | Self::Unanswered { .. } | Self::Implausible { .. } => true,
            Self::Refused { status, .. } => matches!(status, 401 | 403 | 429 | 500..),
            Self::Withheld => false,
        }
    }

    /// The status of an answer that was a refusal.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// How long the provider asked to be left alone, where it did.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> CallError {
        CallError::Refused {
            status,
            message: String::new(),
            retry_after: None,
        }
    }

    #[test]
    fn only_a_write_can_have_an_unknown_outcome_after_an_implausible_answer() {
        let implausible = |write| CallError::Implausible {
            reason: String::new(),
            write,
        };
        assert!(implausible(true).is_unknown_outcome());
        assert!(!implausible(false).is_unknown_outcome());
    }

    #[test]
    fn a_refusal_is_known_unless_a_proxy_gave_up_waiting() {
        for status in [400, 401, 403, 404, 429, 500, 503] {
            assert!(!refused(status).is_unknown_outcome(), "{status}");
        }
        assert!(refused(504).is_unknown_outcome());
    }

    #[test]
    fn what_the_caller_got_wrong_is_not_tried_again() {
        for status in [400, 401, 403, 404, 422] {
            assert!(!refused(status).is_retryable(), "{status}");
        }
        for status in [429, 500, 502, 503, 504] {
            assert!(refused(status).is_retryable(), "{status}");
        }
    }
}
