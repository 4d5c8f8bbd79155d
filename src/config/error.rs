//! What is wrong with a configuration: everything at once, each with its place.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Everything that keeps a configuration from being used.
///
/// Its text has a line for each problem. Values stand in it only where they cannot be secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", lines(.problems))]
pub struct ConfigError {
    problems: Vec<Problem>,
    is_missing: bool,
}

impl ConfigError {
    /// The file cannot be read, so that there is nothing else to look at.
    pub(super) fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        let message = format!("the configuration cannot be read: {error}");
        Self {
            is_missing: error.kind() == std::io::ErrorKind::NotFound,
            ..Self::single(file, message)
        }
    }

    /// Whether there is no such file at all.
    pub(crate) fn is_missing(&self) -> bool {
        self.is_missing
    }

    /// The one problem that keeps the rest from being looked at.
    pub(super) fn single(file: &Path, message: impl Into<String>) -> Self {
        Self {
            is_missing: false,
            problems: vec![Problem {
                place: Place::File(file.to_owned(), None),
                key: None,
                message: message.into(),
            }],
        }
    }

    /// The problems, in the file's order; those of the environment come last.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    place: Place,
    key: Option<String>,
    message: String,
}

impl Problem {
    /// The key's full path, such as `sapling[0].team[1].max_age`; none where it is not about one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What is wrong.
    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    File(PathBuf, Option<usize>),
    Variable(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(file, Some(line)) => write!(f, "{}:{line}: ", file.display())?,
            Place::File(file, None) => write!(f, "{}: ", file.display())?,
            Place::Variable(name) => write!(f, "{name} (environment): ")?,
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

/// Gathers problems while the configuration is read, and knows where each key was written.
#[derive(Debug)]
pub(super) struct Report {
    file: PathBuf,
    /// Key path to line.
    lines: HashMap<String, usize>,
    /// Key path to the variable that set it.
    variables: BTreeMap<String, String>,
    problems: RefCell<Vec<Problem>>,
}

impl Report {
    pub(super) fn new(file: &Path, lines: HashMap<String, usize>) -> Self {
        Self {
            file: file.to_owned(),
            lines,
            variables: BTreeMap::new(),
            problems: RefCell::default(),
        }
    }

    /// Notes that the environment, and not the file, says what stands at `key`.
    pub(super) fn set_by_variable(&mut self, key: String, variable: &str) {
        self.variables.insert(key, variable.to_owned());
    }

    /// Whether the value at `key` came from the environment, where everything is a text.
    pub(super) fn is_variable(&self, key: &str) -> bool {
        self.variables.contains_key(key)
    }

    pub(super) fn add(&self, key: &str, message: impl Into<String>) {
        self.push(self.place(key), Some(key), message.into());
    }

    pub(super) fn add_variable(&self, variable: &str, message: impl Into<String>) {
        self.push(Place::Variable(variable.to_owned()), None, message.into());
    }

    fn push(&self, place: Place, key: Option<&str>, message: String) {
        self.problems.borrow_mut().push(Problem {
            place,
            key: key.map(str::to_owned),
            message,
        });
    }

    /// The variable that set the key or something below it, else the line of the key or of the
    /// nearest table around it.
    fn place(&self, key: &str) -> Place {
        if let Some(variable) = self.variables.get(key) {
            return Place::Variable(variable.clone());
        }
        let mut around = key;
        loop {
            if let Some(line) = self.lines.get(around) {
                return Place::File(self.file.clone(), Some(*line));
            }
            if around == key {
                let below = self.variables.iter().find(|(path, _)| {
                    path.strip_prefix(key)
                        .is_some_and(|rest| rest.starts_with(['.', '[']))
                });
                if let Some((_, variable)) = below {
                    return Place::Variable(variable.clone());
                }
            }
            match around.rfind(['.', '[']) {
                Some(end) => around = &around[..end],
                None => return Place::File(self.file.clone(), None),
            }
        }
    }

    /// What was gathered, unless nothing was.
    pub(super) fn into_result(self) -> Result<(), ConfigError> {
        let mut problems = self.problems.into_inner();
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        Err(ConfigError {
            problems,
            is_missing: false,
        })
    }
}
