//! The name of a file that grants come from, as `import --source` states it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest name.
const LONGEST: usize = 64;

/// The name of a source of grants, such as `access-repo`. One that is read from the records is taken as
/// it stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceName(String);

/// Why a text is no name of a source.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no name of a source: write 1 to {LONGEST} of the small letters a to z, digits, '-', '_' and '.', beginning with a letter or a digit, such as access-repo"
)]
pub struct SourceNameError(String);

impl SourceName {
    /// A name on record.
    pub(crate) fn recorded(name: String) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SourceName {
    type Err = SourceNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let fits = text.len() <= LONGEST
            && text.starts_with(is_plain)
            && text.chars().all(|c| is_plain(c) || "-_.".contains(c));
        match fits {
            true => Ok(Self(text.to_owned())),
            false => Err(SourceNameError(text.to_owned())),
        }
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_of_a_small_alphabet() {
        for good in ["hr", "access-repo", "team_a.csv", "2026", &"a".repeat(64)] {
            assert_eq!(good.parse::<SourceName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "HR",
            "-x",
            ".x",
            "a b",
            "a/b",
            "jörg",
            "a\n",
            &"a".repeat(65),
        ] {
            let why = bad.parse::<SourceName>().unwrap_err().to_string();
            assert!(why.contains("such as access-repo"), "{why}");
        }
    }
}
