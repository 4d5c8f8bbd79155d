//! Texts from outside, made fit for errors and logs: without the key, in one short line.

use std::error::Error;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::encode;

/// The longest text, in characters, that is taken over from an answer or a library.
const LONGEST: usize = 200;

/// Fewer digits of base64 are not taken for a key.
const FEWEST_DIGITS: usize = 8;

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
        let lower = lower_hex(&percent);
        let mut forms = vec![
            key.to_owned(),
            encode::component(&percent),
            encode::component(&lower),
            lower,
            percent.replace("%20", "+"),
            percent,
            key.escape_debug().to_string(),
            serde_json::to_string(key).map_or_else(
                |_| key.to_owned(),
                |quoted| quoted.trim_matches('"').to_owned(),
            ),
        ];
        forms.extend(in_html(key));
        for digits in (0..3).filter_map(|before| in_base64(key, before)) {
            forms.push(digits.replace('+', "-").replace('/', "_"));
            forms.push(digits);
        }
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

/// What is percent-encoded, with its hexadecimal digits in lower case and all else as it is.
fn lower_hex(encoded: &str) -> String {
    let mut digits = 0_u8;
    let lower = |c: char| {
        if c == '%' {
            digits = 2;
            return c;
        }
        let is_digit = digits > 0;
        digits = digits.saturating_sub(1);
        if is_digit { c.to_ascii_lowercase() } else { c }
    };
    encoded.chars().map(lower).collect()
}

/// The key as an HTML page shows it, by the ways in which quotes are written.
fn in_html(key: &str) -> impl Iterator<Item = String> {
    let plain = key
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let quotes = ["\"", "&quot;", "&#34;", "&#x22;"];
    let apostrophes = ["'", "&#39;", "&#x27;", "&apos;"];
    quotes.into_iter().flat_map(move |quote| {
        let quoted = plain.replace('"', quote);
        apostrophes.map(|apostrophe| quoted.replace('\'', apostrophe))
    })
}

/// What base64 makes of the key, wherever it stands in what is encoded, as a password after a name
/// does: `before` bytes of a group of three go before it. Only the digits that are the key's alone;
/// too few of them could be a word.
fn in_base64(key: &str, before: usize) -> Option<String> {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(key.as_bytes());
    let whole = bytes.len() * 8 / 6;
    let digits = STANDARD.encode(&bytes);
    let own = digits.get((before * 8).div_ceil(6)..whole)?;
    (own.len() >= FEWEST_DIGITS).then(|| own.to_owned())
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

    const KEY: &str = "Sk-Very \"Secret&=+%";

    #[test]
    fn a_key_is_taken_out_in_every_form() {
        let redactor = Redactor::new(&SecretString::from(KEY));
        let echoed = [
            KEY.to_owned(),
            encode::component(KEY),
            "Sk-Very%20%22Secret%26%3d%2b%25".to_owned(),
            "Sk-Very%2520%2522Secret%2526%253d%252b%2525".to_owned(),
            encode::component(KEY).replace("%20", "+"),
            format!("{KEY:?}"),
            serde_json::to_string(KEY).unwrap(),
            encode::component(&encode::component(KEY)),
            "Sk-Very &quot;Secret&amp;=+%".to_owned(),
            "Sk-Very &#34;Secret&amp;=+%".to_owned(),
        ];
        for form in echoed {
            let clean = redactor.clean(&format!("no such key: {form} (at all)"));
            assert!(clean.contains(REDACTED), "{clean}");
            assert!(!clean.contains("Very"), "{clean}");
            assert!(!clean.contains("Secret"), "{clean}");
        }
    }

    #[test]
    fn a_key_in_base64_is_taken_out_wherever_it_stands_in_what_was_encoded() {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let redactor = Redactor::new(&SecretString::from(KEY));
        for name in ["", "u", "me", "bot", "robot@acme.example"] {
            for (before, after) in [("", ""), (":", ""), ("", ":"), (":", ":x")] {
                let pair = format!("{name}{before}{KEY}{after}");
                for text in [STANDARD.encode(&pair), URL_SAFE_NO_PAD.encode(&pair)] {
                    let clean = redactor.clean(&text);
                    assert!(clean.contains(REDACTED), "{pair}: {clean}");
                    // Of the key's 19 bytes at most the first and the last are left, and no whole one.
                    let left = clean.replace(REDACTED, "");
                    assert!(
                        left.len() <= text.len() - (KEY.len() - 2) * 4 / 3,
                        "{clean}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_short_key_does_not_take_words_out_that_base64_could_have_made() {
        let redactor = Redactor::new(&SecretString::from("i\u{b7}Z"));
        assert_eq!(redactor.clean("a basic answer"), "a basic answer");
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
