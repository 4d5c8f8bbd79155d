//! For packagers: completion scripts and the manual page, from the same definition as the help, and the
//! schema of the configuration.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use super::exit::{Exit, Failure};
use super::{Cli, complete, output};
use crate::config;

pub(super) fn completions(shell: Shell) -> Result<Exit, Failure> {
    let script = complete::script(shell)?;
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

/// Prints the schema of the configuration.
pub(super) fn schema() -> Result<Exit, Failure> {
    let schema = format!("{:#}\n", config::schema());
    output::print(&schema)?;
    Ok(Exit::Done)
}

/// Prints the main page, or writes it and one for each command into a directory.
pub(super) fn man(directory: Option<&Path>) -> Result<Exit, Failure> {
    if let Some(directory) = directory {
        clap_mangen::generate_to(Cli::command(), directory).map_err(|error| {
            let error = anyhow::Error::from(error);
            Failure::could_not_run(error.context(format!("{}", directory.display())))
        })?;
        return Ok(Exit::Done);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    output::print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Done)
}
