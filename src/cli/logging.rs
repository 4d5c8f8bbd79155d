//! Logging: to the journal with fields when started by systemd, else to stderr; never with secrets.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use clap::ValueEnum;
use tracing::Subscriber;
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::filter::{EnvFilter, FilterExt, FilterFn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::exit::Failure;
use super::output;

/// The form of logs on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    Text,
    /// One object a line
    Json,
}

/// Starts logging. Unless a form is given, logs go to the journal with their fields where stderr is
/// connected to it.
pub(super) fn start(filter: &str, format: Option<LogFormat>) -> Result<(), Failure> {
    let wanted = wanted(filter).map_err(|why| {
        Failure::usage(format!(
            "--log-level: {filter:?} is neither a level ({}) nor a filter such as lapsed=debug,info: {why}",
            LEVELS.join(", ")
        ))
    })?;
    // Libraries log warnings and errors only: below that, those for HTTP, TLS and mail log
    // addresses and headers, and with them keys.
    let ours = FilterFn::new(|metadata| {
        metadata.target().starts_with("lapsed") || *metadata.level() <= tracing::Level::WARN
    });
    let layer = match format {
        Some(LogFormat::Json) => json(),
        Some(LogFormat::Text) => text(),
        // A journal that cannot be reached still reads our stderr.
        None if stderr_is_journal() => journal().unwrap_or_else(|_| text()),
        None => text(),
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(wanted.and(ours)))
        .init();
    Ok(())
}

/// The words that are levels.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Reads the filter. A word that is no level would be taken for the name of a program's part, and
/// let nothing through but that: it is refused, unless it names a part of lapsed.
fn wanted(filter: &str) -> Result<EnvFilter, String> {
    for word in filter.split(',').map(str::trim) {
        let is_word = word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let is_level = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
        if word.is_empty() {
            return Err("a level is missing".to_owned());
        }
        if is_word && !is_level && !word.starts_with("lapsed") {
            return Err(format!("{word:?} is no level"));
        }
    }
    EnvFilter::try_new(filter).map_err(|error| error.to_string())
}

/// Where log records go.
type Sink<S> = Box<dyn Layer<S> + Send + Sync>;

fn text<S: Subscriber + for<'s> LookupSpan<'s>>() -> Sink<S> {
    let has_colours = output::has_colours(&io::stderr());
    let layer = fmt::layer().with_writer(io::stderr).with_ansi(has_colours);
    layer.boxed()
}

fn json<S: Subscriber + for<'s> LookupSpan<'s>>() -> Sink<S> {
    fmt::layer().json().with_writer(io::stderr).boxed()
}

/// Fields are named as in `LAPSED_RUN`: without a prefix, ours would mix with the journal's own.
fn journal<S: Subscriber + for<'s> LookupSpan<'s>>() -> io::Result<Sink<S>> {
    let layer = tracing_journald::layer()?
        .with_syslog_identifier("lapsed".to_owned())
        .with_field_prefix(Some("LAPSED".to_owned()))
        .with_priority_mappings(PriorityMappings {
            error: Priority::Error,
            warn: Priority::Warning,
            info: Priority::Informational,
            debug: Priority::Debug,
            trace: Priority::Debug,
        });
    Ok(layer.boxed())
}

/// Whether stderr is connected to the journal: systemd then names the stream in a variable. The
/// variable alone is not enough, since children with another stderr inherit it.
pub(super) fn stderr_is_journal() -> bool {
    let named = std::env::var_os("JOURNAL_STREAM");
    named.is_some_and(|stream| is_stream(io::stderr(), &stream).unwrap_or(false))
}

/// Whether a descriptor is the stream that is named by device and inode, as `DEVICE:INODE`.
fn is_stream(descriptor: impl AsFd, named: &OsStr) -> io::Result<bool> {
    let file = File::from(descriptor.as_fd().try_clone_to_owned()?);
    let metadata = file.metadata()?;
    Ok(named == OsStr::new(&format!("{}:{}", metadata.dev(), metadata.ino())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_journal_is_known_by_the_stream_that_systemd_names_and_by_no_other() {
        let (ours, other) = UnixStream::pair().unwrap();
        let name = |stream: &UnixStream| {
            let file = File::from(stream.as_fd().try_clone_to_owned().unwrap());
            let metadata = file.metadata().unwrap();
            format!("{}:{}", metadata.dev(), metadata.ino())
        };
        let is_ours = |named: &str| is_stream(&ours, OsStr::new(named)).unwrap();
        assert!(is_ours(&name(&ours)));
        assert!(!is_ours(&name(&other)));
        for odd in ["", ":", "8:", "x:y", &format!("{}0", name(&ours))] {
            assert!(!is_ours(odd), "{odd}");
        }
    }
}
