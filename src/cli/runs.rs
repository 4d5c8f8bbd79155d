//! `lapsed runs`: the last passes; and how a command's RUN names one.

use clap::Args;
use jiff::tz::TimeZone;

use super::exit::{Exit, Failure};
use super::run::counts;
use super::{Common, RowFormat, output};
use crate::store::Store;
use crate::store::queries::runs::{self, RunRow};
use crate::text::{second, span};

/// The word for the newest run that the command is about.
pub(super) const LAST: &str = "last";

/// How many.
#[derive(Debug, Args)]
#[command(after_help = "\
The newest comes first; dry runs are left out. Where a command takes RUN, it takes the id, any part \
of it that names one run, or last.

Example:
  lapsed runs --limit 5")]
pub(super) struct RunsArgs {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,

    /// The form of the output
    #[arg(long, value_name = "FORM", default_value = "table")]
    format: RowFormat,
}

pub(super) async fn run(common: &Common, args: RunsArgs) -> Result<Exit, Failure> {
    let (settings, store) = common.open_to_read()?;
    let rows = store.read(move |db| runs::last(db, args.limit)).await?;
    match args.format {
        RowFormat::Json => output::json(&rows)?,
        RowFormat::Csv => csv(&rows)?,
        RowFormat::Table => table(&rows, &settings.timezone)?,
    }
    Ok(Exit::Done)
}

/// The id of the run that a person names by it or by a part of it.
pub(super) async fn named(store: &Store, text: &str) -> Result<String, Failure> {
    let wanted = text.to_owned();
    let found = store.read(move |db| runs::named(db, &wanted)).await?;
    found.map_err(|why| Failure::usage(format!("RUN: {why}")))
}

fn outcome(row: &RunRow) -> &'static str {
    row.outcome
        .map_or("not finished", |outcome| outcome.as_str())
}

fn table(rows: &[RunRow], zone: &TimeZone) -> Result<(), Failure> {
    let mut table = output::table(&["RUN", "STARTED", "TOOK", "REACH", "OUTCOME", "ACTIONS"]);
    for row in rows {
        let took = row
            .finished_at
            .map(|end| span(end.duration_since(row.started_at)));
        table.add_row([
            output::cell(row.short()),
            output::cell(&second(row.started_at, zone)),
            output::cell(&took.unwrap_or_default()),
            output::cell(&row.reach),
            output::cell(outcome(row)),
            output::cell(&match row.finished_at {
                Some(_) => counts(row.counts),
                None => String::new(),
            }),
        ]);
    }
    if !rows.is_empty() {
        output::show(&table)?;
    }
    output::complain(&output::count(rows.len(), "run"));
    Ok(())
}

fn csv(rows: &[RunRow]) -> Result<(), Failure> {
    output::csv(
        &[
            "run",
            "started_at",
            "finished_at",
            "reach",
            "outcome",
            "planned",
            "done",
            "absent",
            "failed",
            "unknown",
            "held",
            "protected",
        ],
        rows.iter().map(|row| {
            let end = row.finished_at.map(|at| at.to_string());
            let counts = row.counts;
            [
                row.run.clone(),
                row.started_at.to_string(),
                end.unwrap_or_default(),
                row.reach.clone(),
                row.outcome
                    .map_or("", |outcome| outcome.as_str())
                    .to_owned(),
                counts.planned.to_string(),
                counts.done.to_string(),
                counts.absent.to_string(),
                counts.failed.to_string(),
                counts.unknown.to_string(),
                counts.held.to_string(),
                counts.protected.to_string(),
            ]
        }),
    )
}
