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

/// Prints the main page or the one that is named, or writes all pages into a directory.
pub(super) fn man(wanted: Option<&Path>) -> Result<Exit, Failure> {
    let pages = man::pages()?;
    let Some(wanted) = wanted else {
        return shown(pages.first());
    };
    let named = wanted.to_str().unwrap_or_default();
    let is_named = |file: &str| {
        let page = file.rsplit_once('.').map_or(file, |(page, _)| page);
        [file, page].contains(&named) || page.strip_prefix("lapsed-") == Some(named)
    };
    let found = pages.iter().find(|(file, _)| is_named(file));
    if found.is_some() && !wanted.is_dir() {
        return shown(found);
    }
    if !wanted.is_dir() {
        return Err(Failure::usage(format!(
            "{}: there is no such directory, and no page of this name; there is one for each command, such as grant, and lapsed.toml",
            wanted.display()
        )));
    }
    for (name, page) in pages {
        fs::write(wanted.join(name), page).map_err(|error| {
            let error = anyhow::Error::from(error);
            Failure::could_not_run(error.context(format!("{}", wanted.display())))
        })?;
    }
    Ok(Exit::Done)
}

fn shown(page: Option<&(String, Vec<u8>)>) -> Result<Exit, Failure> {
    if let Some((_, page)) = page {
        output::print(&String::from_utf8_lossy(page))?;
    }
    Ok(Exit::Done)
}
