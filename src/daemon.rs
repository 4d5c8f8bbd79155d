//! The loop around the pass. It asks the database each time what is due; timers and the scheduler
//! only wake it, so that a missed slot is caught up and nothing runs twice.

mod alarm;
mod asking;
mod cron;
mod due;
mod error;
mod mail;
mod passes;
mod reload;
mod signals;
mod supervisor;
mod systemd;
mod watchdog;

mod listener;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::{self, Handle};
use tokio::sync::{Notify, watch};
use tokio::task::JoinError;
use tokio::time::{Instant, sleep, timeout_at};

use crate::clock;
use crate::config::Settings;
use crate::domain::{PassOutcome, Verdict};
use crate::failpoint;
use crate::metrics::Metrics;
use crate::pass::{self, PassError};
use crate::progress::Stop;
use crate::providers::accounts::Services;
use crate::store::{Runs, Store, StoreError};
use alarm::{Alarm, Passed};
use asking::Asking;
use cron::Minutes;
use due::{Asked, Due};
pub(crate) use error::DaemonError;
use listener::Listening;
use mail::MailLoop;
use passes::last_calls;
use signals::{Order, Signals};
use supervisor::{Supervisor, Task};
use watchdog::Watchdog;

/// How often the database is asked whether it has changed, and the clock whether it was set.
const LOOK: Duration = Duration::from_secs(1);
/// How long the loop waits after a pass that could not be run.
const AFTER_FAULT: Duration = Duration::from_secs(30);
/// How often it looks whether another process still runs a pass: a long import lets others in for
/// a moment only.
const WHILE_BUSY: Duration = Duration::from_millis(200);
/// How long calls may take to come to their end once the daemon is told to stop.
const LAST_CALLS: Duration = Duration::from_secs(15);

/// Reads the configuration anew, or says why it cannot be used.
pub(crate) type Load = Box<dyn Fn() -> Result<Settings, String> + Send>;

/// Runs until SIGTERM or SIGINT: passes and reports on their cron lines, and each end at its moment.
/// SIGHUP reads the configuration anew by `load`; one that is wrong changes nothing.
///
/// # Errors
/// When it could not start, or what it has open was replaced or deleted. A pass that fails is logged
/// and tried again.
pub(crate) fn run(settings: Settings, store: &Store, load: Load) -> Result<(), DaemonError> {
    // Passes have threads of their own, so that a timer wakes one thread, not several.
    let workers = runtime::Builder::new_multi_thread().enable_all().build();
    let workers = workers.map_err(DaemonError::Runtime)?;
    let waiting = runtime::Builder::new_current_thread().enable_all().build();
    let waiting = waiting.map_err(DaemonError::Runtime)?;
    let ended = waiting.block_on(attend(settings, store, load, workers.handle().clone()));
    // What did not end in time is settled by the next pass.
    workers.shutdown_background();
    ended
}

async fn attend(
    settings: Settings,
    store: &Store,
    load: Load,
    workers: Handle,
) -> Result<(), DaemonError> {
    let mut signals = Signals::new().map_err(DaemonError::Signals)?;
    let presence = store.claim_daemon()?;
    let _presence = presence.ok_or_else(|| DaemonError::Another(store.path().to_owned()))?;
    let services = Arc::new(Services::connect(&settings, &Metrics::default())?);
    let wanted = settings.status.clone();
    let supervisor = Supervisor::new(&services.metrics);
    let mut daemon = Daemon {
        store: store.clone(),
        workers,
        started_at: clock::now(),
        watchdog: Watchdog::new(&settings.http),
        supervisor: supervisor.clone(),
        passed: Arc::default(),
        settings: watch::Sender::new(Arc::new(settings)),
        services,
        load,
        stop: Stop::default(),
        outbox: Arc::new(Notify::new()),
        last: store.read(Runs::last).await?,
        told: String::new(),
        busy: false,
        listening: Listening::default(),
    };
    daemon.listen(wanted.as_ref())?;
    let here = Handle::current();
    let watchdog = daemon.watchdog.clone();
    supervisor.keep(Task::Watchdog, &here, move || {
        let watchdog = watchdog.clone();
        async move {
            watchdog.feed().await;
            Ok(())
        }
    });
    let mail_loop = MailLoop {
        store: store.clone(),
        settings: daemon.settings.subscribe(),
        outbox: Arc::clone(&daemon.outbox),
        stop: daemon.stop.clone(),
        metrics: daemon.services.metrics.clone(),
    };
    let mail_loop = supervisor.keep(Task::Mail, &here, move || mail_loop.clone().run());
    let alarm = Alarm {
        store: store.clone(),
        settings: daemon.settings.subscribe(),
        passed: Arc::clone(&daemon.passed),
        metrics: daemon.services.metrics.clone(),
    };
    supervisor.keep(Task::Alarm, &daemon.workers, move || alarm.clone().run());
    let minutes = Minutes::start().await;
    let database = store.path().display();
    tracing::info!(%database, "started on {database}");
    systemd::ready();
    let ended = daemon.run_loop(&minutes, &mut signals).await;
    if ended.is_err() {
        daemon.begin_to_stop();
        daemon.store.save_lost_log();
    }
    let deadline = Instant::now() + LAST_CALLS;
    daemon.outbox.notify_one();
    if supervisor.is_down(Task::Mail) || timeout_at(deadline, mail_loop).await.is_err() {
        tracing::warn!("a mail was not delivered in time; it is sent again later");
    }
    tracing::info!("stopped");
    Ok(ended?)
}

