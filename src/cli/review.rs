//! `lapsed review`: what waits for an owner's yes, and the answer.

mod rows;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

use super::exit::{Exit, Failure};
use super::{Common, RowFormat, giving, output, progress, run, when};
use crate::clock;
use crate::config::{Keys, Settings};
use crate::domain::{Edge, Email, Provider, ProvisionState, Reach, Target, TargetRef};
use crate::give::{Desk, Given};
use crate::metrics::Metrics;
use crate::pass::{self, Options, PassError, Stop};
use crate::report::one_line;
use crate::services::Services;
use crate::store::{Asked, ReviewAnswer, Reviews, Store, Targets};

/// What waits, or its answer.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
A grant falls due for review some time ([review] every) after it was recorded, or last kept. Its
owner is asked by mail, and reminded once.

Examples:
  lapsed review
  lapsed review keep jane@example.com --target sentius:acme --end 90d
  lapsed review end bob@example.com --target sapling:acme/Core"
)]
pub(super) struct ReviewArgs {
    #[command(subcommand)]
    answer: Option<Answer>,

    /// How rows are shown
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
Ends the person's access to this target in the records and makes a pass on this target alone; its
outcome is printed, and the exit code is that of --run-now.

Example:
  lapsed review end bob@example.com --target sapling:acme/Core --by olga")]
    End(AboutArgs),
}

#[derive(Debug, Args)]
struct KeepArgs {
    #[command(flatten)]
    about: AboutArgs,

    /// Until when: a time, a date (its last moment), a span from now, or never
    /// [default: as it is]
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    end: Option<String>,
}

#[derive(Debug, Args)]
struct AboutArgs {
    /// Whose access
    email: String,

    /// To what: sentius:ACCOUNT or sapling:ACCOUNT/TEAM
    #[arg(long)]
    target: Target,

    /// Who answers, for the audit trail [default: the system's user]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,

    /// What stdout carries
    #[arg(long, value_name = "FORM", default_value = "text")]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// One object
    Json,
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
            let (settings, store) = common.open(Keys::Leave)?;
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
    let rows = match &settings.review {
        Some(review) => {
            let rules = review.into();
            store.read(move |db| Reviews::rows(db, &rules, now)).await?
        }
        None => {
            output::complain("nothing falls due: the configuration has no [review]");
            Vec::new()
        }
    };
    match format {
        RowFormat::Json => output::json(&rows)?,
        RowFormat::Csv => rows::csv(&rows)?,
        RowFormat::Table => rows::table(&rows, now)?,
    }
    Ok(Exit::Done)
}

async fn keep(common: &Common, args: KeepArgs) -> Result<Exit, Failure> {
    let about = args.about;
    // A whitelist keeps the end with its entry, which is posted again; a team knows none.
    let posts = args.end.is_some() && about.target.provider() == Provider::Sentius;
    let keys = if posts { Keys::Read } else { Keys::Leave };
    let (settings, store) = common.open(keys)?;
    let now = clock::now();
    let end = args.end.as_deref();
    let mut end = end
        .map(|text| when("--end", text, &settings, Edge::End))
        .transpose()?;
    if let Some(past) = end.flatten().filter(|end| *end <= now) {
        return Err(Failure::usage(format!(
            "--end: {past} is past; review end ends access now"
        )));
    }
    let (email, target, by) = about.parties(&store).await?;
    let mut unposted = None;
    if posts && let Some(moved) = end.take() {
        let given = post(&settings, &store, &about, moved, &email, &by).await?;
        unposted = given.into_iter().find(|g| g.state != ProvisionState::Done);
    }
    let answer = {
        let (email, target, by) = (email.clone(), target.clone(), by.clone());
        store.write(move |db| Reviews::keep(db, &email, &target, end, &by, now))
    };
    let grants = grants(answer.await?, &email, &target)?;
    let unposted = unposted.filter(|g| g.state != ProvisionState::Unchanged);
    let detail = unposted.as_ref().map(|given| {
        let why = given.detail.as_deref().unwrap_or("another pass is running");
        format!(
            "the new end is on record, and the whitelist's entry is not posted again yet: {why}"
        )
    });
    match about.format {
        Form::Json => output::json(&Kept {
            email: email.written(),
            target: &target,
            answer: "kept",
            grants,
            by: &by,
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

/// Moves the end on a whitelist, in the records and at the provider.
async fn post(
    settings: &Settings,
    store: &Store,
    about: &AboutArgs,
    end: Option<Timestamp>,
    email: &Email,
    by: &str,
) -> Result<Vec<Given>, Failure> {
    let services = Services::connect(settings, &Metrics::default())?;
    let desk = Desk {
        settings,
        services: &services,
        store,
        asked: Asked {
            command: "review keep".to_owned(),
            by: by.to_owned(),
        },
        stop: Stop::default(),
        progress: progress::bar(),
    };
    desk.extend(email.clone(), about.target.clone(), end, giving::waiting)
        .await
        .map_err(giving::in_options)
}

async fn end(settings: &Settings, store: &Store, about: AboutArgs) -> Result<Exit, Failure> {
    let services = Services::connect(settings, &Metrics::default())?;
    let (email, target, by) = about.parties(store).await?;
    let now = clock::now();
    let answer = {
        let (email, target) = (email.clone(), target.clone());
        store.write(move |db| Reviews::end(db, &email, &target, &by, now))
    };
    grants(answer.await?, &email, &target)?;
    let options = Options {
        reach: Reach::only([target.clone()]),
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
    output::if_read(match about.format {
        Form::Json => output::json(&outcome),
        Form::Text => run::text(&outcome),
    })?;
    Ok(outcome.outcome.into())
}

impl AboutArgs {
    /// Whose access to what, and who answers.
    async fn parties(&self, store: &Store) -> Result<(Email, TargetRef, String), Failure> {
        let email = Email::parse(&self.email);
        let email = email.map_err(|error| Failure::usage(format!("EMAIL: {error}")))?;
        let wanted = self.target.clone();
        let target = store.read(move |db| Targets::find(db, &wanted)).await?;
        let target = target.ok_or_else(|| {
            Failure::usage(format!(
                "--target: {} is not on record: no grant names it",
                self.target
            ))
        })?;
        let by = self.by.clone().or_else(|| std::env::var("USER").ok());
        Ok((email, target, by.unwrap_or_else(|| "unknown".to_owned())))
    }
}

/// How many grants were answered for, or why none.
fn grants(answer: ReviewAnswer, email: &Email, target: &TargetRef) -> Result<usize, Failure> {
    match answer {
        ReviewAnswer::Grants(grants) => Ok(grants),
        ReviewAnswer::NothingOpen => Err(Failure::usage(format!(
            "no grant is open for {email} on {target}: there is nothing to answer"
        ))),
        ReviewAnswer::BeginsLater(start) => Err(Failure::usage(format!(
            "--end: a grant of {email} on {target} begins only at {start}"
        ))),
    }
}
