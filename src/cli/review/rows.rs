//! What waits, as a table and as CSV.

use jiff::Timestamp;

use super::super::exit::Failure;
use super::super::output;
use crate::domain::Role;
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

pub(super) fn table(rows: &[ReviewRow], now: Timestamp) -> Result<(), Failure> {
    let mut table = output::table(&[
        "EMAIL",
        "TARGET",
        "ROLE",
        "END",
        "OWNER",
        "CONFIRMED",
        "WAITS",
    ]);
    for row in rows {
        let end = row
            .end
            .map_or_else(|| "never".to_owned(), |end| end.to_string());
        table.add_row([
            output::cell(&row.email),
            output::cell(&row.target.to_string()),
            output::cell(row.role.map(Role::as_str).unwrap_or_default()),
            output::cell(&end),
            output::cell(row.owner.as_deref().unwrap_or_default()),
            output::cell(&row.confirmed_at.strftime("%Y-%m-%d").to_string()),
            output::cell(&stage(row, now)),
        ]);
    }
    if !rows.is_empty() {
        output::show(&table)?;
    }
    output::complain(&output::count(rows.len(), "question"));
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
