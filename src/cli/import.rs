//! `lapsed import`: many grants from a CSV file.

mod sourced;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::{Exit, Failure};
use super::giving::{self, AskedArgs, Form, Results};
use super::{Common, interrupt, output, recorded};
use crate::clock;
use crate::commands::import::{self, Faults, Row};
use crate::commands::{self, GiveError, Given, Request, Requests};
use crate::config::{Keys, Settings};
use crate::domain::{Flags, Provided, ProvisionState, SourceName, When};
use crate::explain::words::Words;
use crate::store::{Imported, Lock, NewGrant, Same, Store};

/// What is imported.
#[derive(Debug, Args)]
#[command(after_help = "\
The first line names the columns, in any order: email and target, and as needed name, \
permissions, role, start, end, owner and reason. Commas or semicolons separate them, as the first \
line has it. Permissions are joined by ; or, in a file with semicolons, by a comma or a blank. \
They are those of --permission: can_read and so on for a whitelist, edit and inspect for a team. \
Start and end are WHEN, as `lapsed grant --help` has it. A row with an empty end never ends.

All rows are checked first, and one bad row stops the whole file. Importing the same file again \
changes nothing, and continues an import that was interrupted. A span such as 90d counts from \
the import: once that time is over, the same row gives access again. Passes and other commands \
take turns with a long import.

With --source the file has a name, and its grants are its own: what another file or a person gives \
beside it stays when a row goes. Its rows take dates, not spans. With --prune the file is the truth: a \
row that changes amends its grant, and a grant whose row is missing ends now, through the guard; what \
the guard holds stays until lapsed approve. A grant that was revoked, or ended in a review, stays ended \
until its row changes. An empty file ends nothing (exit 2). --dry-run shows each difference on a line \
with +, ~, - or ! (stays ended), and exits with 6 if there is one.

Examples:
  lapsed import people.csv --dry-run
  lapsed import people.csv
  lapsed import people.csv --record-only
  lapsed import - --dry-run < people.csv
  lapsed import access.csv --source access-repo --prune --dry-run
  lapsed import access.csv --source access-repo --prune

  email,target,end,owner
  jane@example.com,sentius:acme,2026-12-31,it@acme.com
  bob@example.com,sapling:acme/Core,90d,it@acme.com")]
pub(super) struct ImportArgs {
    /// The CSV file, or - for stdin
    file: PathBuf,

    /// Record access that exists already, and call nobody
    #[arg(long)]
    record_only: bool,

    /// Check the file and say what would be recorded and given; with --source, what is different
    #[arg(long)]
    dry_run: bool,

    /// The name of the file that the rows come from, such as access-repo
    #[arg(long, value_name = "NAME")]
    source: Option<SourceName>,

    /// End the grants of that source whose rows are no longer in the file
    #[arg(long, requires = "source")]
    prune: bool,

    #[command(flatten)]
    asked: AskedArgs,
}

pub(super) async fn run(common: &Common, args: ImportArgs) -> Result<Exit, Failure> {
    let keys = if args.record_only {
        Keys::Leave
    } else {
        Keys::Read
    };
    let (settings, store) = common.open(keys)?;
    let rows = import::read(&args.file, &settings, args.source.is_some(), clock::now())
        .map_err(|error| Failure::usage(error.to_string()))?;
    if let Some(source) = args.source.clone() {
        return sourced::run(&args, source, rows, &settings, &store).await;
    }
    let lines: Vec<u64> = rows.iter().map(|row| row.line).collect();
    let given = if args.record_only {
        let grants: Vec<NewGrant> = rows.into_iter().map(|row| row.grant).collect();
        let asked = args.asked.asked("import");
        match args.dry_run {
            true => commands::rehearse_note(&store, grants, Same::Ever, asked).await?,
            false => commands::note(&store, grants, Same::Ever, asked).await?,
        }
    } else {
        let services = giving::connect(&settings, &store)?;
        let requests = args.asked.requests("import", &settings, &services, &store);
        let lock = giving::lock(&requests).await?;
        give_all(&requests, lock, rows, args.dry_run)
            .await
            .map_err(|error| with_lines(error, &args.file, &lines))?
    };
    if args.asked.format == Form::Json {
        output::if_read(output::json(&Results { results: &given }))?;
    } else {
        let words = Words::shown(&settings.timezone, clock::now());
        tell(&args, &lines, &given, &settings, &store, &words).await?;
        giving::clocks(&given);
    }
    Ok(exit(&args, &given, &settings))
}

/// The exit code for what was given, with a word on what was not.
fn exit(args: &ImportArgs, given: &[Given], settings: &Settings) -> Exit {
    let observes = settings.guard.observe_only;
    let waits = |g: &Given| g.state == ProvisionState::Planned && !observes;
    if !args.dry_run && given.iter().any(waits) {
        let waiting = given.iter().filter(|g| waits(g)).count();
        output::complain(&format!(
            "{} on record and not given yet; the next pass gives what is left, or the same import again",
            output::count(waiting, "grant")
        ));
        return Exit::Incomplete;
    }
    giving::exit(given)
}

