//! `lapsed write-off`: gives up what is owed at a target that can no longer be reached.

use clap::Args;

use super::exit::{Exit, Failure};
use super::giving::{self, AskedArgs, Form};
use super::{Common, output};
use crate::commands::{self, WriteOffError};
use crate::config::Keys;
use crate::domain::Target;

/// What is given up.
#[derive(Debug, Args)]
#[command(after_help = "\
For a team that was deleted, or a provider that is gone: what is owed there can never be done. \
It is recorded as written off, with the reason, and is owed again only if the person is seen \
there again.

Example:
  lapsed write-off jane@example.com --target sapling:acme/Old --reason 'the team was deleted'")]
pub(super) struct WriteOffArgs {
    /// The person's address
    email: String,

    /// Where: sentius:ACCOUNT or sapling:ACCOUNT/TEAM
    #[arg(long)]
    target: Target,

    /// Why it is given up, for the audit trail
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    asked: AskedArgs,
}

pub(super) async fn run(common: &Common, args: WriteOffArgs) -> Result<Exit, Failure> {
    let (_, store) = common.open(Keys::Leave)?;
    if args.reason.trim().is_empty() {
        return Err(Failure::usage("--reason: say why, for the audit trail"));
    }
    let email = giving::person(&store, &args.email).await?;
    let by = args.asked.asked("write-off").by;
    let done = commands::write_off(&store, &email, &args.target, &args.reason, &by).await;
    let done = done.map_err(|error| match error {
        WriteOffError::Refused(why) => Failure::usage(giving::option(&why)),
        WriteOffError::Store(error) => Failure::from(error),
    })?;
    if args.asked.format == Form::Json {
        output::json(&done)?;
        return Ok(Exit::Done);
    }
    output::line(&format!(
        "{} on {}: {} and {} written off",
        done.email,
        done.target,
        output::count(done.removals, "removal"),
        output::count(done.gifts, "gift"),
    ))?;
    Ok(Exit::Done)
}
