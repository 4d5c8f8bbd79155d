//! The subject line, and the same gist as the report's headline.

use super::list::ReportList;
use super::summary::Summary;
use crate::text::{count, one_line};

/// Letters of a label kept in a subject: mail lists show fewer still.
const LONGEST_LABEL: usize = 80;

/// The subject of the report's mail, worst news first, such as
/// `lapsed: 2 held, 1 overdue, 3 ended — acme, 2026-11-22`.
#[must_use]
pub(crate) fn subject(summary: &Summary) -> String {
    let label = label(summary);
    let day = summary.day(summary.to);
    let gist = gist(summary);
    if label.is_empty() {
        format!("lapsed: {gist} — {day}")
    } else {
        format!("lapsed: {gist} — {label}, {day}")
    }
}

/// The organization, as far as a line has room for it.
pub(super) fn label(summary: &Summary) -> String {
    let whole = one_line(&summary.organization);
    whole.chars().take(LONGEST_LABEL).collect()
}

/// The report in one phrase.
pub(super) fn gist(summary: &Summary) -> String {
    let debts = match summary.observe_only.is_some() {
        true => "planned",
        false => "overdue",
    };
    let mut parts: Vec<String> = [
        (ReportList::Held, "held"),
        (ReportList::Debts, debts),
        (ReportList::Ended, "ended"),
        (ReportList::Protected, "protected"),
    ]
    .into_iter()
    .map(|(list, word)| (summary.count(list), word))
    .filter(|(number, _)| *number > 0)
    .map(|(number, word)| format!("{number} {word}"))
    .collect();
    if let Some(due) = summary.observe_only {
        if due.give > 0 {
            parts.push(count(due.give, "gift left alone", "gifts left alone"));
        }
        if parts.is_empty() {
            parts.push("nothing was due".to_owned());
        }
        parts.insert(0, "only observing".to_owned());
    }
    if parts.is_empty() {
        parts.push("nothing was due".to_owned());
    }
    let unread = summary.count(ReportList::Sources);
    if unread > 0 {
        parts.push(count(unread, "source unread", "sources unread"));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::super::sample;
    use super::*;

    #[test]
    fn the_worst_news_comes_first() {
        assert_eq!(
            subject(&sample::lively()),
            "lapsed: 2 held, 3 overdue, 4 ended, 1 protected, 1 source unread — acme, 2026-11-22"
        );
    }

    #[test]
    fn a_quiet_week_says_so() {
        assert_eq!(
            subject(&sample::quiet()),
            "lapsed: nothing was due — acme, 2026-11-22"
        );
    }

    #[test]
    fn a_label_cannot_break_the_line() {
        let mut summary = Summary::new("", TimeZone::UTC, "2026-11-22T07:00:00Z".parse().unwrap());
        assert_eq!(subject(&summary), "lapsed: nothing was due — 2026-11-22");
        summary.organization = format!("acme\r\nBcc: all@example.com{}", "x".repeat(500));
        let subject = subject(&summary);
        assert!(!subject.chars().any(char::is_control));
        assert!(subject.chars().count() < 130);
    }
}
