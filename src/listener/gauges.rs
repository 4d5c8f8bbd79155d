//! What the database knows at the moment of a scrape, out of the status.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::metrics::{Backlog, Gauges, Unread};
use crate::status::Status;

/// The numbers beside those that the process counts; it began at `started_at`.
pub(super) fn gauges(status: &Status, started_at: Timestamp) -> Gauges {
    let mut unread: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for source in &status.sources.list {
        let account = source.source.split(['/', ' ']).next().unwrap_or_default();
        *unread.entry((account, &source.state)).or_default() += 1;
    }
    let backlog = |count, oldest| Backlog { count, oldest };
    let overdue = &status.overdue;
    Gauges {
        at: status.at,
        started_at,
        overdue: backlog(overdue.count, overdue.oldest),
        held: backlog(status.held.count, status.held.oldest),
        failing: backlog(overdue.failed + overdue.unknown, None),
        outbox: backlog(status.mail.unsent, status.mail.oldest),
        last_pass: status.passes.last.as_ref().map(|pass| pass.finished_at),
        last_success: status.passes.last_success,
        next_end: status.ends.next,
        grants: Vec::new(),
        unread: unread
            .into_iter()
            .map(|((account, state), sources)| Unread {
                account: account.to_owned(),
                state: state.to_owned(),
                sources,
            })
            .collect(),
    }
}
