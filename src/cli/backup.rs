//! `lapsed backup`: a consistent copy of the database while passes run.

use std::path::PathBuf;

use clap::Args;

use super::exit::{Exit, Failure};
use super::{Common, output};
use crate::config::Keys;

/// Where the copy goes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  lapsed backup /var/backups/lapsed-$(date +%F).db")]
pub(super) struct BackupArgs {
    /// The copy; a file that is there already is not overwritten
    file: PathBuf,
}

pub(super) async fn run(common: &Common, args: BackupArgs) -> Result<Exit, Failure> {
    let (_, store) = common.open(Keys::Leave)?;
    store.backup(&args.file).await?;
    output::line(&format!("{} holds a whole copy", args.file.display()))?;
    Ok(Exit::Done)
}
