//! `lapsed report`: the audit report, without mailing it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::exit::{Exit, Failure};
use super::{Common, output, when};
use crate::clock;
use crate::domain::{Edge, parse_span};
use crate::pass;
use crate::report::{self, Format};

/// Which report.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  lapsed report --since 2026-10-01 --format html --output audit.html"
)]
pub(super) struct ReportArgs {
    /// Where the period of the report begins: a time, a date, or a span back from now such as 7d
    /// [default: the last mailed report]
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    since: Option<String>,

    /// The report's form
    #[arg(long, value_name = "FORM", default_value = "text")]
    format: ReportFormat,

    /// The file to write, which only its owner may read; without this, stdout
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    Text,
    Html,
    Csv,
    Json,
}

impl From<ReportFormat> for Format {
    fn from(format: ReportFormat) -> Self {
        match format {
            ReportFormat::Text => Self::Text,
            ReportFormat::Html => Self::Html,
            ReportFormat::Csv => Self::Csv,
            ReportFormat::Json => Self::Json,
        }
    }
}

pub(super) async fn run(common: &Common, args: ReportArgs) -> Result<Exit, Failure> {
    let (settings, store) = common.open_to_read()?;
    let now = clock::now();
    let from = match args.since.as_deref() {
        None => pass::last_report(&store).await?,
        Some("never") => None,
        // A report is about the past: a span counts back from now.
        Some(text) => match parse_span(text) {
            Ok(span) => now.checked_sub(span).ok(),
            Err(_) => when("--since", text, &settings, Edge::Start)?.at(),
        },
    };
    if let Some(from) = from.filter(|from| *from > now) {
        return Err(Failure::usage(format!(
            "--since: {from} is still to come; give a time that has been"
        )));
    }
    let unconfirmed = store.looks_restored().await?.is_some();
    let summary = pass::summarize(&settings, &store, None, from, now, unconfirmed).await?;
    let text = report::render(&summary, args.format.into())
        .map_err(|error| Failure::could_not_run(error.into()))?;
    match args.output {
        None if args.format == ReportFormat::Json => {
            let value: serde_json::Value = serde_json::from_str(&text)
                .map_err(|error| Failure::could_not_run(error.into()))?;
            output::json(&value)?;
        }
        None => output::document(&text)?,
        Some(path) => output::file(&path, &text)?,
    }
    Ok(Exit::Done)
}
