//! `lapsed import --source`: a file with a name. What is different, and what ends.

use serde::Serialize;

use super::{ImportArgs, exit, give_all, tell, with_lines};
use crate::cli::exit::{Exit, Failure};
use crate::cli::giving::{self, Form};
use crate::cli::output;
use crate::cli::run;
use crate::clock;
use crate::commands::import::{self, Compared, Difference, Pruned, Row, WouldHold};
use crate::commands::{self, GiveError, Given, Requests};
use crate::config::Settings;
use crate::domain::{ActionState, Counts, SourceName};
use crate::explain::words::Words;
use crate::store::{Asked, NewGrant, Same, Store};
use crate::text::{one_line, short_run};

/// The result as JSON.
#[derive(Debug, Serialize)]
struct Results<'a> {
    results: &'a [Given],
    source: &'a SourceName,
    difference: &'a [Difference],
    /// Of a dry run.
    would_hold: &'a [WouldHold],
    /// The run that ended what is missing from the file.
    run: Option<&'a str>,
    actions: &'a [crate::domain::ActionResult],
}

/// What came of a file.
struct Done {
    compared: Compared,
    given: Vec<Given>,
    /// Why the guard would hold some, and how many: of a dry run.
    held: Vec<WouldHold>,
    /// What the pass did about the rows that are missing; absent: none was made.
    pruned: Option<Pruned>,
}

pub(super) async fn run(
    args: &ImportArgs,
    source: SourceName,
    rows: Vec<Row>,
    settings: &Settings,
    store: &Store,
) -> Result<Exit, Failure> {
    let words = match args.asked.format {
        Form::Json => Words::kept(&settings.timezone, clock::now()),
        Form::Text => Words::shown(&settings.timezone, clock::now()),
    };
    let done = match args.record_only {
        true => recorded(args, source.clone(), rows, settings, store, &words).await?,
        false => {
            let services = giving::connect(settings, store)?;
            let requests = args.asked.requests("import", settings, &services, store);
            given(args, source.clone(), rows, &requests, &words).await?
        }
    };
    if args.asked.format == Form::Json {
        output::if_read(output::json(&Results {
            results: &done.given,
            source: &source,
            difference: &done.compared.difference,
            would_hold: &done.held,
            run: done.pruned.as_ref().map(|pruned| pruned.run.as_str()),
            actions: done.pruned.as_ref().map_or(&[], |p| &p.actions),
        }))?;
    } else if args.dry_run {
        differences(&done, &source, &words)?;
    } else {
        let lines: Vec<u64> = done.compared.rows.iter().map(|row| row.line).collect();
        tell(args, &lines, &done.given, settings, store, &words).await?;
        stays(&done.compared)?;
        pruned(&done, &source, &words)?;
    }
    giving::clocks(&done.given);
    Ok(code(args, &done, settings))
}

/// Records what is there already, or says what would be.
async fn recorded(
    args: &ImportArgs,
    source: SourceName,
    rows: Vec<Row>,
    settings: &Settings,
    store: &Store,
    words: &Words,
) -> Result<Done, Failure> {
    let asked = args.asked.asked("import");
    let mut compared = import::compare(store, rows, source, args.prune, words.clone()).await?;
    let grants: Vec<NewGrant> = compared.rows.iter().map(|row| row.grant.clone()).collect();
    let (given, held) = match args.dry_run {
        true => {
            let given = commands::rehearse_note(store, grants, Same::Ever, asked.clone()).await?;
            let held = import::foresee(store, settings, &mut compared, &asked, words).await?;
            (given, held)
        }
        false => {
            let given = commands::note(store, grants, Same::Ever, asked.clone()).await?;
            import::drop_missing(store, &compared.missing, &asked).await?;
            (given, Vec::new())
        }
    };
    Ok(Done {
        compared,
        given,
        held,
        pruned: None,
    })
}

