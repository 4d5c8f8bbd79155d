//! The report as one table, for spreadsheets and archives: a fact a row, times in UTC.

use std::borrow::Cow;

use csv::{Terminator, Writer, WriterBuilder};
use jiff::Timestamp;

use super::RenderError;
use super::summary::Summary;

const COLUMNS: [&str; 15] = [
    "section",
    "at",
    "action",
    "target",
    "email",
    "reason",
    "state",
    "evidence",
    "owner",
    "detail",
    "exposure_hours",
    "attempts",
    "next_try",
    "run",
    "admin",
];

/// One row; what a section has no value for stays empty.
#[derive(Default)]
struct Row<'a> {
    section: &'a str,
    at: Option<Timestamp>,
    action: &'a str,
    target: &'a str,
    email: &'a str,
    reason: &'a str,
    state: &'a str,
    evidence: Option<&'a str>,
    owner: Option<&'a str>,
    detail: Option<&'a str>,
    exposure_hours: Option<u64>,
    attempts: Option<u32>,
    next_try: Option<Timestamp>,
    run: Option<&'a str>,
    admin: Option<bool>,
}

impl Row<'_> {
    fn cells(&self) -> [String; COLUMNS.len()] {
        fn written(value: Option<impl ToString>) -> String {
            value.map(|value| value.to_string()).unwrap_or_default()
        }
        [
            self.section.to_owned(),
            written(self.at),
            self.action.to_owned(),
            self.target.to_owned(),
            self.email.to_owned(),
            self.reason.to_owned(),
            self.state.to_owned(),
            written(self.evidence),
            written(self.owner),
            written(self.detail),
            written(self.exposure_hours),
            written(self.attempts),
            written(self.next_try),
            written(self.run),
            written(self.admin),
        ]
    }
}

/// Writes the whole report; rows end with CR LF (RFC 4180), sections come worst first.
pub(super) fn render(summary: &Summary) -> Result<String, RenderError> {
    let mut table = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    table.write_record(COLUMNS)?;
    for row in rows(summary) {
        write(&mut table, &row)?;
    }
    let bytes = table
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The report, cut after the last whole row that fits into so many bytes; a cut says so in a last
/// row, since mail servers refuse what is too big and half a row would be a wrong one.
pub(crate) fn render_within(summary: &Summary, bytes: usize) -> Result<String, RenderError> {
    let mut text = render(summary)?;
    if text.len() <= bytes {
        return Ok(text);
    }
    let fitting = text.as_bytes().get(..bytes).unwrap_or_default();
    // Line breaks inside cells have been flattened: each CR LF ends a row.
    let keep = fitting
        .windows(2)
        .rposition(|pair| pair == b"\r\n")
        .map_or(0, |at| at + 2);
    text.truncate(keep);
    let mut note = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    write(
        &mut note,
        &Row {
            section: "cut",
            detail: Some("too long for a mail; the rest: lapsed report --format csv"),
            ..Row::default()
        },
    )?;
    let note = note
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))?;
    text.push_str(&String::from_utf8_lossy(&note));
    Ok(text)
}

fn write(table: &mut Writer<Vec<u8>>, row: &Row<'_>) -> Result<(), RenderError> {
    let cells = row.cells();
    table.write_record(cells.iter().map(|cell| defused(cell).into_owned()))?;
    Ok(())
}

/// A spreadsheet runs a cell that starts like a formula: an apostrophe in front makes it text.
/// Control characters become spaces, so that a row stays a line.
pub(crate) fn defused(cell: &str) -> Cow<'_, str> {
    let bare = cell.trim_start_matches([' ', '"', '\'', '\u{a0}', '\u{feff}']);
    let formula = bare.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ]);
    if !formula && !cell.chars().any(char::is_control) {
        return Cow::Borrowed(cell);
    }
    let mut safe = String::with_capacity(cell.len() + 1);
    if formula {
        safe.push('\'');
    }
    safe.extend(cell.chars().map(|c| if c.is_control() { ' ' } else { c }));
    Cow::Owned(safe)
}

