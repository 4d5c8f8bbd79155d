//! The content that text and HTML share, in the reader's words and order; both only lay it out.

use super::list::{Layout, ReportList};
use super::subject::{gist, label};
use super::summary::{Summary, Week, weeks, zone_name};
use super::summed;
use crate::domain::Owed;
use crate::text::{count, one_line, short_run};

/// The most held runs shown with their command.
const MOST_RUNS: usize = 5;

/// What is due, where lapsed only observes.
const OBSERVED: (&str, &str, Urgency) = (
    "Planned",
    "Due, and left alone: guard.observe_only is true, so no provider is changed.",
    Urgency::Calm,
);

/// How urgent something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    Calm,
    Warning,
    Alarm,
}

/// The whole report, cleaned of control characters but not yet escaped.
pub(super) struct ReportView {
    pub(super) title: String,
    pub(super) gist: String,
    /// What is owed, in a sentence; absent when nothing is.
    pub(super) owed: Option<String>,
    /// What is left out, where the report is shortened.
    pub(super) notice: Option<&'static str>,
    /// Where the rest of a list is.
    pub(super) rest: &'static str,
    pub(super) period: String,
    pub(super) tiles: Vec<Tile>,
    pub(super) alarm: Option<HeldAlarm>,
    pub(super) sections: Vec<ListSection>,
    pub(super) next: String,
    pub(super) footer: Vec<String>,
    /// The audit trail's length and head.
    pub(super) trail: String,
}

/// A number with its name.
pub(crate) struct Tile {
    pub(crate) number: u64,
    pub(crate) label: &'static str,
    pub(crate) tone: Urgency,
}

impl Tile {
    /// Nothing of a kind is never urgent.
    pub(crate) fn new(number: u64, label: &'static str, urgency: Urgency) -> Self {
        Self {
            number,
            label,
            tone: if number == 0 { Urgency::Calm } else { urgency },
        }
    }
}

/// What the guard holds, with the command that lets it go.
pub(super) struct HeldAlarm {
    pub(super) headline: String,
    pub(super) exposure: String,
    pub(super) commands: Vec<String>,
}

/// A list with its heading.
pub(crate) struct ListSection {
    pub(crate) title: &'static str,
    pub(crate) total: u64,
    pub(crate) note: &'static str,
    pub(crate) tone: Urgency,
    pub(crate) bars: Vec<Bar>,
    pub(crate) rows: Vec<DisplayRow>,
    pub(crate) more: u64,
}

/// A week of the chart.
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) count: u64,
    /// The length, where the longest bar has 100.
    pub(crate) percent: u64,
}

/// An entry: who, where and why on the left, when and how on the right.
#[derive(Debug, Clone, Default)]
pub(crate) struct DisplayRow {
    pub(crate) lead: String,
    pub(crate) under: String,
    pub(crate) note: String,
    pub(crate) side: String,
    pub(crate) side_note: String,
    /// What a person can answer.
    pub(crate) commands: Vec<String>,
}

impl DisplayRow {
    /// The heading in two parts, where a narrow page may break it: an address after its `@`.
    pub(crate) fn halves(&self) -> (&str, &str) {
        match self.lead.rfind('@') {
            Some(at) => self.lead.split_at(at + 1),
            None => (&self.lead, ""),
        }
    }

    /// The same with all on one line.
    pub(super) fn cleaned(self) -> Self {
        Self {
            lead: one_line(&self.lead),
            under: one_line(&self.under),
            note: one_line(&self.note),
            side: one_line(&self.side),
            side_note: one_line(&self.side_note),
            commands: self.commands.iter().map(|c| one_line(c)).collect(),
        }
    }
}

/// The parts that are there, on one line.
pub(super) fn joined(parts: &[&str]) -> String {
    let there = parts.iter().copied().filter(|part| !part.is_empty());
    there.collect::<Vec<_>>().join(" · ")
}

/// Turns the facts into what is shown.
pub(super) fn view(summary: &Summary) -> ReportView {
    let mut gist = gist(summary);
    if let Some(first) = gist.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    ReportView {
        title: label(summary),
        gist,
        owed: owed(summary.owed),
        notice: summary.extent.notice(),
        rest: summary.extent.rest(),
        period: period(summary),
        tiles: tiles(summary),
        alarm: alarm(summary),
        sections: sections(summary),
        next: next(summary),
        footer: footer(summary),
        trail: one_line(&head(summary)),
    }
}

/// What is owed, in a sentence; absent when nothing is.
fn owed(owed: Owed) -> Option<String> {
    (!owed.is_nothing()).then(|| format!("Owed: {}.", what_is_owed(owed)))
}

/// What is owed, in words; empty when nothing is.
pub(crate) fn what_is_owed(owed: Owed) -> String {
    let parts = [
        (
            owed.confirm,
            "decision of a person",
            "decisions of a person",
        ),
        (owed.remove, "removal", "removals"),
        (owed.give, "grant to give", "grants to give"),
        (owed.doubt, "reading in doubt", "readings in doubt"),
        (owed.mail, "mail", "mails"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, one, many)| count(number, one, many))
        .collect();
    parts.join(", ")
}