struct Daemon {
    store: Store,
    settings: watch::Sender<Arc<Settings>>,
    services: Arc<Services>,
    load: Load,
    /// The threads that passes run on.
    workers: Handle,
    started_at: Timestamp,
    watchdog: Watchdog,
    supervisor: Supervisor,
    /// Notified when `[alarm]` may have something to tell of a pass.
    passed: Arc<Passed>,
    /// Told to whatever is under way when the daemon ends.
    stop: Stop,
    /// Notified when the outbox may hold something new.
    outbox: Arc<Notify>,
    /// When the last pass ended, and how.
    last: Option<(Timestamp, Verdict)>,
    /// What systemd was told last.
    told: String,
    /// Another process was running a pass when one was to be made here.
    busy: bool,
    listening: Listening,
}

impl Daemon {
    /// Asks what is due, does it, and waits until there may be more.
    ///
    /// # Errors
    /// When what is open is no longer what is at its path: started again, it has what is there.
    async fn run_loop(
        &mut self,
        minutes: &Minutes,
        signals: &mut Signals,
    ) -> Result<(), StoreError> {
        let mut last: Option<Asking> = None;
        loop {
            self.watchdog.beat();
            self.store.is_in_place()?;
            let settings = Arc::clone(&self.settings.borrow());
            if let Some(jumped) = last.as_ref().and_then(Asking::jump) {
                tracing::warn!(
                    seconds = jumped.as_secs(),
                    "the clock was set, or the machine slept ({} s); what is due is asked anew",
                    jumped.as_secs()
                );
            }
            // Read before asking, so that a change meanwhile is noticed.
            let elsewhere = self.is_still_busy();
            let asked = last.insert(Asking {
                at: clock::now(),
                steady: Instant::now(),
                version: self.store.version(),
            });
            let until = match due::ask(&settings, &self.store, asked.at, elsewhere).await {
                Ok(Asked::Elsewhere) => {
                    self.report_unless_it_waits().await;
                    in_a_while(WHILE_BUSY)
                }
                Ok(Asked::Now(due)) => match self.serve(due, signals).await? {
                    Some(until) => {
                        // What the pass itself wrote must not shorten the wait after a fault.
                        asked.version = self.store.version();
                        until
                    }
                    None => return Ok(()),
                },
                Ok(Asked::Rest(until, next_end)) => {
                    self.tell(next_end);
                    until
                }
                Err(error) => after_fault(PassError::from(error)),
            };
            tokio::select! {
                () = self.rest(asked, until) => {}
                () = minutes.next() => {}
                order = signals.next() => match order {
                    Order::Reload => self.reload(),
                    Order::Stop => {
                        self.begin_to_stop();
                        return Ok(());
                    }
                },
            }
        }
    }

