//! `lapsed extend`: moves the end of access.

use clap::Args;

use super::exit::{Exit, Failure};
use super::giving::{self, AskedArgs};
use super::{Common, output, when};
use crate::clock;
use crate::commands::NewEnd;
use crate::config::Keys;
use crate::domain::{Edge, ProvisionState, Target};
use crate::explain::words::Words;

/// Whose end is moved, and where to.
#[derive(Debug, Args)]
#[command(after_help = "\
This becomes the last end of the person's grants on the target. An earlier end than now on \
record shortens every grant that would last longer. On a whitelist, the entry is posted again \
with its new end. In a team, a person who was already removed for the old end is added again. \
Where only a role was granted for a time, its end moves.

Example:
  lapsed extend jane@example.com --target sentius:acme --end 2027-06-30")]
pub(super) struct ExtendArgs {
    /// The person's address
    email: String,

    /// Where: sentius:ACCOUNT or sapling:ACCOUNT/TEAM
    #[arg(long)]
    target: Target,

    /// The new end: a time, a date (its last moment), a span from now, or never; see `lapsed grant --help`
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    end: String,

    #[command(flatten)]
    asked: AskedArgs,
}

pub(super) async fn run(common: &Common, args: ExtendArgs) -> Result<Exit, Failure> {
    let (settings, store) = common.open(Keys::Read)?;
    let end = when("--end", &args.end, &settings, Edge::End)?;
    let end = NewEnd::written(&args.end, end);
    let email = giving::person(&store, &args.email).await?;
    let services = giving::connect(&settings, &store)?;
    let requests = args.asked.requests("extend", &settings, &services, &store);
    let given = requests
        .extend(email, args.target, end, giving::waiting)
        .await
        .map_err(giving::in_options)?;
    let words = Words::shown(&settings.timezone, clock::now());
    let exit = giving::tell(&given, args.asked.format, &words)?;
    giving::outlasted(&store, &given, &words).await?;
    let waits = given.iter().any(|g| g.state == ProvisionState::Planned);
    if waits && !settings.guard.observe_only {
        output::complain("the new end is on record; the next pass posts the entry");
        return Ok(Exit::Incomplete);
    }
    Ok(exit)
}