fn rows(summary: &Summary) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    rows.extend(summary.held.iter().map(|held| Row {
        section: "held",
        at: Some(held.since),
        action: &held.action,
        target: &held.target,
        email: &held.email,
        reason: &held.reason,
        state: "held",
        detail: Some(&held.why),
        exposure_hours: Some(summary.hours_since(held.since)),
        run: summary.run_of(held),
        ..Row::default()
    }));
    rows.extend(summary.sources.iter().map(|source| Row {
        section: "source",
        at: Some(source.since),
        target: &source.target,
        detail: Some(&source.problem),
        ..Row::default()
    }));
    rows.extend(summary.debts.iter().map(|debt| Row {
        section: "overdue",
        at: Some(debt.since),
        action: &debt.action,
        target: &debt.target,
        email: &debt.email,
        reason: &debt.reason,
        state: &debt.state,
        detail: debt.detail.as_deref(),
        exposure_hours: Some(summary.hours_since(debt.since)),
        attempts: Some(debt.attempts),
        next_try: debt.next_try,
        ..Row::default()
    }));
    rows.extend(summary.ended.iter().map(|ended| Row {
        section: "ended",
        at: Some(ended.at),
        action: &ended.action,
        target: &ended.target,
        email: &ended.email,
        reason: &ended.reason,
        state: &ended.state,
        evidence: ended.evidence.as_deref(),
        detail: ended.detail.as_deref(),
        run: None,
        ..Row::default()
    }));
    rows.extend(summary.protected.iter().map(|protected| Row {
        section: "protected",
        at: Some(protected.since),
        action: &protected.action,
        target: &protected.target,
        email: &protected.email,
        reason: &protected.reason,
        state: "protected",
        detail: Some(&protected.why),
        ..Row::default()
    }));
    rows.extend(summary.ending.iter().map(|ending| Row {
        section: "ending",
        at: Some(ending.end),
        target: &ending.target,
        email: &ending.email,
        owner: ending.owner.as_deref(),
        ..Row::default()
    }));
    rows.extend(summary.never_ends.iter().map(|grant| Row {
        section: "never_ends",
        at: Some(grant.since),
        target: &grant.target,
        email: &grant.email,
        owner: grant.owner.as_deref(),
        ..Row::default()
    }));
    rows.extend(summary.unanswered.iter().map(|grant| Row {
        section: "unanswered",
        at: Some(grant.since),
        target: &grant.target,
        email: &grant.email,
        state: match grant.reminded_at {
            Some(_) => "reminded",
            None => "asked",
        },
        owner: grant.owner.as_deref(),
        ..Row::default()
    }));
    rows.extend(summary.unmanaged.iter().map(|member| Row {
        section: "unmanaged",
        at: Some(member.since),
        target: &member.target,
        email: &member.email,
        admin: Some(member.is_admin),
        ..Row::default()
    }));
    rows.extend(summary.invites.iter().map(|invite| Row {
        section: "invite",
        at: Some(invite.first_seen),
        target: &invite.target,
        email: &invite.email,
        state: &invite.stage,
        ..Row::default()
    }));
    for address in &summary.suppressed {
        let row = |place| Row {
            section: "suppressed",
            at: Some(address.first_seen),
            email: &address.email,
            detail: place,
            ..Row::default()
        };
        if address.places.is_empty() {
            rows.push(row(None));
        }
        rows.extend(address.places.iter().map(|place| row(Some(place))));
    }
    rows.extend(summary.changes.iter().map(|change| Row {
        section: "change",
        at: Some(change.at),
        action: &change.kind,
        target: change.target.as_deref().unwrap_or_default(),
        email: change.email.as_deref().unwrap_or_default(),
        detail: change.detail.as_deref(),
        ..Row::default()
    }));
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample;
    use super::*;

    #[test]
    fn each_fact_is_a_row_with_times_in_utc() {
        insta::assert_snapshot!(render(&sample::lively()).unwrap().replace("\r\n", "\n"));
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        for cell in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "  =1",
            "\"=1",
            " '\"=1",
            "\u{ff1d}1",
        ] {
            assert!(defused(cell).starts_with('\''), "{cell:?}");
        }
        for cell in ["", "jane@example.com", "2026-11-22T07:00:00Z", "a=b", "a-b"] {
            assert_eq!(defused(cell), cell);
        }
    }

    #[test]
    fn a_table_too_long_for_a_mail_ends_with_a_whole_row_and_a_note() {
        let whole = render(&sample::lively()).unwrap();
        let cut = render_within(&sample::lively(), whole.len() - 1).unwrap();
        let rows: Vec<_> = cut.lines().collect();
        assert_eq!(rows.len(), whole.lines().count());
        assert!(rows[rows.len() - 1].starts_with("cut,"));
        assert_eq!(
            render_within(&sample::lively(), whole.len()).unwrap(),
            whole
        );
    }

    proptest! {
        #[test]
        fn whatever_a_text_holds_the_table_stays_a_table(text in "\\PC*|[=+@\\-\t\r\n \"',a]*") {
            let mut summary = sample::quiet();
            sample::fill_with(&mut summary, &text);
            let table = render(&summary).unwrap();
            let mut reader = csv::ReaderBuilder::new().from_reader(table.as_bytes());
            let mut rows = 0;
            for record in reader.records() {
                let record = record.unwrap();
                prop_assert_eq!(record.len(), COLUMNS.len());
                for cell in &record {
                    let bare = cell.trim_start_matches([' ', '"']);
                    prop_assert!(!bare.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
                }
                rows += 1;
            }
            prop_assert_eq!(rows, 12);
            prop_assert_eq!(table.matches("\r\n").count(), 13);
        }
    }
}
