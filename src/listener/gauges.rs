//! What the database knows at the moment of a scrape, out of the status.

use jiff::Timestamp;

use crate::metrics::{Backlog, Gauges, Unread};
use crate::status::Status;

/// The numbers beside those that the process counts; it began at `started_at`.
pub(super) fn gauges(status: &Status, started_at: Timestamp) -> Gauges {
    let backlog = |count, oldest| Backlog { count, oldest };
    let overdue = &status.overdue;
    Gauges {
        at: status.at,
        started_at,
        overdue: backlog(overdue.count, overdue.oldest),
        held: backlog(status.held.count, status.held.oldest),
        failing: backlog(overdue.failed + overdue.unknown, overdue.failing),
        outbox: backlog(status.mail.unsent, status.mail.oldest),
        last_pass: status.passes.last.as_ref().map(|pass| pass.finished_at),
        last_success: status.passes.last_success,
        next_end: status.ends.next,
        unread: status
            .sources
            .by_account
            .iter()
            .map(|((account, state), sources)| Unread {
                account: account.clone(),
                state: state.clone(),
                sources: *sources,
            })
            .collect(),
        owed: status.owed,
        doubtful_clocks: status.clocks.keys().cloned().collect(),
    }
}
