//! For packagers: completion scripts and the manual page, from the same definition as the help, and the
//! schema of the configuration.

use std::fs;
use std::path::Path;

use clap_complete::Shell;

use super::exit::{Exit, Failure};
use super::{complete, man, output};
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

/// Prints the main page, or writes all pages into a directory.
pub(super) fn man(directory: Option<&Path>) -> Result<Exit, Failure> {
    let pages = man::pages()?;
    if let Some(directory) = directory {
        for (name, page) in pages {
            fs::write(directory.join(name), page).map_err(|error| {
                let error = anyhow::Error::from(error);
                Failure::could_not_run(error.context(format!("{}", directory.display())))
            })?;
        }
        return Ok(Exit::Done);
    }
    if let Some((_, page)) = pages.first() {
        output::print(&String::from_utf8_lossy(page))?;
    }
    Ok(Exit::Done)
}
