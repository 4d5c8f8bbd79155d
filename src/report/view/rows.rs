//! One entry of each list as a row.

use jiff::Timestamp;

use super::super::summary::Summary;
use super::super::words::{change, debt_state, done, reason, todo};
use super::{DisplayRow, age};
use crate::text::{count, one_line};

/// Turns the first entries of a list into cleaned rows.
fn rows<'a, T>(
    summary: &Summary,
    list: &'a [T],
    row: impl Fn(&'a T) -> DisplayRow,
) -> Vec<DisplayRow> {
    list.iter()
        .take(summary.shown.rows())
        .map(row)
        .map(DisplayRow::cleaned)
        .collect()
}

impl DisplayRow {
    /// The same with all on one line.
    pub(in crate::report) fn cleaned(self) -> Self {
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
pub(in crate::report) fn joined(parts: &[&str]) -> String {
    let there: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    there.join(" · ")
}

fn owned_by(owner: Option<&str>) -> String {
    owner.map_or_else(|| "no owner".to_owned(), |owner| format!("owner {owner}"))
}

/// How long something has lasted.
fn span(summary: &Summary, since: Timestamp) -> String {
    format!("for {}", age(summary, since))
}

pub(super) fn held(summary: &Summary) -> Vec<DisplayRow> {
    rows(summary, &summary.held, |held| DisplayRow {
        lead: held.email.clone(),
        under: joined(&[&held.target, todo(&held.action), reason(&held.reason)]),
        note: held.why.clone(),
        side: summary.moment(held.since),
        side_note: format!("{} exposed", age(summary, held.since)),
        ..DisplayRow::default()
    })
}

pub(super) fn sources(summary: &Summary) -> Vec<DisplayRow> {
    rows(summary, &summary.sources, |source| DisplayRow {
        lead: source.target.clone(),
        under: source.problem.clone(),
        side: summary.moment(source.since),
        side_note: span(summary, source.since),
        ..DisplayRow::default()
    })
}

pub(super) fn debts(summary: &Summary) -> Vec<DisplayRow> {
    rows(summary, &summary.debts, |debt| {
        let tries = match debt.attempts {
            0 => String::new(),
            tries => format!(", {}", count(tries.into(), "try", "tries")),
        };
        let next = debt
            .next_try
            .map(|next| format!("next {}", summary.moment(next)))
            .unwrap_or_default();
        DisplayRow {
            lead: debt.email.clone(),
            under: joined(&[&debt.target, todo(&debt.action), reason(&debt.reason)]),
            note: joined(&[
                &format!("{}{tries}", debt_state(&debt.state)),
                debt.detail.as_deref().unwrap_or_default(),
                &next,
            ]),
            side: summary.moment(debt.since),
            side_note: span(summary, debt.since),
            ..DisplayRow::default()
        }
    })
}

pub(super) fn ended(summary: &Summary) -> Vec<DisplayRow> {
    rows(summary, &summary.ended, |ended| DisplayRow {
        lead: ended.email.clone(),
        under: joined(&[&ended.target, done(&ended.action), reason(&ended.reason)]),
        note: joined(&[
            if ended.state == "absent" {
                "was gone already"
            } else {
                ""
            },
            ended.detail.as_deref().unwrap_or_default(),
        ]),
        side: summary.moment(ended.at),
        side_note: ended
            .evidence
            .clone()
            .unwrap_or_else(|| "no evidence".to_owned()),
        ..DisplayRow::default()
    })
}

pub(super) fn ending(summary: &Summary) -> Vec<DisplayRow> {
    rows(summary, &summary.ending, |ending| DisplayRow {
        lead: ending.email.clone(),
        under: joined(&[&ending.target, &owned_by(ending.owner.as_deref())]),
        side: summary.moment(ending.end),
        side_note: summary.ahead(ending.end),
        ..DisplayRow::default()
    })
}

pub(super) fn protected(summary: &Summary) -> Vec<DisplayRow> {
    rows(summary, &summary.protected, |protected| DisplayRow {
        lead: protected.email.clone(),
        under: joined(&[
            &protected.target,
            todo(&protected.action),
            reason(&protected.reason),
        ]),
        note: protected.why.clone(),
        side: summary.moment(protected.since),
        side_note: span(summary, protected.since),
        ..DisplayRow::default()
    })
}

pub(super) fn never_ends(summary: &Summary) -> Vec<DisplayRow> {
    rows(summary, &summary.never_ends, |grant| DisplayRow {
        lead: grant.email.clone(),
        under: joined(&[&grant.target, &owned_by(grant.owner.as_deref())]),
        side: summary.day(grant.since),
        side_note: span(summary, grant.since),
        ..DisplayRow::default()
    })
}

pub(super) fn unanswered(summary: &Summary) -> Vec<DisplayRow> {
    rows(summary, &summary.unanswered, |grant| DisplayRow {
        lead: grant.email.clone(),
        under: joined(&[&grant.target, &owned_by(grant.owner.as_deref())]),
        note: grant
            .reminded_at
            .map_or_else(String::new, |at| format!("reminded {}", summary.day(at))),
        side: summary.day(grant.since),
        side_note: span(summary, grant.since),
        ..DisplayRow::default()
    })
}

pub(super) fn unmanaged(summary: &Summary) -> Vec<DisplayRow> {
    rows(summary, &summary.unmanaged, |member| DisplayRow {
        lead: member.email.clone(),
        under: joined(&[&member.target, if member.is_admin { "admin" } else { "" }]),
        side: summary.day(member.since),
        side_note: span(summary, member.since),
        ..DisplayRow::default()
    })
}

pub(super) fn invites(summary: &Summary) -> Vec<DisplayRow> {
    rows(summary, &summary.invites, |invite| DisplayRow {
        lead: invite.email.clone(),
        under: joined(&[&invite.target, &invite.stage]),
        side: summary.day(invite.first_seen),
        side_note: span(summary, invite.first_seen),
        ..DisplayRow::default()
    })
}

pub(super) fn suppressed(summary: &Summary) -> Vec<DisplayRow> {
    rows(summary, &summary.suppressed, |address| DisplayRow {
        lead: address.email.clone(),
        under: if address.places.is_empty() {
            "nothing depends on it".to_owned()
        } else {
            address.places.join(" · ")
        },
        side: summary.day(address.first_seen),
        side_note: span(summary, address.first_seen),
        ..DisplayRow::default()
    })
}

pub(super) fn changes(summary: &Summary) -> Vec<DisplayRow> {
    rows(summary, &summary.changes, |entry| {
        let target = entry.target.as_deref().unwrap_or_default();
        let (lead, place) = match &entry.email {
            Some(email) => (email.as_str(), target),
            None => (target, ""),
        };
        DisplayRow {
            lead: lead.to_owned(),
            under: joined(&[place, change(&entry.kind)]),
            note: entry.detail.clone().unwrap_or_default(),
            side: summary.moment(entry.at),
            ..DisplayRow::default()
        }
    })
}
