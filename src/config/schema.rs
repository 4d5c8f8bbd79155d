//! The JSON schema of the configuration, for editors. Keys and forms are asked of the code that reads
//! them, and explanations and defaults of the file that is shipped: nothing is written down twice.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::file::{probed, settings_of, values_of};
use super::section::Known;

const SHIPPED: &str = include_str!("../../config/lapsed.toml");

/// The schema, in the draft that editors of TOML take.
pub(crate) fn schema() -> Value {
    let explained = Explained::shipped();
    let mut schema = explained.table(&probed(), "");
    if let Some(root) = schema.as_object_mut() {
        root.insert(
            "$schema".to_owned(),
            "http://json-schema.org/draft-07/schema#".into(),
        );
        root.insert("title".to_owned(), "lapsed configuration".into());
    }
    schema
}

/// What the shipped file says of each key, by its path without places in lists.
#[derive(Default)]
struct Explained {
    comments: BTreeMap<String, String>,
    values: BTreeMap<String, Value>,
    /// The keys whose shown value is what holds without them.
    defaults: Vec<String>,
}

/// A line that sets something, be it on or off.
enum Set<'l> {
    Section(&'l str),
    Key(&'l str),
}

impl<'l> Set<'l> {
    fn of(line: &'l str) -> Option<Self> {
        let bare = line.trim_start_matches(['#', ' ']);
        if let Some(name) = bare.strip_prefix('[') {
            let name = name.trim_start_matches('[').split(']').next();
            return name.map(Self::Section);
        }
        let (key, _) = bare.split_once(" = ")?;
        let is_key = key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        is_key.then_some(Self::Key(key))
    }
}

impl Explained {
    fn shipped() -> Self {
        let mut explained = Self::default();
        let mut section = String::new();
        let mut said: Vec<&str> = Vec::new();
        let mut lines: Vec<(String, String)> = Vec::new();
        for line in SHIPPED.lines() {
            let mut path = section.clone();
            match Set::of(line) {
                Some(Set::Section(name)) => {
                    name.clone_into(&mut section);
                    name.clone_into(&mut path);
                }
                Some(Set::Key(key)) => path = below(&section, key),
                None if line.is_empty() => {
                    said.clear();
                    continue;
                }
                None => {
                    said.push(line.trim_start_matches('#').strip_prefix(' ').unwrap_or(""));
                    continue;
                }
            }
            let comment = said.join("\n");
            said.clear();
            if !comment.is_empty() {
                explained.comments.entry(path.clone()).or_insert(comment);
            }
            let set = line.trim_start_matches(['#', ' ']);
            if !line.starts_with("#  ") {
                lines.push((path, set.to_owned()));
            } else if let Value::Object(shown) = values_of(set) {
                // What takes the place of something else stays off.
                let values = shown.into_values().map(|value| (path.clone(), value));
                explained.values.extend(values);
            }
        }
        explained.values(&lines);
        explained
    }

    /// Reads the shipped values with all on, and finds out which of them are defaults: those without
    /// which the settings are the same.
    fn values(&mut self, lines: &[(String, String)]) {
        let without = |left_out: Option<usize>| {
            let kept = lines
                .iter()
                .enumerate()
                .filter(|(i, _)| Some(*i) != left_out);
            let kept: Vec<&str> = kept.map(|(_, (_, line))| line.as_str()).collect();
            kept.join("\n")
        };
        let all = without(None);
        flatten("", values_of(&all), &mut self.values);
        let whole = settings_of(&all).map(|settings| format!("{settings:?}"));
        for (index, (path, line)) in lines.iter().enumerate() {
            let is_section = line.starts_with('[');
            let same = || settings_of(&without(Some(index))).map(|s| format!("{s:?}")) == whole;
            if !is_section && whole.is_some() && same() {
                self.defaults.push(path.clone());
            }
        }
    }

    /// The schema of a table at this path.
    fn table(&self, known: &Known, path: &str) -> Value {
        let known = known.borrow();
        let mut properties = Map::new();
        for (key, form) in &known.values {
            let path = below(path, key);
            let mut form = form.borrow().clone();
            self.explain(&mut form, &path);
            if let Some(value) = self.values.get(&path) {
                let (word, value) = match self.defaults.contains(&path) {
                    true => ("default", value.clone()),
                    false => ("examples", json!([value])),
                };
                form.insert(word.to_owned(), value);
            }
            properties.insert((*key).to_owned(), form.into());
        }
        for (key, below_it, is_list) in &known.tables {
            let path = below(path, key);
            let table = self.table(below_it, &path);
            let mut table = match is_list {
                true => Map::from_iter([
                    ("type".to_owned(), "array".into()),
                    ("items".to_owned(), table),
                ]),
                false => match table {
                    Value::Object(table) => table,
                    _ => Map::new(),
                },
            };
            self.explain(&mut table, &path);
            properties.insert((*key).to_owned(), table.into());
        }
        let mut schema = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
        });
        if !known.required.is_empty() {
            schema["required"] = json!(known.required);
        }
        if !known.rules.is_empty() {
            schema["allOf"] = known.rules.clone().into();
        }
        schema
    }

    fn explain(&self, schema: &mut Map<String, Value>, path: &str) {
        if let Some(comment) = self.comments.get(path) {
            schema.insert("description".to_owned(), comment.as_str().into());
        }
    }
}

fn below(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

/// Notes each single value by its path; of a list of tables the first one's.
fn flatten(path: &str, value: Value, values: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                flatten(&below(path, &key), value, values);
            }
        }
        Value::Array(mut list) if list.first().is_some_and(Value::is_object) => {
            flatten(path, list.swap_remove(0), values);
        }
        value => {
            values.insert(path.to_owned(), value);
        }
    }
}
