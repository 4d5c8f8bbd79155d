//! The report's lists, in one table that all its forms are written from: what a list is called, and
//! what it shows of a line. A new one is a variant here and a query that fills it.

use serde_json::{Value, json};
use strum::{IntoStaticStr, VariantArray};

use super::line::ReportLine;
use super::summary::Summary;
use super::view::{DisplayRow, Urgency, joined};
use super::words::{change, debt_state, done, reason, todo};
use crate::text::{away, count, retold};

/// A list of the report, in the order of the CSV: the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum ReportList {
    /// What the guard holds.
    Held,
    /// Sources that could not be read or believed; nothing is removed from them meanwhile.
    Sources,
    /// What is due and not done, whenever it became due.
    Debts,
    /// Removals and demotions that happened in the period.
    Ended,
    /// What is due but never done, by a rule.
    Protected,
    /// Grants that end within 90 days after the period, soonest first.
    Ending,
    /// Grants without an end.
    NeverEnds,
    /// Grants whose owners were asked whether they are still needed, and have not answered.
    Unanswered,
    /// Members without a grant that covers them.
    Unmanaged,
    Invites,
    /// Addresses that mail does not reach.
    Suppressed,
    /// Other things that happened in the period.
    Changes,
}

impl ReportList {
    /// All, in the order of the CSV.
    pub(super) const ALL: &[Self] = Self::VARIANTS;

    /// All, in the order in which people read them.
    pub(super) const READ: [Self; Self::ALL.len()] = [
        Self::Held,
        Self::Sources,
        Self::Debts,
        Self::Ended,
        Self::Ending,
        Self::Protected,
        Self::NeverEnds,
        Self::Unanswered,
        Self::Unmanaged,
        Self::Invites,
        Self::Suppressed,
        Self::Changes,
    ];

    /// All, in the order of the JSON.
    pub(super) const JSON: [Self; Self::ALL.len()] = [
        Self::Ended,
        Self::Debts,
        Self::Held,
        Self::Protected,
        Self::Ending,
        Self::NeverEnds,
        Self::Unanswered,
        Self::Unmanaged,
        Self::Invites,
        Self::Suppressed,
        Self::Changes,
        Self::Sources,
    ];

    /// Its key in the JSON.
    pub(super) fn key(self) -> &'static str {
        self.into()
    }

    /// Whether its lines are access that is there past its end.
    pub(super) fn is_exposed(self) -> bool {
        matches!(self, Self::Held | Self::Debts)
    }
}

/// How a list is shown.
pub(super) struct Layout {
    pub(super) title: &'static str,
    pub(super) note: &'static str,
    pub(super) tone: Urgency,
    /// Its name in the CSV.
    pub(super) section: &'static str,
    /// What a line has in the JSON, in this order.
    pub(super) keys: &'static [JsonKey],
    /// Fills the row of a line, which starts out as what most lists show.
    row: fn(&Summary, &ReportLine, &mut DisplayRow),
}

