//! How long each step of a conversation may take.

use std::time::Duration;

use crate::failpoint;

/// The time limits of each step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// To one of its addresses.
    pub(super) connect: Duration,
    /// The answer to a command, and the greeting.
    pub(super) answer: Duration,
    /// Until the server is ready for the mail.
    pub(super) go_ahead: Duration,
    /// A piece of the mail.
    pub(super) piece: Duration,
    /// The answer to the dot that ends a mail. A client that leaves before it has to send the mail
    /// again, though the server may have it.
    pub(super) dot: Duration,
    /// All before that dot.
    pub(super) whole: Duration,
    /// All before that dot, and the answer to it, once lapsed is told to stop.
    pub(super) leaving: Duration,
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

impl Limits {
    /// As RFC 5321 (4.5.3.2) has them.
    const LONG: Self = Self {
        connect: minutes(1),
        answer: minutes(5),
        go_ahead: minutes(2),
        piece: minutes(3),
        dot: minutes(10),
        whole: minutes(30),
        leaving: Duration::from_secs(5),
    };

    /// For a loop that does nothing but deliver.
    pub(crate) fn patient() -> Self {
        Self::LONG.hurried()
    }

    /// For a command that waits for the mail: before the dot a mail can be aborted without harm.
    pub(crate) fn hasty() -> Self {
        let half = Duration::from_secs(30);
        Self {
            connect: half,
            answer: half,
            go_ahead: half,
            piece: half,
            whole: minutes(2),
            ..Self::LONG
        }
        .hurried()
    }

    /// The same wait everywhere.
    #[cfg(test)]
    pub(super) fn all(limit: Duration) -> Self {
        Self {
            connect: limit,
            answer: limit,
            go_ahead: limit,
            piece: limit,
            dot: limit,
            whole: limit * 10,
            leaving: limit,
        }
    }

    /// Shorter for a test in a hurry.
    fn hurried(self) -> Self {
        Self {
            connect: failpoint::wait(self.connect),
            answer: failpoint::wait(self.answer),
            go_ahead: failpoint::wait(self.go_ahead),
            piece: failpoint::wait(self.piece),
            dot: failpoint::wait(self.dot),
            whole: failpoint::wait(self.whole),
            leaving: failpoint::wait(self.leaving),
        }
    }
}
