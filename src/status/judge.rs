//! Whether all is well, and if not, why. Pure: facts in, words out.

use jiff::{SignedDuration, Timestamp};

use super::{Health, Status};
use crate::domain::Verdict;
use crate::report::what_is_owed;
use crate::text::{count, span};

/// A daemon begins a pass within seconds of its time, and the machine may be busy.
const LATE: SignedDuration = SignedDuration::from_mins(2);
/// An end is acted on at its moment; a look at the database and a start of the daemon lie between.
const UNTOUCHED: SignedDuration = SignedDuration::from_mins(1);
/// How long a pass may take before it counts as stuck: ten calls a second are 72,000 by then.
/// Meanwhile no other pass can begin, and what becomes due waits for it.
const LONGEST_PASS: SignedDuration = SignedDuration::from_hours(2);
/// Passes made by a timer: one a day, and an hour more since timers are spread.
const TIMER: SignedDuration = SignedDuration::from_hours(25);
/// A pass that a daemon cannot bring to its end is tried again each half minute; one or two were
/// stopped with their process.
const BROKEN_OFF: u64 = 3;
/// Mail goes out at the end of a pass, or at once by the daemon.
const UNSENT: SignedDuration = SignedDuration::from_mins(5);

/// Writes verdict, reasons and lateness into the facts. `slot` tells when a pass is due next after a
/// moment; `timer` says that passes may be made by a timer instead of a daemon.
pub(crate) fn judge(
    status: &mut Status,
    timer: bool,
    slot: impl Fn(Timestamp) -> Option<Timestamp>,
) {
    let now = status.at;
    let mut reasons = Vec::new();
    let age = |since: Timestamp| span(now.duration_since(since));

    if let Some(why) = &status.unconfirmed {
        reasons.push(format!(
            "the database waits for a person to confirm it: {why}"
        ));
    }
    let held = &status.held;
    if held.count > 0 {
        let since = held.oldest.map(|at| format!(", due for {}", age(at)));
        reasons.push(format!(
            "{} for an approval{}",
            count(held.count, "removal waits", "removals wait"),
            since.unwrap_or_default()
        ));
    }

    let rhythm = Rhythm::of(status, timer);
    if rhythm == Rhythm::None {
        reasons.push("no daemon is running on this database".to_owned());
    }
    status.passes.late_since = late_since(status, rhythm, slot);
    reasons.extend(hindrances(status));
    let passes = &status.passes;

    let overdue = &status.overdue;
    let untouched = overdue.untouched_since.filter(|since| {
        let possible = started(status).map_or(*since, |started| started.max(*since));
        match rhythm.patience(passes.running) {
            Some(patience) => is_over(possible, patience, now),
            None => true,
        }
    });
    let waits = !is_in_hand(status);
    if let Some(since) = untouched {
        let (one, have) = match overdue.untouched {
            1 => ("it", "waits"),
            _ => ("them", "wait"),
        };
        let so = match rhythm {
            Rhythm::Timer if waits => format!("{have} for the timer's next pass"),
            _ => format!("nobody has acted on {one}"),
        };
        reasons.push(format!(
            "{} and {so}, for {}",
            count(overdue.untouched, "end has come", "ends have come"),
            age(since)
        ));
    }
    if overdue.planned > 0 && waits {
        let what = count(overdue.planned, "removal is", "removals are");
        let since = overdue.oldest.map(|at| format!(", due for {}", age(at)));
        let since = since.unwrap_or_default();
        reasons.push(format!("{what} planned and not done{since}"));
    }
    if overdue.failed > 0 {
        let what = count(overdue.failed, "removal failed", "removals failed");
        let since = overdue.oldest.map(|at| format!(", due for {}", age(at)));
        reasons.push(format!("{what}{}", since.unwrap_or_default()));
    }
    if overdue.unknown > 0 && !passes.running {
        let were = count(overdue.unknown, "removal was", "removals were");
        reasons.push(format!("{were} sent and not answered"));
    }
    for (account, since) in &status.clocks {
        reasons.push(format!(
            "this machine's clock and that of {account} differ, for {}",
            age(*since)
        ));
    }
    if status.owed.give > 0 && !passes.running {
        let were = count(status.owed.give, "grant is", "grants are");
        reasons.push(format!("{were} not given yet"));
    }
    let sources = &status.sources;
    if sources.failing > 0 {
        let what = count(sources.failing, "source", "sources");
        reasons.push(format!("{what} cannot be read or believed"));
    }
    let mail = &status.mail;
    let stuck = mail.due.is_some_and(|due| is_over(due, UNSENT, now)) && !passes.running;
    if mail.failed > 0 || stuck {
        let what = count(mail.unsent, "mail is", "mails are");
        let since = mail.oldest.map(|at| format!(", for {}", age(at)));
        reasons.push(format!("{what} not sent{}", since.unwrap_or_default()));
    }
    if mail.refused > 0 {
        let were = count(mail.refused, "mail was", "mails were");
        reasons.push(format!("{were} refused by the mail server, for good"));
    }
    // Whatever else it was that the last pass could not do.
    let is_incomplete = |p: &super::Pass| p.outcome == Verdict::Incomplete;
    let is_told = |p: &super::Pass| p.counts.failed + p.counts.unknown > 0;
    if reasons.is_empty()
        && let Some(pass) = &passes.last
        && is_incomplete(pass)
        && !is_told(pass)
    {
        reasons.push(match mail.unsent {
            0 => "the last pass could not read or give all that it should".to_owned(),
            unsent => format!("{} not sent", count(unsent, "mail is", "mails are")),
        });
    }

    // Without a daemon or a pass that is about to do it, what is owed is not done by itself.
    let owed = status.owed;
    if reasons.is_empty() && waits && !owed.is_nothing() {
        reasons.push(format!("owed and not done: {}", what_is_owed(owed)));
    }

    status.verdict = match reasons.is_empty() {
        true => Health::Well,
        false if status.owed.confirm > 0 => Health::Held,
        false => Health::Failing,
    };
    status.reasons = reasons;
}

