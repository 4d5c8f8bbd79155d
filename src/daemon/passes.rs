//! The passes that are due, on a task of their own.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::due::Due;
use super::{Daemon, LAST_CALLS};
use crate::domain::{PassOutcome, Scope};
use crate::pass::{self, Delivery, Options, PassError};
use crate::progress::Progress;
use crate::store::Resting;

/// Passes one after the other, one for each account where only some targets are due.
pub(super) type Passes = JoinHandle<Vec<Result<PassOutcome, PassError>>>;

impl Daemon {
    /// Runs what is due on a task of its own, so that a panic affects nothing else. Each account has a
    /// pass of its own: one that hangs keeps the others no longer than a call may take.
    pub(super) fn start(&self, due: &Due) -> Passes {
        let watchdog = self.watchdog.clone();
        let options = Options {
            respect_backoff: true,
            exact: true,
            mail: Delivery::Elsewhere,
            stop: self.stop.clone(),
            progress: Progress::to(move |_, _, _| watchdog.beat()),
            ..Options::default()
        };
        let (settings, services) = (Arc::clone(&self.settings.borrow()), self.services.clone());
        let store = self.store.clone();
        let mut parts = due.scope.by_account();
        self.workers.spawn(async move {
            let mut ended = Vec::with_capacity(parts.len());
            parts.sort_by_key(|part| services.turn(part));
            while !parts.is_empty() && !options.stop.is_set() {
                let scope = parts.remove(0);
                let waiting = (!parts.is_empty()).then(|| Scope::of_all(&parts));
                let options = Options {
                    scope,
                    waiting,
                    ..options.clone()
                };
                if let Ok(resting) = store.read(Resting::accounts).await {
                    services.rests.wake_all_but(&resting);
                }
                let begun = Instant::now();
                ended.push(pass::run(&settings, &services, &store, &options).await);
                services.note_took(&options.scope, begun.elapsed());
            }
            ended
        })
    }
}

/// Lets the calls under way end and their results be written; nothing new is started.
pub(super) async fn last_calls(pass: Passes) {
    if timeout_at(Instant::now() + LAST_CALLS, pass).await.is_err() {
        tracing::warn!("a call did not end in time; the next pass settles it");
    }
}
