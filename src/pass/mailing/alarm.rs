//! The alarm that something is held: what, why, and the command that lets it go ahead.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::report::Summary;
use crate::text::one_line;

/// So many are named in the mail; `lapsed report` has all.
const NAMED: usize = 50;

/// The mail's text.
pub(super) fn text(summary: &Summary, run: &str) -> String {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for held in &summary.held {
        *reasons.entry(&held.why).or_default() += 1;
    }
    let mut text = format!(
        "lapsed was about to make {} removals and holds them, because this looks wrong:\n\n",
        summary.held.len()
    );
    for (why, count) in reasons {
        let _ = writeln!(text, "  {count}: {}", one_line(why));
    }
    let _ = write!(
        text,
        "\nUntil somebody decides, these people keep access whose time is over. Look at the list. If it\n\
         is right, let exactly this plan go ahead, once:\n\n    lapsed approve {run}\n\n\
         If it is wrong, mend the grants or the configuration; what is no longer due drops out.\n\n"
    );
    for held in summary.held.iter().take(NAMED) {
        let line = format!(
            "{} {} from {} ({})",
            held.action, held.email, held.target, held.reason
        );
        let _ = writeln!(text, "  {}", one_line(&line));
    }
    if summary.held.len() > NAMED {
        let _ = writeln!(
            text,
            "  and {} more: lapsed report",
            summary.held.len() - NAMED
        );
    }
    text
}
