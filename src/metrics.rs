//! The process's counters and histograms, and their text for Prometheus.

mod gauges;
mod kinds;
mod labels;

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use prometheus_client::encoding::text::{encode, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use strum::VariantArray as _;

use crate::domain::{Action, ActionKind, ActionState, PassOutcome, Reason};

pub use gauges::{Backlog, Gauges, Unread};
pub use kinds::{NotMade, PassKind};

/// The `Content-Type` of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// From an end to its removal: at its moment, after some retries, with the next pass, or hours and
/// days later where it could not be removed.
const LAG_BUCKETS: [f64; 16] = [
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0,
    86_400.0, 604_800.0,
];
/// A call ends within `http.timeout`, which is 30 seconds unless it was set.
const CALL_BUCKETS: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// A pass takes a fraction of a second when little is due, and many minutes after a long time down.
const PASS_BUCKETS: [f64; 12] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
];

/// The counters and histograms of a process; cloning shares them.
///
/// Counting is always on: a call costs a quarter of a microsecond more for it.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Counted>);

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

#[derive(Debug)]
struct Counted {
    registry: Registry,
    passes: Family<labels::Pass, Counter>,
    pass_duration: Histograms<labels::PassDuration>,
    removals: Family<labels::Removal, Counter>,
    lag: Histograms<labels::Why>,
    calls: Family<labels::Call, Counter>,
    call_duration: Histograms<labels::Endpoint>,
    mails: Family<labels::Mail, Counter>,
    alarms: Family<labels::Alarm, Counter>,
    task_failures: Family<labels::Task, Counter>,
}

impl Default for Counted {
    fn default() -> Self {
        let mut counted = Self {
            registry: Registry::default(),
            passes: Family::default(),
            pass_duration: Family::new_with_constructor(|| Histogram::new(PASS_BUCKETS)),
            removals: Family::default(),
            lag: Family::new_with_constructor(|| Histogram::new(LAG_BUCKETS)),
            calls: Family::default(),
            call_duration: Family::new_with_constructor(|| Histogram::new(CALL_BUCKETS)),
            mails: Family::default(),
            alarms: Family::default(),
            task_failures: Family::default(),
        };
        counted.register();
        counted.begin_at_zero();
        counted
    }
}

impl Counted {
    /// Names and explains everything. The library adds `_total`, `_info` and the full stop.
    fn register(&mut self) {
        let to = &mut self.registry;
        to.register(
            "lapsed_build",
            "Which lapsed this is",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        to.register(
            "lapsed_passes",
            "Passes, by kind and by how they ended",
            self.passes.clone(),
        );
        to.register(
            "lapsed_pass_duration_seconds",
            "How long passes took that came to their end",
            self.pass_duration.clone(),
        );
        to.register(
            "lapsed_actions",
            "Removals by how a pass left them; one that is tried or held again counts again",
            self.removals.clone(),
        );
        to.register(
            "lapsed_removal_lag_seconds",
            "From the moment a removal was to be made (its end, and policy.grace after it) until it was known as made",
            self.lag.clone(),
        );
        to.register(
            "lapsed_provider_calls",
            "Calls to providers, by how they were answered; each retry counts",
            self.calls.clone(),
        );
        to.register(
            "lapsed_provider_call_duration_seconds",
            "How long calls to providers took, without the wait for their turn",
            self.call_duration.clone(),
        );
        to.register(
            "lapsed_mails",
            "Mails handed over or not; each further try counts",
            self.mails.clone(),
        );
        to.register(
            "lapsed_alarms",
            "Heartbeats and alarms sent to the URLs of [alarm], or not; each further try counts",
            self.alarms.clone(),
        );
        to.register(
            "lapsed_task_failures",
            "Tasks of the daemon that panicked or ended by an error, and were started again",
            self.task_failures.clone(),
        );
    }

    /// A series that appears with its first event hides that event from `rate()`, so known series
    /// exist from the start.
    fn begin_at_zero(&self) {
        for kind in labels::PASS_KINDS.map(PassKind::as_str) {
            drop(
                self.pass_duration
                    .get_or_create(&labels::PassDuration { kind }),
            );
            for verdict in labels::VERDICTS {
                drop(self.passes.get_or_create(&labels::Pass { kind, verdict }));
            }
        }
        for kind in ActionKind::VARIANTS.iter().copied() {
            for state in labels::STATES {
                drop(self.removals.get_or_create(&removal(kind, state)));
            }
        }
        for reason in Reason::VARIANTS.iter().copied() {
            drop(self.lag.get_or_create(&why(reason)));
        }
        for task in labels::TASKS {
            drop(self.task_failures.get_or_create(&labels::Task { task }));
        }
        for kind in labels::ALARMS {
            for state in labels::SENT {
                drop(self.alarms.get_or_create(&labels::Alarm { kind, state }));
            }
        }
    }
}

fn sent(is_sent: bool) -> &'static str {
    labels::SENT[usize::from(!is_sent)]
}

fn removal(kind: ActionKind, state: ActionState) -> labels::Removal {
    labels::Removal {
        action: kind.as_str(),
        state: state.as_str(),
    }
}

fn why(reason: Reason) -> labels::Why {
    labels::Why {
        reason: reason.as_str(),
    }
}

