//! What the commands that give access share: who asks, waiting for the lock, and printing the
//! result.

use std::collections::BTreeSet;
use std::io;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::{self, Table, Tone};
use super::{person, progress};
use crate::clock;
use crate::commands::{GiveError, Given, Requests};
use crate::config::Settings;
use crate::domain::{Email, ProvisionState, When};
use crate::explain::words::Words;
use crate::metrics::Metrics;
use crate::pass::give_way;
use crate::progress::Stop;
use crate::providers::accounts::Services;
use crate::store::{Asked, Grants, Lock, Store, Targets};

/// Options of every command that gives or takes.
#[derive(Debug, Args)]
pub(super) struct AskedArgs {
    /// Your name, for the audit trail [default: $SUDO_USER, else the name of the user who runs this]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    by: Option<String>,

    /// The form of the output
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(super) format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// For people
    Text,
    /// One object
    Json,
}

impl AskedArgs {
    pub(super) fn asked(&self, command: &str) -> Asked {
        Asked {
            command: command.to_owned(),
            by: person::asker(self.by.as_deref()),
        }
    }

    /// The requests at which this command is asked for.
    pub(super) fn requests<'a>(
        &self,
        command: &str,
        settings: &'a Settings,
        services: &'a Services,
        store: &'a Store,
    ) -> Requests<'a> {
        Requests {
            settings,
            services,
            store,
            asked: self.asked(command),
            stop: Stop::default(),
            progress: progress::bar(),
        }
    }
}

/// Connects the accounts for a command that holds the lock: a call that takes long is given up once
/// access has ended elsewhere.
pub(super) fn connect(settings: &Settings, store: &Store) -> Result<Services, Failure> {
    let services = Services::connect(settings, &Metrics::default())?;
    Ok(services.giving_way(&give_way(settings, store)))
}

/// The result as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Results<'a> {
    pub(super) results: &'a [Given],
}

/// Waits for a pass that is running, and says so.
pub(super) async fn lock(requests: &Requests<'_>) -> Result<Lock, Failure> {
    Ok(requests.lock(waiting).await?)
}

/// Says that another process has to be waited for.
pub(super) fn waiting(patience: std::time::Duration) {
    output::complain(&format!(
        "another pass is running; waiting for up to {patience:?}"
    ));
}

/// Faults in the words of the command line.
pub(super) fn in_options(error: GiveError) -> Failure {
    match error {
        GiveError::Faults(faults) => {
            let faults: Vec<String> = faults.iter().map(|(_, f)| option(f)).collect();
            Failure::usage(faults.join("\n"))
        }
        error => error.into(),
    }
}

/// Prints the result of each request, and returns the exit code.
pub(super) fn tell(given: &[Given], form: Form, words: &Words) -> Result<Exit, Failure> {
    output::if_read(match form {
        Form::Json => output::json(&Results { results: given }),
        Form::Text => table(given, words),
    })?;
    clocks(given);
    Ok(exit(given))
}

/// Tells on stderr of a time that the clocks pass twice, so that nobody loses access an hour early
/// unawares.
pub(super) fn twice(option: &str, text: Option<&str>, settings: &Settings) {
    if let Some(text) = text.filter(|text| When::comes_twice(text, &settings.timezone)) {
        output::complain(&format!(
            "note: {option}: {text:?} comes twice, since the clocks are put back; the first one is \
             taken. Written with its offset from UTC it is plain, as in 2026-12-31T18:00:00+01:00"
        ));
    }
}

/// Tells on stderr of clocks that differ, each once.
pub(super) fn clocks(given: &[Given]) {
    let told: BTreeSet<&String> = given.iter().filter_map(|g| g.clock.as_ref()).collect();
    for why in told {
        output::complain(&format!(
            "note: {why}; look at them once the clock is right"
        ));
    }
}

pub(super) fn exit(given: &[Given]) -> Exit {
    if given
        .iter()
        .any(|g| g.state.is_amiss() || g.clock.is_some())
    {
        Exit::Incomplete
    } else {
        Exit::Done
    }
}

