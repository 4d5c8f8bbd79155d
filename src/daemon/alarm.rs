//! `[alarm]`, in a separate loop: a server that does not answer delays neither passes nor mail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Notify, watch};

use crate::alarm;
use crate::config::Settings;
use crate::domain::{PassOutcome, Verdict};
use crate::failpoint;
use crate::metrics::Metrics;
use crate::store::Store;

/// Wakes the loop after each whole pass.
#[derive(Debug, Default)]
pub(super) struct Passed {
    wake: Notify,
    /// The last pass converged, and its heartbeat is not sent yet.
    beat: AtomicBool,
}

impl Passed {
    /// Records the episodes after a whole pass, and wakes the loop that sends.
    pub(super) async fn after(&self, settings: &Settings, store: &Store, outcome: &PassOutcome) {
        if let Err(error) = alarm::note(settings, store, outcome).await {
            alarm::log_fault(&error);
        }
        let converged = outcome.outcome == Verdict::Converged;
        self.beat.store(converged, Ordering::Relaxed);
        self.wake.notify_one();
    }
}

/// What the loop goes by.
#[derive(Debug, Clone)]
pub(super) struct Alarm {
    pub(super) store: Store,
    pub(super) settings: watch::Receiver<Arc<Settings>>,
    pub(super) passed: Arc<Passed>,
    pub(super) metrics: Metrics,
}

impl Alarm {
    /// Sends what is to be sent after each whole pass, as long as the daemon lives.
    pub(super) async fn run(self) -> Result<(), String> {
        loop {
            self.passed.wake.notified().await;
            failpoint::panic("alarm");
            let settings = Arc::clone(&self.settings.borrow());
            let converged = self.passed.beat.swap(false, Ordering::Relaxed);
            let sent = alarm::send(&settings, &self.store, &self.metrics, converged).await;
            if let Err(error) = sent {
                alarm::log_fault(&error);
            }
        }
    }
}
