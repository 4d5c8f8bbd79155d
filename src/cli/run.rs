//! `lapsed --run-now`: one pass, and its output.

use std::collections::BTreeMap;
use std::io;

use clap::{Args, ValueEnum};

use super::exit::{Exit, Failure};
use super::output::{self, Table, Tone};
use super::{Common, interrupt, moment, progress};
use crate::alarm;
use crate::clock;
use crate::config::Keys;
use crate::domain::{ActionResult, ActionState, Counts, Finding, PassOutcome, TargetMessage};
use crate::explain::words::Words;
use crate::guard::OBSERVES;
use crate::metrics::Metrics;
use crate::pass::{self, Options};
use crate::progress::Stop;
use crate::providers::accounts::Services;
use crate::text::{count, short_run};

/// How many findings of a kind are shown to people; JSON has all.
const SHOWN: usize = 10;

/// Options of a pass.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of a pass")]
pub(super) struct RunArgs {
    /// Make one full pass, then exit
    #[arg(long)]
    run_now: bool,

    /// Change no provider and mail nothing; show what would be done
    #[arg(long, requires = "run_now")]
    dry_run: bool,

    /// The plan as it would be then: a time, a date (its last moment), or a span such as 30d
    #[arg(
        long,
        value_name = "WHEN",
        requires = "dry_run",
        allow_hyphen_values = true
    )]
    at: Option<String>,

    /// The form of the output
    #[arg(long, value_name = "FORM", requires = "run_now")]
    format: Option<RunFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RunFormat {
    /// For people
    Text,
    /// One object
    Json,
}

impl RunArgs {
    /// Whether any of these options was given.
    pub(super) fn any(&self) -> bool {
        self.run_now || self.format.is_some()
    }
}

pub(super) async fn run(common: &Common, args: RunArgs) -> Result<Exit, Failure> {
    let settings = common.settings(Keys::Read)?;
    let at = moment("--at", args.at.as_deref(), &settings)?;
    let services = Services::connect(&settings, &Metrics::default())?;
    let store = crate::store::Store::open(&settings.database)?;
    let stop = Stop::default();
    let options = Options {
        stop: stop.clone(),
        dry_run: args.dry_run,
        at,
        respect_backoff: false,
        report: true,
        progress: progress::bar(),
        ..Options::default()
    };
    let pass = pass::run(&settings, &services, &store, &options);
    let outcome = interrupt::stoppable(&stop, pass).await??;
    let words = Words::shown(&settings.timezone, clock::now());
    let printed = output::if_read(match args.format {
        Some(RunFormat::Json) => output::json(&outcome),
        _ => told(&outcome, settings.guard.observe_only, &words),
    });
    // The outcome is decided and printed: a failure here does not change it.
    alarm::after_command(&settings, &store, &services.metrics, &outcome).await;
    printed?;
    if stop.is_set() && !outcome.dry_run {
        output::complain(&left(&outcome));
    }
    Ok(outcome.outcome.into())
}

/// What an interrupted pass has left to the next one; what is held waits for a person.
fn left(outcome: &PassOutcome) -> String {
    let removals = outcome.owed.remove.saturating_sub(outcome.counts.held);
    let gifts = outcome.owed.give;
    if removals + gifts == 0 {
        return "interrupted: nothing is left to do".to_owned();
    }
    format!(
        "interrupted: {} and {} left; the next pass does them",
        count(removals, "removal", "removals"),
        count(gifts, "gift", "gifts"),
    )
}

/// The same, saying first whether lapsed only observes.
fn told(outcome: &PassOutcome, observes: bool, words: &Words) -> io::Result<()> {
    if observes {
        output::line(OBSERVES)?;
    }
    text(outcome, words)
}

/// The outcome for people: what was done first, what was noticed after.
pub(super) fn text(outcome: &PassOutcome, words: &Words) -> io::Result<()> {
    output::line(&headline(outcome))?;
    actions(&outcome.actions, words)?;
    findings(&outcome.findings, words)?;
    errors(&outcome.errors, words)?;
    let mails = outcome.mails.iter();
    block(mails.map(|mail| format!("{} to {}: {}", mail.kind, mail.to.join(", "), mail.state)))?;
    if !outcome.dry_run {
        to_approve(&outcome.run, &outcome.actions)?;
    }
    Ok(())
}

/// What went wrong with sources and providers.
pub(super) fn errors(errors: &[TargetMessage], words: &Words) -> io::Result<()> {
    let said =
        |error: &TargetMessage| format!("error: {}: {}", error.place, words.told(&error.message));
    block(errors.iter().map(said))
}

