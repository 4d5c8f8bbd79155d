//! Supervision: each task of the daemon runs under a supervisor that logs its panic, starts it again with
//! backoff, and tells whoever asks for the daemon's health.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use strum::IntoStaticStr;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::failpoint;
use crate::metrics::Metrics;

/// The wait before the first restart; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait before a restart.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A task that has run for this long since its last failure counts as well again.
const STEADY: Duration = Duration::from_secs(300);
/// A task that has failed this often in a row keeps dying: a restart alone does not make it
/// healthy.
const KEEPS_DYING: u32 = 2;

/// A task of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Task {
    /// Passes; each is a task of its own.
    Pass,
    /// What delivers mail.
    Mail,
    /// What listens for monitoring.
    Listener,
    /// What feeds systemd's watchdog.
    Watchdog,
    /// What sends the heartbeat and the webhook's alarms.
    Alarm,
}

impl Task {
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which tasks are in trouble. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Supervisor {
    troubles: Arc<Mutex<BTreeMap<Task, Trouble>>>,
    metrics: Metrics,
}

#[derive(Debug)]
struct Trouble {
    /// How often in a row.
    failures: u32,
    last: Instant,
    is_down: bool,
}

impl Supervisor {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self {
            troubles: Arc::default(),
            metrics: metrics.clone(),
        }
    }

    /// Runs what `make` makes until that ends without an error, and makes it anew after each panic
    /// and each error.
    pub(super) fn keep<F>(
        &self,
        task: Task,
        on: &Handle,
        mut make: impl FnMut() -> F + Send + 'static,
    ) -> JoinHandle<()>
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let (supervisor, runtime) = (self.clone(), on.clone());
        on.spawn(async move {
            loop {
                let running = AbortOnDropHandle::new(runtime.spawn(make()));
                let why = match running.await {
                    Ok(Ok(())) => return supervisor.is_well(task),
                    Ok(Err(why)) => why,
                    Err(ended) if ended.is_panic() => ended.to_string(),
                    // The runtime ends.
                    Err(_) => return,
                };
                let wait = failpoint::wait(supervisor.has_failed(task));
                tracing::error!(
                    task = task.as_str(),
                    "the {task} task failed ({why}); it is started again in {wait:?}"
                );
                sleep(wait).await;
                supervisor.is_up(task);
                tracing::info!(task = task.as_str(), "the {task} task is started again");
            }
        })
    }

    /// Notes a failure, and returns how long to wait before the next try.
    pub(super) fn has_failed(&self, task: Task) -> Duration {
        self.metrics.task_failed(task.as_str());
        let mut troubles = self.lock();
        let before = troubles.get(&task).filter(|trouble| !trouble.is_over());
        let failures = before.map_or(0, |trouble| trouble.failures) + 1;
        let trouble = Trouble {
            failures,
            last: Instant::now(),
            is_down: true,
        };
        troubles.insert(task, trouble);
        let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(failures - 1));
        doubled.min(LONGEST_WAIT)
    }

    /// Notes that the task did what it is for.
    pub(super) fn is_well(&self, task: Task) {
        self.lock().remove(&task);
    }

    /// Whether the task has failed and waits for its restart.
    pub(super) fn is_down(&self, task: Task) -> bool {
        self.lock()
            .get(&task)
            .is_some_and(|trouble| trouble.is_down)
    }

    /// Notes that the task was started again.
    fn is_up(&self, task: Task) {
        if let Some(trouble) = self.lock().get_mut(&task) {
            trouble.is_down = false;
        }
    }

    /// Whether all tasks run.
    ///
    /// # Errors
    /// Names the tasks that are down or keep dying.
    pub(super) fn check(&self) -> Result<(), String> {
        let troubles = self.lock();
        // Why is in the log alone: a panic's words may hold anything.
        let tell = |(task, trouble): (&Task, &Trouble)| {
            let state = if trouble.is_down {
                "is down"
            } else {
                "keeps failing"
            };
            let times = trouble.failures;
            format!("the {task} task {state}: it failed {times} times in a row; the log says why")
        };
        let told: Vec<String> = troubles
            .iter()
            .filter(|(_, t)| t.is_down || (t.failures >= KEEPS_DYING && !t.is_over()))
            .map(tell)
            .collect();
        if told.is_empty() {
            Ok(())
        } else {
            Err(told.join("; "))
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Task, Trouble>> {
        // Nothing in here leaves it half changed.
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trouble {
    /// Whether the task has run well for long enough since.
    fn is_over(&self) -> bool {
        !self.is_down && self.last.elapsed() >= failpoint::wait(STEADY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_well_after_one_failure_and_not_after_the_second_in_a_row() {
        let supervisor = Supervisor::new(&Metrics::default());
        assert_eq!(supervisor.has_failed(Task::Mail), FIRST_WAIT);
        assert!(supervisor.is_down(Task::Mail));
        let down = supervisor.check().unwrap_err();
        assert!(down.starts_with("the mail task is down: "), "{down}");
        supervisor.is_up(Task::Mail);
        assert!(supervisor.check().is_ok());

        assert_eq!(supervisor.has_failed(Task::Mail), FIRST_WAIT * 2);
        supervisor.is_up(Task::Mail);
        assert!(!supervisor.is_down(Task::Mail));
        let dying = supervisor.check().unwrap_err();
        assert!(dying.starts_with("the mail task keeps failing: it failed 2 times"));
        supervisor.is_well(Task::Mail);
        assert!(supervisor.check().is_ok());
        for _ in 0..100 {
            assert!(supervisor.has_failed(Task::Pass) <= LONGEST_WAIT);
        }
        assert!(
            supervisor
                .check()
                .unwrap_err()
                .starts_with("the pass task is down")
        );
    }

    #[tokio::test]
    async fn what_ends_by_an_error_or_a_panic_is_made_again_until_it_ends_well() {
        let metrics = Metrics::default();
        let supervisor = Supervisor::new(&metrics);
        let mut made = 0;
        let kept = supervisor.keep(Task::Alarm, &Handle::current(), move || {
            made += 1;
            async move {
                assert!(made != 1, "the first panics");
                if made == 2 {
                    Err("the second".to_owned())
                } else {
                    Ok(())
                }
            }
        });
        kept.await.unwrap();
        assert!(supervisor.check().is_ok());
        let text = metrics.text(&crate::metrics::Gauges::default());
        let counted = "lapsed_task_failures_total{task=\"alarm\"} 2\n";
        assert!(text.contains(counted), "{text}");
    }
}
