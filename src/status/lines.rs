//! The status in ten lines for people: the verdict first, numbers in front.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Pass, Refusal, Status};
use crate::domain::Counts;
use crate::report::{what_is_owed, zone_name};
use crate::text::{self, count, one_line, span};

/// Reasons in the first line; the others show in the lines below, and all in JSON.
const MOST_REASONS: usize = 3;

/// The lines, without breaks at their ends.
pub(crate) fn lines(status: &Status, zone: &TimeZone) -> Vec<String> {
    let words = Words { status, zone };
    let mut lines = vec![words.verdict()];
    for (number, what) in [
        words.overdue(),
        words.held(),
        words.mail(),
        words.sources(),
        words.ends(),
    ] {
        lines.push(format!("{number:>6}  {what}"));
    }
    lines.push(words.daemon());
    lines.push(words.last());
    lines.push(words.next());
    let trail = &status.trail;
    lines.push(format!(
        "trail: {} events, head {}",
        trail.events, trail.head
    ));
    lines.iter().map(|line| tame(line)).collect()
}

/// One line that does nothing to a terminal; the spaces in front stay.
fn tame(line: &str) -> String {
    let indent = line.len() - line.trim_start_matches(' ').len();
    format!("{}{}", &line[..indent], one_line(line))
}

struct Words<'a> {
    status: &'a Status,
    zone: &'a TimeZone,
}

