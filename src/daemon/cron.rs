//! The cron scheduler wakes the daemon each minute. It does not say what is due.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

pub(super) struct Minutes {
    begun: Arc<Notify>,
    /// Runs as long as it lives.
    _scheduler: Option<JobScheduler>,
}

impl Minutes {
    /// Starts the scheduler. Without it the daemon still wakes by its own timers.
    pub(super) async fn start() -> Self {
        let begun = Arc::new(Notify::new());
        let scheduler = match scheduler(Arc::clone(&begun)).await {
            Ok(scheduler) => Some(scheduler),
            Err(error) => {
                tracing::warn!(%error, "the scheduler could not be started: {error}; timers do its work");
                None
            }
        };
        Self {
            begun,
            _scheduler: scheduler,
        }
    }

    /// Waits until the next minute begins.
    pub(super) async fn next(&self) {
        self.begun.notified().await;
    }
}

async fn scheduler(begun: Arc<Notify>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    let job = Job::new("0 * * * * *", move |_, _| begun.notify_one())?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}