fn tone(state: ProvisionState) -> Tone {
    match state {
        state if state.is_amiss() => Tone::Bad,
        ProvisionState::Done | ProvisionState::Recorded => Tone::Good,
        ProvisionState::Scheduled | ProvisionState::Planned => Tone::Waiting,
        _ => Tone::Plain,
    }
}

/// A line for each person.
pub(super) fn table(given: &[Given], words: &Words) -> io::Result<()> {
    if given.is_empty() {
        return Ok(());
    }
    let heads = ["STATE", "EMAIL", "TARGET", "ROLE", "START", "END", "DETAIL"];
    let mut table = Table::new(&heads)
        .gives_up(&["START", "ROLE"])
        .has_second_line(&["ROLE", "START", "END"])
        .has_below("DETAIL");
    for one in given {
        let state = match one.result {
            Some(result) => format!("{}, {}", one.state.as_str(), result.as_str()),
            None => one.state.as_str().to_owned(),
        };
        table.add([
            output::cell(&state).toned(tone(one.state)),
            output::cell(&one.email),
            output::cell(&one.target.to_string()),
            output::cell(one.role.map_or("", |role| role.as_str())),
            output::cell(&words.moment(one.start)),
            output::cell(&words.end(one.end)),
            output::cell(one.detail.as_deref().unwrap_or_default()),
        ]);
    }
    output::show(&table, "--format json")?;
    output::complain(&words.times_in());
    Ok(())
}

/// Says where another grant lasts longer than the end that was asked for: the last end counts.
pub(super) async fn outlasted(
    store: &Store,
    given: &[Given],
    words: &Words,
) -> Result<(), Failure> {
    let at = clock::now();
    for one in given.iter().filter(|g| !g.state.is_amiss()) {
        let Some(end) = one.end else { continue };
        let (target, email, role) = (one.target.clone(), Email::observed(&one.email), one.role);
        let last = store.read(move |db| match Targets::on_record(db, &target)? {
            Some(target) => Grants::last_end(db, &target, &email, role, at),
            None => Ok(None),
        });
        let until = match last.await? {
            Some(When::Never) => "without an end".to_owned(),
            Some(When::At(last)) if last > end => {
                format!("until {}", words.moment(last))
            }
            _ => continue,
        };
        let what = match role {
            Some(role) => format!("the role {}", role.as_str()),
            None => "access".to_owned(),
        };
        output::complain(&format!(
            "{} keeps {what} {until} by another grant of {}; the last end counts",
            one.email, one.target
        ));
    }
    Ok(())
}

/// An address on the command line. One that is on record is taken whatever it looks like.
pub(super) async fn person(store: &Store, text: &str) -> Result<Email, Failure> {
    let fault = match Email::parse(text) {
        Ok(email) => return Ok(email),
        Err(fault) => fault,
    };
    let observed = Email::observed(text);
    let wanted = observed.clone();
    let known = store.read(move |db| Grants::knows(db, &wanted)).await?;
    if known {
        Ok(observed)
    } else {
        Err(Failure::usage(format!("EMAIL: {fault}")))
    }
}

impl From<GiveError> for Failure {
    fn from(error: GiveError) -> Self {
        match error {
            GiveError::Store(error) => error.into(),
            GiveError::Pass(error) => error.into(),
            GiveError::Busy(_) => Self::of(Exit::Busy, error.into()),
            GiveError::Unreadable(_) | GiveError::Clock(_) => {
                Self::of(Exit::Incomplete, error.into())
            }
            GiveError::Faults(_) => Self::of(Exit::Usage, error.into()),
        }
    }
}

/// A fault of a field, in the words of the command line.
pub(super) fn option(fault: &str) -> String {
    match fault.split_once(": ") {
        Some(("email", rest)) => format!("EMAIL: {rest}"),
        Some(("run", rest)) => format!("RUN: {rest}"),
        Some(("permissions", rest)) => format!("--permission: {rest}"),
        Some((field, rest)) if !field.contains(' ') => format!("--{field}: {rest}"),
        _ => fault.to_owned(),
    }
}
