//! What is about to be done, shown before it is done; and on a terminal a question, which is answered
//! with no unless somebody says yes.

use std::io::{self, IsTerminal, Write};

use clap::Args;

use super::exit::Failure;
use super::output;
use crate::text::one_line;

/// How many lines are shown; the rest is counted.
const SHOWN: usize = 20;

/// The option of every command that may ask.
#[derive(Debug, Args)]
pub(super) struct YesArgs {
    /// Do not ask on a terminal, whatever number of targets or people it is about
    #[arg(long, short)]
    yes: bool,
}

impl YesArgs {
    /// Whether somebody is there to be asked: a script is not.
    pub(super) fn can_ask(&self) -> bool {
        !self.yes && io::stdin().is_terminal() && io::stderr().is_terminal()
    }
}

/// Shows on stderr what is about to be done: a heading, and a line each for those concerned.
pub(super) fn show(heading: &str, lines: &[String]) {
    output::complain(&one_line(heading));
    for line in lines.iter().take(SHOWN) {
        output::complain(&format!("  {}", one_line(line)));
    }
    if lines.len() > SHOWN {
        output::complain(&format!("  and {} more", lines.len() - SHOWN));
    }
}

/// Asks on the terminal. Without a yes the command ends, and has changed nothing.
pub(super) fn ask(question: &str) -> Result<(), Failure> {
    let mut terminal = io::stderr().lock();
    write!(terminal, "{question} [y/N] ")?;
    terminal.flush()?;
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    if !answer.ends_with('\n') {
        writeln!(terminal)?;
    }
    match (read, answer.trim().to_ascii_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Failure::usage("not confirmed; nothing was changed")),
    }
}
