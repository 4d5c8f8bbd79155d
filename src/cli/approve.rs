//! `lapsed approve`: a person lets what the guard holds go ahead.

use std::collections::{BTreeMap, HashSet};

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;

use super::consent::{self, YesArgs};
use super::exit::{Exit, Failure};
use super::giving::Form;
use super::runs::{self, LAST};
use super::{Common, output, person};
use crate::clock;
use crate::config::Keys;
use crate::explain::words::Words;
use crate::report::words;
use crate::store::{Approval, HeldRemoval, Holds, Store};
use crate::text::{one_line, short_run};

/// What is approved.
#[derive(Debug, Args)]
#[command(after_help = "\
Approves exactly the removals that were held in that run, once. The next pass makes them. A \
removal that is no longer due is dropped, and nothing is added. It shows first what that is; on a \
terminal it asks, if more than one person loses access, and without a yes changes nothing (exit 2). \
A script is asked nothing.

Example:
  lapsed approve 01a20149-fd16-7322-a797-13fd24b3d3a7 && lapsed --run-now")]
pub(super) struct ApproveArgs {
    /// The id of the run or a part of it, as alarms, reports, runs and --run-now show it; or last, the newest run with something held
    run: String,

    /// Who approves [default: $SUDO_USER, else the name of the user who runs this]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    by: Option<String>,

    #[command(flatten)]
    yes: YesArgs,

    /// The form of the output
    #[arg(long, value_name = "FORM", default_value = "text")]
    format: Form,
}

/// What was let go ahead, for scripts.
#[derive(Debug, Serialize)]
struct Approved<'a> {
    run: &'a str,
    actions: usize,
    dropped: usize,
    database_confirmed: bool,
}

pub(super) async fn run(common: &Common, args: ApproveArgs) -> Result<Exit, Failure> {
    let (settings, store) = common.open(Keys::Leave)?;
    let by = person::asker(args.by.as_deref());
    let restored = store.looks_restored().await?;
    let named = match args.run.as_str() {
        // A database that waits for a confirmation is confirmed by naming the run that asked for
        // it.
        LAST if restored.is_none() => {
            let last = store.read(Holds::last).await?;
            last.ok_or_else(|| Failure::usage(format!("{LAST}: nothing was held in any run")))?
        }
        LAST => args.run,
        named => runs::named(&store, named).await?,
    };
    let run = named.clone();
    if let Some(why) = &restored
        && !store.read(move |db| Holds::doubted(db, &run)).await?
    {
        return Err(Failure::usage(match named.as_str() {
            LAST => format!("{why}: approve the run that says so by its id, not as {LAST}"),
            _ => format!(
                "{why}, and {} did not say so: make a pass, look at what it tells, and approve that",
                short_run(&named)
            ),
        }));
    }
    let run = named.clone();
    if restored.is_some() {
        // The plan of this database is checked once it is confirmed.
        store
            .write(move |db| Holds::confirm_database(db, &run, &by, clock::now()))
            .await?;
        store.confirm_mark().await?;
        let confirmed = Approved {
            run: &named,
            actions: 0,
            dropped: 0,
            database_confirmed: true,
        };
        match args.format {
            Form::Json => output::json(&confirmed)?,
            Form::Text => output::line(
                "the database is confirmed as the one that acts here, and nothing else; the next pass goes on with it",
            )?,
        }
        return Ok(Exit::Done);
    }
    confirm(&store, &named, &args.yes, args.format).await?;
    let approval = store
        .write(move |db| Holds::approve(db, &run, &by, clock::now()))
        .await?;
    match approval {
        Approval::NoSuchRun => Err(Failure::usage(format!(
            "{}: there is no run of this name in the database",
            short_run(&named)
        ))),
        Approval::NothingHeld => Err(Failure::usage(format!(
            "{}: nothing was held in this run",
            short_run(&named)
        ))),
        Approval::Already(at) => Err(Failure::usage(format!(
            "{}: this plan was approved {} already; a plan goes ahead once",
            short_run(&named),
            Words::shown(&settings.timezone, clock::now()).both(at)
        ))),
        Approval::Given { actions, dropped } => {
            store.set_mark().await;
            if args.format == Form::Json {
                output::json(&Approved {
                    run: &named,
                    actions,
                    dropped,
                    database_confirmed: false,
                })?;
                return Ok(Exit::Done);
            }
            let when = match settings.guard.observe_only {
                true => "a pass does them once guard.observe_only is false",
                false => "the next pass does them",
            };
            output::line(&format!(
                "{} approved; {when}",
                output::count(actions, "action")
            ))?;
            if dropped > 0 {
                output::line(&format!(
                    "{dropped} of the plan are no longer held, and drop out"
                ))?;
            }
            Ok(Exit::Done)
        }
    }
}

/// Shows who loses access where and why, and asks if that is more than one person.
async fn confirm(store: &Store, run: &str, yes: &YesArgs, form: Form) -> Result<(), Failure> {
    let named = run.to_owned();
    let waiting = store.read(move |db| Holds::to_approve(db, &named)).await?;
    let people: HashSet<&str> = waiting.iter().map(|w| w.email.key()).collect();
    let asks = yes.can_ask() && people.len() > 1;
    if waiting.is_empty() || (form == Form::Json && !asks) {
        return Ok(());
    }
    let line = |one: &HeldRemoval| {
        let (what, why) = (
            words::todo(one.kind.as_str()),
            words::reason(one.reason.as_str()),
        );
        format!("{} on {}: {what}; {why}", one.email, one.target)
    };
    let lines: Vec<String> = waiting.iter().map(line).collect();
    let removals = output::count(waiting.len(), "removal");
    consent::show(
        &format!("held in run {}, {removals}:", short_run(run)),
        &lines,
    );
    let mut held_for: BTreeMap<&str, usize> = BTreeMap::new();
    for why in waiting.iter().filter_map(|w| w.held_for.as_deref()) {
        *held_for.entry(why).or_default() += 1;
    }
    for (why, number) in held_for {
        output::complain(&one_line(&format!("{number} held: {why}")));
    }
    match asks {
        true => consent::ask(&format!("Let {removals} go ahead?")),
        false => Ok(()),
    }
}
