//! A protected address, or a pattern of them with `*`.

use std::fmt;

use crate::domain::Email;

/// `ceo@acme.com` or `*@board.acme.com`; matched without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Takes a pattern as it was written.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_lowercase())
    }

    /// Whether the address is meant. `*` stands for any run of characters, also an empty one.
    #[must_use]
    pub fn matches(&self, email: &Email) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts
            .next()
            .and_then(|first| email.key().strip_prefix(first))
        else {
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
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_addresses_without_case() {
        for (pattern, address, matches) in [
            ("ceo@acme.com", "CEO@Acme.com", true),
            ("ceo@acme.com", "xceo@acme.com", false),
            ("ceo@acme.com", "ceo@acme.com.evil.example", false),
            ("*@board.acme.com", "a@board.acme.com", true),
            ("*@board.acme.com", "a@acme.com", false),
            ("root*@*.acme.com", "root-2@eu.acme.com", true),
            ("*", "anybody@example.com", true),
            ("a*a@x.com", "a@x.com", false),
            ("*ab", "aab", true),
        ] {
            assert_eq!(
                Pattern::new(pattern).matches(&Email::observed(address)),
                matches,
                "{pattern} on {address}"
            );
        }
    }
}