/// Gives what the rows ask for.
async fn give_all(
    requests: &Requests<'_>,
    lock: Lock,
    rows: Vec<Row>,
    dry_run: bool,
) -> Result<Vec<Given>, Failed> {
    let asked = rows.into_iter().map(|row| Request {
        grant: row.grant,
        flags: Flags::default(),
    });
    let asked: Vec<Request> = asked.collect();
    if dry_run {
        return Ok(requests.rehearse(&lock, asked, Same::Ever).await?);
    }
    let given = requests.give(lock, asked, Same::Ever);
    Ok(interrupt::stoppable(&requests.stop, given).await??)
}

/// What stopped an import before anything was recorded.
enum Failed {
    Give(GiveError),
    Other(Failure),
}

impl From<GiveError> for Failed {
    fn from(error: GiveError) -> Self {
        Self::Give(error)
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

/// Faults with the lines on which they stand.
fn with_lines(error: Failed, file: &Path, lines: &[u64]) -> Failure {
    match error {
        Failed::Give(GiveError::Faults(faults)) => {
            let line = |place: usize| lines.get(place).copied().unwrap_or_default();
            let faults = faults.into_iter().map(|(at, fault)| (line(at), fault));
            Failure::usage(Faults::new(import::named(file), faults.collect()).to_string())
        }
        Failed::Give(error) => error.into(),
        Failed::Other(failure) => failure,
    }
}

/// Prints the results, and tells on stderr what is odd about them.
async fn tell(
    args: &ImportArgs,
    lines: &[u64],
    given: &[Given],
    settings: &Settings,
    store: &Store,
    words: &Words,
) -> Result<(), Failure> {
    text(args, given, words)?;
    notes(args, lines, given, words);
    if args.record_only {
        recorded::past_ends(given, lines, settings, words);
        recorded::unseen_teams(store, given).await?;
    }
    Ok(())
}

/// Prints the results: first of the records, then of the gifts.
fn text(args: &ImportArgs, given: &[Given], words: &Words) -> Result<(), Failure> {
    let number = |is: fn(&Imported) -> bool| given.iter().filter(|g| is(&g.imported)).count();
    let rehearsed = if args.dry_run {
        "dry run: of the grants there would be "
    } else {
        ""
    };
    output::if_read(output::line(&format!(
        "{rehearsed}{} recorded, {} amended, {} unchanged",
        number(|i| matches!(i, Imported::Recorded { .. })),
        number(|i| *i == Imported::Amended),
        number(|i| *i == Imported::Unchanged),
    )))?;
    if args.record_only {
        return Ok(());
    }
    let mut results: BTreeMap<&str, usize> = BTreeMap::new();
    for one in given.iter().filter(|g| g.provision.is_some()) {
        let word = match (args.dry_run, one.result, one.provision) {
            (_, Some(result), _) => result.as_str(),
            (true, None, Some(provision)) => provision.as_str(),
            _ => one.state.as_str(),
        };
        *results.entry(word).or_default() += 1;
    }
    if !results.is_empty() {
        let words: Vec<String> = results.iter().map(|(w, n)| format!("{n} {w}")).collect();
        output::if_read(output::line(&words.join(", ")))?;
    }
    let is_invite =
        |g: &Given| matches!(g.result, Some(Provided::Invited | Provided::AlreadyInvited));
    let is_told = |g: &&Given| {
        g.state.is_amiss()
            || (args.dry_run && g.provision.is_some())
            || (is_invite(g) && g.detail.is_some())
    };
    // Several grants of a person on a target are printed once.
    let mut once = HashSet::new();
    let mut told = Vec::new();
    for one in given.iter().filter(is_told) {
        if args.dry_run || once.insert((&one.email, &one.target, one.role)) {
            told.push(one.clone());
        }
    }
    Ok(output::if_read(giving::table(&told, words))?)
}

/// Tells on stderr what is odd about a row, though it is taken.
fn notes(args: &ImportArgs, lines: &[u64], given: &[Given], words: &Words) {
    let file = import::named(&args.file).display();
    for (line, one) in lines.iter().zip(given) {
        if args.record_only
            && let Some(detail) = &one.detail
        {
            output::complain(&format!(
                "{file}: line {line}: note: {} is {detail}",
                one.email
            ));
        }
        let Imported::Recorded {
            outlasted_by: Some(until),
        } = one.imported
        else {
            continue;
        };
        let until = match until {
            When::Never => "has no end".to_owned(),
            When::At(end) => format!("ends {}", words.both(end)),
        };
        output::complain(&format!(
            "{file}: line {line}: note: another grant of this person on this target {until}, and the last end counts"
        ));
    }
}
