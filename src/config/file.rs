//! The TOML file as written, with the environment laid over it, made into settings.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use config::{Config, FileFormat, Map, Value, ValueKind};

use super::environment::{Variables, overlay};
use super::error::{ConfigError, Report};
use super::lines::lines;
use super::secrets::{Keys, Secrets};
use super::section::{Known, Section};
use super::{Settings, accounts, alarm, mail, rules, times};

/// Reads and checks the configuration, with what the process environment overrides.
///
/// # Errors
/// Tells everything that is wrong with it, not only the first thing.
pub fn load(path: &Path, keys: Keys) -> Result<Settings, ConfigError> {
    load_with(path, keys, std::env::vars_os())
}

/// Like [`load`], with an environment of the caller's: overrides, `api_key_env` and
/// `$CREDENTIALS_DIRECTORY` are looked up in it. Without the latter, credentials are files beside the
/// configuration.
///
/// # Errors
/// Tells everything that is wrong with it, not only the first thing.
pub fn load_with(
    path: &Path,
    keys: Keys,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Settings, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
    let mut tables = parse(&text).map_err(|message| ConfigError::single(path, message))?;
    let variables = Variables::new(environment);
    let mut report = Report::new(path, lines(&text));
    overlay(&mut tables, &variables, &mut report);
    let secrets = Secrets {
        keys,
        configuration: path,
        variables: &variables,
    };
    let settings = settings(Section::root(tables, &report), &secrets);
    report.into_result().map(|()| settings)
}

/// Where the database is, by the file and the environment, and nothing else of them: no key is
/// read, and other mistakes do not matter. Nothing where the file cannot be read at all.
pub(crate) fn database(path: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut tables = parse(&text).ok()?;
    let variables = Variables::new(std::env::vars_os());
    let mut report = Report::new(path, lines(&text));
    overlay(&mut tables, &variables, &mut report);
    Some(rules::state(&mut Section::root(tables, &report)))
}

/// What the code that reads the file knows of it.
pub(super) fn probed() -> Known {
    let known = Known::default();
    let report = Report::new(Path::new(""), HashMap::new());
    let variables = Variables::new([]);
    let root = Section::asked(Rc::clone(&known), &report);
    settings(root, &unread(&variables));
    known
}

/// A file's text as JSON; null where it is no TOML.
pub(super) fn values_of(text: &str) -> serde_json::Value {
    let read = Config::builder()
        .add_source(config::File::from_str(text, FileFormat::Toml))
        .build();
    let values = read.and_then(Config::try_deserialize);
    values.unwrap_or_default()
}

/// The settings of a text that is in no file, without keys and environment.
pub(super) fn settings_of(text: &str) -> Option<Settings> {
    let (settings, report) = read(text)?;
    report.into_result().ok().map(|()| settings)
}

/// What is wrong with a text that is in no file yet: the key, where it is about one, and the reason.
pub(crate) fn mistakes(text: &str) -> Vec<(String, String)> {
    let problems = match parse(text) {
        Err(message) => return vec![(String::new(), message)],
        Ok(_) => read(text).and_then(|(_, report)| report.into_result().err()),
    };
    let problems = problems.iter().flat_map(ConfigError::problems);
    let told = problems.map(|p| {
        (
            p.key().unwrap_or_default().to_owned(),
            p.message().to_owned(),
        )
    });
    told.collect()
}

fn read(text: &str) -> Option<(Settings, Report)> {
    let tables = parse(text).ok()?;
    let report = Report::new(Path::new(""), lines(text));
    let variables = Variables::new([]);
    let settings = settings(Section::root(tables, &report), &unread(&variables));
    Some((settings, report))
}

fn unread(variables: &Variables) -> Secrets<'_> {
    Secrets {
        keys: Keys::Leave,
        configuration: Path::new(""),
        variables,
    }
}

/// Reads every section; what is missing from the settings has been reported.
fn settings(mut root: Section<'_>, secrets: &Secrets<'_>) -> Settings {
    let timezone = times::timezone(&mut root);
    let database = rules::state(&mut root);
    let mut whitelists = HashSet::new();
    let sentius = accounts::sentius(&mut root, secrets, &mut whitelists);
    let sapling = accounts::sapling(&mut root, secrets, &whitelists);
    let http = rules::http(&mut root);
    let schedule = times::schedule(&mut root, &timezone);
    let policy = rules::policy(&mut root);
    let guard = rules::guard(&mut root);
    let mail = mail::mail(&mut root, secrets);
    let status = rules::status(&mut root, secrets);
    let alarm = alarm::alarm(&mut root);
    let review = rules::review(&mut root);
    root.finish();
    Settings {
        timezone,
        database,
        sentius,
        sapling,
        http,
        schedule,
        policy,
        guard,
        mail,
        status,
        alarm,
        review,
    }
}

fn parse(text: &str) -> Result<Map<String, Value>, String> {
    let read = Config::builder()
        .add_source(config::File::from_str(text, FileFormat::Toml))
        .build()
        .map_err(|error| not_toml(&error.to_string()))?;
    match read.cache.kind {
        ValueKind::Table(tables) => Ok(tables),
        _ => Ok(Map::new()),
    }
}

/// Takes the parser's error apart. It quotes the line that it stumbled over, which may hold a key
/// that somebody pasted there, so only its first line (the place) and its last (the reason) are
/// kept.
fn not_toml(error: &str) -> String {
    let mut error = error.lines().filter(|line| !line.trim().is_empty());
    let place: Vec<&str> = error
        .next()
        .unwrap_or_default()
        .split(|c: char| !c.is_ascii_digit())
        .filter(|number| !number.is_empty())
        .collect();
    let [line, column] = place.as_slice() else {
        return "this is not TOML that can be used; is a number too large?".to_owned();
    };
    match error.next_back() {
        Some(reason) if !reason.contains(['|', '^']) => {
            format!(
                "line {line}, column {column}: this is not TOML: {}",
                reason.trim()
            )
        }
        _ => format!("line {line}, column {column}: this is not TOML"),
    }
}