/// Texts of a kind below an empty line.
fn block(texts: impl Iterator<Item = String>) -> io::Result<()> {
    for (at, text) in texts.enumerate() {
        if at == 0 {
            output::line("")?;
        }
        output::paragraph(&text)?;
    }
    Ok(())
}

/// What to type to let a run's held plan go ahead.
pub(super) fn to_approve(run: &str, actions: &[ActionResult]) -> io::Result<()> {
    match actions.iter().any(|a| a.state == ActionState::Held) {
        true => output::line(&format!(
            "\nExactly what is held goes ahead, once, after: lapsed approve {}",
            short_run(run)
        )),
        false => Ok(()),
    }
}

/// A line for each action. What several are held for is told once, below them.
pub(super) fn actions(actions: &[ActionResult], words: &Words) -> io::Result<()> {
    if actions.is_empty() {
        return Ok(());
    }
    output::line("")?;
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let held = |action: &&ActionResult| action.state == ActionState::Held;
    for why in actions
        .iter()
        .filter(held)
        .filter_map(|a| a.detail.as_deref())
    {
        *reasons.entry(why).or_default() += 1;
    }
    reasons.retain(|_, number| *number > 1);
    let heads = ["STATE", "ACTION", "TARGET", "EMAIL", "REASON", "DETAIL"];
    let mut table = Table::new(&heads)
        .has_second_line(&["ACTION", "REASON"])
        .has_below("DETAIL");
    for action in actions {
        let state = match action.evidence {
            Some(evidence) => format!("{}, {}", action.state.as_str(), evidence.as_str()),
            None => action.state.as_str().to_owned(),
        };
        let detail = action.detail.as_deref().unwrap_or_default();
        let is_below = held(&action) && reasons.contains_key(detail);
        table.add([
            output::cell(&state).toned(tone(action.state)),
            output::cell(action.action.as_str()),
            output::cell(&action.target.to_string()),
            output::cell(action.email.written()),
            output::cell(action.reason.as_str()),
            output::cell(&match is_below {
                true => String::new(),
                false => words.told(detail),
            }),
        ]);
    }
    output::show(&table, "--format json")?;
    for (why, number) in reasons {
        output::paragraph(&format!("{number} held: {why}"))?;
    }
    Ok(())
}

fn tone(state: ActionState) -> Tone {
    match state {
        ActionState::Done | ActionState::Absent => Tone::Good,
        ActionState::Failed => Tone::Bad,
        ActionState::Planned | ActionState::Unknown | ActionState::Held => Tone::Waiting,
        ActionState::Protected => Tone::Plain,
    }
}

/// The actions of a pass by state, in words.
pub(super) fn counts(counts: Counts) -> String {
    let numbers = [
        (counts.planned, "planned"),
        (counts.done, "done"),
        (counts.absent, "already gone"),
        (counts.failed, "failed"),
        (counts.unknown, "unknown"),
        (counts.held, "held"),
        (counts.protected, "protected"),
    ];
    let words: Vec<String> = numbers
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    match words.is_empty() {
        true => "nothing is due".to_owned(),
        false => words.join(", "),
    }
}

/// The outcome in one line.
pub(super) fn headline(outcome: &PassOutcome) -> String {
    let what = counts(outcome.counts);
    let kind = if outcome.dry_run { "dry run" } else { "run" };
    format!(
        "{kind} {}: {what} ({})",
        short_run(&outcome.run),
        outcome.outcome.as_str()
    )
}

fn findings(findings: &[Finding], words: &Words) -> io::Result<()> {
    let mut has_times = false;
    let mut kinds: BTreeMap<_, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        kinds.entry(finding.finding).or_default().push(finding);
    }
    for (kind, found) in kinds {
        output::line(&format!("\n{}: {}", kind.as_str(), found.len()))?;
        for finding in found.iter().take(SHOWN) {
            let detail = finding.detail.as_deref().unwrap_or_default();
            let told = words.told(detail);
            has_times |= told != detail;
            let place = finding.place.to_string();
            let email = finding.email.as_ref().map(ToString::to_string);
            output::entry(&[&place, &email.unwrap_or_default(), &told])?;
        }
        if found.len() > SHOWN {
            output::line(&format!(
                "  and {} more; --format json shows all",
                found.len() - SHOWN
            ))?;
        }
    }
    if has_times {
        output::line(&format!("\n{}", words.times_in()))?;
    }
    Ok(())
}
