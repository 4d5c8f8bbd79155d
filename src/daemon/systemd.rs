//! What systemd is told: ready, what goes on, reloading, stopping, and that all is alive. Without
//! systemd nobody hears it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sd_notify::NotifyState;

use crate::domain::Verdict;
use crate::text;

pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The line for [`status`]: the last pass and the next end.
pub(super) fn status_line(
    last: Option<(Timestamp, Verdict)>,
    next_end: Option<Timestamp>,
    zone: &TimeZone,
) -> String {
    let last = match last {
        Some((at, verdict)) => {
            format!("last pass {}: {}", text::second(at, zone), verdict.as_str())
        }
        None => "no pass yet".to_owned(),
    };
    match next_end {
        Some(at) => format!("{last}; next end {}", text::second(at, zone)),
        None => format!("{last}; no end ahead"),
    }
}

/// What `systemctl status` shows.
pub(super) fn status(line: &str) {
    tell(&[NotifyState::Status(line)]);
}

/// The configuration is being read anew; [`ready`] ends that.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The daemon is about to end.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often it wants to hear that; none where it does not.
pub(super) fn wants_alive() -> Option<Duration> {
    // Twice in each span that it waits for, so that one late sign does no harm.
    sd_notify::watchdog_enabled().map(|span| span / 2)
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd could not be told");
    }
}
