//! Whole passes, measured from outside: `cargo bench --bench passes`, see benches/README.md.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench is a program for people, and stops at the first thing that is not as it should be"
)]

mod ask;
mod daemon;
mod deletes;
mod grants;
mod people;
mod program;
mod providers;
mod serve;
mod sockets;
mod table;
mod teams;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures lapsed against the targets it has set itself.
#[derive(Debug, Parser)]
struct Options {
    /// What to measure; all of it when nothing is named
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// How often each thing is measured; the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Calls at once, for lapsed and its peers
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// How far away the whitelist is, in milliseconds
    #[arg(long, default_value_t = 5)]
    latency: u64,
    /// How far away the teams are, in milliseconds
    #[arg(long, default_value_t = 0)]
    teams_latency: u64,
    /// How many ended grants are removed (deletes)
    #[arg(long, default_value_t = 5_000)]
    removals: usize,
    /// How many teams there are (teams)
    #[arg(long, default_value_t = 500)]
    teams: usize,
    /// How many members a team has, its admin among them (teams)
    #[arg(long, default_value_t = 200)]
    members: usize,
    /// How many grants the larger database has (grants, ask)
    #[arg(long, default_value_t = 1_000_000)]
    grants: usize,
    /// The Python that runs the peer, with aiohttp
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Let the peer skip answers that are the last ones, byte for byte
    #[arg(long)]
    digests: bool,
    /// Set by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// A pass that removes many, against the bare calls
    Deletes,
    /// A pass that reads many teams, against a script
    Teams,
    /// A pass over many grants, against one over few
    Grants,
    /// Questions to a database with many grants, and an import
    Ask,
    /// How late the daemon acts on ends
    Ends,
    /// What the daemon costs while nothing is due
    Idle,
}

impl Options {
    fn wants(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }

    fn latency(&self) -> Duration {
        Duration::from_millis(self.latency)
    }

    fn teams_latency(&self) -> Duration {
        Duration::from_millis(self.teams_latency)
    }
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        serve::serve(&serve::Options::parse_from(std::env::args().skip(1)));
        return;
    }
    let options = Options::parse();
    if !options.bench && options.parts.is_empty() {
        println!("Nothing is measured in a test run; see benches/README.md.");
        return;
    }
    if cfg!(debug_assertions) {
        println!("This is a debug build: its figures say nothing.\n");
    }
    let mut lines = Vec::new();
    if options.wants(Part::Deletes) {
        lines.extend(deletes::measure(&options));
    }
    if options.wants(Part::Teams) {
        lines.extend(teams::measure(&options));
    }
    if options.wants(Part::Grants) {
        lines.extend(grants::measure(&options));
    }
    if options.wants(Part::Ask) {
        lines.extend(ask::measure(&options));
    }
    if options.wants(Part::Ends) {
        lines.extend(daemon::ends(&options));
    }
    if options.wants(Part::Idle) {
        lines.extend(daemon::idle(&options));
    }
    println!("\n{}", table::table(&lines));
}
