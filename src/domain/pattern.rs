//! A protected address, or a pattern of them with `*`.

use std::borrow::Cow;
use std::fmt;

use idna::uts46::{AsciiDenyList, Hyphens, Uts46};

use thiserror::Error;

use super::email::{Email, canonical_domain, composed_lower, without_needless};

/// Signs that an address may hold by RFC 5322 and hardly ever does, and that mean something in other
/// languages of patterns. A `*` can stand in their place.
const ELSEWHERE: &str = "!?%^$|{}`~#";

/// `ceo@acme.com` or `*@board.acme.com`; matched by the canonical form of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// In lower case, as a person reads it.
    written: String,
    /// With the domain in IDNA-ASCII, but for labels with a `*`: what keys are compared with.
    ascii: String,
    /// With the domain in Unicode: `*` inside a label stands for characters that people see.
    unicode: String,
}

/// Why a text is not a pattern: it would protect nobody, and nobody would notice.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// Nothing was there.
    #[error("a pattern is empty; write addresses or patterns such as \"*@example.com\"")]
    Empty,
    /// Not of the form of an address, whatever `*` stands for.
    #[error("{text:?} matches no address; write one, or a pattern such as {example:?}")]
    NoAddress {
        /// What was written.
        text: String,
        /// What may be meant.
        example: String,
    },
    /// A sign of another language of patterns.
    #[error(
        "{text:?} matches no likely address, for its {sign:?}: the one sign is *, for any characters or none; write * in place of it, or leave it out"
    )]
    Elsewhere {
        /// What was written.
        text: String,
        /// The sign.
        sign: String,
    },
}

impl Pattern {
    /// Reads a pattern that a person gave: an address, an address with `*` in its name or its domain
    /// or both, or `*` alone.
    ///
    /// # Errors
    /// Tells what would match nobody who can exist.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let pattern = Self::new(text);
        let written = pattern.written.as_str();
        if written.is_empty() {
            return Err(PatternError::Empty);
        }
        if written == "*" {
            return Ok(pattern);
        }
        let no_address = |example: String| PatternError::NoAddress {
            text: text.to_owned(),
            example,
        };
        let Some((local, domain)) = written.rsplit_once('@') else {
            return Err(no_address("*@example.com".to_owned()));
        };
        let fits = |local: &str| {
            // In a domain it may stand for a dot too.
            let one = format!("{}@{}", local.replace('*', "a"), domain.replace('*', "a.a"));
            Email::parse(&one).is_ok()
        };
        let sign = local
            .find(|c| ELSEWHERE.contains(c))
            .map(|at| &local[at..=at]);
        // `.+` and `.*` are of regular expressions; the latter may as well be a dot before any word.
        let sign = sign.or(local.contains(".+").then_some(".+"));
        match sign {
            _ if fits(local) && sign.is_none() => Ok(pattern),
            Some(sign) if fits("a") && local != ".+" => Err(PatternError::Elsewhere {
                text: text.to_owned(),
                sign: sign.to_owned(),
            }),
            _ if fits("a") && ["", ".*", ".+"].contains(&local) => {
                Err(no_address(format!("*@{domain}")))
            }
            _ => Err(no_address("*@example.com".to_owned())),
        }
    }

    /// Takes a pattern as it was written.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let written = without_needless(&composed_lower(text.trim())).into_owned();
        Self {
            ascii: with_labels(&written, |label| {
                canonical_domain(label).map_or(Cow::Borrowed(label), Cow::Owned)
            }),
            unicode: with_labels(&written, unicode),
            written,
        }
    }

    /// Whether the address is meant. `*` stands for any run of characters, also an empty one.
    #[must_use]
    pub fn matches(&self, email: &Email) -> bool {
        let key = email.key();
        if glob(&self.ascii, key) {
            return true;
        }
        // Plain ASCII on both sides has one form.
        (self.unicode != self.ascii || key.contains("xn--"))
            && glob(&self.unicode, &with_labels(key, unicode))
    }
}

/// The text with each label of its domain, or of all of it where there is no `@`, in another form.
/// Labels with a `*` stay: they are not whole.
fn with_labels<'a>(text: &'a str, form: impl Fn(&'a str) -> Cow<'a, str>) -> String {
    let at = text.rfind('@').map_or(0, |at| at + 1);
    let (local, domain) = text.split_at(at);
    let labels = domain.split('.').map(|label| match label.contains('*') {
        true => Cow::Borrowed(label),
        false => form(label),
    });
    let labels: Vec<Cow<'_, str>> = labels.collect();
    format!("{local}{}", labels.join("."))
}

