//! Makes texts from outside fit for errors and logs: without the key, on one short line.
//!
//! A key may come back cut short, in another case, and in whatever form the answer is written. So any
//! eight characters of it in a row are taken out, in each form that [`views`] can undo.

mod views;

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::error::Error;
use std::fmt;
use std::hash::BuildHasher as _;
use std::ops::Range;

use secrecy::{ExposeSecret, SecretString};

use views::View;

use crate::text::is_active;

/// The longest text that is taken from an answer or a library, in characters.
const LONGEST: usize = 200;
/// How much of a text is looked at, in bytes, to find those characters.
const LOOKED_AT: usize = 4096;
/// So many bytes of a key in a row are taken out.
const RUN: usize = 8;
/// Shorter keys are not looked for in hexadecimal and base64, where words could be taken for them.
const FEWEST_ENCODED: usize = 6;
/// How many layers of encoding are undone.
const LAYERS: usize = 4;

/// What replaces a key.
const REDACTED: &str = "[key]";

/// Recognizes one key in all the forms in which it can come back. It does not keep the key itself.
pub(crate) struct Redactor {
    /// Keyed hashes of each run of the key.
    runs: HashSet<u64>,
    hasher: RandomState,
    /// How long a run is, in bytes; 0 where there is no key.
    length: usize,
}

impl Redactor {
    pub(crate) fn new(key: &SecretString) -> Self {
        let key = key.expose_secret();
        let length = key.len().min(RUN);
        let hasher = RandomState::new();
        let mut runs = HashSet::new();
        if length > 0 {
            for spelling in [key.to_owned(), key.to_lowercase(), key.to_uppercase()] {
                let folded: Vec<u8> = spelling.bytes().map(fold).collect();
                runs.extend(folded.windows(length).map(|run| hasher.hash_one(run)));
            }
        }
        Self {
            runs,
            hasher,
            length,
        }
    }

    /// The text without the key, on one line without control characters, cut to 200 characters.
    pub(crate) fn clean(&self, text: &str) -> String {
        let text = &text[..text.floor_char_boundary(LOOKED_AT)];
        // Once more on the one line: joined lines may contain a run again.
        let mut line = self.cut(&one_line(&self.cut(text)));
        if line.chars().count() > LONGEST {
            line = line.chars().take(LONGEST - 1).collect();
            line.push('…');
        }
        line
    }

    /// An error of the HTTP library with all its causes, cleaned.
    pub(super) fn reason(&self, error: reqwest::Error) -> String {
        self.clean(&causes(error))
    }

    /// The text with every run of the key replaced.
    fn cut(&self, text: &str) -> String {
        let mut found = self.found(text);
        if found.is_empty() {
            return text.to_owned();
        }
        found.sort_unstable_by_key(|range| range.start);
        let mut cut = String::new();
        let mut kept_from = 0;
        for range in found {
            let start = text.floor_char_boundary(range.start);
            if start > kept_from || kept_from == 0 {
                cut.push_str(&text[kept_from..start.max(kept_from)]);
                cut.push_str(REDACTED);
            }
            kept_from = kept_from.max(text.ceil_char_boundary(range.end));
        }
        cut.push_str(&text[kept_from..]);
        cut
    }

    /// The ranges of the key's runs, in any form.
    fn found(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut layer = vec![views::plain(text)];
        let mut seen = HashSet::new();
        for _ in 0..LAYERS {
            layer.retain(|view| seen.insert(views::values(view)));
            for view in &layer {
                self.look_for(view, &mut found);
                if self.length < FEWEST_ENCODED {
                    continue;
                }
                for decoded in views::decoded(view, self.length) {
                    self.look_for(&decoded, &mut found);
                    for unescaped in views::unescaped(&decoded) {
                        self.look_for(&unescaped, &mut found);
                    }
                }
            }
            layer = layer.iter().flat_map(views::unescaped).collect();
        }
        found
    }

    fn look_for(&self, view: &View, found: &mut Vec<Range<usize>>) {
        if self.length == 0 {
            return;
        }
        let folded: Vec<u8> = view.iter().map(|byte| fold(byte.value)).collect();
        let runs = folded.windows(self.length).zip(view.windows(self.length));
        for (run, bytes) in runs {
            if let (Some(first), Some(last)) = (bytes.first(), bytes.last())
                && self.runs.contains(&self.hasher.hash_one(run))
            {
                found.push(first.from..last.to);
            }
        }
    }
}

/// Ignores case, and treats a blank like the `+` that forms write for it.
fn fold(byte: u8) -> u8 {
    match byte {
        b'+' => b' ',
        byte => byte.to_ascii_lowercase(),
    }
}

/// An error of the HTTP library with all its causes. The address goes first: it carries the key in
/// its query.
pub(super) fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

/// The text on one line, without control characters.
fn one_line(text: &str) -> String {
    let visible: String = text
        .chars()
        .map(|c| if is_active(c) { ' ' } else { c })
        .collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

#[cfg(test)]
mod tests;
