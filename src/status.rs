//! The status for monitoring: facts from one read, a judgement on them, and the judgement in ten
//! lines.

mod judge;
mod lines;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use strum::IntoStaticStr;

use crate::domain::{Counts, Observed, Owed, Verdict};
use crate::report::Trail;

pub(crate) use judge::{hindrances, judge};
pub(crate) use lines::{lines, outcome};

/// The status: what `status --format json` prints.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// `well`, `failing` (exit code 3) or `held` (exit code 4).
    pub verdict: Health,
    /// Why it is not well, in words for people, the worst first; empty when it is.
    pub reasons: Vec<String>,
    /// When this was asked.
    pub at: Timestamp,
    /// The daemon that lives on this database; `null` when none does.
    pub daemon: Option<Daemon>,
    /// Passes.
    pub passes: Passes,
    /// Ends that come.
    pub ends: Ends,
    /// Access past its end and grace that is not removed yet. What is held or protected is not
    /// counted here.
    pub overdue: Overdue,
    /// All that is owed, as in the outcome of a pass.
    pub owed: Owed,
    /// What is due and left alone, where lapsed only observes (`guard.observe_only`); `null` otherwise.
    pub observe_only: Option<Observed>,
    /// Why a person has to confirm the database, if so.
    pub unconfirmed: Option<String>,
    /// The accounts whose clocks differ from this machine's, as `sapling:NAME`, and since when.
    pub clocks: BTreeMap<String, Timestamp>,
    /// The accounts that are not configured, as `sentius:NAME`, and how many grants are open there.
    pub elsewhere: BTreeMap<String, u64>,
    /// What the guard holds until a person approves.
    pub held: Held,
    /// What is due and never done, by a rule.
    pub protected: Pile,
    /// Mail that is not sent.
    pub mail: Mail,
    /// Sources that cannot be read, or are not believed.
    pub sources: Sources,
    /// The audit trail's length and head.
    pub trail: Trail,
}

/// Whether all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "snake_case")]
pub enum Health {
    /// It is.
    Well,
    /// Something is late, failed, or waits for a pass of the timer.
    Failing,
    /// The guard holds something until a person approves.
    Held,
}

impl Health {
    /// The word in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Passes. Those that only looked (`--dry-run`) do not count, but for `running`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Passes {
    /// Whether one runs now.
    pub running: bool,
    /// Since when; `null` also while one is about to begin, or mails its report.
    pub running_since: Option<Timestamp>,
    /// When the last one began, whether it came to its end or not.
    pub begun: Option<Timestamp>,
    /// The last one that came to its end.
    pub last: Option<Pass>,
    /// When the last one ended in which all that was due was done.
    pub last_success: Option<Timestamp>,
    /// How many have begun since the last one that came to its end, and have not.
    pub broken_off: u64,
    /// When the daemon makes the next one; `null` without a daemon.
    pub next: Option<Timestamp>,
    /// Since when a pass is missing; `null` when they are made on time.
    pub late_since: Option<Timestamp>,
}

/// A pass that came to its end.
#[derive(Debug, Clone, Serialize)]
pub struct Pass {
    /// The run.
    pub run: String,
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// How it ended.
    pub outcome: Verdict,
    /// Its actions by state.
    pub counts: Counts,
}

/// Ends that come. A grant that another one outlasts does not count.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Ends {
    /// When the next one is.
    pub next: Option<Timestamp>,
    /// How many there are within 24 hours.
    pub within_24h: u64,
    /// How many there are within 7 days.
    pub within_7d: u64,
}

/// Removals that are due and not done.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Overdue {
    /// How many; the sum of the next four.
    pub count: u64,
    /// Those that were refused or could not be sent, and are tried again.
    pub failed: u64,
    /// Those that were sent and not answered.
    pub unknown: u64,
    /// Those that a pass has planned and not tried yet.
    pub planned: u64,
    /// Those that no pass has taken up yet.
    pub untouched: u64,
    /// Since when the first of all is due.
    pub oldest: Option<Timestamp>,
    /// Since when the first of those is due that were refused, not sent or not answered.
    pub failing: Option<Timestamp>,
    /// Since when the first of the untouched ones could have been taken up.
    pub untouched_since: Option<Timestamp>,
}

/// What the guard holds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Held {
    /// How many actions.
    pub count: u64,
    /// Since when the first is due.
    pub oldest: Option<Timestamp>,
    /// The run to approve; `null` when nothing is held.
    pub run: Option<String>,
}

/// A daemon that lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Daemon {
    /// The number of its process; absent in the instant between its first two steps.
    pub pid: Option<u32>,
    /// When it started; absent in that instant.
    pub since: Option<Timestamp>,
}

/// Things of one kind.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Pile {
    /// How many.
    pub count: u64,
    /// Since when the first is there.
    pub oldest: Option<Timestamp>,
}

/// Mail that is not sent.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Mail {
    /// How many mails wait in the outbox.
    pub unsent: u64,
    /// How many of them were tried and could not be sent.
    pub failed: u64,
    /// Since when the first waits.
    pub oldest: Option<Timestamp>,
    /// Since when the first could have been tried; `null` when none can be yet.
    pub due: Option<Timestamp>,
    /// How many the mail server refused for good within the last seven days.
    pub refused: u64,
    /// The first of these, the newest first.
    pub refusals: Vec<Refusal>,
}

/// A mail that was refused.
#[derive(Debug, Clone, Serialize)]
pub struct Refusal {
    /// `report`, …
    pub kind: String,
    /// The recipient.
    pub to: String,
    /// When it was refused.
    pub at: Timestamp,
    /// What the mail server said.
    pub why: String,
}

/// Sources in trouble.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Sources {
    /// How many cannot be read or are not believed.
    pub failing: u64,
    /// How many more are teams that the key is not let into: a matter of rights, not a fault.
    pub forbidden: u64,
    /// The first of both, those that fail before the others, longest in trouble first.
    pub list: Vec<Source>,
    /// How many there are of each account, as `sapling:NAME`, in each state.
    #[serde(skip)]
    pub by_account: BTreeMap<(String, String), u64>,
}

/// A source in trouble. Nothing is removed from it meanwhile.
#[derive(Debug, Clone, Serialize)]
pub struct Source {
    /// Such as `sapling:acme/Core`, or `sapling:acme` with what is read there.
    pub source: String,
    /// `unreadable`, `doubtful` or `forbidden`.
    pub state: String,
    /// Why, in words.
    pub detail: String,
    pub since: Timestamp,
}
