//! `lapsed why`: what holds for a person, and why.

use std::io;

use clap::{Args, ValueEnum};

use super::exit::{Exit, Failure};
use super::person::{person, unknown};
use super::{Common, output};
use crate::clock;
use crate::config::Settings;
use crate::domain::{Email, Target};
use crate::explain::words::Words;
use crate::explain::{AccessState, Explanation, Rules, explain, lines};
use crate::store::{Store, Targets, queries::person as on_record};
use crate::text::one_line;

/// Whose access.
#[derive(Debug, Args)]
#[command(after_help = "\
For each target: whether there is access and until when, the grants, memberships and invites, \
what the providers answered last, the rules that apply, and what comes next. No provider is \
called: this is what is on record.

Example:
  lapsed why jane@example.com --target sentius:acme")]
pub(super) struct WhyArgs {
    /// The person's address, in upper or lower case
    email: String,

    /// Only on this target: sentius:ACCOUNT or sapling:ACCOUNT/TEAM
    #[arg(long)]
    target: Option<Target>,

    /// The form of the output
    #[arg(long, value_name = "FORM", default_value = "text")]
    format: WhyFormat,
}

impl WhyArgs {
    /// Everything about one person, for people.
    pub(super) fn about(email: String) -> Self {
        Self {
            email,
            target: None,
            format: WhyFormat::Text,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WhyFormat {
    /// For people
    Text,
    /// One object
    Json,
    /// A row a target, with a header
    Csv,
}

pub(super) async fn run(common: &Common, args: WhyArgs) -> Result<Exit, Failure> {
    let (settings, store) = common.open_to_read()?;
    show(&settings, &store, args).await
}

/// Explains on this database.
pub(super) async fn show(
    settings: &Settings,
    store: &Store,
    args: WhyArgs,
) -> Result<Exit, Failure> {
    let email = person(&args.email)?;
    super::list::known_target(store, args.target.as_ref()).await?;
    let now = clock::now();
    let words = match args.format {
        WhyFormat::Text => Words::shown,
        WhyFormat::Json | WhyFormat::Csv => Words::kept,
    };
    let words = words(&settings.timezone, now);
    let rules = Rules::of(settings);
    let (wanted, target) = (email.clone(), args.target.clone());
    let (facts, only, rules) = store
        .read(move |db| {
            let only = target
                .map(|t| Targets::on_record(db, &t))
                .transpose()?
                .flatten();
            let facts = on_record::facts(db, &wanted, &rules, now)?;
            Ok((facts, only, rules))
        })
        .await?;
    let explanation = explain(&facts, &rules, only.as_ref(), &words);
    match args.format {
        WhyFormat::Json => output::json(&explanation)?,
        WhyFormat::Csv => csv(&explanation)?,
        WhyFormat::Text => text(&explanation, &words)?,
    }
    if !explanation.known {
        output::complain(&unknown(
            &Email::observed(&explanation.email),
            &explanation.near,
        ));
    }
    Ok(Exit::Done)
}

fn text(explanation: &Explanation, words: &Words) -> io::Result<()> {
    if !explanation.known {
        return Ok(());
    }
    let other = explanation.recorded_as.as_ref();
    let other = other.map(|other| format!(", on record as {other}"));
    let heading = format!(
        "{}{} ({})",
        explanation.email,
        other.unwrap_or_default(),
        words.times_in()
    );
    output::line(&one_line(&heading))?;
    for place in &explanation.targets {
        let tone = match place.access {
            AccessState::Yes => output::Tone::Good,
            AccessState::Overdue => output::Tone::Bad,
            AccessState::Invited | AccessState::Scheduled | AccessState::Unseen => {
                output::Tone::Waiting
            }
            AccessState::No => output::Tone::Plain,
        };
        output::line("")?;
        output::verdict(&place.target.to_string(), &words.told(&place.verdict), tone)?;
        let said = lines(place, words).into_iter();
        let said: Vec<_> = said.map(|(word, text)| (word, words.told(&text))).collect();
        output::lines(&said)?;
    }
    Ok(())
}

fn csv(explanation: &Explanation) -> Result<(), Failure> {
    let time = |at: Option<jiff::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    output::csv(
        &[
            "email",
            "target",
            "access",
            "until",
            "verdict",
            "next",
            "next_state",
            "next_at",
            "seq",
            "hash",
        ],
        explanation.targets.iter().map(|place| {
            let (next, event) = (place.next.first(), place.last_event());
            [
                explanation.email.clone(),
                place.target.to_string(),
                place.access.as_str().to_owned(),
                time(place.until),
                place.verdict.clone(),
                next.map(|n| n.what.to_owned()).unwrap_or_default(),
                next.map(|n| n.state.to_owned()).unwrap_or_default(),
                time(next.and_then(|n| n.at)),
                event.map(|e| e.seq.to_string()).unwrap_or_default(),
                event.map(|e| e.hash.clone()).unwrap_or_default(),
            ]
        }),
    )
}
