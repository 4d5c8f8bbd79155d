//! `lapsed runs`: the last passes; and how a command's RUN names one.

use clap::Args;

use super::exit::{Exit, Failure};
use super::output::{self, Table, Tone};
use super::run::counts;
use super::{Common, RowFormat};
use crate::clock;
use crate::domain::Verdict;
use crate::explain::words::Words;
use crate::store::Store;
use crate::store::queries::runs::{self, RunRow};
use crate::text::span;

/// The word for the newest run that the command is about.
pub(super) const LAST: &str = "last";

/// How many.
#[derive(Debug, Args)]
#[command(after_help = "\
The newest comes first; dry runs are left out. Where a command takes RUN, it takes the id, any part \
of it that names one run, or last. On a narrow terminal TOOK and REACH are left out, in this order.

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
        RowFormat::Table => table(&rows, &Words::shown(&settings.timezone, clock::now()))?,
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

fn tone(row: &RunRow) -> Tone {
    match row.outcome {
        Some(Verdict::Converged) => Tone::Good,
        Some(Verdict::Incomplete) => Tone::Bad,
        Some(Verdict::Held) | None => Tone::Waiting,
    }
}

fn table(rows: &[RunRow], words: &Words) -> Result<(), Failure> {
    let heads = ["RUN", "STARTED", "TOOK", "REACH", "OUTCOME", "ACTIONS"];
    let mut table = Table::new(&heads)
        .gives_up(&["TOOK", "REACH"])
        .wraps(&["REACH", "ACTIONS"]);
    for row in rows {
        let took = row
            .finished_at
            .map(|end| span(end.duration_since(row.started_at)));
        table.add([
            output::cell(row.short()),
            output::cell(&words.moment(row.started_at)),
            output::cell(&took.unwrap_or_default()),
            output::cell(&row.reach),
            output::cell(outcome(row)).toned(tone(row)),
            output::cell(&match row.finished_at {
                Some(_) => counts(row.counts),
                None => String::new(),
            }),
        ]);
    }
    output::show(&table, "--format csv")?;
    output::counted(rows.len(), "run", words);
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
