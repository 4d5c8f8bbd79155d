//! `lapsed accept`: a person says that a doubtful reading is right.

use clap::Args;

use super::exit::{Exit, Failure};
use super::giving::{AskedArgs, Form};
use super::{Common, output};
use crate::commands::{self, AcceptError};
use crate::config::Keys;

/// What is accepted.
#[derive(Debug, Args)]
#[command(after_help = "\
A reading is in doubt when it is empty, or lacks more than half of the people who were known. \
Everybody it shows is there. Those who are missing are believed to be gone after three readings \
over half an hour, or when you accept the reading. A reading without the key's own holder is \
impossible: correct self_email instead.

Example:
  lapsed accept sapling:acme/Core")]
pub(super) struct AcceptArgs {
    /// The team, or sapling:ACCOUNT for an account's list of teams
    target: String,

    #[command(flatten)]
    asked: AskedArgs,
}

pub(super) async fn run(common: &Common, args: AcceptArgs) -> Result<Exit, Failure> {
    let (_, store) = common.open(Keys::Leave)?;
    let by = args.asked.asked("accept").by;
    let accepted = commands::accept(&store, &args.target, &by).await;
    let accepted = accepted.map_err(|error| match error {
        AcceptError::Refused(why) => Failure::usage(why),
        AcceptError::Store(error) => Failure::from(error),
    })?;
    if args.asked.format == Form::Json {
        output::json(&accepted)?;
        return Ok(Exit::Done);
    }
    output::line(&format!(
        "{}: accepted, though {}",
        accepted.target, accepted.doubt
    ))?;
    for email in &accepted.gone {
        output::line(&format!("gone  {email}"))?;
    }
    Ok(Exit::Done)
}