    /// Waits, but not beyond a change of the database, since another process may have recorded a
    /// nearer end, nor beyond one of the clock since the database was asked.
    async fn rest(&self, asked: &Asking, until: Timestamp) {
        loop {
            self.watchdog.beat();
            let now = clock::now();
            if now >= until || asked.jump().is_some() || self.store.is_in_place().is_err() {
                return;
            }
            let left = Duration::try_from(until.duration_since(now)).unwrap_or(LOOK);
            sleep(left.min(LOOK)).await;
            let changed = self
                .store
                .version()
                .filter(|now| Some(*now) != asked.version);
            if changed.is_some() {
                self.outbox.notify_one();
                return;
            }
        }
    }

    /// Runs a pass and notes what it was for. Returns when to ask again, or `None` when the daemon
    /// was told to stop meanwhile.
    ///
    /// # Errors
    /// When what is open is no longer what is at its path.
    async fn serve(
        &mut self,
        due: Due,
        signals: &mut Signals,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut pass = self.start(&due);
        let ended = loop {
            tokio::select! {
                ended = &mut pass => break ended,
                () = sleep(LOOK) => {
                    if let Err(displaced) = self.store.is_in_place() {
                        self.begin_to_stop();
                        last_calls(pass).await;
                        return Err(displaced);
                    }
                    self.report_unless_it_waits().await;
                }
                order = signals.next() => match order {
                    Order::Reload => self.reload(),
                    Order::Stop => {
                        self.begin_to_stop();
                        last_calls(pass).await;
                        return Ok(None);
                    }
                },
            }
        };
        Ok(Some(match self.conclude(due, ended).await {
            Ok(()) => clock::now(),
            Err(PassError::Busy(_)) => {
                self.busy = true;
                in_a_while(WHILE_BUSY)
            }
            Err(error) => after_fault(error),
        }))
    }

    /// Whether the process that kept the last pass from being made still runs its own, on everything.
    fn is_still_busy(&mut self) -> bool {
        self.busy = self.busy && self.store.pass_runs().unwrap_or(false);
        self.busy
    }

    /// Makes a report that has waited long enough for the pass under way.
    async fn report_unless_it_waits(&self) {
        let settings = Arc::clone(&self.settings.borrow());
        match due::report(&settings, &self.store, None).await {
            Ok(true) => {
                tracing::info!("the report is made while a pass is still under way");
                self.outbox.notify_one();
            }
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "a report could not be made: {error}"),
        }
    }

    async fn conclude(
        &mut self,
        due: Due,
        ended: Result<Vec<Result<PassOutcome, PassError>>, JoinError>,
    ) -> Result<(), PassError> {
        let ended = ended.map_err(|error| {
            self.supervisor.has_failed(Task::Pass);
            PassError::Panicked(error.to_string())
        })?;
        let (mut outcomes, mut failed) = (Vec::new(), None);
        for outcome in ended {
            match outcome {
                Ok(outcome) => {
                    self.supervisor.is_well(Task::Pass);
                    pass::log("pass ended", &outcome);
                    self.last = Some((outcome.finished_at, outcome.outcome));
                    self.outbox.notify_one();
                    outcomes.push(outcome);
                }
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        due::note(&self.store, &due).await?;
        if due.is_whole()
            && let Some(outcome) = outcomes.last()
        {
            let settings = Arc::clone(&self.settings.borrow());
            due::report(&settings, &self.store, Some(&outcome.run)).await?;
            self.passed.after(&settings, &self.store, outcome).await;
            self.outbox.notify_one();
        }
        Ok(())
    }

    /// Tells systemd the status, if it has changed.
    fn tell(&mut self, next_end: Option<Timestamp>) {
        let line = systemd::status_line(self.last, next_end, &self.settings.borrow().timezone);
        if line != self.told {
            systemd::status(&line);
            self.told = line;
        }
    }

    fn begin_to_stop(&self) {
        tracing::info!("stopping: the calls under way are brought to their end");
        systemd::stopping();
        self.stop.set();
    }
}

fn in_a_while(wait: Duration) -> Timestamp {
    let now = clock::now();
    now.checked_add(wait).unwrap_or(now)
}

fn after_fault(error: PassError) -> Timestamp {
    let error = format!("{:#}", anyhow::Error::from(error));
    tracing::error!(error, "a pass could not be run: {error}; it is tried again");
    in_a_while(failpoint::wait(AFTER_FAULT))
}
