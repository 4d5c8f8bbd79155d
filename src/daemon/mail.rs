//! Delivers mail in a separate loop, so that a mail server that does not answer delays no removal.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::clock;
use crate::config::Settings;
use crate::failpoint;
use crate::mail::Pace;
use crate::mail::round::{Round, round};
use crate::metrics::Metrics;
use crate::progress::Stop;
use crate::store::{Outbox, Store};

/// How often the outbox is checked at least: another process may have put something there.
const LOOK: Duration = Duration::from_secs(60);
/// How long it waits after a fault of ours.
const AFTER_FAULT: Duration = Duration::from_secs(30);

/// What the loop goes by.
#[derive(Debug, Clone)]
pub(super) struct MailLoop {
    pub(super) store: Store,
    pub(super) settings: watch::Receiver<Arc<Settings>>,
    /// Notified when the outbox may hold something new.
    pub(super) outbox: Arc<Notify>,
    pub(super) stop: Stop,
    pub(super) metrics: Metrics,
}

impl MailLoop {
    /// Delivers what is due whenever it is notified or its time has come, until told to stop.
    pub(super) async fn run(self) -> Result<(), String> {
        while !self.stop.is_set() {
            let settings = Arc::clone(&self.settings.borrow());
            let wait = match turn(&self.store, &settings, &self.stop, &self.metrics).await {
                Ok(wait) => wait,
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(
                        error,
                        "mail could not be delivered: {error}; it is tried again"
                    );
                    AFTER_FAULT
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.outbox.notified() => {}
            }
        }
        Ok(())
    }
}

/// Delivers what is due, and returns how long until there is more.
async fn turn(
    store: &Store,
    settings: &Settings,
    stop: &Stop,
    metrics: &Metrics,
) -> anyhow::Result<Duration> {
    let Some(mail) = &settings.mail else {
        return Ok(LOOK);
    };
    let now = clock::now();
    let Some(next) = store.read(move |db| Outbox::next_try(db, now)).await? else {
        return Ok(LOOK);
    };
    clock::check()?;
    if next <= now {
        failpoint::panic("mail");
        round(&Round {
            settings: mail,
            store,
            pace: Pace::Patient,
            due_only: true,
            stop,
            metrics,
        })
        .await?;
        return Ok(Duration::ZERO);
    }
    let wait = Duration::try_from(next.duration_since(now)).unwrap_or(LOOK);
    Ok(wait.min(LOOK))
}
