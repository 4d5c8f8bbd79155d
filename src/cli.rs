//! The command line: its options and commands.

mod accept;
mod approve;
mod audit;
mod backup;
mod check;
mod complete;
mod consent;
mod daemon;
mod demo;
mod exit;
mod extend;
mod first;
mod generate;
mod giving;
mod grant;
mod history;
mod import;
mod init;
mod interrupt;
mod list;
mod logging;
mod man;
mod members;
mod output;
mod person;
mod progress;
mod recorded;
mod report;
mod review;
mod revoke;
mod run;
mod runs;
mod status;
mod undo;
mod why;
mod write_off;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::clock;
use crate::config::{self, Keys, Settings};
use crate::domain::{Edge, When};
use crate::store::Store;
use exit::{Exit, Failure};

/// Takes access away when its time is over, and proves it.
///
/// Alone, lapsed is the daemon: it stays in the foreground until SIGTERM or SIGINT, makes its passes
/// and reports on their cron lines, and ends access at its moment.
#[derive(Debug, Parser)]
#[command(
    name = "lapsed",
    version,
    max_term_width = WIDEST_HELP,
    after_help = "\
Examples:
  lapsed                               the daemon
  lapsed --run-now                     do all that is due, mail the report
  lapsed --run-now --dry-run           show what would be done, change nothing
  lapsed --run-now --dry-run --at 30d  the same as it would be in thirty days
  lapsed grant jane@example.com --target sentius:acme --end 90d
  lapsed revoke jane@example.com       everywhere, at once
  lapsed import people.csv --record-only
  lapsed list --ending-within 30d
  lapsed demo                          see it all on sample data
  lapsed init                          write a configuration

Exit codes:
  0  all that was due is done          3  something failed: it will be tried again
  1  it could not run                  4  something waits for a person's word
  2  usage or configuration            5  another pass is running on this database
                                       6  import --source --dry-run: there is a difference"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    run: run::RunArgs,

    #[command(subcommand)]
    command: Option<Command>,
}

/// Help on a wider terminal is hard to read.
const WIDEST_HELP: usize = 100;
/// The default path of the configuration.
const CONFIG: &str = "/etc/lapsed/lapsed.toml";

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
struct Common {
    /// The configuration
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "LAPSED_CONFIG",
        default_value = CONFIG
    )]
    config: PathBuf,

    /// Where that name comes from.
    #[arg(skip)]
    named_by: first::NamedBy,

    /// What is logged: error, warn, info, debug, trace, off, or a filter such as lapsed=debug,info
    /// [default: info; by a command on a terminal, which shows itself what it does, warn]
    #[arg(long, global = true, value_name = "FILTER")]
    log_level: Option<String>,

    /// The form of logs on stderr [default: text; under systemd, fields in the journal]
    #[arg(long, global = true, value_name = "FORM")]
    log_format: Option<logging::LogFormat>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Give access at the provider, and record it
    Grant(grant::GrantArgs),
    /// Move the end of access
    Extend(extend::ExtendArgs),
    /// End access now, and remove it at the provider at once
    Revoke(revoke::RevokeArgs),
    /// Give back what a run removed
    Undo(undo::UndoArgs),
    /// Give the access that a CSV file lists, or only record it
    Import(import::ImportArgs),
    /// Show grants
    List(list::ListArgs),
    /// Show who is or was in which team, and whether a grant covers them
    Members(members::MembersArgs),
    /// Show the last passes
    Runs(runs::RunsArgs),
    /// Explain one person's access: what there is, why, and what comes next
    Why(why::WhyArgs),
    /// Show all that happened to one person, oldest first
    History(history::HistoryArgs),
    /// Show the audit report, without mailing it
    Report(report::ReportArgs),
    /// Verify or export the audit trail
    #[command(subcommand, after_help = "Example:\n  lapsed audit verify")]
    Audit(audit::AuditCommand),
    /// Approve the removals that the guard held in a run, once
    Approve(approve::ApproveArgs),
    /// Believe what a doubtful reading shows, once
    Accept(accept::AcceptArgs),
    /// Give up what is owed at a target that can no longer be reached
    WriteOff(write_off::WriteOffArgs),
    /// Show which grants wait for their owner's answer, or answer for one
    Review(review::ReviewArgs),
    /// Copy the database to a file, also while passes run
    Backup(backup::BackupArgs),
    /// Write a configuration and its key files, check them, and list the members without a grant
    Init(Box<init::InitArgs>),
    /// Check configuration, database, each provider's key, and the mail server
    #[command(after_help = "Example:\n  lapsed check && systemctl start lapsed")]
    Check(check::CheckArgs),
    /// Tell whether all is well: the daemon, its passes, what is overdue, held or unsent
    Status(status::StatusArgs),
    /// See everything on sample data: no key, no network, nothing left but the report
    Demo(demo::DemoArgs),
    /// Print a completion script, which asks this program for targets and addresses on record
    #[command(after_help = "\
Example:
  lapsed completions bash > /usr/share/bash-completion/completions/lapsed")]
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print a JSON schema of the configuration, for editors
    #[command(after_help = "\
Example:
  lapsed schema > lapsed.schema.json")]
    Schema,
    /// Print a manual page
    #[command(
        after_help = "Examples:\n  lapsed man grant | man -l -\n  lapsed man lapsed.toml\n  lapsed man ./man"
    )]
    Man {
        /// A command's page, or lapsed.toml; or a directory into which all pages are written [default:
        /// the page of lapsed itself]
        #[arg(value_name = "PAGE|DIRECTORY")]
        wanted: Option<PathBuf>,
    },
}

