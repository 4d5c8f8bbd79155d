//! For packagers: completion scripts and the manual page, from the same definition as the help.

use clap::CommandFactory;
use clap_complete::Shell;

use super::exit::{Exit, Failure};
use super::{Cli, complete, output};

pub(super) fn completions(shell: Shell) -> Result<Exit, Failure> {
    let script = complete::script(shell)?;
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

pub(super) fn man() -> Result<Exit, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    output::print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Done)
}
