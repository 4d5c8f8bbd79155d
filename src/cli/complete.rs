//! Completion in the shell: commands and options, and the targets and addresses on record.
//!
//! The shell runs this program with `LAPSED_COMPLETE` set to the shell's name. What cannot be read
//! is not offered: without a message, without creating a database, and without a key.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Command, CommandFactory};
use clap_complete::env::{CompleteEnv, Shells};
use clap_complete::{ArgValueCompleter, CompletionCandidate, Shell};

use super::Cli;
use super::runs::LAST;
use crate::config;
use crate::domain::{Permission, Role};
use crate::store::queries::{person, runs};
use crate::store::{Db, Grants, Store, StoreError, Targets};

/// How many targets or addresses are offered at most.
const OFFERED: usize = 100;
/// How many runs are offered at most.
const RUNS: u32 = 20;
/// The variable by which a shell asks.
const VARIABLE: &str = "LAPSED_COMPLETE";
/// Bash has a script of our own: the usual one splits a target at its colon.
const BASH: &str = include_str!("complete/lapsed.bash");

const ZSH_REGISTERS: &str = "compdef _clap_dynamic_completer_lapsed lapsed";
const ZSH_LOADED: &str = "\
if [ \"$funcstack[1]\" = \"_lapsed\" ]; then
    _clap_dynamic_completer_lapsed \"$@\"
else
    compdef _clap_dynamic_completer_lapsed lapsed
fi";

/// Answers the shell, if it is the shell that asks.
pub(super) fn answer() -> Result<bool, clap::Error> {
    let here = std::env::current_dir().ok();
    CompleteEnv::with_factory(|| knowing(Cli::command()))
        .var(VARIABLE)
        .try_complete(std::env::args_os(), here.as_deref())
}

/// The command, with completion for targets and addresses in every subcommand.
fn knowing(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_id().as_str() {
        "target" => arg.add(ArgValueCompleter::new(targets)),
        "email" => arg.add(ArgValueCompleter::new(people)),
        "owner" => arg.add(ArgValueCompleter::new(owners)),
        "permissions" => arg.add(ArgValueCompleter::new(permissions)),
        "role" => arg.add(ArgValueCompleter::new(roles)),
        "run" => arg.add(ArgValueCompleter::new(named_runs)),
        "source" => arg.add(ArgValueCompleter::new(sources)),
        _ => arg,
    });
    command.mut_subcommands(knowing)
}

/// The script that makes a shell ask.
pub(super) fn script(shell: Shell) -> std::io::Result<Vec<u8>> {
    if shell == Shell::Bash {
        return Ok(BASH.as_bytes().to_vec());
    }
    let mut script = Vec::new();
    let name = shell.to_string();
    let completer = Shells::builtins();
    let completer = completer
        .completer(&name)
        .ok_or_else(|| std::io::Error::other(format!("no script for {name}")))?;
    completer.write_registration(VARIABLE, "lapsed", "lapsed", "lapsed", &mut script)?;
    if shell == Shell::Zsh {
        // Installed among zsh's functions, it is called for the first completion as it is loaded.
        let script = String::from_utf8_lossy(&script);
        let called = script.replace(ZSH_REGISTERS, ZSH_LOADED);
        return Ok(called.into_bytes());
    }
    Ok(script)
}

/// Targets on record that begin like `current`.
fn targets(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(begun) = current.to_str() else {
        return Vec::new();
    };
    let all = database().and_then(|path| Store::glance(&path, Targets::all).ok());
    let all = all.unwrap_or_default();
    let written = all.iter().map(|target| target.written());
    offered(written.filter(|target| target.starts_with(begun)))
}

/// Addresses on record that begin like `current`, in any case.
fn people(current: &OsStr) -> Vec<CompletionCandidate> {
    addresses(current, person::beginning_with)
}

/// The same of those who answer for open grants.
fn owners(current: &OsStr) -> Vec<CompletionCandidate> {
    addresses(current, person::owners_beginning_with)
}

/// At most so many addresses that begin with a text in lower case.
type Beginning = fn(&Db, &str, usize) -> Result<Vec<String>, StoreError>;

fn addresses(current: &OsStr, beginning: Beginning) -> Vec<CompletionCandidate> {
    let Some(begun) = current.to_str() else {
        return Vec::new();
    };
    let key = begun.to_lowercase();
    let found =
        database().and_then(|path| Store::glance(&path, |db| beginning(db, &key, OFFERED)).ok());
    // The shell drops candidates that do not begin as it was typed.
    let typed = found
        .unwrap_or_default()
        .into_iter()
        .map(|known| match known.get(begun.len()..) {
            Some(rest) if known.starts_with(&key) && key.len() == begun.len() => {
                format!("{begun}{rest}")
            }
            _ => known,
        });
    offered(typed)
}

/// The last runs that begin like `current`, and the word for the newest.
fn named_runs(current: &OsStr) -> Vec<CompletionCandidate> {
    let begun = current.to_str().unwrap_or_default();
    let found = database().and_then(|path| Store::glance(&path, |db| runs::last(db, RUNS)).ok());
    let ids = found.unwrap_or_default().into_iter().map(|row| row.run);
    let all = std::iter::once(LAST.to_owned()).chain(ids);
    offered(all.filter(|run| run.starts_with(begun)))
}

/// The names of files on record that begin like `current`.
fn sources(current: &OsStr) -> Vec<CompletionCandidate> {
    let begun = current.to_str().unwrap_or_default();
    let found = database().and_then(|path| Store::glance(&path, Grants::sources).ok());
    let all = found.unwrap_or_default().into_iter();
    offered(all.filter(|name| name.starts_with(begun)))
}

/// Permissions of whitelists and teams that begin like `current`.
fn permissions(current: &OsStr) -> Vec<CompletionCandidate> {
    words(current, Permission::ALL.map(Permission::as_str))
}

/// Roles that begin like `current`.
fn roles(current: &OsStr) -> Vec<CompletionCandidate> {
    words(current, Role::ALL.map(Role::as_str))
}

fn words<const N: usize>(current: &OsStr, words: [&str; N]) -> Vec<CompletionCandidate> {
    let begun = current.to_str().unwrap_or_default();
    let words = words.into_iter().filter(|word| word.starts_with(begun));
    offered(words.map(str::to_owned))
}

/// The texts that can be used on a command line, up to the limit.
fn offered(texts: impl Iterator<Item = String>) -> Vec<CompletionCandidate> {
    let harmless = texts.filter(|text| !text.chars().any(crate::text::is_active));
    harmless
        .take(OFFERED)
        .map(CompletionCandidate::new)
        .collect()
}

/// The database, where the configuration tells.
fn database() -> Option<PathBuf> {
    config::database(&configuration())
}

/// The configuration that the command line being typed names, or the environment.
fn configuration() -> PathBuf {
    let mut named = None;
    let mut words = std::env::args_os().skip_while(|word| word != "--");
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--config") => named = words.next(),
            Some(word) => {
                let path = word.strip_prefix("--config=").map(OsString::from);
                named = path.or(named);
            }
            None => {}
        }
    }
    let named = named.or_else(|| std::env::var_os("LAPSED_CONFIG"));
    named.map_or_else(|| PathBuf::from(super::CONFIG), PathBuf::from)
}