/// Whether somebody is there who does what is due: a daemon, or a pass that runs.
fn is_in_hand(status: &Status) -> bool {
    status.daemon.is_some() || status.passes.running
}

/// Why passes are not made as they should, worst first; nothing when they are.
pub(crate) fn hindrances(status: &Status) -> Vec<String> {
    let now = status.at;
    let age = |since: Timestamp| span(now.duration_since(since));
    let passes = &status.passes;
    let mut reasons = Vec::new();
    if let Some(since) = passes.late_since {
        reasons.push(match passes.begun {
            Some(begun) => format!(
                "passes are late: one was due {} ago, and the last began {} ago",
                age(since),
                age(begun)
            ),
            None => "no pass has been made yet".to_owned(),
        });
    }
    if let Some(since) = passes
        .running_since
        .filter(|at| is_over(*at, LONGEST_PASS, now))
    {
        reasons.push(format!("a pass has been running for {}", age(since)));
    }
    if passes.broken_off >= BROKEN_OFF {
        reasons.push(format!(
            "the last {} passes did not come to their end",
            passes.broken_off
        ));
    }
    reasons
}

/// What makes passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rhythm {
    /// A daemon, on its cron line and at each end.
    Daemon,
    /// A timer, once a day at least.
    Timer,
    /// Nothing, though something should.
    None,
}

impl Rhythm {
    fn of(status: &Status, timer: bool) -> Self {
        match status.daemon {
            Some(_) => Self::Daemon,
            None if timer => Self::Timer,
            None => Self::None,
        }
    }

    /// How long an end may be left alone; where nobody acts on it before a timer's next pass, it is
    /// told at once.
    fn patience(self, running: bool) -> Option<SignedDuration> {
        match self {
            _ if running => Some(LONGEST_PASS),
            Self::Timer => None,
            _ => Some(UNTOUCHED),
        }
    }
}

/// When the daemon started: before, nothing could be on time.
fn started(status: &Status) -> Option<Timestamp> {
    let daemon = status.daemon.as_ref()?;
    Some(daemon.since.unwrap_or(status.at))
}

/// Since when a pass is missing.
fn late_since(
    status: &Status,
    rhythm: Rhythm,
    slot: impl Fn(Timestamp) -> Option<Timestamp>,
) -> Option<Timestamp> {
    let passes = &status.passes;
    let (due, patience) = match rhythm {
        Rhythm::None => return None,
        Rhythm::Timer => match passes.begun {
            Some(begun) => (begun, TIMER),
            None => return (!passes.running).then_some(status.at),
        },
        Rhythm::Daemon => {
            // The first pass is due at once, and so is one that was missed while nothing ran.
            let started = started(status)?;
            let due = match passes.begun {
                Some(begun) => slot(begun)?.max(started),
                None => started,
            };
            (due, if passes.running { LONGEST_PASS } else { LATE })
        }
    };
    is_over(due, patience, status.at).then_some(due)
}

fn is_over(since: Timestamp, patience: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(since) > patience
}

#[cfg(test)]
pub(super) mod tests;
