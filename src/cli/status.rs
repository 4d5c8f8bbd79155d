//! `lapsed status`: whether all is well, in ten lines, and in the exit code for monitoring.

use std::io;

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;

use super::Common;
use super::exit::{Exit, Failure};
use super::output::{self, Tone};
use crate::status::{self, Health, Status};

/// Where what goes on stands: below the words behind a number.
const HANGS: usize = 8;

/// How it is told.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 all is well, 3 something is late, failed, or waits for a pass of the timer, 4 the guard holds something.\n\nExample:\n  lapsed status || mail -s 'lapsed is not well' it@acme.com"
)]
pub(super) struct StatusArgs {
    /// The form of the output
    #[arg(long, value_name = "FORM", default_value = "text")]
    format: StatusFormat,

    /// Passes are made by a timer, at least one a day: no daemon is no fault
    #[arg(long)]
    no_daemon: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StatusFormat {
    /// For people
    Text,
    /// One object
    Json,
}

pub(super) async fn run(common: &Common, args: StatusArgs) -> Result<Exit, Failure> {
    let (settings, store) = common.open_to_read()?;
    let status = store.status(&settings, args.no_daemon).await?;
    // A closed output still leaves the exit code.
    output::if_read(match args.format {
        StatusFormat::Json => output::json(&status),
        StatusFormat::Text => show(&status, &settings.timezone),
    })?;
    Ok(match status.verdict {
        Health::Well => Exit::Done,
        Health::Failing => Exit::Incomplete,
        Health::Held => Exit::Held,
    })
}

/// Prints the lines, the verdict in its colour.
pub(super) fn show(status: &Status, zone: &TimeZone) -> io::Result<()> {
    for (at, line) in status::lines(status, zone).iter().enumerate() {
        match at {
            0 => output::hanging(line, HANGS, tone(status.verdict))?,
            _ => output::hanging(line, HANGS, Tone::Plain)?,
        }
    }
    Ok(())
}

fn tone(verdict: Health) -> Tone {
    match verdict {
        Health::Well => Tone::Good,
        Health::Failing => Tone::Bad,
        Health::Held => Tone::Waiting,
    }
}
