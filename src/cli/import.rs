//! `lapsed import`: many grants from a CSV file.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::exit::{Exit, Failure};
use super::{Common, output};
use crate::clock;
use crate::config::Keys;
use crate::import::{self, Row};
use crate::store::{Grants, Imported, Store};

/// What is imported.
#[derive(Debug, Args)]
#[command(after_help = "\
The first line names the columns, in any order: email, target, and where wanted name, permissions
(joined by ;), role, start, end, owner, reason. An empty end is never. Importing the same file again
changes nothing.

Example:
  lapsed import people.csv --record-only --dry-run

  email,target,end,owner
  jane@example.com,sentius:acme,2026-12-31,it@acme.com
  bob@example.com,sapling:acme/Core,90d,it@acme.com")]
pub(super) struct ImportArgs {
    /// The CSV file
    file: PathBuf,

    /// Record access that exists already, and call nobody
    #[arg(long)]
    record_only: bool,

    /// Check the file and say what would be recorded
    #[arg(long)]
    dry_run: bool,
}

/// How many rows had which fate.
#[derive(Debug, Default)]
pub(super) struct Tally {
    recorded: usize,
    amended: usize,
    unchanged: usize,
    /// Lines of grants that another one outlasts, and until when.
    outlasted: Vec<(u64, Option<Timestamp>)>,
}

pub(super) async fn run(common: &Common, args: ImportArgs) -> Result<Exit, Failure> {
    if !args.record_only {
        return Err(Failure::usage(
            "import records access that exists already: give --record-only. Giving access at the providers is not part of this version",
        ));
    }
    let (settings, store) = common.open(Keys::Leave)?;
    let now = clock::now();
    let rows = import::read(&args.file, &settings, now)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let (purpose, words) = if args.dry_run {
        (Purpose::Rehearse, "dry run: of the grants there would be ")
    } else {
        (Purpose::Record, "")
    };
    let tally = record(&store, rows, now, purpose).await?;
    output::line(&format!(
        "{words}{} recorded, {} amended, {} unchanged",
        tally.recorded, tally.amended, tally.unchanged
    ))?;
    for (line, until) in &tally.outlasted {
        let until = until.map_or_else(|| "has no end".to_owned(), |end| format!("ends {end}"));
        output::complain(&format!(
            "{}: line {line}: note: another grant of this person on this target {until}, and the last end counts",
            args.file.display()
        ));
    }
    Ok(Exit::Done)
}

/// Whether the file is recorded, or only what would become of it is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Record,
    Rehearse,
}

/// Records all rows in one transaction: all of the file, or nothing of it.
pub(super) async fn record(
    store: &Store,
    rows: Vec<Row>,
    now: Timestamp,
    purpose: Purpose,
) -> Result<Tally, Failure> {
    let job = move |db: &_| {
        let mut tally = Tally::default();
        for row in &rows {
            match Grants::import(db, &row.grant, now)? {
                Imported::Recorded { outlasted_by } => {
                    tally.recorded += 1;
                    tally
                        .outlasted
                        .extend(outlasted_by.map(|until| (row.line, until)));
                }
                Imported::Amended => tally.amended += 1,
                Imported::Unchanged => tally.unchanged += 1,
            }
        }
        Ok(tally)
    };
    Ok(match purpose {
        Purpose::Record => store.write(job).await?,
        Purpose::Rehearse => store.rehearse(job).await?,
    })
}
