//! One table of the configuration, read key by key: a key that no code has asked for is unknown.
//!
//! So the code that reads a key is the only list of known keys. Reading goes on after a mistake, so
//! that all of them are reported at once. The same code can be asked what it knows: then every key
//! seems to be there, and what is asked of its value is noted as a JSON schema.

use std::cell::RefCell;
use std::rc::Rc;

use config::{Map, Value, ValueKind};
use serde_json::{Value as Json, json};

use super::error::Report;
use super::lines::join;
use crate::text::nearest;

/// The value as read, or a description of what would be right.
pub(super) type Read<T> = Result<T, String>;

/// What the code that reads a table knows of it.
pub(super) type Known = Rc<RefCell<Table>>;

/// What is asked of a value, as the keywords of a JSON schema.
type Form = Rc<RefCell<serde_json::Map<String, Json>>>;

#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) values: Vec<(&'static str, Form)>,
    /// The tables below, each with whether there may be several.
    pub(super) tables: Vec<(&'static str, Known, bool)>,
    pub(super) required: Vec<&'static str>,
    /// What keys together have to keep to.
    pub(super) rules: Vec<Json>,
}

/// A table, and where it stands.
pub(super) struct Section<'r> {
    path: String,
    entries: Map<String, Value>,
    known: Vec<&'static str>,
    /// Where it is noted what is known, when that is what is asked.
    asked: Option<Known>,
    report: &'r Report,
}

impl<'r> Section<'r> {
    pub(super) fn root(entries: Map<String, Value>, report: &'r Report) -> Self {
        Self {
            path: String::new(),
            entries,
            known: Vec::new(),
            asked: None,
            report,
        }
    }

    /// A table of which is only asked what is known.
    pub(super) fn asked(known: Known, report: &'r Report) -> Self {
        Self {
            asked: Some(known),
            ..Self::root(Map::new(), report)
        }
    }

    /// The table below, when is only asked what is known.
    fn asked_below(&self, key: &'static str, is_list: bool) -> Option<Self> {
        let asked = self.asked.as_ref()?;
        let below = Known::default();
        let entry = (key, Rc::clone(&below), is_list);
        asked.borrow_mut().tables.push(entry);
        Some(Self::asked(below, self.report))
    }

    /// Notes what keys together have to keep to, as a JSON schema of the table.
    pub(super) fn rule(&self, rule: impl FnOnce() -> Json) {
        if let Some(asked) = &self.asked {
            asked.borrow_mut().rules.push(rule());
        }
    }

    /// Notes that exactly one of these keys is needed.
    pub(super) fn exactly_one(&self, keys: &[&str]) {
        self.rule(|| {
            let one = keys.iter().map(|key| json!({ "required": [key] }));
            json!({ "oneOf": one.collect::<Vec<Json>>() })
        });
    }

    /// Notes that at least one of these keys is needed.
    pub(super) fn any_of(&self, keys: &[&str]) {
        self.rule(|| {
            let one = keys.iter().map(|key| json!({ "required": [key] }));
            json!({ "anyOf": one.collect::<Vec<Json>>() })
        });
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.entries.remove(key)
    }

    /// Reads a key; a bad value is reported and comes back as `None`, like an absent one.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        reader: impl FnOnce(Leaf) -> Read<T>,
    ) -> Option<T> {
        if let Some(asked) = &self.asked {
            let form = Form::default();
            asked.borrow_mut().values.push((key, Rc::clone(&form)));
            let leaf = Leaf {
                kind: ValueKind::Nil,
                is_text: false,
                form: Some(form),
            };
            return reader(leaf).ok();
        }
        let value = self.take(key)?;
        let path = join(&self.path, key);
        let leaf = Leaf {
            kind: value.kind,
            is_text: self.report.is_variable(&path),
            form: None,
        };
        reader(leaf)
            .map_err(|message| self.report.add(&path, message))
            .ok()
    }

    /// Reads a key that must be there.
    pub(super) fn require<T>(
        &mut self,
        key: &'static str,
        reader: impl FnOnce(Leaf) -> Read<T>,
    ) -> Option<T> {
        if let Some(asked) = &self.asked {
            asked.borrow_mut().required.push(key);
        } else if !self.entries.contains_key(key) {
            self.report
                .add(&join(&self.path, key), "this key is missing");
        }
        self.read(key, reader)
    }

    /// Whether the key is there, good or bad.
    pub(super) fn has(&self, key: &str) -> bool {
        self.asked.is_some() || self.entries.contains_key(key)
    }

    /// The table below a key.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'r>> {
        if let Some(below) = self.asked_below(key, false) {
            return Some(below);
        }
        let value = self.take(key)?;
        let path = join(&self.path, key);
        match value.kind {
            ValueKind::Table(entries) => Some(Section {
                path,
                ..Self::root(entries, self.report)
            }),
            _ => {
                self.report
                    .add(&path, format!("this is a section; write it as [{key}]"));
                None
            }
        }
    }

    /// The tables below a key that may stand several times; none when it is absent.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'r>> {
        if let Some(below) = self.asked_below(key, true) {
            return vec![below];
        }
        let path = join(&self.path, key);
        let elements = match self.take(key).map(|value| value.kind) {
            None => return Vec::new(),
            Some(ValueKind::Array(elements)) => elements,
            Some(_) => {
                let message = format!("this is a list of sections; write each as [[{key}]]");
                self.report.add(&path, message);
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        for (index, element) in elements.into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            if let ValueKind::Table(entries) = element.kind {
                found.push(Section {
                    path,
                    ..Self::root(entries, self.report)
                });
            } else {
                let message = format!("this is a section; write it as [[{key}]]");
                self.report.add(&path, message);
            }
        }
        found
    }

    /// Reports a mistake in one of this table's keys.
    pub(super) fn wrong(&self, key: &str, message: impl Into<String>) {
        self.report.add(&join(&self.path, key), message);
    }

    /// Reports a mistake in the table as a whole.
    pub(super) fn wrong_here(&self, message: impl Into<String>) {
        self.report.add(&self.path, message);
    }

    /// Reports the keys that nobody has asked for.
    pub(super) fn finish(self) {
        let mut unknown: Vec<&String> = self.entries.keys().collect();
        unknown.sort();
        for key in unknown {
            let nearest = nearest(key, self.known.iter().copied())
                .map(|known| join(&self.path, known))
                .map_or_else(String::new, |known| {
                    format!("; the nearest known one is {known}")
                });
            self.report
                .add(&join(&self.path, key), format!("unknown key{nearest}"));
        }
    }
}

