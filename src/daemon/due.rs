//! What is due now, asked of the database: cron lines against what was last served for them, and
//! what is to be done between passes.

use jiff::{SignedDuration, Timestamp};

use crate::clock;
use crate::config::Settings;
use crate::domain::Scope;
use crate::pass::{self, PassError};
use crate::schedule::{self, Moment, Served, Slots};
use crate::store::{Agenda, Runs, Store, StoreError};

/// The occurrence of the pass's cron line that was last served.
const PASS: &str = "served.pass";
/// The same of the report's.
const REPORT: &str = "served.report";
/// When what is due between passes was last acted on.
const ENDS: &str = "served.ends";

/// What a pass is to serve.
#[derive(Debug, Clone)]
pub(super) struct Due {
    now: Timestamp,
    /// None between passes.
    slots: Option<Slots>,
    pub(super) scope: Scope,
}

impl Due {
    /// Whether it is a pass on everything by its cron line, or the first.
    pub(super) fn is_whole(&self) -> bool {
        self.slots.is_some()
    }
}

/// How long a report waits for the pass that is under way, so that it tells what that found.
const REPORT_WAITS: SignedDuration = SignedDuration::from_secs(30);

#[derive(Debug)]
pub(super) enum Asked {
    /// A pass is due.
    Now(Due),
    /// A pass on everything is, and another process makes one.
    Elsewhere,
    /// Nothing is, until then; with the next end, if there is one.
    Rest(Timestamp, Option<Timestamp>),
}

/// `elsewhere` says that another process makes a pass on everything: ends are acted on meanwhile.
pub(super) async fn ask(
    settings: &Settings,
    store: &Store,
    now: Timestamp,
    elsewhere: bool,
) -> Result<Asked, StoreError> {
    let grace = settings.policy.grace;
    let (served, agenda) = store
        .read(move |db| {
            let served = Served {
                pass: Runs::fact(db, PASS)?,
                report: Runs::fact(db, REPORT)?,
                // Something acted on in the future was acted on by another clock.
                ends: Runs::fact(db, ENDS)?.filter(|at| *at <= now),
            };
            let since = served.ends.unwrap_or(Timestamp::MIN);
            Ok((served, Agenda::load(db, since, grace, now)?))
        })
        .await?;
    let (zone, lines) = (&settings.timezone, &settings.schedule);
    let ends_now = agenda.next().is_some_and(|at| at <= now);
    Ok(
        match schedule::moment(lines, zone, served, agenda.next(), now) {
            Moment::Pass(_) if elsewhere && !ends_now => Asked::Elsewhere,
            Moment::Pass(slots) if !elsewhere => Asked::Now(Due {
                now,
                slots: Some(slots),
                scope: Scope::Everything,
            }),
            Moment::Pass(_) | Moment::Ends => Asked::Now(Due {
                now,
                slots: None,
                scope: agenda.scope,
            }),
            Moment::Until(at) => Asked::Rest(at, agenda.next_end),
        },
    )
}

/// Notes what a pass has served.
pub(super) async fn note(store: &Store, due: &Due) -> Result<(), StoreError> {
    let (slots, now) = (due.slots, due.now);
    store
        .write(move |db| {
            if let Some(slots) = slots {
                Runs::set_fact(db, PASS, slots.pass.unwrap_or(now))?;
            }
            Runs::set_fact(db, ENDS, now)
        })
        .await
}

/// Makes the report that is due: after a pass, or where one takes too long for it to wait. Returns
/// whether there was one.
pub(super) async fn report(
    settings: &Settings,
    store: &Store,
    run: Option<&str>,
) -> Result<bool, PassError> {
    let now = clock::now();
    let served = store.read(|db| Runs::fact(db, REPORT)).await?;
    // A report made by a clock that was ahead would delay the next one until then.
    let Some(served) = served.filter(|at| *at <= now) else {
        // The first start leaves the report to its first occurrence.
        store
            .write(move |db| Runs::set_fact(db, REPORT, now))
            .await?;
        return Ok(false);
    };
    let waits = if run.is_some() {
        SignedDuration::ZERO
    } else {
        REPORT_WAITS
    };
    let slot = schedule::report(&settings.schedule, &settings.timezone, served, now);
    let Some(slot) = slot.filter(|slot| now.duration_since(*slot) >= waits) else {
        return Ok(false);
    };
    pass::queue_report(settings, store, run).await?;
    store
        .write(move |db| Runs::set_fact(db, REPORT, slot))
        .await?;
    Ok(true)
}
