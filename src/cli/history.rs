//! `lapsed history`: all that happened to one person, oldest first.

use clap::Args;

use super::exit::{Exit, Failure};
use super::output::{self, Table};
use super::person::{person, unknown};
use super::{Common, RowFormat};
use crate::clock;
use crate::explain::words::Words;
use crate::explain::{HistoryRow, tell};
use crate::store::queries::person;

/// Whose history.
#[derive(Debug, Args)]
#[command(after_help = "\
Each event of the audit trail is shown with its number and hash. What a reading showed is part \
of the event of that reading, and has no number and hash of its own. On a narrow terminal BY, \
EVIDENCE goes on a line below.

Example:
  lapsed history jane@example.com --format csv")]
pub(super) struct HistoryArgs {
    /// The person's address, in upper or lower case
    email: String,

    /// The form of the output
    #[arg(long, value_name = "FORM", default_value = "table")]
    format: RowFormat,
}

pub(super) async fn run(common: &Common, args: HistoryArgs) -> Result<Exit, Failure> {
    let (settings, store) = common.open_to_read()?;
    let email = person(&args.email)?;
    let wanted = email.clone();
    let (history, near) = store
        .read(move |db| {
            let history = person::history(db, &wanted)?;
            let near = match history.happened.is_empty() {
                true => person::near(db, &wanted)?,
                false => Vec::new(),
            };
            Ok((history, near))
        })
        .await?;
    let words = match args.format {
        RowFormat::Table => Words::shown,
        RowFormat::Json | RowFormat::Csv => Words::kept,
    };
    let words = words(&settings.timezone, clock::now());
    let rows = tell(history.happened, &history.actions, &words);
    match args.format {
        RowFormat::Json => output::json(&rows)?,
        RowFormat::Csv => csv(&rows)?,
        RowFormat::Table => table(&rows, &words)?,
    }
    if rows.is_empty() {
        output::complain(&unknown(&email, &near));
    }
    Ok(Exit::Done)
}

fn table(rows: &[HistoryRow], words: &Words) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["TIME", "WHAT", "TARGET", "BY, EVIDENCE"])
        .has_second_line(&["BY, EVIDENCE"])
        .wraps(&["WHAT", "BY, EVIDENCE"]);
    for row in rows {
        table.add([
            output::cell(&words.moment(row.at)),
            output::cell(&words.told(&row.text)),
            output::cell(row.target.as_deref().unwrap_or_default()),
            output::cell(row.by.as_deref().unwrap_or_default()),
        ]);
    }
    output::show(&table, "--format csv")?;
    output::counted(rows.len(), "event", words);
    Ok(())
}

fn csv(rows: &[HistoryRow]) -> Result<(), Failure> {
    output::csv(
        &[
            "at", "kind", "target", "text", "by", "detail", "seq", "hash",
        ],
        rows.iter().map(|row| {
            [
                row.at.to_string(),
                row.kind.clone(),
                row.target.clone().unwrap_or_default(),
                row.text.clone(),
                row.by.clone().unwrap_or_default(),
                row.detail.to_string(),
                row.seq.map(|seq| seq.to_string()).unwrap_or_default(),
                row.hash.clone().unwrap_or_default(),
            ]
        }),
    )
}
