//! `lapsed review`: what waits for an owner's yes, and the answer.

mod rows;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::exit::{Exit, Failure};
use super::giving::{self, AskedArgs, Form};
use super::{Common, RowFormat, output, progress, run, when};
use crate::clock;
use crate::commands::{self, NewEnd};
use crate::config::{Keys, Settings};
use crate::domain::{Edge, Email, Provider, ProvisionState, Scope, Target, TargetRef, When};
use crate::explain::words::Words;
use crate::metrics::Metrics;
use crate::pass::{self, Options, PassError};
use crate::providers::accounts::Services;
use crate::store::{ReviewAnswer, Reviews, Store, Targets};
use crate::text::{minute, one_line};

/// What waits, or its answer.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
A grant is due for review ([review] every) some time after it was recorded, or last kept. Its \
owner is asked by mail, and reminded once. On a narrow terminal CONFIRMED, ROLE and OWNER are left \
out, in this order, or each grant is shown in two lines.

Examples:
  lapsed review
  lapsed review keep jane@example.com --target sentius:acme --end 90d
  lapsed review end bob@example.com --target sapling:acme/Core"
)]
pub(super) struct ReviewArgs {
    #[command(subcommand)]
    answer: Option<Answer>,

    /// The form of the output
    #[arg(long, value_name = "FORM", default_value = "table")]
    format: RowFormat,
}

#[derive(Debug, Subcommand)]
enum Answer {
    /// Say that the access is still needed
    #[command(after_help = "\
Example:
  lapsed review keep jane@example.com --target sentius:acme --end 2027-06-30")]
    Keep(KeepArgs),
    /// Say that it is not: it ends now, and is removed at once
    #[command(after_help = "\
Ends the person's access to this target on record, and makes a pass on this target alone. Its \
outcome is printed, and the exit code is that of --run-now.

Example:
  lapsed review end bob@example.com --target sapling:acme/Core --by olga")]
    End(AboutArgs),
}

#[derive(Debug, Args)]
struct KeepArgs {
    #[command(flatten)]
    about: AboutArgs,

    /// When access ends: a time, a date (its last moment), a span from now, or never
    /// [default: as it is]
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    end: Option<String>,
}

#[derive(Debug, Args)]
struct AboutArgs {
    /// The person's address
    email: String,

    /// Where: sentius:ACCOUNT or sapling:ACCOUNT/TEAM
    #[arg(long)]
    target: Target,

    #[command(flatten)]
    asked: AskedArgs,
}

/// What `keep` did, for scripts.
#[derive(Debug, Serialize)]
struct Kept<'a> {
    email: &'a str,
    target: &'a TargetRef,
    answer: &'static str,
    grants: usize,
    by: &'a str,
    detail: Option<&'a str>,
}

pub(super) async fn run(common: &Common, args: ReviewArgs) -> Result<Exit, Failure> {
    match args.answer {
        None => {
            let (settings, store) = common.open_to_read()?;
            list(&settings, &store, args.format).await
        }
        Some(Answer::Keep(keep)) => self::keep(common, keep).await,
        Some(Answer::End(about)) => {
            let (settings, store) = common.open(Keys::Read)?;
            end(&settings, &store, about).await
        }
    }
}

/// What has fallen due, what has no end first.
async fn list(settings: &Settings, store: &Store, format: RowFormat) -> Result<Exit, Failure> {
    let now = clock::now();
    let rows = match settings.review {
        Some(rules) => store.read(move |db| Reviews::rows(db, &rules, now)).await?,
        None => {
            output::complain("nothing falls due: the configuration has no [review]");
            Vec::new()
        }
    };
    match format {
        RowFormat::Json => output::json(&rows)?,
        RowFormat::Csv => rows::csv(&rows)?,
        RowFormat::Table => {
            rows::table(&rows, now, &Words::shown(&settings.timezone, now))?;
        }
    }
    Ok(Exit::Done)
}