fn period(summary: &Summary) -> String {
    let zone = zone_name(&summary.timezone, summary.to);
    let to = summary.moment(summary.to);
    match summary.from {
        Some(from) => format!("{} to {to}, {zone} time", summary.moment(from)),
        None => format!("Everything up to {to}, {zone} time"),
    }
}

fn tiles(summary: &Summary) -> Vec<Tile> {
    let tile = |list, label, urgency| Tile::new(summary.count(list), label, urgency);
    vec![
        tile(ReportList::Held, "held", Urgency::Alarm),
        match summary.observe_only.is_some() {
            true => tile(ReportList::Debts, "planned", Urgency::Calm),
            false => tile(ReportList::Debts, "overdue", Urgency::Warning),
        },
        tile(ReportList::Ended, "ended", Urgency::Calm),
        tile(ReportList::Ending, "end in 90 days", Urgency::Calm),
        tile(ReportList::NeverEnds, "never end", Urgency::Calm),
        tile(ReportList::Unmanaged, "without a grant", Urgency::Calm),
    ]
}

fn alarm(summary: &Summary) -> Option<HeldAlarm> {
    let held = summary.count(ReportList::Held);
    if held == 0 {
        return None;
    }
    let mut runs: Vec<String> = Vec::new();
    for entry in &summary[ReportList::Held] {
        // A run's name is typed into a shell: only letters, digits and dashes are shown.
        let run: String = summary
            .run_of(entry)
            .unwrap_or("RUN")
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        if !run.is_empty() && !runs.contains(&run) && runs.len() < MOST_RUNS {
            runs.push(run);
        }
    }
    Some(HeldAlarm {
        headline: format!(
            "{} for an approval",
            count(held, "removal waits", "removals wait")
        ),
        exposure: format!(
            "The guard found this too much at once and did nothing. The access is still alive past \
             its end: {} of exposure so far, taken together.",
            count(summary.exposure_hours(), "hour", "hours")
        ),
        commands: runs
            .iter()
            .map(|run| format!("lapsed approve {}", short_run(run)))
            .collect(),
    })
}

/// The lists that have anything to show, the worst first.
pub(crate) fn sections(summary: &Summary) -> Vec<ListSection> {
    let lists = ReportList::READ.into_iter();
    let lists = lists.filter(|list| summary.count(*list) > 0);
    lists.map(|list| section(summary, list)).collect()
}

fn section(summary: &Summary, list: ReportList) -> ListSection {
    let Layout {
        mut title,
        mut note,
        mut tone,
        ..
    } = list.layout();
    if list == ReportList::Debts && summary.observe_only.is_some() {
        (title, note, tone) = OBSERVED;
    }
    let total = summary.count(list);
    let entries = summed::entries(list, &summary[list]);
    let shown = entries.iter().take(summary.rows());
    let told: u64 = shown.clone().map(summed::Entry::lines).sum();
    let rows = shown.map(|entry| entry.row(summary, list)).collect();
    ListSection {
        title,
        total,
        note,
        tone,
        bars: match list {
            ReportList::Ending => bars(&weeks(summary)),
            _ => Vec::new(),
        },
        more: total.saturating_sub(told),
        rows,
    }
}

/// The weeks as bars.
pub(crate) fn bars(weeks: &[Week]) -> Vec<Bar> {
    let longest = weeks
        .iter()
        .map(|week| week.count)
        .max()
        .unwrap_or(0)
        .max(1);
    weeks
        .iter()
        .map(|week| Bar {
            label: week.starts.to_string(),
            count: week.count,
            percent: (week.count * 100).div_ceil(longest),
        })
        .collect()
}

fn next(summary: &Summary) -> String {
    match summary.next_report {
        Some(next) => format!(
            "The next report comes on {}. If it does not come, lapsed or its mail has \
             stopped.",
            summary.moment(next)
        ),
        None => "No next report is scheduled.".to_owned(),
    }
}

/// The trail's head, as `lapsed audit verify --head` takes it.
fn head(summary: &Summary) -> String {
    format!("{}:{}", summary.trail.events, summary.trail.head)
}

fn footer(summary: &Summary) -> Vec<String> {
    let mut lines = vec![
        "Evidence: acknowledged means that the provider answered yes; verified means that it was \
         read again and the access was gone."
            .to_owned(),
        format!(
            "The audit trail holds {}. Whoever keeps its head, as above, can show that nothing before \
             it was changed later. To check: lapsed audit verify --head {}",
            count(summary.trail.events, "event", "events"),
            head(summary)
        ),
    ];
    let made = summary.moment(summary.generated_at);
    lines.push(match &summary.run {
        Some(run) => format!("Made on {made} by run {}.", one_line(run)),
        None => format!("Made on {made}."),
    });
    lines
}
