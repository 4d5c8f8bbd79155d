//! A protected address, or a pattern of them with `*`.

use std::borrow::Cow;
use std::fmt;

use idna::uts46::{AsciiDenyList, Hyphens, Uts46};

use super::email::{Email, canonical_domain, composed_lower};

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

impl Pattern {
    /// Takes a pattern as it was written.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let written = composed_lower(text.trim());
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
        ] {
            assert_eq!(
                Pattern::new(pattern).matches(&Email::observed(address)),
                matches,
                "{pattern} on {address}"
            );
        }
    }
}
