//! One table of the configuration, read key by key: a key that no code has asked for is unknown.
//!
//! So the code that reads a key is the only list of known keys. Reading goes on after a mistake, so
//! that all of them are reported at once.

use config::{Map, Value, ValueKind};

use super::error::Report;
use super::lines::join;

/// The value as read, or a description of what would be right.
pub(super) type Read<T> = Result<T, String>;

/// A table, and where it stands.
pub(super) struct Section<'r> {
    path: String,
    entries: Map<String, Value>,
    known: Vec<&'static str>,
    report: &'r Report,
}

impl<'r> Section<'r> {
    pub(super) fn root(entries: Map<String, Value>, report: &'r Report) -> Self {
        Self {
            path: String::new(),
            entries,
            known: Vec::new(),
            report,
        }
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
        let value = self.take(key)?;
        let path = join(&self.path, key);
        let leaf = Leaf {
            kind: value.kind,
            is_text: self.report.is_variable(&path),
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
        if !self.entries.contains_key(key) {
            self.report
                .add(&join(&self.path, key), "this key is missing");
        }
        self.read(key, reader)
    }

    /// Whether the key is there, good or bad.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The table below a key.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'r>> {
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
            let nearest = nearest(key, &self.known)
                .map(|known| join(&self.path, known))
                .map_or_else(String::new, |known| {
                    format!("; the nearest known one is {known}")
                });
            self.report
                .add(&join(&self.path, key), format!("unknown key{nearest}"));
        }
    }
}

/// The known word that takes the fewest changes to become `word`.
fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let word = word.to_lowercase();
    known
        .iter()
        .min_by_key(|known| strsim::damerau_levenshtein(&word, known))
        .copied()
}

/// A value below a key.
pub(super) struct Leaf {
    kind: ValueKind,
    /// From the environment, where numbers, switches and lists are written as texts too.
    is_text: bool,
}

impl Leaf {
    pub(super) fn text(self) -> Read<String> {
        match self.kind {
            ValueKind::String(text) if text.trim().is_empty() => {
                Err("this is empty; write a text or leave the key out".to_owned())
            }
            ValueKind::String(text) => Ok(text),
            _ => Err("this is not a text; write one in quotes".to_owned()),
        }
    }

    pub(super) fn switch(self) -> Read<bool> {
        match self.kind {
            ValueKind::Boolean(on) => Some(on),
            ValueKind::String(text) if self.is_text => text.trim().to_lowercase().parse().ok(),
            _ => None,
        }
        .ok_or_else(|| "this is not a switch; write true or false, without quotes".to_owned())
    }

    pub(super) fn whole(self) -> Read<u64> {
        match self.kind {
            ValueKind::I64(number) => u64::try_from(number).ok(),
            ValueKind::String(text) if self.is_text => text.trim().parse().ok(),
            _ => None,
        }
        .ok_or_else(|| "this is not a whole number from 0 on; write one without quotes".to_owned())
    }

    pub(super) fn number(self) -> Read<f64> {
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
