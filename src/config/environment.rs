//! Overrides of the file from the process environment: `LAPSED__SECTION__KEY`.
//!
//! `config` would do the merging too, but an override such as `LAPSED__SENTIUS__0__BASE_URL`
//! then replaces the whole list by a table of that one key. So it takes the names apart, and the
//! values are laid over the file's here, by a list element's index or by its name.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use config::{Map, Source, Value, ValueKind};

use super::error::Report;
use super::lines::join;

/// What a variable starts with to be an override; `LAPSED_CONFIG` does not.
const PREFIX: &str = "LAPSED";
const SEPARATOR: &str = "__";

/// A copy of the process environment, taken once; tests bring their own.
pub(super) struct Variables(BTreeMap<OsString, OsString>);

impl Variables {
    pub(super) fn new(all: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(all.into_iter().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The overrides: the name as it stands in the environment, and the value.
    fn overrides(&self, report: &Report) -> Vec<(&str, &str)> {
        let prefix = format!("{PREFIX}{SEPARATOR}");
        let mut found = Vec::new();
        for (name, value) in &self.0 {
            let Some(name) = name.to_str() else { continue };
            if !name.starts_with(&prefix) {
                continue;
            }
            match value.to_str() {
                Some(_) if name == prefix => {
                    report.add_variable(name, format!("no key; write {prefix}SECTION__KEY"));
                }
                Some(value) => found.push((name, value)),
                None => report.add_variable(name, "the value is not UTF-8"),
            }
        }
        found
    }
}

/// One override, with its name taken apart.
struct Override<'e> {
    variable: &'e str,
    segments: Vec<String>,
    value: Value,
}

/// Lays every override over `root`, which is what the file says.
pub(super) fn overlay(root: &mut Map<String, Value>, variables: &Variables, report: &mut Report) {
    let mut overrides: Vec<Override<'_>> = variables
        .overrides(report)
        .into_iter()
        .filter_map(|(variable, value)| take_apart(variable, value))
        .collect();
    // Indexes come first and in order, so that 0, 1, 2 can be appended one after the other and
    // names are looked up among all of them.
    overrides.sort_by_key(|one| {
        let order: Vec<(usize, String)> = one
            .segments
            .iter()
            .map(|s| (s.parse().unwrap_or(usize::MAX), s.clone()))
            .collect();
        order
    });
    let mut tree = Value::new(None, std::mem::take(root));
    for one in overrides {
        match set(&mut tree, "", &one.segments, one.value) {
            Ok(key) => report.set_by_variable(key, one.variable),
            Err(message) => report.add_variable(one.variable, message),
        }
    }
    if let ValueKind::Table(table) = tree.kind {
        *root = table;
    }
}

/// Lets `config` read one variable. Values stay texts: with `try_parsing` a name such as 00123
/// would become the number 123.
fn take_apart<'e>(variable: &'e str, value: &str) -> Option<Override<'e>> {
    let source = config::Environment::with_prefix(PREFIX)
        .prefix_separator(SEPARATOR)
        .separator(SEPARATOR)
        .source(Some(Map::from_iter([(
            variable.to_owned(),
            value.to_owned(),
        )])));
    let (key, value) = source.collect().ok()?.into_iter().next()?;
    Some(Override {
        variable,
        segments: key.split('.').map(str::to_owned).collect(),
        value,
    })
}

/// Sets the value below `node` and returns the path of the key it was set at.
fn set(node: &mut Value, path: &str, segments: &[String], value: Value) -> Result<String, String> {
    let Some((first, rest)) = segments.split_first() else {
        return match node.kind {
            ValueKind::Table(_) => Err(format!(
                "{path} is a section; set one of its keys, as in {PREFIX}__{}__KEY",
                path.to_uppercase()
            )),
            _ => {
                *node = value;
                Ok(path.to_owned())
            }
        };
    };
    if matches!(node.kind, ValueKind::Nil) {
        node.kind = if first.parse::<usize>().is_ok() {
            ValueKind::Array(Vec::new())
        } else {
            ValueKind::Table(Map::new())
        };
    }
    match &mut node.kind {
        ValueKind::Table(table) => {
            let child = table
                .entry(first.clone())
                .or_insert_with(|| Value::new(None, ValueKind::Nil));
            set(child, &join(path, first), rest, value)
        }
        ValueKind::Array(elements) => {
            let index = index_of(elements, path, first)?;
            if index == elements.len() {
                elements.push(Value::new(None, ValueKind::Nil));
            }
            set(
                &mut elements[index],
                &format!("{path}[{index}]"),
                rest,
                value,
            )
        }
        _ => Err(format!(
            "{path} is a single value, nothing can be set below it"
        )),
    }
}

/// Which element is meant: by index, where one past the last appends, or by name or id.
fn index_of(elements: &[Value], path: &str, segment: &str) -> Result<usize, String> {
    if let Ok(index) = segment.parse::<usize>() {
        return if index <= elements.len() {
            Ok(index)
        } else {
            Err(format!(
                "there are only {} of {path}; the next one is number {}",
                elements.len(),
                elements.len()
            ))
        };
    }
    let names: Vec<(usize, String)> = elements
        .iter()
        .enumerate()
        .flat_map(|(index, element)| {
            ["name", "id"]
                .into_iter()
                .filter_map(move |key| Some((index, as_variable(&text_at(element, key)?))))
        })
        .collect();
    let mut matching = names
        .iter()
        .filter(|(_, name)| *name == as_variable(segment));
    match (matching.next(), matching.next()) {
        (Some((index, _)), None) => Ok(*index),
        (Some(_), Some(_)) => Err(format!(
            "more than one of {path} could be meant by {segment}; use the index, from 0"
        )),
        (None, _) => {
            let known: Vec<&str> = names.iter().map(|(_, name)| name.as_str()).collect();
            Err(format!(
                "no {path} has the name {}; known: {}",
                as_variable(segment),
                if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                }
            ))
        }
    }
}

fn text_at(element: &Value, key: &str) -> Option<String> {
    match &element.kind {
        ValueKind::Table(table) => match &table.get(key)?.kind {
            ValueKind::String(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// A name as it can stand in a variable's: `acme-eu` is `ACME_EU`.
fn as_variable(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_alphanumeric() { c } else { '_' })
        .flat_map(char::to_uppercase)
        .collect()
}