/// How rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RowFormat {
    /// For people
    Table,
    /// One array of objects
    Json,
    /// With a header
    Csv,
}

/// Reads the command line, runs the command, and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    match complete::answer() {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(error) => return exit::usage(&error),
    }
    match parse() {
        Ok(cli) => exit::report(dispatch(cli)),
        Err(error) => exit::usage(&error),
    }
}

fn parse() -> Result<Cli, clap::Error> {
    let matches = fitting(Cli::command()).try_get_matches()?;
    let named_by = first::NamedBy::of(&matches);
    let mut cli = Cli::from_arg_matches(&matches)?;
    cli.common.named_by = named_by;
    Ok(cli)
}

/// The command whose help is as wide as the terminal, up to what is easy to read.
fn fitting(command: clap::Command) -> clap::Command {
    match output::width() {
        Some(width) => command.term_width(width.min(WIDEST_HELP)),
        None => command,
    }
}

fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    logging::start(log_level(&cli), cli.common.log_format)?;
    let common = cli.common;
    let is_timeless = |command: &Command| {
        matches!(
            command,
            Command::Completions { .. } | Command::Man { .. } | Command::Schema
        )
    };
    if !cli.command.as_ref().is_some_and(is_timeless) {
        clock::check().map_err(|error| Failure::could_not_run(error.into()))?;
    }
    match cli.command {
        Some(Command::Completions { shell }) => generate::completions(shell),
        Some(Command::Schema) => generate::schema(),
        Some(Command::Man { wanted }) => generate::man(wanted.as_deref()),
        Some(_) if cli.run.any() => Err(Failure::usage(
            "--run-now, --dry-run, --at and --format before a command have no meaning: give one or the other",
        )),
        Some(Command::Init(args)) => init::run(&common, *args),
        Some(Command::Demo(args)) => wait(demo::run(args)),
        Some(Command::Grant(args)) => wait(grant::run(&common, args)),
        Some(Command::Extend(args)) => wait(extend::run(&common, args)),
        Some(Command::Revoke(args)) => wait(revoke::run(&common, args)),
        Some(Command::Undo(args)) => wait(undo::run(&common, args)),
        Some(Command::Import(args)) => wait(import::run(&common, args)),
        Some(Command::List(args)) => wait(list::run(&common, args)),
        Some(Command::Members(args)) => wait(members::run(&common, args)),
        Some(Command::Runs(args)) => wait(runs::run(&common, args)),
        Some(Command::Why(args)) => wait(why::run(&common, args)),
        Some(Command::History(args)) => wait(history::run(&common, args)),
        Some(Command::Report(args)) => wait(report::run(&common, args)),
        Some(Command::Audit(command)) => wait(audit::run(&common, command)),
        Some(Command::Approve(args)) => wait(approve::run(&common, args)),
        Some(Command::Accept(args)) => wait(accept::run(&common, args)),
        Some(Command::WriteOff(args)) => wait(write_off::run(&common, args)),
        Some(Command::Review(args)) => wait(review::run(&common, args)),
        Some(Command::Backup(args)) => wait(backup::run(&common, args)),
        Some(Command::Check(args)) => wait(check::run(&common, args)),
        Some(Command::Status(args)) => wait(status::run(&common, args)),
        None if cli.run.any() => wait(run::run(&common, cli.run)),
        None => daemon::run(&common),
    }
}

/// What is logged, unless it is said. Who looks at a command sees there what it does.
fn log_level(cli: &Cli) -> &str {
    let is_daemon = cli.command.is_none() && !cli.run.any();
    match (&cli.common.log_level, &cli.command) {
        (Some(level), _) => level,
        (None, Some(Command::Demo(_))) => "warn",
        (None, _) if !is_daemon && io::stderr().is_terminal() => "warn",
        (None, _) => "info",
    }
}

/// Runs a command to its end.
fn wait(command: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::could_not_run(error.into()))?
        .block_on(command)
}

impl Common {
    /// The configuration; the keys are read by what calls a provider or the mail server.
    fn settings(&self, keys: Keys) -> Result<Settings, Failure> {
        config::load(&self.config, keys)
            .map_err(|error| Failure::usage(first::told(&error, self.named_by)))
    }

    /// Settings and database.
    fn open(&self, keys: Keys) -> Result<(Settings, Store), Failure> {
        let settings = self.settings(keys)?;
        let store = Store::open(&settings.database)?;
        Ok((settings, store))
    }

    /// Settings and a database that must exist: reading creates none, and needs no right to write.
    fn open_to_read(&self) -> Result<(Settings, Store), Failure> {
        let settings = self.settings(Keys::Leave)?;
        let store = Store::open_to_read(&settings.database)?;
        Ok((settings, store))
    }
}

/// Reads an option that holds a WHEN, and tells of a time that comes twice.
fn when(option: &str, text: &str, settings: &Settings, edge: Edge) -> Result<When, Failure> {
    giving::twice(option, Some(text), settings);
    When::parse(text, clock::now(), &settings.timezone, edge)
        .map_err(|error| Failure::usage(format!("{option}: {error}")))
}

/// Reads an optional moment: of a date, the last one.
fn moment(
    option: &str,
    text: Option<&str>,
    settings: &Settings,
) -> Result<Option<jiff::Timestamp>, Failure> {
    let Some(text) = text else { return Ok(None) };
    match when(option, text, settings, Edge::End)? {
        When::At(at) => Ok(Some(at)),
        When::Never => Err(Failure::usage(format!(
            "{option}: \"never\" is no moment; give a time, a date or a span"
        ))),
    }
}