/// A label as people write it.
fn unicode(label: &str) -> Cow<'_, str> {
    let form = Uts46::new();
    let (text, refused) = form.to_unicode(label.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow);
    refused.map_or(Cow::Borrowed(label), |()| text)
}

/// Whether a whole text is of the form of a pattern.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_addresses_in_each_of_their_forms() {
        for (pattern, address, matches) in [
            ("ceo@acme.com", "CEO@Acme.com", true),
            (" ceo@acme.com ", "ceo@acme.com\u{a0}", true),
            ("ceo@acme.com", "xceo@acme.com", false),
            ("ceo@acme.com", "ceo@acme.com.evil.example", false),
            ("*@board.acme.com", "a@board.acme.com", true),
            ("*@board.acme.com", "a@acme.com", false),
            ("root*@*.acme.com", "root-2@eu.acme.com", true),
            ("*", "anybody@example.com", true),
            ("a*a@x.com", "a@x.com", false),
            ("*ab", "aab", true),
            (
                "*@bücher.example",
                "jo\u{308}rg@XN--bcher-kva.example",
                true,
            ),
            ("*@xn--bcher-kva.example", "jörg@Bücher.example", true),
            ("*@bücher.example", "jörg@bucher.example", false),
            (
                "JÖRG@*.bücher.example",
                "jörg@eu.xn--bcher-kva.example",
                true,
            ),
            ("*@*.xn--bcher-kva.example", "a@eu.bücher.example", true),
            ("*@büch*.example", "a@xn--bcher-kva.example", true),
            ("*@*cher.example", "a@xn--bcher-kva.example", true),
            ("*bücher.example", "a@bücher.example", true),
            ("jö.rg*", "JÖ.rg@bücher.example", true),
            ("jörg*", "a@bücher.example", false),
            ("ceo@acme.com", "ceo@acme.com.", true),
            ("ceo@acme.com", "\"CEO\"@acme.com", true),
            ("\"ceo\"@acme.com.", "ceo@acme.com", true),
            ("*@board.acme.com.", "\"a\"@board.acme.com", true),
        ] {
            assert_eq!(
                Pattern::new(pattern).matches(&Email::observed(address)),
                matches,
                "{pattern} on {address}"
            );
        }
    }

    #[test]
    fn addresses_and_addresses_with_stars_are_patterns() {
        for text in [
            "*",
            "ceo@acme.com",
            " ceo@acme.com ",
            "*@board.acme.com",
            "*@*.acme.com",
            "*@acme.*",
            "eve@*",
            "*@*",
            "*@acme*",
            "p1*@example.com",
            "*.admin@example.com",
            "o'neil+x_y-z=a&b/c@example.com",
            "jörg@bücher.example",
            "*@büch*.example",
            "ceo@acme.com.",
            "\"ceo\"@acme.com",
        ] {
            assert!(Pattern::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_matches_nobody_is_no_pattern() {
        for text in [
            "",
            "x.com",
            "jane",
            "@x.com",
            "u@x.com,v@x.com",
            "u@x.com v@x.com",
            "mailto:u@x.com",
            "<u@x.com>",
            "u@x.com;",
            "u@x.com..",
            "u@x",
            "ceo@",
            "*@",
            "!u@x.com",
            "u?@x.com",
            "u%@x.com",
            "#u@x.com",
            ".*@x.com",
            ".+@x.com",
            "u.+@x.com",
            "^u@x.com$",
            "(u|v)@x.com",
            "[a-z]*@x.com",
            "u{1}@x.com",
            "%@x.com",
            "/.*@x/",
            "*.x.com",
            "*@.x.com",
            "*@x",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told_with_what_may_be_meant() {
        for (text, said) in [
            ("@x.com", "such as \"*@x.com\""),
            (".*@x.com", "such as \"*@x.com\""),
            (".+@x.com", "such as \"*@x.com\""),
            ("mailto:u@x.com", "such as \"*@example.com\""),
            ("*.x.com", "such as \"*@example.com\""),
            ("%@x.com", "for its \"%\": the one sign is *"),
        ] {
            let error = Pattern::parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
