//! Logs: to stderr, in the form that was asked for, and never with another's secrets.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing_subscriber::filter::{EnvFilter, FilterExt, FilterFn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::exit::Failure;

/// The form of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    Text,
    /// One object a line
    Json,
}

/// Starts logging.
pub(super) fn start(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let wanted = EnvFilter::try_new(filter).map_err(|error| {
        Failure::usage(format!(
            "--log-level: {filter:?} is neither a level (error, warn, info, debug, trace) nor a filter: {error}"
        ))
    })?;
    // Libraries are heard when something is wrong. Below that, those for HTTP, TLS and mail log
    // addresses and headers, and with them keys.
    let ours = FilterFn::new(|metadata| {
        metadata.target().starts_with("lapsed") || *metadata.level() <= tracing::Level::WARN
    });
    let filter = wanted.and(ours);
    let registry = tracing_subscriber::registry();
    match format {
        LogFormat::Text => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .with_writer(io::stderr)
                    .with_ansi(io::stderr().is_terminal())
                    .with_filter(filter),
            )
            .init(),
        LogFormat::Json => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .json()
                    .with_writer(io::stderr)
                    .with_filter(filter),
            )
            .init(),
    }
    Ok(())
}
