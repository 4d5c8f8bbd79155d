//! The doorbell: the scheduler rings each minute, and says nothing of what is due.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

pub(super) struct Bell {
    ring: Arc<Notify>,
    /// Rings as long as it lives.
    _scheduler: Option<JobScheduler>,
}

impl Bell {
    /// Hangs the bell. Without one the loop still wakes by its own timers.
    pub(super) async fn hang() -> Self {
        let ring = Arc::new(Notify::new());
        let scheduler = match scheduler(Arc::clone(&ring)).await {
            Ok(scheduler) => Some(scheduler),
            Err(error) => {
                tracing::warn!(%error, "the scheduler could not be started: {error}; timers do its work");
                None
            }
        };
        Self {
            ring,
            _scheduler: scheduler,
        }
    }

    pub(super) async fn rings(&self) {
        self.ring.notified().await;
    }
}

async fn scheduler(ring: Arc<Notify>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    let job = Job::new("0 * * * * *", move |_, _| ring.notify_one())?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}
