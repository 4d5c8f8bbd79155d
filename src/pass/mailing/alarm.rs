//! The alarm that something is held: what, why, and the command that lets it go ahead.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::report::{ReportList, Summary};
use crate::text::one_line;

/// So many are named in the mail; `lapsed report` has all.
const NAMED: usize = 50;

/// The mail's subject and text.
pub(super) fn write(summary: &Summary, run: &str) -> (String, String) {
    let held = &summary[ReportList::Held];
    let subject = format!(
        "lapsed holds {} removals — {}",
        held.len(),
        summary.organization
    );
    let written = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for line in held {
        *reasons.entry(written(&line.detail)).or_default() += 1;
    }
    let mut text = format!(
        "lapsed was about to make {} removals and holds them, because this looks wrong:\n\n",
        held.len()
    );
    for (why, count) in reasons {
        let _ = writeln!(text, "  {count}: {}", one_line(&why));
    }
    let _ = write!(
        text,
        "\nUntil somebody decides, these people keep access whose time is over. Look at the list. If it\n\
         is right, let exactly this plan go ahead, once:\n\n    lapsed approve {run}\n\n\
         If it is wrong, mend the grants or the configuration; what is no longer due drops out.\n\n"
    );
    for line in held.iter().take(NAMED) {
        let [action, email, target, reason] =
            [&line.action, &line.email, &line.target, &line.reason].map(written);
        let line = format!("{action} {email} from {target} ({reason})");
        let _ = writeln!(text, "  {}", one_line(&line));
    }
    if held.len() > NAMED {
        let _ = writeln!(text, "  and {} more: lapsed report", held.len() - NAMED);
    }
    (subject, text)
}
