//! `lapsed revoke`: ends access now and removes it at once.

use clap::Args;

use super::exit::{Exit, Failure};
use super::giving::{self, AskedArgs, Form};
use super::{Common, output, run};
use crate::config::Keys;
use crate::domain::Target;
use crate::give::Revoked;
use crate::metrics::Metrics;
use crate::report::one_line;
use crate::services::Services;

/// Whose access ends, and where.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --target, everywhere: all grants, every team where the person is a member or invited, and
each whitelist of which nothing is on record. The guard has its say: nobody protected, no key's
holder and no team's last admin is removed, and what passes a limit is held. A role alone ends
without the membership, unless everything ends.

Examples:
  lapsed revoke jane@example.com
  lapsed revoke bob@example.com --target sapling:acme/Core")]
pub(super) struct RevokeArgs {
    /// Who
    email: String,

    /// Only there: sentius:ACCOUNT or sapling:ACCOUNT/TEAM
    #[arg(long)]
    target: Option<Target>,

    #[command(flatten)]
    asked: AskedArgs,
}

pub(super) async fn run(common: &Common, args: RevokeArgs) -> Result<Exit, Failure> {
    let (settings, store) = common.open(Keys::Read)?;
    let email = giving::person(&store, &args.email).await?;
    if let Some(target) = &args.target {
        crate::import::known_account(target, &settings)
            .map_err(|fault| Failure::usage(giving::option(&fault)))?;
    }
    let services = Services::connect(&settings, &Metrics::default())?;
    let desk = args.asked.desk("revoke", &settings, &services, &store);
    let revoked = desk
        .revoke(email, args.target, giving::waiting)
        .await
        .map_err(giving::in_options)?;
    if args.asked.format == Form::Json {
        output::if_read(output::json(&revoked))?;
    } else {
        text(&revoked)?;
    }
    Ok(revoked.outcome.into())
}

fn text(revoked: &Revoked) -> Result<(), Failure> {
    let places: Vec<String> = revoked.targets.iter().map(ToString::to_string).collect();
    output::if_read(match (&revoked.run, places.is_empty()) {
        (_, true) => output::line(&one_line(&format!(
            "{} has no grant on record there, and is in no team that was read",
            revoked.email
        ))),
        (None, _) => output::line(&one_line(&format!(
            "{} is ended on record in {}; the next pass removes the access",
            revoked.email,
            places.join(", ")
        ))),
        (Some(run), _) => output::line(&one_line(&format!(
            "run {run}: {} ended in {} ({})",
            revoked.email,
            places.join(", "),
            revoked.outcome.as_str()
        ))),
    })?;
    output::if_read(run::actions(&revoked.actions))?;
    for error in &revoked.errors {
        let text = format!("error: {}: {}", error.place, error.message);
        output::if_read(output::line(&format!("\n{}", one_line(&text))))?;
    }
    Ok(())
}
