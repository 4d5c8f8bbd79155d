//! Mail, in a loop of its own: a mail server that does not answer holds up no end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::clock;
use crate::config::Settings;
use crate::mail::RoundError;
use crate::mail::round::round;
use crate::metrics::Metrics;
use crate::pass::Stop;
use crate::store::{Outbox, Store};

/// The outbox is looked into at least so often: another process may have left something there.
const LOOK: Duration = Duration::from_secs(60);
/// How long it waits after a fault of ours.
const AFTER_FAULT: Duration = Duration::from_secs(30);

/// Delivers what is due for it whenever `bell` rings or its time has come, until told to stop.
pub(super) async fn run(
    store: Store,
    settings: watch::Receiver<Arc<Settings>>,
    bell: Arc<Notify>,
    stop: Stop,
    metrics: Metrics,
) {
    while !stop.is_set() {
        let settings = Arc::clone(&settings.borrow());
        let wait = match turn(&store, &settings, &stop, &metrics).await {
            Ok(wait) => wait,
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::error!(
                    error,
                    "mail could not be delivered: {error}; it is tried again"
                );
                AFTER_FAULT
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = bell.notified() => {}
        }
    }
}

/// Delivers what is due, and tells how long nothing is.
async fn turn(
    store: &Store,
    settings: &Settings,
    stop: &Stop,
    metrics: &Metrics,
) -> Result<Duration, RoundError> {
    let Some(mail) = &settings.mail else {
        return Ok(LOOK);
    };
    let Some(next) = store.read(Outbox::next_try).await? else {
        return Ok(LOOK);
    };
    let now = clock::now();
    if next <= now {
        round(mail, store, true, Vec::new(), stop, metrics).await?;
        return Ok(Duration::ZERO);
    }
    let wait = Duration::try_from(next.duration_since(now)).unwrap_or(LOOK);
    Ok(wait.min(LOOK))
}
