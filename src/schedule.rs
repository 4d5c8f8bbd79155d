//! What is due, and when the next thing is. Pure: cron lines in their zone, asked at an instant.

pub(crate) mod backoff;

use std::str::FromStr;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::config::Schedule;

#[cfg(test)]
mod tests;

/// The next occurrence of a cron line after `now`, in its zone. `None` for a line that is not valid
/// or never occurs, which the configuration refuses.
#[must_use]
pub(crate) fn next(line: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let cron = Cron::from_str(line).ok()?;
    let next = cron.find_next_occurrence(&now.to_zoned(zone.clone()), false);
    next.ok().map(|at| at.timestamp())
}

/// The latest occurrence of a cron line at or before `now`, in its zone. `None` for a line that is
/// not valid, which the configuration refuses.
#[must_use]
pub(crate) fn previous(line: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let cron = Cron::from_str(line).ok()?;
    let previous = cron.find_previous_occurrence(&now.to_zoned(zone.clone()), true);
    previous.ok().map(|at| at.timestamp())
}

/// The occurrence of the report's line that is due now: the latest one, if it was not served yet.
/// One served in the future was served by another clock: it counts as now, since a second report of
/// the same period would do harm.
#[must_use]
pub(crate) fn report(
    lines: &Schedule,
    zone: &TimeZone,
    served: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    previous(&lines.report, zone, now).filter(|slot| *slot > served.min(now))
}

/// The longest wait: then what is due is read again, whatever the timers and clocks do.
const LONGEST: SignedDuration = SignedDuration::from_secs(60);

/// The occurrences of the cron lines that were last served, from the database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Served {
    /// Of the pass's line, or when the pass was made.
    pub pass: Option<Timestamp>,
    /// Of the report's line, or when the daemon was first started here.
    pub report: Option<Timestamp>,
    /// When what is due between passes was last acted on.
    pub ends: Option<Timestamp>,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A whole pass, and what it serves.
    Pass(Slots),
    /// What is due between passes: ends, retries, and approved actions.
    Ends,
    /// Nothing, until then.
    Until(Timestamp),
}

/// The occurrences that a pass serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slots {
    /// Of the pass's line; none where this is the first pass.
    pub pass: Option<Timestamp>,
    /// Of the report's line, where one is due.
    pub report: Option<Timestamp>,
}

/// Decides what to do now. Of several missed occurrences only the latest counts; `ends` is when the
/// next action between passes is due.
#[must_use]
pub(crate) fn moment(
    lines: &Schedule,
    zone: &TimeZone,
    served: Served,
    ends: Option<Timestamp>,
    now: Timestamp,
) -> Moment {
    // A clock that was ahead has served future occurrences: one more pass does no harm.
    let pass_served = served.pass.filter(|at| *at <= now);
    let slots = Slots {
        pass: previous(&lines.pass, zone, now).filter(|slot| Some(*slot) > pass_served),
        // The first start leaves the report to its first occurrence.
        report: served.report.and_then(|at| report(lines, zone, at, now)),
    };
    let ends_now = ends.is_some_and(|at| at <= now);
    let slot = slots.pass.max(slots.report);
    if pass_served.is_none() || slot.is_some() {
        // A whole reading takes time, and most ends are at the same moment as passes, such as
        // midnight: they go first. But only once for each occurrence, or the pass might never come.
        let ends_first = ends_now && pass_served.is_some() && served.ends < slot;
        if !ends_first {
            return Moment::Pass(slots);
        }
    }
    if ends_now {
        return Moment::Ends;
    }
    let latest = now.checked_add(LONGEST).unwrap_or(now);
    let next = [
        next(&lines.pass, zone, now),
        next(&lines.report, zone, now),
        ends,
    ];
    let next = next.into_iter().flatten().min();
    Moment::Until(next.map_or(latest, |at| at.min(latest)))
}
