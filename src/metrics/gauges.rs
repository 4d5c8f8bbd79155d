//! Gauges from the database at the moment of a scrape.

use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use super::labels;
use crate::domain::Owed;

/// What is due, held or unsent, and when what was done last.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    /// The moment for which all of it holds: ages are counted up to it.
    pub at: Timestamp,
    /// When the process began.
    pub started_at: Timestamp,
    /// Removals that are due (`policy.grace` is over) and not made, those that fail among them, but
    /// for the held and the protected.
    pub overdue: Backlog,
    /// Removals that the guard holds.
    pub held: Backlog,
    /// Removals whose last try failed, or was not answered.
    pub failing: Backlog,
    /// Mails in the outbox that are not delivered.
    pub outbox: Backlog,
    /// When the last pass ended, however it ended.
    pub last_pass: Option<Timestamp>,
    /// When the last pass ended that did all that was due.
    pub last_success: Option<Timestamp>,
    /// The next end of a grant, where there is one.
    pub next_end: Option<Timestamp>,
    /// Sources whose last reading could not be used.
    pub unread: Vec<Unread>,
    /// All that is owed.
    pub owed: Owed,
    /// The accounts, as `sapling:NAME`, whose clocks differ from this machine's.
    pub doubtful_clocks: Vec<String>,
}

/// What waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many.
    pub count: u64,
    /// Since when the oldest has been waiting, where there is one.
    pub oldest: Option<Timestamp>,
}

/// Sources of one account that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// As `sapling:NAME`.
    pub account: String,
    /// `forbidden`, `doubtful` or `unreadable`.
    pub state: String,
    /// How many.
    pub sources: u64,
}

impl Gauges {
    /// All of it, named and explained. The library adds the full stop.
    pub(super) fn registry(&self) -> Registry {
        let mut to = Registry::default();
        to.register(
            "process_start_time_seconds",
            "When the process began, in seconds since 1970",
            ConstGauge::new(seconds(Some(self.started_at))),
        );
        to.register(
            "lapsed_overdue_actions",
            "Removals that are due and not made, neither held nor protected",
            ConstGauge::new(self.overdue.count),
        );
        to.register(
            "lapsed_overdue_oldest_age_seconds",
            "How long the oldest overdue removal has been due; 0 without one",
            self.age(self.overdue),
        );
        to.register(
            "lapsed_held_actions",
            "Removals that the guard holds until a person approves",
            ConstGauge::new(self.held.count),
        );
        to.register(
            "lapsed_held_oldest_age_seconds",
            "How long the oldest held removal has been due; 0 without one",
            self.age(self.held),
        );
        to.register(
            "lapsed_failing_actions",
            "Removals whose last try failed or was not answered",
            ConstGauge::new(self.failing.count),
        );
        to.register(
            "lapsed_failing_oldest_age_seconds",
            "How long the oldest failing removal has been due; 0 without one",
            self.age(self.failing),
        );
        to.register(
            "lapsed_outbox_mails",
            "Mails that are decided and not handed over",
            ConstGauge::new(self.outbox.count),
        );
        to.register(
            "lapsed_outbox_oldest_age_seconds",
            "How long the oldest mail in the outbox has been waiting; 0 without one",
            self.age(self.outbox),
        );
        to.register(
            "lapsed_last_pass_timestamp_seconds",
            "When the last pass ended, in seconds since 1970; 0 before the first",
            ConstGauge::new(seconds(self.last_pass)),
        );
        to.register(
            "lapsed_last_success_timestamp_seconds",
            "When the last pass ended that did all that was due, in seconds since 1970; 0 before the first",
            ConstGauge::new(seconds(self.last_success)),
        );
        if self.next_end.is_some() {
            to.register(
                "lapsed_next_end_timestamp_seconds",
                "The next end of a grant, in seconds since 1970; absent without one",
                ConstGauge::new(seconds(self.next_end)),
            );
        }
        to.register(
            "lapsed_unread_sources",
            "Teams and lists that the last reading could not use, by why",
            self.unread(),
        );
        to.register(
            "lapsed_owed",
            "All that is owed, as the JSON of status has it; all zero when there is nothing left to do",
            self.owed(),
        );
        to.register(
            "lapsed_clock_doubtful",
            "1 for each account whose clock differs from this machine's by more than guard.max_clock_skew",
            self.clocks(),
        );
        to
    }

    fn age(&self, backlog: Backlog) -> ConstGauge<f64> {
        let age = backlog.oldest.map(|since| self.at.duration_since(since));
        // A begin in the future comes from another clock.
        ConstGauge::new(age.map_or(0.0, |age| age.as_secs_f64().max(0.0)))
    }

    fn unread(&self) -> Family<labels::Source, Counting> {
        let family = Family::<labels::Source, Counting>::default();
        for unread in &self.unread {
            let labels = labels::Source {
                account: unread.account.clone(),
                state: unread.state.clone(),
            };
            family.get_or_create(&labels).set(unread.sources);
        }
        family
    }

    fn owed(&self) -> Family<labels::Owed, Counting> {
        let family = Family::<labels::Owed, Counting>::default();
        let owed = &self.owed;
        for (what, count) in [
            ("remove", owed.remove),
            ("give", owed.give),
            ("doubt", owed.doubt),
            ("confirm", owed.confirm),
            ("mail", owed.mail),
        ] {
            family.get_or_create(&labels::Owed { what }).set(count);
        }
        family
    }

    fn clocks(&self) -> Family<labels::Account, Counting> {
        let family = Family::<labels::Account, Counting>::default();
        for account in &self.doubtful_clocks {
            let labels = labels::Account {
                account: account.clone(),
            };
            family.get_or_create(&labels).set(1);
        }
        family
    }
}

type Counting = Gauge<u64, AtomicU64>;

/// As Prometheus counts time; 0 for never.
fn seconds(at: Option<Timestamp>) -> f64 {
    at.map_or(0.0, |at| {
        at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
    })
}
