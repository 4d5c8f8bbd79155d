//! Completion in the shell: commands and options, and the targets and addresses on record.
//!
//! The shell runs this program with `LAPSED_COMPLETE` set to the shell's name. What cannot be read
//! is not offered: without a message, without creating a database, and without a key.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Command, CommandFactory};
use clap_complete::env::{CompleteEnv, Shells};
use clap_complete::{ArgValueCompleter, CompletionCandidate, Shell};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::runs::LAST;
use super::{Cli, list};
use crate::clock;
use crate::config;
use crate::domain::{Permission, Provider, Role, Target};
use crate::store::queries::{person, runs};
use crate::store::{Db, Grants, Store, StoreError, Targets};
use crate::text::{self, short_run};

/// How many targets or addresses are offered at most.
const OFFERED: usize = 100;
/// How many runs are offered at most.
const RUNS: u32 = 20;
/// Spans that people often mean.
const SPANS: [&str; 4] = ["7d", "14d", "30d", "90d"];
const STARTS: [&str; 4] = ["today", "tomorrow", "7d", "14d"];
const ENDS: [&str; 5] = ["14d", "30d", "90d", "180d", "never"];
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
    let runs = match command.get_name() {
        "undo" => to_undo,
        _ => to_approve,
    };
    let command = command.mut_args(|arg| match arg.get_id().as_str() {
        "target" => arg.add(ArgValueCompleter::new(targets)),
        "email" => arg.add(ArgValueCompleter::new(people)),
        "owner" => arg.add(ArgValueCompleter::new(owners)),
        "permissions" => arg.add(ArgValueCompleter::new(permissions)),
        "role" => arg.add(ArgValueCompleter::new(roles)),
        "source" => arg.add(ArgValueCompleter::new(sources)),
        "run" => arg.add(ArgValueCompleter::new(runs)),
        "columns" => arg.add(ArgValueCompleter::new(columns)),
        "as_of" => arg.add(ArgValueCompleter::new(past)),
        "since" => arg.add(ArgValueCompleter::new(since)),
        "start" => arg.add(ArgValueCompleter::new(|begun: &OsStr| words(begun, STARTS))),
        "end" => arg.add(ArgValueCompleter::new(|begun: &OsStr| words(begun, ENDS))),
        "at" | "ending_within" => {
            arg.add(ArgValueCompleter::new(|begun: &OsStr| words(begun, SPANS)))
        }
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

/// The runs in which something waits for a person's word.
fn to_approve(current: &OsStr) -> Vec<CompletionCandidate> {
    named_runs(current, runs::to_approve)
}

/// The runs that removed something.
fn to_undo(current: &OsStr) -> Vec<CompletionCandidate> {
    named_runs(current, runs::that_removed)
}

/// At most so many runs, the newest first.
type Runs = fn(&Db, u32) -> Result<Vec<String>, StoreError>;

/// Those that begin like `current` as they are shown, or as a whole, and the word for the newest.
fn named_runs(current: &OsStr, runs: Runs) -> Vec<CompletionCandidate> {
    let begun = current.to_str().unwrap_or_default();
    let found = database().and_then(|path| Store::glance(&path, |db| runs(db, RUNS)).ok());
    let found = found.unwrap_or_default();
    let last = found.first().map(|_| LAST.to_owned());
    let named = found.into_iter().map(|run| match short_run(&run) {
        short if short.starts_with(begun) => short.to_owned(),
        _ => run,
    });
    offered(
        last.into_iter()
            .chain(named)
            .filter(|run| run.starts_with(begun)),
    )
}

/// The names of files on record that begin like `current`.
fn sources(current: &OsStr) -> Vec<CompletionCandidate> {
    let begun = current.to_str().unwrap_or_default();
    let found = database().and_then(|path| Store::glance(&path, Grants::sources).ok());
    let all = found.unwrap_or_default().into_iter();
    offered(all.filter(|name| name.starts_with(begun)))
}

/// Permissions that begin like `current`, of the kind of target that the line names.
fn permissions(current: &OsStr) -> Vec<CompletionCandidate> {
    let kind = named_kind();
    let fits = |one: &Permission| kind.is_none_or(|kind| one.provider() == kind);
    let fitting = Permission::ALL.into_iter().filter(fits);
    words(current, fitting.map(Permission::as_str))
}

/// Roles that begin like `current`; a whitelist has none.
fn roles(current: &OsStr) -> Vec<CompletionCandidate> {
    let has_roles = named_kind() != Some(Provider::Sentius);
    let all = Role::ALL.into_iter().filter(|_| has_roles);
    words(current, all.map(Role::as_str))
}

/// The kind of the target that the command line being typed names.
fn named_kind() -> Option<Provider> {
    let target = option("--target")?.into_string().ok()?;
    let target: Target = target.parse().ok()?;
    Some(target.provider())
}

/// The column that is being typed, behind those that the line has already.
fn columns(current: &OsStr) -> Vec<CompletionCandidate> {
    let typed = current.to_str().unwrap_or_default();
    let (before, begun) = match typed.rfind(',') {
        Some(at) => typed.split_at(at + 1),
        None => ("", typed),
    };
    let is_new = |key: &&str| !before.split(',').any(|named| named.trim() == *key);
    let keys = list::KEYS.into_iter().filter(is_new);
    let fitting = keys.filter(|key| key.starts_with(begun));
    offered(fitting.map(|key| format!("{before}{key}")))
}

/// Days that have passed.
fn past(current: &OsStr) -> Vec<CompletionCandidate> {
    let day = |days: i64| {
        let then = clock::now().checked_sub(SignedDuration::from_hours(24 * days));
        text::day(then.unwrap_or_default(), &TimeZone::UTC)
    };
    let days = [7, 30, 90].map(day);
    words(
        current,
        std::iter::once("yesterday").chain(days.iter().map(String::as_str)),
    )
}

/// The same, or the beginning.
fn since(current: &OsStr) -> Vec<CompletionCandidate> {
    let mut all = past(current);
    all.extend(words(current, ["never"]));
    all
}

fn words<'w>(
    current: &OsStr,
    words: impl IntoIterator<Item = &'w str>,
) -> Vec<CompletionCandidate> {
    let begun = current.to_str().unwrap_or_default();
    let words = words.into_iter().filter(|word| word.starts_with(begun));
    offered(words.map(str::to_owned))
}

/// The texts that can be used on a command line, up to the limit.
fn offered(texts: impl Iterator<Item = String>) -> Vec<CompletionCandidate> {
    let harmless = texts.filter(|one| !one.chars().any(text::is_active));
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
    let named = option("--config").or_else(|| std::env::var_os("LAPSED_CONFIG"));
    named.map_or_else(|| PathBuf::from(super::CONFIG), PathBuf::from)
}

/// What the command line being typed says last as the value of an option.
fn option(name: &str) -> Option<OsString> {
    let mut named = None;
    let mut words = std::env::args_os().skip_while(|word| word != "--");
    while let Some(word) = words.next() {
        match word.to_str() {
            Some(word) if word == name => named = words.next(),
            Some(word) => {
                let value = word
                    .strip_prefix(name)
                    .and_then(|rest| rest.strip_prefix('='));
                named = value.map(OsString::from).or(named);
            }
            None => {}
        }
    }
    named
}
