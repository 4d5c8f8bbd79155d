//! What is due now, or when the next thing is: cron lines against what was last done for them, and
//! the grants' ends.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config::Settings;
use crate::schedule;
use crate::store::{Grants, Provisions, Runs, Store, StoreError};

/// The occurrence of the pass's cron line that was last served.
const PASS: &str = "served.pass";
/// The same of the report's.
const REPORT: &str = "served.report";
/// Ends up to then were acted on.
const ENDS: &str = "served.ends";

/// The longest wait: the clock may be set, or the machine may have slept.
const LONGEST: Duration = Duration::from_secs(60);

/// What a pass is to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    now: Timestamp,
    pass: Option<Timestamp>,
    pub(super) report: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// A pass is due.
    Now(Due),
    /// Nothing is, for so long.
    In(Duration),
}

pub(super) async fn ask(
    settings: &Settings,
    store: &Store,
    now: Timestamp,
) -> Result<Moment, StoreError> {
    let grace = SignedDuration::try_from(settings.policy.grace).unwrap_or(SignedDuration::MAX);
    let cutoff = now.checked_sub(grace).unwrap_or(Timestamp::MIN);
    let (pass, report, ends) = store
        .read(move |db| {
            Ok((
                Runs::fact(db, PASS)?,
                Runs::fact(db, REPORT)?,
                Runs::fact(db, ENDS)?,
            ))
        })
        .await?;
    // What was served later than now was served by another clock.
    let past = |served: Option<Timestamp>| served.filter(|at| *at <= now);
    let (zone, lines) = (&settings.timezone, &settings.schedule);
    let newest = |line: &str, served: Option<Timestamp>| {
        schedule::previous(line, zone, now).filter(|slot| Some(*slot) > past(served))
    };
    // The first start makes a pass at once, and leaves the report to its first occurrence.
    let first = Due {
        now,
        pass: newest(&lines.pass, pass),
        report: newest(&lines.report, report).filter(|_| report.is_some()),
    };
    let served = past(ends).unwrap_or(Timestamp::MIN);
    let (next_end, next_start) = store
        .read(move |db| {
            Ok((
                Grants::next_end(db, served, cutoff)?,
                Provisions::next_due(db)?,
            ))
        })
        .await?;
    let is_over = next_end.is_some_and(|end| end <= cutoff);
    let begins = next_start.is_some_and(|start| start <= now);
    if first.pass.is_some() || first.report.is_some() || is_over || begins || pass.is_none() {
        return Ok(Moment::Now(first));
    }
    let slots = [
        schedule::next(&lines.pass, zone, now),
        schedule::next(&lines.report, zone, now),
        next_end.and_then(|end| end.checked_add(grace).ok()),
        next_start,
    ];
    let next = slots.into_iter().flatten().min();
    let wait = next.and_then(|at| Duration::try_from(at.duration_since(now)).ok());
    Ok(Moment::In(wait.unwrap_or(LONGEST).min(LONGEST)))
}

/// Notes what a pass has served.
pub(super) async fn note(store: &Store, due: Due) -> Result<(), StoreError> {
    store
        .write(move |db| {
            Runs::set_fact(db, PASS, due.pass.unwrap_or(due.now))?;
            if Runs::fact(db, REPORT)?.is_none() || due.report.is_some() {
                Runs::set_fact(db, REPORT, due.report.unwrap_or(due.now))?;
            }
            Runs::set_fact(db, ENDS, due.now)
        })
        .await
}
