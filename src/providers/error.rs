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
    Client { account: String, reason: String },
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

/// Why a 404 is not taken for "gone already". The words stay the same: rows that failed for this
/// reason are found by them, and tried again once the account has answered with success.
pub(crate) const NEVER_PROVEN: &str = "this account has never answered a write with success, so that it may be a wrong base_url rather than an entry that is gone";

/// How a call failed. No variant's text holds the key, nor the address that was called.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub(crate) enum CallError {
    /// It was no longer due when its turn came: nothing was sent.
    #[error("not sent: it is no longer due")]
    Withheld,
    /// The request was not sent: no name, no connection, no TLS, or nothing valid to send. The
    /// provider certainly did nothing.
    #[error("could not be reached: {reason}")]
    NotSent {
        /// Why, for people.
        reason: String,
    },
    /// The request was sent, and no whole answer came back: the outcome is unknown.
    #[error("did not answer: {reason}")]
    Unanswered {
        /// Why, for people.
        reason: String,
    },
    /// The same, after `http.timeout` had passed.
    #[error("did not answer: no whole answer within {timeout:?}")]
    TimedOut {
        /// How long was waited.
        timeout: Duration,
    },
    /// It was given up, since access had ended at another account, which comes first.
    #[error("{}", given_up(*after, *sent))]
    GaveWay {
        /// How long was waited.
        after: Duration,
        /// Whether it was under way: then the outcome is unknown.
        sent: bool,
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
        /// Whether it says that what was to be made exists already.
        exists: bool,
    },
    /// The status says yes and the document below it says no: nothing was done.
    #[error("answered with {status}, and said no: {message}")]
    Denied {
        /// The HTTP status, 200 to 299.
        status: u16,
        /// What the answer said, in one line of at most 200 characters.
        message: String,
        /// Whether it says that what was to be made exists already.
        exists: bool,
    },
    /// A removal was answered with 404 by an account that has never answered a write with
    /// success: the address or the path may be wrong, and then everything is answered with 404.
    #[error("answered with 404, and {}: {message}", NEVER_PROVEN)]
    Unproven {
        /// What the answer said, in one line of at most 200 characters.
        message: String,
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

/// Why a call was given up.
fn given_up(after: Duration, sent: bool) -> String {
    match sent {
        true => format!(
            "did not answer within {after:?}, and access had ended elsewhere, which comes first"
        ),
        false => "not sent: access had ended elsewhere, which comes first".to_owned(),
    }
}

impl CallError {
    /// Whether the provider says that what was to be made exists already.
    #[must_use]
    pub(crate) fn says_that_it_exists(&self) -> bool {
        matches!(
            self,
            Self::Refused { exists: true, .. } | Self::Denied { exists: true, .. }
        )
    }

    /// Whether it may mean that, without saying so.
    #[must_use]
    pub(crate) fn may_mean_that_it_exists(&self) -> bool {
        match self {
            Self::Refused {
                status, message, ..
            } => super::exists::may_mean_that_it_exists(*status, message),
            _ => false,
        }
    }

    /// Whether the key may not do this (401, 403): that account or team is left alone.
    #[must_use]
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    /// Whether a write may have been done nevertheless, so that it must be settled: by reading
    /// where that is possible, by sending it again elsewhere.
    ///
    /// Every 5xx counts: the provider may have failed after it had done what was asked, and a
    /// proxy may have sent the request on. 429 and 4xx say that nothing was done.
    #[must_use]
    pub(crate) fn is_unknown_outcome(&self) -> bool {
        match self {
            Self::Unanswered { .. } | Self::TimedOut { .. } | Self::Unproven { .. } => true,
            Self::GaveWay { sent, .. } => *sent,
            Self::Implausible { write, .. } => *write,
            Self::Refused { status, .. } => *status >= 500,
            Self::NotSent { .. } | Self::Denied { .. } | Self::Withheld => false,
        }
    }

    /// Whether it was sent and the provider itself answered nothing, so that it may be carried out
    /// later: nothing came back, or a proxy says that it got no answer (502 and 504, RFC 9110). Every
    /// other answer says that the call is over.
    #[must_use]
    pub(crate) fn is_silent(&self) -> bool {
        match self {
            Self::Unanswered { .. } | Self::TimedOut { .. } => true,
            Self::GaveWay { sent, .. } => *sent,
            Self::Refused { status, .. } => matches!(status, 502 | 504),
            _ => false,
        }
    }

    /// Whether the same call may well succeed soon: the network, 429, 500, 502, 503 and 504.
    #[must_use]
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::NotSent { .. } | Self::Unanswered { .. } | Self::TimedOut { .. } => true,
            Self::Refused { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            Self::Denied { .. }
            | Self::Unproven { .. }
            | Self::Implausible { .. }
            | Self::GaveWay { .. }
            | Self::Withheld => false,
        }
    }

    /// Whether the failure is about the provider, or our key, as a whole rather than about this one
    /// call.
    #[must_use]
    pub(crate) fn is_general(&self) -> bool {
        match self {
            Self::NotSent { .. }
            | Self::Unanswered { .. }
            | Self::TimedOut { .. }
            | Self::Implausible { .. } => true,
            Self::GaveWay { sent, .. } => *sent,
            Self::Refused { status, .. } => matches!(status, 401 | 403 | 429 | 500..),
            // The next answer may be the first success of the account.
            Self::Unproven { .. } | Self::Denied { .. } | Self::Withheld => false,
        }
    }

    /// Whether the provider as a whole seems to be down or overloaded. What it answers about one
    /// team, such as 403 or a strange document, is no sign of that.
    #[must_use]
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::NotSent { .. }
            | Self::Unanswered { .. }
            | Self::TimedOut { .. }
            | Self::GaveWay { .. } => true,
            Self::Refused { status, .. } => matches!(status, 429 | 500..),
            Self::Denied { .. }
            | Self::Unproven { .. }
            | Self::Implausible { .. }
            | Self::Withheld => false,
        }
    }

    /// The status of an answer that was a refusal.
    #[must_use]
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// How long the provider asked to be left alone, where it did.
    #[must_use]
    pub(crate) fn retry_after(&self) -> Option<Duration> {
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
            exists: false,
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
    fn a_refusal_is_known_unless_the_provider_failed_while_it_worked() {
        for status in [400, 401, 403, 404, 408, 409, 422, 429] {
            assert!(!refused(status).is_unknown_outcome(), "{status}");
        }
        for status in [500, 501, 502, 503, 504, 520, 599] {
            assert!(refused(status).is_unknown_outcome(), "{status}");
        }
    }

    #[test]
    fn a_no_with_a_status_of_success_is_known_and_a_404_of_a_stranger_is_not() {
        let denied = CallError::Denied {
            status: 200,
            message: "not allowed".to_owned(),
            exists: false,
        };
        assert!(!denied.is_unknown_outcome());
        assert_eq!(
            denied.to_string(),
            "answered with 200, and said no: not allowed"
        );
        let unproven = CallError::Unproven {
            message: "Not Found".to_owned(),
        };
        assert!(unproven.is_unknown_outcome());
        assert!(unproven.to_string().contains(NEVER_PROVEN));
    }

    #[test]
    fn only_what_tells_of_the_whole_provider_is_an_outage() {
        for status in [429, 500, 503] {
            assert!(refused(status).is_outage(), "{status}");
        }
        for status in [400, 401, 403, 404] {
            assert!(!refused(status).is_outage(), "{status}");
        }
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