impl Metrics {
    /// Everything as OpenMetrics text, with what the database knows at this moment.
    #[must_use]
    pub fn text(&self, gauges: &Gauges) -> String {
        let mut text = String::new();
        // A String takes everything. If it did not, the end mark would be missing, and the reader
        // would refuse the rest.
        let _ = encode_registry(&mut text, &self.0.registry)
            .and_then(|()| encode(&mut text, &gauges.registry()));
        text
    }

    /// Counts a pass, and the removals that it was not allowed to make.
    pub(crate) fn pass(
        &self,
        kind: PassKind,
        result: Result<&PassOutcome, NotMade>,
        took: Duration,
    ) {
        let kind = kind.as_str();
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(why) => return self.ended(kind, why.as_str()),
        };
        self.ended(kind, outcome.outcome.as_str());
        let duration = self
            .0
            .pass_duration
            .get_or_create(&labels::PassDuration { kind });
        duration.observe(took.as_secs_f64());
        if outcome.dry_run {
            return;
        }
        for action in &outcome.actions {
            if matches!(action.state, ActionState::Held | ActionState::Protected) {
                let labels = removal(action.action, action.state);
                self.0.removals.get_or_create(&labels).inc();
            }
        }
    }

    fn ended(&self, kind: &'static str, verdict: &'static str) {
        let labels = labels::Pass { kind, verdict };
        self.0.passes.get_or_create(&labels).inc();
    }

    /// Counts the pass as one that could not be made when it panics while this lives.
    pub(crate) fn on_panic(&self, kind: PassKind) -> OnPanic {
        OnPanic {
            metrics: self.clone(),
            kind,
        }
    }

    /// Counts how a try to remove ended, and its delay after the end.
    pub(crate) fn tried(&self, action: &Action, state: ActionState, lag: SignedDuration) {
        let labels = removal(action.kind, state);
        self.0.removals.get_or_create(&labels).inc();
        if state.is_settled() {
            let histogram = self.0.lag.get_or_create(&why(action.reason));
            // A negative delay comes from a clock that was set back.
            histogram.observe(lag.as_secs_f64().max(0.0));
        }
    }

    /// Counts a removal that found nothing to do, and its delay after the end.
    pub(crate) fn found_absent(&self, kind: ActionKind, reason: Reason, lag: SignedDuration) {
        let labels = removal(kind, ActionState::Absent);
        self.0.removals.get_or_create(&labels).inc();
        let histogram = self.0.lag.get_or_create(&why(reason));
        histogram.observe(lag.as_secs_f64().max(0.0));
    }

    /// Counts a call to an account, `sentius:NAME` or `sapling:NAME`; without the time it `took`
    /// where nothing was sent.
    pub(crate) fn call(
        &self,
        account: &str,
        method: &str,
        outcome: &'static str,
        took: Option<Duration>,
    ) {
        let (account, method) = (account.to_owned(), method.to_owned());
        let endpoint = labels::Endpoint { account, method };
        if let Some(took) = took {
            let duration = self.0.call_duration.get_or_create(&endpoint);
            duration.observe(took.as_secs_f64());
        }
        let labels::Endpoint { account, method } = endpoint;
        let labels = labels::Call {
            account,
            method,
            outcome,
        };
        self.0.calls.get_or_create(&labels).inc();
    }

    /// Counts a try to hand over a mail.
    pub(crate) fn mail(&self, kind: &str, state: &'static str) {
        let labels = labels::Mail {
            kind: kind.to_owned(),
            state,
        };
        self.0.mails.get_or_create(&labels).inc();
    }

    /// Counts a try to send a heartbeat, or an alarm of this kind.
    pub(crate) fn alarm(&self, kind: &'static str, is_sent: bool) {
        let state = sent(is_sent);
        let labels = labels::Alarm { kind, state };
        self.0.alarms.get_or_create(&labels).inc();
    }

    /// Counts a failure of a task of the daemon.
    pub(crate) fn task_failed(&self, task: &'static str) {
        self.0
            .task_failures
            .get_or_create(&labels::Task { task })
            .inc();
    }
}

/// See [`Metrics::on_panic`].
#[must_use = "it counts only while it lives"]
pub(crate) struct OnPanic {
    metrics: Metrics,
    kind: PassKind,
}

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.metrics
                .ended(self.kind.as_str(), NotMade::Error.as_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pass of this kind that panics or not, and the lines about it that are not zero.
    async fn passes(panics: bool) -> Vec<String> {
        let metrics = Metrics::default();
        let counted = metrics.clone();
        let pass = tokio::spawn(async move {
            let _panic = counted.on_panic(PassKind::Whole);
            tokio::task::yield_now().await;
            assert!(!panics);
        });
        assert_eq!(pass.await.is_err(), panics);
        let text = metrics.text(&Gauges::default());
        let passes = text
            .lines()
            .filter(|line| line.starts_with("lapsed_passes"));
        let some = passes.filter(|line| !line.ends_with(" 0"));
        some.map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_pass_that_panics_counts_as_one_that_could_not_be_made() {
        let error = "lapsed_passes_total{kind=\"pass\",verdict=\"error\"} 1";
        assert_eq!(passes(true).await, [error]);
        assert_eq!(passes(false).await, [""; 0]);
    }
}
