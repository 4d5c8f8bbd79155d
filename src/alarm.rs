//! Alarms for others: a heartbeat whose absence shows that lapsed is dead, and a webhook that is
//! called once an episode.
//!
//! Both follow whole passes only. Neither delays anything or changes an outcome: a failure is
//! logged and counted, and an episode that the webhook did not accept is sent again after the next
//! pass.

mod episode;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;

use crate::clock;
use crate::config::{AlarmSettings, SecretUrl, Settings};
use crate::domain::{PassOutcome, Verdict};
use crate::failpoint;
use crate::metrics::Metrics;
use crate::providers::Beacon;
use crate::store::{Episodes, Store, StoreError};

pub(crate) use episode::Kind;
use episode::WebhookBody;

/// The longest that one call may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest that all of them may take while somebody waits for a command.
const HURRY: Duration = Duration::from_secs(5);

/// Records which episodes have begun and which are over after a whole pass. Without a webhook none
/// are kept, so that one that is configured later is told what still lasts.
///
/// # Errors
/// When the database cannot be read or written.
pub(crate) async fn note(
    settings: &Settings,
    store: &Store,
    outcome: &PassOutcome,
) -> Result<(), StoreError> {
    let told = match webhook(settings) {
        Some(_) => episode::now(settings, outcome),
        None => BTreeMap::new(),
    };
    follow(store, told).await
}

/// Stores the present episodes: new ones are to be sent, and all others are over.
async fn follow(store: &Store, now: BTreeMap<Kind, WebhookBody>) -> Result<(), StoreError> {
    let kept = store.read(Episodes::kept).await?;
    let is_so = |name: &str| now.keys().any(|kind| kind.as_str() == name);
    let over: Vec<String> = kept.iter().filter(|name| !is_so(name)).cloned().collect();
    let is_new = |kind: &Kind| !kept.iter().any(|name| name == kind.as_str());
    let begun: Vec<(Kind, String)> = now
        .iter()
        .filter(|(kind, _)| is_new(kind))
        .map(|(kind, told)| (*kind, serde_json::json!(told).to_string()))
        .collect();
    // Nothing is written where nothing changed.
    if over.is_empty() && begun.is_empty() {
        return Ok(());
    }
    store
        .write(move |db| {
            for name in over {
                Episodes::end(db, &name)?;
            }
            for (kind, body) in begun {
                Episodes::begin(db, kind.as_str(), &body)?;
            }
            Ok(())
        })
        .await
}

/// Sends the heartbeat if the pass converged, and sends the webhook its new episodes.
///
/// # Errors
/// When the database cannot be read or written. What could not be sent is logged and counted.
pub(crate) async fn send(
    settings: &Settings,
    store: &Store,
    metrics: &Metrics,
    converged: bool,
) -> Result<(), StoreError> {
    let Some(alarm) = &settings.alarm else {
        return Ok(());
    };
    let beat = beat(alarm, metrics, converged);
    let ((), told) = tokio::join!(beat, tell(alarm, store, metrics));
    told
}

/// [`note`] and [`send`] after the pass of a command, within a few seconds. Nothing that happens in
/// here changes how the command ends.
pub(crate) async fn after_command(
    settings: &Settings,
    store: &Store,
    metrics: &Metrics,
    outcome: &PassOutcome,
) {
    if outcome.dry_run {
        return;
    }
    let work = async {
        note(settings, store, outcome).await?;
        let converged = outcome.outcome == Verdict::Converged;
        send(settings, store, metrics, converged).await
    };
    match timeout(failpoint::wait(HURRY), work).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log_fault(&error),
        Err(_) => tracing::warn!(
            "the alarm was given up after {HURRY:?}; what the webhook did not take is told after the next pass"
        ),
    }
}

/// Logs that the episodes could not be kept.
pub(crate) fn log_fault(error: &StoreError) {
    tracing::error!(%error, "the episodes of [alarm] could not be kept: {error}");
}

async fn beat(alarm: &AlarmSettings, metrics: &Metrics, converged: bool) {
    let Some(url) = alarm.heartbeat.as_ref().filter(|_| converged) else {
        return;
    };
    let sent = match Beacon::new(url, PATIENCE) {
        Ok(beacon) => beacon.get().await,
        Err(why) => Err(why),
    };
    count(metrics, "heartbeat", url, &sent);
}

async fn tell(alarm: &AlarmSettings, store: &Store, metrics: &Metrics) -> Result<(), StoreError> {
    let Some(url) = &alarm.webhook else {
        return Ok(());
    };
    let untold = store.read(Episodes::untold).await?;
    for (name, body) in untold {
        let Some(kind) = Kind::from_word(&name) else {
            continue;
        };
        let sent = match Beacon::new(url, PATIENCE) {
            Ok(beacon) => beacon.post(body.clone()).await,
            Err(why) => Err(why),
        };
        count(metrics, kind.as_str(), url, &sent);
        if sent.is_ok() {
            let at = clock::now();
            store
                .write(move |db| Episodes::told(db, &name, &body, at))
                .await?;
        }
    }
    Ok(())
}

fn count(metrics: &Metrics, what: &'static str, url: &SecretUrl, sent: &Result<(), String>) {
    metrics.alarm(what, sent.is_ok());
    let place = url.place();
    match sent {
        Ok(()) => tracing::debug!(what, "{what} was sent to {place}"),
        Err(why) => tracing::warn!(what, "{what} could not be sent to {place}: {why}"),
    }
}

fn webhook(settings: &Settings) -> Option<&SecretUrl> {
    settings.alarm.as_ref()?.webhook.as_ref()
}
