//! `lapsed undo`: gives back what a run removed.

use std::collections::HashSet;

use clap::Args;

use super::consent::{self, YesArgs};
use super::exit::{Exit, Failure};
use super::giving::{self, AskedArgs, Form};
use super::runs::{self, LAST};
use super::{Common, output, when};
use crate::clock;
use crate::commands::{GivenBack, WouldGive};
use crate::config::Keys;
use crate::domain::Edge;
use crate::explain::words::Words;
use crate::report::words;
use crate::store::queries::runs::last_that_removed;
use crate::text::{one_line, short_run};

/// What is undone.
#[derive(Debug, Args)]
#[command(after_help = "\
Everything that the run removed is given back with the same permissions, flags and ends, as new \
grants. --end is for those whose end has passed and for those who never had a grant. A member \
who has no account becomes an invite, and gets the flags once a reading shows that it was \
accepted. What could not be given back as it was is listed. A second undo of the same run \
changes nothing.

It shows first what it gives back; on a terminal it asks, if that concerns more than one person, \
and without a yes changes nothing (exit 2). A script is asked nothing.

Example:
  lapsed undo 01a20149-fd16-7322-a797-13fd24b3d3a7 --end 30d")]
pub(super) struct UndoArgs {
    /// The id of the run or a part of it, as reports, runs, --run-now and revoke show it; or last, the newest run that removed something
    run: String,

    /// When access ends for those who have no future end: a time, a date (its last moment), a span or never; see `lapsed grant --help`
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    end: Option<String>,

    #[command(flatten)]
    yes: YesArgs,

    #[command(flatten)]
    asked: AskedArgs,
}

pub(super) async fn run(common: &Common, args: UndoArgs) -> Result<Exit, Failure> {
    let (settings, store) = common.open(Keys::Read)?;
    let end = args.end.as_deref();
    let end = end.map(|text| when("--end", text, &settings, Edge::End));
    let end = end.transpose()?;
    let run = match args.run.as_str() {
        LAST => {
            let last = store.read(last_that_removed).await?;
            last.ok_or_else(|| Failure::usage(format!("{LAST}: no run has removed anything")))?
        }
        named => runs::named(&store, named).await?,
    };
    let services = giving::connect(&settings, &store)?;
    let requests = args.asked.requests("undo", &settings, &services, &store);
    let words = Words::shown(&settings.timezone, clock::now());
    let would_give = requests.foresee_undo(&run, end).await;
    let would_give = would_give.map_err(giving::in_options)?;
    confirm(&run, &would_give, &args, &words)?;
    let lock = giving::lock(&requests).await?;
    let undone = requests
        .undo(lock, run, end)
        .await
        .map_err(giving::in_options)?;
    if args.asked.format == Form::Json {
        output::if_read(output::json(&undone))?;
    } else {
        output::if_read(giving::table(&undone.results, &words))?;
        for lost in &undone.not_given {
            let text = format!(
                "not given back: {} on {}: {}",
                lost.email, lost.target, lost.why
            );
            output::if_read(output::line(&one_line(&text)))?;
        }
    }
    if undone.not_given.is_empty() {
        Ok(giving::exit(&undone.results))
    } else {
        Ok(Exit::Incomplete)
    }
}

/// Shows who gets what back, and asks if that is more than one person.
fn confirm(
    run: &str,
    would_give: &WouldGive,
    args: &UndoArgs,
    words: &Words,
) -> Result<(), Failure> {
    let grants = would_give.grants.iter();
    let people: HashSet<&str> = grants.map(|one| one.grant.email.key()).collect();
    let asks = args.yes.can_ask() && people.len() > 1;
    if people.is_empty() || (args.asked.format == Form::Json && !asks) {
        return Ok(());
    }
    let mut lines: Vec<String> = Vec::with_capacity(would_give.grants.len());
    lines.extend(would_give.grants.iter().map(|one| line(one, words)));
    let number = match people.len() {
        1 => "1 person gets".to_owned(),
        number => format!("{number} people get"),
    };
    consent::show(
        &format!("{number} back what run {} removed:", short_run(run)),
        &lines,
    );
    let not_given = would_give.not_given.len();
    if not_given > 0 {
        output::complain(&format!("  {not_given} cannot be given back"));
    }
    match asks {
        true => consent::ask("Give it back?"),
        false => Ok(()),
    }
}

/// Who, where, until when, and why it was removed.
fn line(one: &GivenBack, words: &Words) -> String {
    let grant = &one.grant;
    let role = grant.role.map(|role| format!(" as {}", role.as_str()));
    format!(
        "{} on {}{}, {}; removed: {}",
        grant.email,
        grant.target,
        role.unwrap_or_default(),
        words.until(grant.end),
        words::reason(one.removed_for.as_str()),
    )
}