/// A key of a line in the JSON, and its value.
type JsonKey = (&'static str, fn(&ReportLine) -> Value);

/// A list that needs no more words than its title.
const PLAIN: Layout = Layout {
    title: "",
    note: "",
    tone: Urgency::Calm,
    section: "",
    keys: &[],
    row: |_, _, _| {},
};

/// The keys of a line, each with the field that it shows where that has another name.
macro_rules! keys {
    (@value $key:ident $field:ident) => { |line| json!(line.$field) };
    (@value $field:ident) => { |line| json!(line.$field) };
    ($($key:ident $(= $field:ident)?),*) => {
        &[$((stringify!($key), keys!(@value $key $($field)?))),*]
    };
}

impl ReportList {
    pub(super) fn layout(self) -> Layout {
        match self {
            Self::Held => Layout {
                title: "Held",
                tone: Urgency::Alarm,
                section: "held",
                keys: keys![run, action, target, email, reason, since = at, why = detail],
                row: |summary, line, row| {
                    row.under = due(line);
                    row.note = written(&line.detail);
                    row.side_note = format!("{} exposed", summary.age(line.at));
                },
                ..PLAIN
            },
            Self::Sources => Layout {
                title: "Sources that could not be read",
                note: "Nothing is removed from a source while it cannot be read or believed.",
                tone: Urgency::Warning,
                section: "source",
                keys: keys![target, problem = detail, since = at],
                row: |_, line, row| {
                    row.lead = written(&line.target);
                    row.under = written(&line.detail);
                },
            },
            Self::Debts => Layout {
                title: "Overdue",
                note: "Due, but not done yet. Each is tried again until it is.",
                tone: Urgency::Warning,
                section: "overdue",
                keys: keys![
                    action,
                    target,
                    email,
                    reason,
                    state,
                    since = at,
                    attempts,
                    next_try,
                    detail
                ],
                row: |summary, line, row| {
                    let mut state = debt_state(&written(&line.state)).to_owned();
                    if let Some(tries @ 1..) = line.attempts {
                        state += &format!(", {}", count(tries.into(), "try", "tries"));
                    }
                    let next = line
                        .next_try
                        .map(|at| format!("next {}", summary.moment(at)));
                    row.under = due(line);
                    row.note = joined(&[&state, &written(&line.detail), &written(&next)]);
                },
            },
            Self::Ended => Layout {
                title: "Ended",
                section: "ended",
                keys: keys![at, action, target, email, reason, evidence, state, detail],
                row: |_, line, row| {
                    let gone = match line.state.as_deref() {
                        Some("absent") => "was gone already",
                        _ => "",
                    };
                    row.under = action_on(line, done);
                    row.note = joined(&[gone, &written(&line.detail)]);
                    row.side_note = line.evidence.as_deref().unwrap_or("no evidence").to_owned();
                },
                ..PLAIN
            },
            Self::Protected => Layout {
                title: "Protected",
                note: "Due, but left alone by a rule.",
                section: "protected",
                keys: keys![action, target, email, reason, since = at, why = detail],
                row: |_, line, row| {
                    row.under = due(line);
                    row.note = written(&line.detail);
                },
                ..PLAIN
            },
            Self::Ending => Layout {
                title: "Ending in the next 90 days",
                section: "ending",
                keys: keys![email, target, end = at, owner],
                row: |summary, line, row| {
                    row.under = owned(line);
                    row.side_note = summary.ahead(line.at);
                },
                ..PLAIN
            },
            Self::NeverEnds => Layout {
                title: "Access without an end",
                section: "never_ends",
                keys: keys![email, target, owner, since = at],
                row: |summary, line, row| {
                    row.under = owned(line);
                    row.side = summary.day(line.at);
                },
                ..PLAIN
            },
            Self::Unanswered => Layout {
                title: "Waiting for an owner's yes",
                note: "Asked whether it is still needed, and not answered: lapsed review",
                tone: Urgency::Warning,
                section: "unanswered",
                keys: keys![email, target, owner, since = at, reminded_at],
                row: |summary, line, row| {
                    row.under = owned(line);
                    let reminded = line
                        .reminded_at
                        .map(|at| format!("reminded {}", summary.day(at)));
                    row.note = written(&reminded);
                    row.side = summary.day(line.at);
                },
            },
            Self::Unmanaged => Layout {
                title: "Members without a grant",
                note: "In a team, but no grant covers them. Nothing ends it, unless a line says what does.",
                section: "unmanaged",
                keys: keys![email, target, since = at, is_admin],
                row: |summary, line, row| {
                    let role = if line.is_admin == Some(true) {
                        "admin"
                    } else {
                        ""
                    };
                    row.under = joined(&[&written(&line.target), role]);
                    row.note = written(&line.detail);
                    row.side = summary.day(line.at);
                },
                ..PLAIN
            },
            Self::Invites => Layout {
                title: "Pending invites",
                section: "invite",
                keys: keys![email, target, first_seen = at, stage = state],
                row: |summary, line, row| {
                    row.under = joined(&[&written(&line.target), &written(&line.state)]);
                    row.side = summary.day(line.at);
                },
                ..PLAIN
            },
            Self::Suppressed => Layout {
                title: "Addresses that mail does not reach",
                section: "suppressed",
                keys: keys![email, first_seen = at, places],
                row: |summary, line, row| {
                    row.under = line.places.join(" · ");
                    if line.places.is_empty() {
                        row.under = "nothing depends on it".to_owned();
                    }
                    row.side = summary.day(line.at);
                },
                ..PLAIN
            },
            Self::Changes => Layout {
                title: "Other changes",
                section: "change",
                keys: keys![at, kind = action, target, email, detail],
                row: |_, line, row| {
                    let mut place = written(&line.target);
                    if line.email.is_none() {
                        row.lead = std::mem::take(&mut place);
                    }
                    row.under = joined(&[&place, change(&written(&line.action))]);
                    row.note = written(&line.detail);
                    row.side_note = String::new();
                },
                ..PLAIN
            },
        }
    }

    /// A line for people, on one line each.
    pub(super) fn row(self, summary: &Summary, line: &ReportLine) -> DisplayRow {
        let mut row = DisplayRow {
            lead: written(&line.email),
            side: summary.moment(line.at),
            side_note: format!("for {}", summary.age(line.at)),
            ..DisplayRow::default()
        };
        (self.layout().row)(summary, line, &mut row);
        // What was noted for programs too is told in the times of this report.
        let both = |at| format!("{} ({})", summary.moment(at), away(at, summary.to));
        row.note = retold(&row.note, both);
        row.cleaned()
    }
}

fn written(text: &Option<String>) -> String {
    text.clone().unwrap_or_default()
}

/// What is to be removed, where, and why.
pub(super) fn due(line: &ReportLine) -> String {
    action_on(line, todo)
}

fn action_on(line: &ReportLine, say: fn(&str) -> &str) -> String {
    let [target, action, why] = [&line.target, &line.action, &line.reason].map(written);
    joined(&[&target, say(&action), reason(&why)])
}

/// Where a grant is for, and who answers for it.
fn owned(line: &ReportLine) -> String {
    let owner = match &line.owner {
        Some(owner) => format!("owner {owner}"),
        None => "no owner".to_owned(),
    };
    joined(&[&written(&line.target), &owner])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_every_list_once() {
        for order in [ReportList::READ, ReportList::JSON] {
            for list in ReportList::ALL {
                let times = order.iter().filter(|other| *other == list).count();
                assert_eq!(times, 1, "{list:?}");
            }
        }
    }
}
