//! The report as one table, for spreadsheets and archives: a fact a row, times in UTC.

use std::borrow::Cow;

use csv::{Terminator, Writer, WriterBuilder};

use super::RenderError;
use super::line::ReportLine;
use super::list::ReportList;
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
/// The place of what is told in words.
const DETAIL: usize = 9;

/// Writes the whole report; rows end with CR LF (RFC 4180), sections come worst first.
pub(super) fn render(summary: &Summary) -> Result<String, RenderError> {
    let mut table = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    table.write_record(COLUMNS)?;
    for list in ReportList::ALL {
        for line in &summary[*list] {
            for cells in rows(summary, *list, line) {
                write(&mut table, &cells)?;
            }
        }
    }
    let bytes = table
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A table, cut after the last whole row that fits into so many bytes; a cut says so in a last
/// row, since mail servers refuse what is too big and half a row would be a wrong one.
pub(crate) fn within(table: &str, bytes: usize) -> Result<String, RenderError> {
    let mut text = table.to_owned();
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
    let mut cells: [String; COLUMNS.len()] = Default::default();
    cells[0] = "cut".to_owned();
    cells[DETAIL] = "too long for a mail; the rest: lapsed report --format csv".to_owned();
    write(&mut note, &cells)?;
    let note = note
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))?;
    text.push_str(&String::from_utf8_lossy(&note));
    Ok(text)
}

fn write(table: &mut Writer<Vec<u8>>, cells: &[String]) -> Result<(), RenderError> {
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

/// The rows of a line: one for each of its places.
fn rows(summary: &Summary, list: ReportList, line: &ReportLine) -> Vec<[String; COLUMNS.len()]> {
    fn written(value: Option<impl ToString>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let exposed = list.is_exposed().then(|| summary.hours_since(line.at));
    let run = match list {
        ReportList::Held => summary.run_of(line),
        _ => None,
    };
    let row = [
        list.layout().section.to_owned(),
        line.at.to_string(),
        text(&line.action),
        text(&line.target),
        text(&line.email),
        text(&line.reason),
        text(&line.state),
        text(&line.evidence),
        text(&line.owner),
        text(&line.detail),
        written(exposed),
        written(line.attempts),
        written(line.next_try),
        written(run),
        written(line.is_admin),
    ];
    if line.places.is_empty() {
        return vec![row];
    }
    let places = line.places.iter().map(|place| {
        let mut row = row.clone();
        row[DETAIL].clone_from(place);
        row
    });
    places.collect()
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
        let cut = within(&whole, whole.len() - 1).unwrap();
        let rows: Vec<_> = cut.lines().collect();
        assert_eq!(rows.len(), whole.lines().count());
        assert!(rows[rows.len() - 1].starts_with("cut,"));
        assert_eq!(within(&whole, whole.len()).unwrap(), whole);
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
