//! The loop around the pass. What is due is asked of the database each time; timers and the doorbell
//! only wake it, so that a missed ring is caught up and nothing runs twice.

mod bell;
mod due;

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until, timeout};

use crate::clock;
use crate::config::Settings;
use crate::pass::{self, Options, PassError, Stop};
use crate::services::Services;
use crate::store::Store;
use bell::Bell;
use due::{Due, Moment};

/// How often the database is asked whether another process has changed it.
const LOOK: Duration = Duration::from_secs(1);
/// How long the loop waits after a pass that could not be run.
const AFTER_FAULT: Duration = Duration::from_secs(30);
/// How long it waits while another process runs a pass.
const WHILE_BUSY: Duration = Duration::from_secs(2);
/// How long a pass may take to come to its end once the daemon is told to stop.
const LAST_CALLS: Duration = Duration::from_secs(15);

/// Runs until SIGTERM or SIGINT: passes and reports on their cron lines, and each end at its moment.
///
/// # Errors
/// When signals cannot be received. A pass that fails is logged and tried again.
pub async fn run(settings: &Settings, services: &Services, store: &Store) -> std::io::Result<()> {
    let mut signals = Signals::new()?;
    let bell = Bell::hang().await;
    tracing::info!(database = %store.path().display(), "started");
    loop {
        let wait = match due::ask(settings, store, clock::now()).await {
            Ok(Moment::Now(due)) => {
                match pass_or_stop(settings, services, store, due, &mut signals).await {
                    Some(wait) => wait,
                    None => break,
                }
            }
            Ok(Moment::In(wait)) => wait,
            Err(error) => after_fault(error.into()),
        };
        tokio::select! {
            () = rest(store, wait) => {}
            () = bell.rings() => {}
            () = signals.stop() => break,
        }
    }
    tracing::info!("stopped");
    Ok(())
}

/// Waits, but not beyond a change by another process: it may have recorded a nearer end.
async fn rest(store: &Store, wait: Duration) {
    let until = Instant::now() + wait;
    let before = version(store).await;
    while Instant::now() < until {
        sleep_until(until.min(Instant::now() + LOOK)).await;
        if version(store).await != before {
            return;
        }
    }
}

/// A number that changes when another process has changed the database; none while it cannot be
/// asked.
async fn version(store: &Store) -> Option<i64> {
    store.read(Store::version).await.ok()
}

/// Runs a pass and notes what it was for. Returns how long to wait before asking again, or `None`
/// when the daemon was told to stop meanwhile.
async fn pass_or_stop(
    settings: &Settings,
    services: &Services,
    store: &Store,
    due: Due,
    signals: &mut Signals,
) -> Option<Duration> {
    let options = Options {
        patient: true,
        report: due.report.is_some(),
        ..Options::default()
    };
    let pass = async {
        let outcome = pass::run(settings, services, store, &options).await?;
        tracing::info!(
            run = outcome.run,
            outcome = outcome.outcome.as_str(),
            done = outcome.counts.done,
            failed = outcome.counts.failed,
            held = outcome.counts.held,
            "pass ended"
        );
        due::note(store, due).await?;
        Ok(())
    };
    tokio::pin!(pass);
    let result: Result<(), PassError> = tokio::select! {
        result = &mut pass => result,
        () = signals.stop() => {
            stop(&options.stop, pass).await;
            return None;
        }
    };
    Some(match result {
        Ok(()) => Duration::ZERO,
        Err(PassError::Busy(_)) => WHILE_BUSY,
        Err(error) => after_fault(error),
    })
}

/// Lets the calls under way end and their results be written; nothing new is begun.
async fn stop(flag: &Stop, pass: impl Future<Output = Result<(), PassError>>) {
    tracing::info!("stopping: the calls under way are brought to their end");
    flag.set();
    if timeout(LAST_CALLS, pass).await.is_err() {
        tracing::warn!("a call did not end in time; the next pass settles it");
    }
}

fn after_fault(error: PassError) -> Duration {
    let error = format!("{:#}", anyhow::Error::from(error));
    tracing::error!(error, "a pass could not be run; it is tried again");
    AFTER_FAULT
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Resolves when the daemon is told to stop.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