/// A value below a key.
pub(super) struct Leaf {
    kind: ValueKind,
    /// From the environment, where numbers, switches and lists are written as texts too.
    is_text: bool,
    /// Where it is noted what is asked of it, when that is all that is asked.
    form: Option<Form>,
}

impl Leaf {
    /// Notes what is asked of the value. What was noted before, by the more special question, stays.
    pub(super) fn note(&self, keywords: impl FnOnce() -> Json) {
        let Some(form) = &self.form else { return };
        if let Json::Object(keywords) = keywords() {
            let mut form = form.borrow_mut();
            for (word, value) in keywords {
                form.entry(word).or_insert(value);
            }
        }
    }

    pub(super) fn text(self) -> Read<String> {
        self.note(|| json!({ "type": "string", "pattern": r"\S" }));
        match self.kind {
            ValueKind::String(text) if text.trim().is_empty() => {
                Err("this is empty; write a text or leave the key out".to_owned())
            }
            ValueKind::String(text) => Ok(text),
            _ => Err("this is not a text; write one in quotes".to_owned()),
        }
    }

    pub(super) fn switch(self) -> Read<bool> {
        self.note(|| json!({ "type": "boolean" }));
        match self.kind {
            ValueKind::Boolean(on) => Some(on),
            ValueKind::String(text) if self.is_text => text.trim().to_lowercase().parse().ok(),
            _ => None,
        }
        .ok_or_else(|| "this is not a switch; write true or false, without quotes".to_owned())
    }

    pub(super) fn whole(self) -> Read<u64> {
        self.note(|| json!({ "type": "integer", "minimum": 0 }));
        match self.kind {
            ValueKind::I64(number) => u64::try_from(number).ok(),
            ValueKind::String(text) if self.is_text => text.trim().parse().ok(),
            _ => None,
        }
        .ok_or_else(|| "this is not a whole number from 0 on; write one without quotes".to_owned())
    }

    pub(super) fn number(self) -> Read<f64> {
        self.note(|| json!({ "type": "number" }));
        match self.kind {
            ValueKind::I64(number) => Some(number as f64),
            ValueKind::Float(number) => Some(number),
            ValueKind::String(text) if self.is_text => text.trim().parse().ok(),
            _ => None,
        }
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| "this is not a number; write one without quotes".to_owned())
    }

    /// A list of texts; from the environment separated by commas outside double quotes.
    pub(super) fn list(self) -> Read<Vec<String>> {
        self.note(|| json!({ "type": "array", "items": { "type": "string", "pattern": r"\S" } }));
        let wrong = || "this is not a list of texts; write it as [\"…\", \"…\"]".to_owned();
        match self.kind {
            ValueKind::Array(elements) => elements
                .into_iter()
                .map(|element| match element.kind {
                    ValueKind::String(text) => Ok(text),
                    _ => Err(wrong()),
                })
                .collect(),
            ValueKind::String(text) if self.is_text => Ok(split_at_commas(&text)),
            _ => Err(wrong()),
        }
    }
}

fn split_at_commas(text: &str) -> Vec<String> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .map(|part| part.trim().to_owned())
    .filter(|part| !part.is_empty())
    .collect()
}
