//! How long work is stopped, and how others hear how far it has come.

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

/// Asks long work to begin nothing new.
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

/// A stage of the work that may take long.
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
