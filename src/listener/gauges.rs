//! The least that a monitor wants to know, as OpenMetrics text.

use std::fmt::Write as _;

use crate::status::{Health, Status};

/// A few numbers of the status.
pub(crate) fn gauges(status: &Status) -> String {
    let seconds = |at: Option<jiff::Timestamp>| at.map_or(0, jiff::Timestamp::as_second);
    let last = status.passes.last.as_ref().map(|pass| pass.finished_at);
    let gauges = [
        ("lapsed_well", i64::from(status.verdict == Health::Well)),
        ("lapsed_last_pass_timestamp_seconds", seconds(last)),
        (
            "lapsed_last_success_timestamp_seconds",
            seconds(status.passes.last_success),
        ),
        ("lapsed_overdue", whole(status.overdue.count)),
        ("lapsed_failed", whole(status.overdue.failed)),
        ("lapsed_held", whole(status.held.count)),
        ("lapsed_mails_unsent", whole(status.mail.unsent)),
        ("lapsed_sources_failing", whole(status.sources.failing)),
        ("lapsed_ends_within_day", whole(status.ends.within_24h)),
    ];
    let mut text = String::new();
    for (name, value) in gauges {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# TYPE {name} gauge\n{name} {value}");
    }
    text + "# EOF\n"
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
