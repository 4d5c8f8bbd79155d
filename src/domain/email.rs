//! An email address: sent as it was first written, matched by its canonical form.

mod canonical;

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

pub(crate) use canonical::{canonical, canonical_domain, composed_lower, without_needless};

use crate::text::escaped;

/// The longest address a mail system must carry (RFC 5321, 4.5.3.1.3, less the angle brackets).
const LONGEST: usize = 254;

/// A person's address.
///
/// Providers match an address byte for byte (Sentius: "the exact address the person will use to
/// authenticate"), people write it as they like. So the written form is kept for calls, and two
/// addresses are equal when their canonical forms are: trimmed, NFC, the domain in IDNA-ASCII, in
/// lower case, without needless quotes and without the root's dot.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Email {
    written: Box<str>,
    /// The canonical form, where that is another text: most addresses are written so.
    key: Option<Box<str>>,
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EmailError {
    /// Nothing was there.
    #[error("the address is empty")]
    Empty,
    /// More than 254 bytes.
    #[error("the address is longer than {LONGEST} bytes")]
    TooLong,
    /// A line break, tab or another control character, or a space.
    #[error("the address holds a space, a line break or another control character")]
    Unprintable,
    /// Not of the form `person@example.com`.
    #[error("{0:?} is not an address such as jane@example.com")]
    Malformed(String),
}

impl Email {
    /// Reads an address that a person gave: strict, so that a typing error is found at once. Blanks
    /// around it are left out.
    ///
    /// # Errors
    /// Tells what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(EmailError::Empty);
        }
        if text.len() > LONGEST {
            return Err(EmailError::TooLong);
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(EmailError::Unprintable);
        }
        let malformed = || EmailError::Malformed(text.to_owned());
        // Some keyboards write a letter and its mark apart; they are checked as one letter.
        let composed = composed_lower(text);
        let (local, domain) = composed.rsplit_once('@').ok_or_else(malformed)?;
        let ascii = canonical_domain(domain);
        let domain = ascii.as_deref().unwrap_or(domain);
        if !plausible_domain(domain) || lettre::Address::new(local, domain).is_err() {
            return Err(malformed());
        }
        Ok(Self::observed(text))
    }

    /// Takes an address as a provider or the database gave it, whatever it looks like: refusing it
    /// would hide a person who is there.
    #[must_use]
    pub fn observed(text: &str) -> Self {
        Self::from(text.to_owned())
    }

    /// The address as it was first written: what providers and mail servers are sent.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whether it is the same address in the same spelling, which a provider may match as text.
    #[must_use]
    pub(crate) fn is_spelled_as(&self, other: &Self) -> bool {
        self.written == other.written
    }

    /// The canonical form: what the address is matched, stored and sorted by.
    #[must_use]
    pub fn key(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.written)
    }
}

/// The same as [`Email::observed`].
impl From<String> for Email {
    fn from(text: String) -> Self {
        let key = match canonical(&text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(key) => Some(key.into_boxed_str()),
        };
        Self {
            written: text.into_boxed_str(),
            key,
        }
    }
}

/// `lettre` takes any label sequence; for access we also want a dot and labels that can exist.
fn plausible_domain(domain: &str) -> bool {
    let labels: Vec<&str> = domain.split('.').collect();
    labels.len() >= 2
        && labels.iter().all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        })
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Email {}

impl Hash for Email {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialOrd for Email {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Email {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(other.key())
    }
}

/// As it was first written.
impl Serialize for Email {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

/// For people: what a provider sent may hold control characters, and they are escaped.
impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped(&self.written, f)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email({:?})", self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_matched_without_case_and_kept_as_written() {
        let one = Email::parse("Jane.Doe+x@Example.COM").unwrap();
        let two = Email::parse("jane.doe+X@example.com").unwrap();
        assert_eq!(one, two);
        assert_eq!(one.written(), "Jane.Doe+x@Example.COM");
        assert_eq!(one.key(), "jane.doe+x@example.com");
    }

    #[test]
    fn unusual_but_legal_addresses_are_taken() {
        for text in [
            "o'neil@example.com",
            "a%b@example.com",
            "a&b#c@example.com",
            "jürgen@bücher.example",
            "x@sub.domain.example",
            "jo\u{308}rg@bu\u{308}cher.example",
            "x@हिन्दी.example",
        ] {
            assert!(Email::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "jane",
            "jane@",
            "@example.com",
            "jane@example",
            "jane@@example.com",
            "jane doe@example.com",
            "jane@exa mple.com",
            "jane@example.com\nBcc: x@example.com",
            "jane@-example.com",
            "jane@example..com",
            "jane@example.com.",
            "<jane@example.com>",
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(
            Email::parse(&format!("{}@example.com", "a".repeat(300))),
            Err(EmailError::TooLong)
        );
    }
}
