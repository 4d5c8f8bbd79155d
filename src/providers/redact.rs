//! Texts from outside, made fit for errors and logs: without the key, in one short line.

use std::error::Error;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::encode;

/// The longest text, in characters, that is taken over from an answer or a library.
const LONGEST: usize = 200;

/// What stands where a key was.
const REDACTED: &str = "[key]";

/// Knows one key in all the forms in which it can come back.
pub(super) struct Redactor {
    forms: Vec<SecretString>,
}

impl Redactor {
    pub(super) fn new(key: &SecretString) -> Self {
        let key = key.expose_secret();
        let percent = encode::component(key);
        let mut forms = vec![
            key.to_owned(),
            percent.to_lowercase(),
            percent.replace("%20", "+"),
            percent,
            key.escape_debug().to_string(),
            serde_json::to_string(key).map_or_else(
                |_| key.to_owned(),
                |quoted| quoted.trim_matches('"').to_owned(),
            ),
        ];
        forms.retain(|form| !form.is_empty());
        // The longest first, so that no shorter form leaves a rest of a longer one behind.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        Self {
            forms: forms.into_iter().map(SecretString::from).collect(),
        }
    }

    /// The text without the key, on one line without control characters, cut to 200 characters.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for form in &self.forms {
            if text.contains(form.expose_secret()) {
                text = text.replace(form.expose_secret(), REDACTED);
            }
        }
        let visible: String = text
            .chars()
            .map(|c| if invisible(c) { ' ' } else { c })
            .collect();
        let mut line = String::new();
        for word in visible.split_whitespace() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if line.chars().count() > LONGEST {
            line = line.chars().take(LONGEST - 1).collect();
            line.push('…');
        }
        line
    }

    /// An error of the HTTP library with all its causes, cleaned. The address goes first: it
    /// carries the key in its query.
    pub(super) fn reason(&self, error: reqwest::Error) -> String {
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
        self.clean(&text)
    }
}

/// Control characters, and those that turn or hide the text around them.
fn invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-very \"secret&=+%";

    #[test]
    fn a_key_is_taken_out_in_every_form() {
        let redactor = Redactor::new(&SecretString::from(KEY));
        let echoed = [
            KEY.to_owned(),
            encode::component(KEY),
            encode::component(KEY).to_lowercase(),
            encode::component(KEY).replace("%20", "+"),
            format!("{KEY:?}"),
            serde_json::to_string(KEY).unwrap(),
        ];
        for form in echoed {
            let clean = redactor.clean(&format!("no such key: {form} (at all)"));
            assert!(clean.contains(REDACTED), "{clean}");
            assert!(!clean.contains("very"), "{clean}");
            assert!(!clean.contains("secret"), "{clean}");
        }
    }

    #[test]
    fn a_text_from_outside_is_one_short_line_without_control_characters() {
        let redactor = Redactor::new(&SecretString::from(KEY));
        assert_eq!(
            redactor.clean("a\r\n\u{1b}[31mb\u{202e}c\tx"),
            "a [31mb c x"
        );
        let long = redactor.clean(&"ä".repeat(1000));
        assert_eq!(long.chars().count(), LONGEST);
    }
}
