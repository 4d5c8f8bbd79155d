//! What waits, as a table and as CSV.

use jiff::Timestamp;

use super::super::exit::Failure;
use super::super::output::{self, Table, Tone};
use crate::domain::Role;
use crate::explain::words::Words;
use crate::store::ReviewRow;

/// The state of a question.
fn stage(row: &ReviewRow, now: Timestamp) -> String {
    let since = |at: Timestamp| {
        let days = now.duration_since(at).as_hours() / 24;
        output::count(usize::try_from(days).unwrap_or(0), "day")
    };
    match (row.asked_at, row.reminded_at) {
        (None, _) => "not asked yet".to_owned(),
        (Some(asked), None) => format!("asked, {}", since(asked)),
        (Some(asked), Some(_)) => format!("reminded, {}", since(asked)),
    }
}

pub(super) fn table(rows: &[ReviewRow], now: Timestamp, words: &Words) -> Result<(), Failure> {
    let heads = [
        "EMAIL",
        "TARGET",
        "ROLE",
        "END",
        "OWNER",
        "CONFIRMED",
        "WAITS",
    ];
    let mut table = Table::new(&heads)
        .gives_up(&["CONFIRMED", "ROLE", "OWNER"])
        .has_second_line(&heads[2..]);
    for row in rows {
        table.add([
            output::cell(&row.email),
            output::cell(&row.target.to_string()),
            output::cell(row.role.map(Role::as_str).unwrap_or_default()),
            output::cell(&words.end(row.end)),
            output::cell(row.owner.as_deref().unwrap_or_default()),
            output::cell(&words.moment(row.confirmed_at)),
            output::cell(&stage(row, now)).toned(match row.reminded_at {
                Some(_) => Tone::Bad,
                None => Tone::Waiting,
            }),
        ]);
    }
    output::show(&table, "--format csv")?;
    output::counted(rows.len(), "question", words);
    Ok(())
}

pub(super) fn csv(rows: &[ReviewRow]) -> Result<(), Failure> {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    output::csv(
        &[
            "email",
            "target",
            "role",
            "end",
            "owner",
            "confirmed_at",
            "due_at",
            "asked_at",
            "reminded_at",
            "ends_unanswered_at",
        ],
        rows.iter().map(|row| {
            [
                row.email.clone(),
                row.target.to_string(),
                row.role.map(|role| role.to_string()).unwrap_or_default(),
                time(row.end),
                row.owner.clone().unwrap_or_default(),
                row.confirmed_at.to_string(),
                row.due_at.to_string(),
                time(row.asked_at),
                time(row.reminded_at),
                time(row.ends_unanswered_at),
            ]
        }),
    )
}
