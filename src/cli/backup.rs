//! `lapsed backup`: a consistent copy of the database while passes run.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::exit::{Exit, Failure};
use super::giving::Form;
use super::{Common, output};

/// Where the copy goes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  lapsed backup /var/backups/lapsed-$(date +%F).db")]
pub(super) struct BackupArgs {
    /// The file to write; an existing file is not overwritten
    file: PathBuf,

    /// The form of the output
    #[arg(long, value_name = "FORM", default_value = "text")]
    format: Form,
}

/// What was made, for scripts.
#[derive(Debug, Serialize)]
struct Copied {
    file: String,
}

pub(super) async fn run(common: &Common, args: BackupArgs) -> Result<Exit, Failure> {
    let (_, store) = common.open_to_read()?;
    store.backup(&args.file).await?;
    let file = args.file.display().to_string();
    match args.format {
        Form::Text => output::line(&format!("{file} holds a whole copy"))?,
        Form::Json => output::json(&Copied { file })?,
    }
    Ok(Exit::Done)
}
