//! What is due now, asked of the database: cron lines against what was last served for them, and
//! what is to be done between passes.

use jiff::Timestamp;

use crate::config::Settings;
use crate::domain::Reach;
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
    pub(super) reach: Reach,
}

impl Due {
    pub(super) fn report(&self) -> bool {
        self.slots.is_some_and(|slots| slots.report.is_some())
    }
}

#[derive(Debug)]
pub(super) enum Asked {
    /// A pass is due.
    Now(Due),
    /// Nothing is, until then; with the next end, if there is one.
    Rest(Timestamp, Option<Timestamp>),
}

pub(super) async fn ask(
    settings: &Settings,
    store: &Store,
    now: Timestamp,
) -> Result<Asked, StoreError> {
    let grace = settings.policy.grace();
    let (served, agenda) = store
        .read(move |db| {
            let served = Served {
                pass: Runs::fact(db, PASS)?,
                report: Runs::fact(db, REPORT)?,
                // What was acted on later than now was acted on by another clock.
                ends: Runs::fact(db, ENDS)?.filter(|at| *at <= now),
            };
            let since = served.ends.unwrap_or(Timestamp::MIN);
            Ok((served, Agenda::load(db, since, grace, now)?))
        })
        .await?;
    let (zone, lines) = (&settings.timezone, &settings.schedule);
    Ok(
        match schedule::moment(lines, zone, served, agenda.next(), now) {
            Moment::Pass(slots) => Asked::Now(Due {
                now,
                slots: Some(slots),
                reach: Reach::Everything,
            }),
            Moment::Ends => Asked::Now(Due {
                now,
                slots: None,
                reach: agenda.reach,
            }),
            Moment::Until(at) => Asked::Rest(at, agenda.next_end),
        },
    )
}

/// Notes what a pass has served.
pub(super) async fn note(store: &Store, due: Due) -> Result<(), StoreError> {
    store
        .write(move |db| {
            if let Some(slots) = due.slots {
                Runs::set_fact(db, PASS, slots.pass.unwrap_or(due.now))?;
                if Runs::fact(db, REPORT)?.is_none() || slots.report.is_some() {
                    Runs::set_fact(db, REPORT, slots.report.unwrap_or(due.now))?;
                }
            }
            Runs::set_fact(db, ENDS, due.now)
        })
        .await
}
