//! The watchdog: whether the loop and the pass still make progress. Where they do not, systemd is not
//! notified, and /healthz says why.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::systemd;
use crate::config::HttpSettings;
use crate::failpoint;

/// How long a pass may take between two signs of life, apart from waiting for a provider. Planning
/// for a million grants and the database's own waits take far less.
const PATIENCE: Duration = Duration::from_secs(120);
/// A read is made four times and may be asked to wait for a minute in all: so many timeouts.
const TIMEOUTS: u32 = 6;
/// How often a broken watchdog is looked for where nobody is fed.
const LOOK: Duration = Duration::from_secs(30);

/// Beats as long as the daemon makes progress. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Watchdog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    born: Instant,
    /// Milliseconds after `born`.
    last: AtomicU64,
    /// Milliseconds.
    patience: AtomicU64,
    /// A silence is logged once.
    told: AtomicBool,
}

impl Watchdog {
    pub(super) fn new(http: &HttpSettings) -> Self {
        let watchdog = Self(Arc::new(Inner {
            born: Instant::now(),
            last: AtomicU64::new(0),
            patience: AtomicU64::new(0),
            told: AtomicBool::new(false),
        }));
        watchdog.expect(http);
        watchdog
    }

    /// Sets how long a pass may be silent: at these settings a single call may take long.
    pub(super) fn expect(&self, http: &HttpSettings) {
        let pause = Duration::try_from_secs_f64(2.0 / http.requests_per_second);
        let patience = PATIENCE
            .saturating_add(http.timeout.saturating_mul(TIMEOUTS))
            .saturating_add(pause.unwrap_or_default());
        let patience = millis(failpoint::wait(patience));
        self.0.patience.store(patience, Ordering::Relaxed);
    }

    pub(super) fn beat(&self) {
        let now = millis(self.0.born.elapsed());
        self.0.last.store(now, Ordering::Relaxed);
        if self.0.told.swap(false, Ordering::Relaxed) {
            tracing::info!("the daemon gets on again");
        }
    }

    /// Whether the daemon makes progress.
    ///
    /// # Errors
    /// Says for how long it has not.
    pub(crate) fn check(&self) -> Result<(), String> {
        let now = millis(self.0.born.elapsed());
        let silence = now.saturating_sub(self.0.last.load(Ordering::Relaxed));
        if silence <= self.0.patience.load(Ordering::Relaxed) {
            return Ok(());
        }
        let silence = Duration::from_secs(silence / 1000);
        Err(format!("the pass has not got on for {silence:?}"))
    }

    /// Feeds systemd's watchdog as long as the watchdog beats.
    pub(super) async fn feed(self) {
        let every = systemd::wants_alive();
        loop {
            match self.check() {
                Ok(()) => systemd::alive(),
                Err(why) if !self.0.told.swap(true, Ordering::Relaxed) => {
                    tracing::error!("{why}; where a watchdog is set, it starts the daemon anew");
                }
                Err(_) => {}
            }
            sleep(every.unwrap_or(failpoint::wait(LOOK))).await;
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