impl Words<'_> {
    fn verdict(&self) -> String {
        let Status {
            verdict, reasons, ..
        } = self.status;
        let verdict = match self.status.observe_only {
            Some(due) => format!(
                "{}, and only observing ({} and {} are left alone)",
                verdict.as_str(),
                count(due.remove, "removal", "removals"),
                count(due.give, "gift", "gifts"),
            ),
            None => verdict.as_str().to_owned(),
        };
        if reasons.is_empty() {
            return format!("{verdict}: {}{}", self.in_hand(), self.elsewhere());
        }
        let shown = reasons.len().min(MOST_REASONS);
        let more = match reasons.len() - shown {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let elsewhere = self.elsewhere();
        format!(
            "{verdict}: {}{more}{elsewhere}",
            reasons[..shown].join("; ")
        )
    }

    /// Access at accounts that are not configured.
    fn elsewhere(&self) -> String {
        let elsewhere = self.status.elsewhere.iter();
        let told = elsewhere.map(|(account, open)| {
            let open = count(*open, "grant is", "grants are");
            format!("; {open} at {account}, which is not configured")
        });
        told.collect()
    }

    /// How all is well.
    fn in_hand(&self) -> String {
        let Status {
            owed,
            overdue,
            passes,
            ..
        } = self.status;
        if owed.is_nothing() && self.status.observe_only.is_some() {
            return "nothing else is due".to_owned();
        }
        if owed.is_nothing() {
            let kept = self.status.protected.count;
            let keep = count(kept, "is protected and keeps", "are protected and keep");
            return match kept {
                0 => "all that was due is done".to_owned(),
                _ => format!("all that may be removed is removed; {keep} access that is over"),
            };
        }
        let since = overdue
            .oldest
            .map(|at| format!(", due for {}", self.age(at)));
        let who = match passes.running {
            true => "a pass is running",
            false => "the daemon does it",
        };
        format!(
            "{} owed{}; {who}",
            what_is_owed(*owed),
            since.unwrap_or_default()
        )
    }

    fn overdue(&self) -> (u64, String) {
        let overdue = &self.status.overdue;
        let parts = [
            (overdue.failed, "failed"),
            (overdue.unknown, "not answered"),
            (overdue.planned, "planned"),
            (overdue.untouched, "not taken up yet"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let oldest = self.oldest(overdue.oldest);
        let colon = if parts.is_empty() { "" } else { ": " };
        (
            overdue.count,
            format!("overdue{oldest}{colon}{}", parts.join(", ")),
        )
    }

    fn held(&self) -> (u64, String) {
        let Status {
            held, protected, ..
        } = self.status;
        let mut words = format!("held{}", self.oldest(held.oldest));
        if let Some(run) = &held.run {
            words += &format!(
                "; to let it go ahead: lapsed approve {}",
                text::short_run(run)
            );
        }
        if protected.count > 0 {
            words += &format!("; {} protected", protected.count);
        }
        (held.count, words)
    }

    fn mail(&self) -> (u64, String) {
        let mail = &self.status.mail;
        let mut words = format!("mails unsent{}", self.oldest(mail.oldest));
        if let Some(last) = mail.refusals.first() {
            let Refusal { kind, to, why, .. } = last;
            words += &format!(
                "; {} refused, the last a {kind} to {to}: {why}",
                mail.refused
            );
        }
        (mail.unsent, words)
    }

    fn sources(&self) -> (u64, String) {
        let sources = &self.status.sources;
        let mut words = "sources that cannot be read or believed".to_owned();
        if let Some(first) = sources.list.first().filter(|_| sources.failing > 0) {
            let since = self.age(first.since);
            words += &format!(": {}, {} for {since}", first.source, first.state);
            if sources.failing > 1 {
                words += ", …";
            }
        }
        if sources.forbidden > 0 {
            words += &format!("; {} forbidden to the key", sources.forbidden);
        }
        (sources.failing, words)
    }

    fn ends(&self) -> (u64, String) {
        let ends = &self.status.ends;
        let next = match ends.next {
            Some(next) => format!("the next on {}", self.moment(next)),
            None => "none to come".to_owned(),
        };
        let week = ends.within_7d;
        (
            ends.within_24h,
            format!("ends within 24 hours, {week} within 7 days, {next}"),
        )
    }

    fn daemon(&self) -> String {
        let Some(daemon) = &self.status.daemon else {
            return "daemon: none".to_owned();
        };
        let since = daemon.since.map(|since| self.moment(since));
        let since = since.unwrap_or_else(|| "just now".to_owned());
        match daemon.pid {
            Some(pid) => format!("daemon: alive since {since}, process {pid}"),
            None => format!("daemon: alive since {since}"),
        }
    }

    fn last(&self) -> String {
        let passes = &self.status.passes;
        let Some(last) = &passes.last else {
            return "last pass: none yet".to_owned();
        };
        let success = match passes.last_success {
            Some(at) if at == last.finished_at => String::new(),
            Some(at) => format!("; last success {}", self.moment(at)),
            None => "; no success yet".to_owned(),
        };
        format!(
            "last pass: {}, {} (run {}){success}",
            self.moment(last.started_at),
            outcome(last),
            text::short_run(&last.run)
        )
    }

    fn next(&self) -> String {
        let passes = &self.status.passes;
        let mut parts = Vec::new();
        if passes.running {
            let since = passes.running_since;
            let since = since.map(|at| format!(" for {}", self.age(at)));
            parts.push(format!("one is running{}", since.unwrap_or_default()));
        }
        parts.extend(passes.next.map(|next| self.moment(next)));
        if parts.is_empty() {
            parts.push("none without a daemon".to_owned());
        }
        let zone = zone_name(self.zone, self.status.at);
        format!("next pass: {} (times in {zone})", parts.join(", then "))
    }

    fn oldest(&self, since: Option<Timestamp>) -> String {
        since
            .map(|since| format!(", the oldest for {}", self.age(since)))
            .unwrap_or_default()
    }

    fn age(&self, since: Timestamp) -> String {
        span(self.status.at.duration_since(since))
    }

    fn moment(&self, at: Timestamp) -> String {
        text::minute(at, self.zone)
    }
}

/// How long a pass took, how it ended and what it did.
pub(crate) fn outcome(pass: &Pass) -> String {
    let took = span(pass.finished_at.duration_since(pass.started_at));
    let done = counted(pass.counts);
    let colon = if done.is_empty() { "" } else { ": " };
    format!("took {took}, {}{colon}{done}", pass.outcome.as_str())
}

/// The counts that are not zero.
fn counted(counts: Counts) -> String {
    let counts = [
        (counts.done, "done"),
        (counts.absent, "already gone"),
        (counts.failed, "failed"),
        (counts.unknown, "not answered"),
        (counts.planned, "planned"),
        (counts.held, "held"),
        (counts.protected, "protected"),
    ];
    let there = counts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = there.map(|(n, word)| format!("{n} {word}")).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::judge::tests::{quiet, worst};
    use super::*;

    #[test]
    fn all_well_is_ten_lines_with_the_verdict_first() {
        insta::assert_snapshot!(lines(&quiet(), &TimeZone::UTC).join("\n"), @"
        well: all that was due is done
             0  overdue
             0  held
             0  mails unsent
             0  sources that cannot be read or believed
             3  ends within 24 hours, 19 within 7 days, the next on 2026-11-22 18:00
        daemon: alive since 2026-11-20 06:55, process 4242
        last pass: 2026-11-22 07:00, took 3 seconds, converged: 2 done (run 01a2014b)
        next pass: 2026-11-22 07:15 (times in UTC)
        trail: 1234 events, head a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1
        ");
    }

    #[test]
    fn what_is_being_done_is_not_told_as_done() {
        let mut status = quiet();
        status.owed.remove = 2;
        let first = |status: &Status| lines(status, &TimeZone::UTC).swap_remove(0);
        assert_eq!(first(&status), "well: 2 removals owed; the daemon does it");
        status.passes.running = true;
        status.overdue.oldest = Some(status.at - jiff::SignedDuration::from_secs(5));
        status.owed.mail = 1;
        assert_eq!(
            first(&status),
            "well: 2 removals, 1 mail owed, due for 5 seconds; a pass is running"
        );
    }

    #[test]
    fn the_worst_is_ten_lines_too_and_cannot_break_them() {
        let mut status = worst();
        status.sources.list[0].source = "sapling:acme/Co\nre\u{1b}[2J".to_owned();
        let lines = lines(&status, &TimeZone::get("Europe/Berlin").unwrap());
        assert_eq!(lines.len(), 10);
        insta::assert_snapshot!(lines.join("\n"), @"
        held: 12 removals wait for an approval, due for 3 days; passes are late: one was due 4 hours ago, and the last began 5 hours ago; a pass has been running for 4 hours; and 5 more
             5  overdue, the oldest for 10 hours: 2 failed, 1 not answered, 1 planned, 1 not taken up yet
            12  held, the oldest for 3 days; to let it go ahead: lapsed approve 01a2014b; 1 protected
             2  mails unsent, the oldest for 8 hours
             2  sources that cannot be read or believed: sapling:acme/Co re [2J, unreadable for 3 hours, …; 1 forbidden to the key
             3  ends within 24 hours, 19 within 7 days, the next on 2026-11-22 19:00
        daemon: alive since 2026-11-20 07:55, process 4242
        last pass: 2026-11-22 08:00, took 3 seconds, held: 1 done, 2 failed, 12 held, 1 protected (run 01a2014b); last success 2026-11-21 08:00
        next pass: one is running for 4 hours, then 2026-11-22 08:15 (times in Europe/Berlin)
        trail: 1234 events, head a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1
        ");
    }
}