async fn keep(common: &Common, args: KeepArgs) -> Result<Exit, Failure> {
    let about = args.about;
    // A whitelist keeps the end in its entry, which is posted again; a team has none.
    let posts = args.end.is_some() && about.target.provider() == Provider::Sentius;
    let keys = if posts { Keys::Read } else { Keys::Leave };
    let (settings, store) = common.open(keys)?;
    let now = clock::now();
    let end = args.end.as_deref();
    let mut end = end
        .map(|text| when("--end", text, &settings, Edge::End))
        .transpose()?;
    if let Some(past) = end.and_then(When::at).filter(|end| *end <= now) {
        let past = minute(past, &settings.timezone);
        return Err(Failure::usage(format!(
            "--end: {past} is past; review end ends access now"
        )));
    }
    let (email, target) = about.parties(&store).await?;
    let asked = about.asked.asked("review keep");
    let restored = store.looks_restored().await?;
    let mut unposted = None;
    if posts && let Some(moved) = end.take() {
        let moved = NewEnd::written(args.end.as_deref().unwrap_or_default(), moved);
        let services = Services::connect(&settings, &Metrics::default())?;
        let requests = about
            .asked
            .requests(&asked.command, &settings, &services, &store);
        requests.may_end(&about.target, moved).await?;
        // A grant that ended unanswered has no end that could be moved.
        let ended = (email.clone(), target.clone(), asked.clone());
        let reopen = move |db: &_| Reviews::reopen(db, &ended.0, &ended.1, &ended.2, now);
        store.write(reopen).await?;
        let given = requests
            .extend(email.clone(), about.target.clone(), moved, giving::waiting)
            .await
            .map_err(giving::in_options)?;
        let observes = settings.guard.observe_only;
        let is_left = |g: &commands::Given| match g.state {
            ProvisionState::Done => false,
            ProvisionState::Planned => !observes,
            _ => true,
        };
        unposted = given.into_iter().find(is_left);
    }
    let answer = {
        let (email, target, asked) = (email.clone(), target.clone(), asked.clone());
        store.write(move |db| Reviews::keep(db, &email, &target, end, &asked, now))
    };
    let grants = grants(answer.await?, &email, &target)?;
    store.set_mark_unless(restored.as_ref()).await;
    let unposted = unposted.filter(|g| g.state != ProvisionState::Unchanged);
    let detail = unposted.as_ref().map(|given| {
        let why = given.detail.as_deref().unwrap_or("another pass is running");
        format!(
            "the new end is on record, and the whitelist's entry is not posted again yet: {why}"
        )
    });
    match about.asked.format {
        Form::Json => output::json(&Kept {
            email: email.written(),
            target: &target,
            answer: "kept",
            grants,
            by: &asked.by,
            detail: detail.as_deref(),
        })?,
        Form::Text => {
            let number = output::count(grants, "grant");
            output::line(&format!("{email} keeps {target} ({number})"))?;
            if let Some(detail) = &detail {
                output::line(&one_line(detail))?;
            }
        }
    }
    Ok(match detail {
        None => Exit::Done,
        Some(_) => Exit::Incomplete,
    })
}

async fn end(settings: &Settings, store: &Store, about: AboutArgs) -> Result<Exit, Failure> {
    let services = Services::connect(settings, &Metrics::default())?;
    let (email, target) = about.parties(store).await?;
    let (asked, now) = (about.asked.asked("review end"), clock::now());
    let restored = store.looks_restored().await?;
    let answer = {
        let (email, target) = (email.clone(), target.clone());
        store.write(move |db| Reviews::end(db, &email, &target, &asked, now))
    };
    grants(answer.await?, &email, &target)?;
    store.set_mark_unless(restored.as_ref()).await;
    let options = Options {
        scope: Scope::only([target.clone()]),
        progress: progress::bar(),
        ..Options::default()
    };
    let outcome = match pass::run(settings, &services, store, &options).await {
        Err(busy @ PassError::Busy(_)) => {
            output::complain(
                "the end is on record; the pass after the one that is running removes it",
            );
            return Err(busy.into());
        }
        other => other?,
    };
    output::if_read(match about.asked.format {
        Form::Json => output::json(&outcome),
        Form::Text => run::text(&outcome, &Words::shown(&settings.timezone, clock::now())),
    })?;
    Ok(outcome.outcome.into())
}

impl AboutArgs {
    /// Whose access to what.
    async fn parties(&self, store: &Store) -> Result<(Email, TargetRef), Failure> {
        let email = giving::person(store, &self.email).await?;
        let wanted = self.target.clone();
        let target = store.read(move |db| Targets::known(db, &wanted)).await?;
        let target = target.map_err(|why| Failure::usage(format!("--target: {why}")))?;
        Ok((email, target))
    }
}

/// How many grants were answered for, or why none.
fn grants(answer: ReviewAnswer, email: &Email, target: &TargetRef) -> Result<usize, Failure> {
    match answer {
        ReviewAnswer::Grants(grants) => Ok(grants),
        ReviewAnswer::NothingOpen => Err(Failure::usage(format!(
            "no grant is open for {email} on {target}: there is nothing to answer"
        ))),
        ReviewAnswer::TooLate => Err(Failure::of(
            Exit::Incomplete,
            anyhow::anyhow!(
                "too late: nobody had answered the review, and the access of {email} to {target} is being removed, or is gone; lapsed grant gives it again"
            ),
        )),
        ReviewAnswer::Refused(why) => Err(Failure::usage(giving::option(&why))),
    }
}
