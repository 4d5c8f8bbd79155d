//! How a pass is to be run, and how its progress is told.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::domain::Reach;

/// How a pass is to be run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only look: no provider is changed, nothing is mailed.
    pub dry_run: bool,
    /// The plan as it would be then; only for a dry run.
    pub at: Option<Timestamp>,
    /// Whether a failed action waits until its next try, and mail to people for the morning;
    /// otherwise all that is due is done now.
    pub patient: bool,
    /// Whether a report is mailed.
    pub report: bool,
    /// What the pass is about. One that is not about everything tells only of what it did.
    pub reach: Reach,
    /// Whether what comes due while everything is read is acted on at once, by a pass of its own.
    pub exact: bool,
    /// Who delivers the mail.
    pub mail: Delivery,
    /// Ends the pass early: what is under way comes to its end, nothing new is begun.
    pub stop: Stop,
    /// Who hears of the progress.
    pub progress: Progress,
}

/// Who delivers the mail that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Delivery {
    /// The pass, before it ends.
    #[default]
    Here,
    /// Somebody else: a mail server that does not answer holds up no pass.
    Elsewhere,
}

/// Told to a pass that is to begin nothing new.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// From now on nothing new is begun.
    pub fn set(&self) {
        self.0.cancel();
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Comes when it is told.
    pub(crate) async fn told(&self) {
        self.0.cancelled().await;
    }
}

/// A long stage of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Teams are read.
    Observe,
    /// Actions are done.
    Apply,
    /// Access is given.
    Give,
}

/// Who hears of the progress: stage, how many are done, of how many.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Listener>>);

type Listener = dyn Fn(Stage, u64, u64) + Send + Sync;

impl Progress {
    /// Tells `listener`.
    pub fn to(listener: impl Fn(Stage, u64, u64) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    pub(crate) fn tell(&self, stage: Stage, done: u64, total: u64) {
        if let Some(listener) = &self.0 {
            listener(stage, done, total);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.0.is_some()).finish()
    }
}