/// Gives what came, then ends what is missing; or says what would be.
async fn given(
    args: &ImportArgs,
    source: SourceName,
    rows: Vec<Row>,
    requests: &Requests<'_>,
    words: &Words,
) -> Result<Done, Failure> {
    let store = requests.store;
    // What the rows mean does not change while we have the lock.
    let lock = giving::lock(requests).await?;
    let mut compared = import::compare(store, rows, source, args.prune, words.clone()).await?;
    let lines: Vec<u64> = compared.rows.iter().map(|row| row.line).collect();
    let given = give_all(requests, lock, compared.rows.clone(), args.dry_run)
        .await
        .map_err(|error| with_lines(error, &args.file, &lines))?;
    let asked: &Asked = &requests.asked;
    let done = |compared, held, pruned| Done {
        compared,
        given: given.clone(),
        held,
        pruned,
    };
    if args.dry_run {
        let settings = requests.settings;
        let held = import::foresee(store, settings, &mut compared, asked, words).await?;
        return Ok(done(compared, held, None));
    }
    import::drop_missing(store, &compared.missing, asked).await?;
    if compared.missing.is_empty() || requests.stop.is_set() {
        return Ok(done(compared, Vec::new(), None));
    }
    let pruned = match requests.prune(&compared.missing, giving::waiting).await {
        Ok(pruned) => Some(pruned),
        // It is on record: whoever has the lock, or the next pass, ends it.
        Err(GiveError::Busy(_)) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(done(compared, Vec::new(), pruned))
}

/// The lines of a dry run.
fn differences(done: &Done, source: &SourceName, words: &Words) -> Result<(), Failure> {
    let difference = &done.compared.difference;
    for one in difference {
        output::if_read(output::line(&line(one)))?;
    }
    for WouldHold { why, removals } in &done.held {
        let why = format!(
            "the guard would hold {}: {why}",
            output::count(*removals, "removal")
        );
        output::if_read(output::line(&one_line(&why)))?;
    }
    let said = match difference.len() {
        0 => format!("dry run: nothing is different from what {source} gave before"),
        number => format!(
            "dry run: {} from what {source} gave before",
            output::count(number, "difference")
        ),
    };
    output::if_read(output::line(&said))?;
    if !difference.is_empty() {
        output::complain(&words.times_in());
    }
    Ok(())
}

/// `- jane@example.com sentius:acme: another grant keeps the access until 2026-12-31 23:59`.
fn line(one: &Difference) -> String {
    let role = one.role.map(|role| format!(" ({})", role.as_str()));
    let detail = one.detail.as_ref().filter(|detail| !detail.is_empty());
    let detail = detail.map(|detail| format!(": {detail}"));
    one_line(&format!(
        "{} {} {}{}{}",
        one.change.sign(),
        one.email,
        one.target,
        role.unwrap_or_default(),
        detail.unwrap_or_default()
    ))
}

/// What was left as a person decided by hand.
fn stays(compared: &Compared) -> Result<(), Failure> {
    let stays = compared.difference.iter();
    let stays = stays.filter(|one| one.change == import::Change::Stays);
    for one in stays {
        output::if_read(output::line(&line(one)))?;
    }
    Ok(())
}

/// What became of the rows that are missing.
fn pruned(done: &Done, source: &SourceName, words: &Words) -> Result<(), Failure> {
    let missing = done.compared.missing.len();
    if missing == 0 {
        return Ok(());
    }
    let grants = output::count(missing, "grant");
    let Some(pruned) = &done.pruned else {
        let said = format!("{grants} no longer in {source}: to be ended by the next pass");
        return Ok(output::if_read(output::line(&said))?);
    };
    let held = pruned
        .actions
        .iter()
        .filter(|a| a.state == ActionState::Held);
    let outcome = match held.count() {
        0 => "ended".to_owned(),
        held => format!("{} held by the guard", output::count(held, "removal")),
    };
    output::if_read(output::line(&format!(
        "run {}: {grants} no longer in {source}: {outcome}",
        short_run(&pruned.run)
    )))?;
    output::if_read(run::actions(&pruned.actions, words))?;
    output::if_read(run::to_approve(&pruned.run, &pruned.actions))?;
    Ok(output::if_read(run::errors(&pruned.errors, words))?)
}

/// What a person has to decide comes before what will be tried again.
fn code(args: &ImportArgs, done: &Done, settings: &Settings) -> Exit {
    let given = exit(args, &done.given, settings);
    if args.dry_run {
        return match (given, done.compared.difference.is_empty()) {
            (Exit::Done, false) => Exit::Different,
            (given, _) => given,
        };
    }
    let observes = settings.guard.observe_only;
    let Some(pruned) = &done.pruned else {
        let left = !args.record_only && !done.compared.missing.is_empty();
        return match left {
            true => Exit::Incomplete,
            false => given,
        };
    };
    let counts = Counts::of(&pruned.actions);
    let fails = counts.failed + counts.unknown > 0 || (counts.planned > 0 && !observes);
    match given {
        _ if counts.held > 0 => Exit::Held,
        Exit::Done if fails || !pruned.errors.is_empty() => Exit::Incomplete,
        given => given,
    }
}
