//! When it was asked what is due, by two clocks.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::clock;

/// A clock that moves so much more or less than time goes by was set, or the machine slept.
const JUMP: SignedDuration = SignedDuration::from_secs(5);

/// How things were when it was asked what is due.
pub(super) struct Asking {
    pub(super) at: Timestamp,
    /// The same moment by a clock that cannot be set.
    pub(super) steady: Instant,
    pub(super) version: Option<i64>,
}

impl Asking {
    /// How far the clock has moved more (less: negative) than time went by since, if that tells of
    /// a clock that was set, or of a machine that slept.
    pub(super) fn jump(&self) -> Option<SignedDuration> {
        let jumped = clock::moved(self.at, self.steady.elapsed());
        (jumped.abs() > JUMP).then_some(jumped)
    }
}
