//! What a grant gives access to: a whitelist or a team.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::text::escaped;

/// Which service a target belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Provider {
    /// The Sentius whitelist: it can be changed but not read.
    Sentius,
    /// Sapling teams: they can be changed and read.
    Sapling,
}

impl Provider {
    /// The name as it stands before the colon of a target.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sentius => "sentius",
            Self::Sapling => "sapling",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `sentius:ACCOUNT` or `sapling:ACCOUNT/TEAM`, where TEAM is a team's name or id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Target {
    /// An organization's whitelist.
    Sentius {
        /// The account's `name` in the configuration.
        account: String,
    },
    /// A team of an account.
    Sapling {
        /// The account's `name` in the configuration.
        account: String,
        /// The team's name or id.
        team: String,
    },
}

/// Why a text is not a target.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not a target: {why}; targets are sentius:ACCOUNT and sapling:ACCOUNT/TEAM")]
pub struct TargetError {
    text: String,
    why: &'static str,
}

impl Target {
    /// The service.
    #[must_use]
    pub fn provider(&self) -> Provider {
        match self {
            Self::Sentius { .. } => Provider::Sentius,
            Self::Sapling { .. } => Provider::Sapling,
        }
    }

    /// The account's `name` in the configuration.
    #[must_use]
    pub fn account(&self) -> &str {
        match self {
            Self::Sentius { account } | Self::Sapling { account, .. } => account,
        }
    }

    /// The account by its whole name, such as `sentius:acme`.
    #[must_use]
    pub(crate) fn account_name(&self) -> String {
        format!("{}:{}", self.provider(), self.account())
    }

    /// The target as it is written, with whatever the team's name holds: for machines.
    #[must_use]
    pub fn written(&self) -> String {
        Written(self).to_string()
    }

    /// The team's name or id, where the target is a team.
    #[must_use]
    pub fn team(&self) -> Option<&str> {
        match self {
            Self::Sentius { .. } => None,
            Self::Sapling { team, .. } => Some(team),
        }
    }
}

/// A target as it is written.
struct Written<'a>(&'a Target);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Target::Sentius { account } => write!(f, "sentius:{account}"),
            Target::Sapling { account, team } => write!(f, "sapling:{account}/{team}"),
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let refuse = |why| TargetError {
            text: text.to_owned(),
            why,
        };
        if text.chars().any(char::is_control) {
            return Err(refuse("it holds a control character"));
        }
        Self::observed(text)
    }
}

impl Target {
    /// Reads a target as it was written down before: a provider may have given its team any name.
    ///
    /// # Errors
    /// Tells what is wrong with the text.
    fn observed(text: &str) -> Result<Self, TargetError> {
        let refuse = |why| TargetError {
            text: text.to_owned(),
            why,
        };
        let (provider, rest) = text
            .split_once(':')
            .ok_or_else(|| refuse("there is no colon"))?;
        match provider {
            "sentius" if rest.contains('/') => Err(refuse("a whitelist has no teams")),
            "sentius" if rest.is_empty() => Err(refuse("the account is missing")),
            "sentius" => Ok(Self::Sentius {
                account: rest.to_owned(),
            }),
            "sapling" => match rest.split_once('/') {
                Some(("", _)) => Err(refuse("the account is missing")),
                None | Some((_, "")) => Err(refuse("the team is missing")),
                Some((account, team)) => Ok(Self::Sapling {
                    account: account.to_owned(),
                    team: team.to_owned(),
                }),
            },
            _ => Err(refuse("the service is neither sentius nor sapling")),
        }
    }
}

/// For people: what a provider calls a team may hold control characters, and they are escaped.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped(&self.written(), f)
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Written(self))
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::observed(&text).map_err(D::Error::custom)
    }
}

/// A target's number in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub i64);

/// A target that is on record: its number, and its name as it is shown.
///
/// Cheap to copy around, since many people share a target. Ordered by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TargetRef {
    target: Arc<Target>,
    id: TargetId,
}

impl PartialOrd for TargetRef {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TargetRef {
    fn cmp(&self, other: &Self) -> Ordering {
        // Most that are compared are one and the same: people of one team.
        if Arc::ptr_eq(&self.target, &other.target) {
            return self.id.cmp(&other.id);
        }
        (&self.target, self.id).cmp(&(&other.target, other.id))
    }
}

impl TargetRef {
    /// Why nothing can be sent there: its account is not configured.
    pub(crate) fn not_configured(&self) -> String {
        format!(
            "no [[{}]] account named {:?} is configured",
            self.provider(),
            self.account()
        )
    }

    /// Puts number and name together.
    #[must_use]
    pub fn new(id: TargetId, target: Target) -> Self {
        Self {
            target: Arc::new(target),
            id,
        }
    }

    /// The target alone.
    pub(crate) fn to_target(&self) -> Target {
        Target::clone(&self.target)
    }

    /// The number.
    #[must_use]
    pub fn id(&self) -> TargetId {
        self.id
    }
}

impl Deref for TargetRef {
    type Target = Target;

    fn deref(&self) -> &Target {
        &self.target
    }
}

impl fmt::Display for TargetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}

impl Serialize for TargetRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.target.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_written_as_it_is_read() {
        for text in [
            "sentius:acme",
            "sapling:acme/Core",
            "sapling:acme/Sales / EMEA: east",
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_target_is_refused_with_the_reason() {
        for (text, why) in [
            ("acme", "no colon"),
            ("sentius:", "account is missing"),
            ("sentius:acme/Core", "no teams"),
            ("sapling:acme", "team is missing"),
            ("sapling:acme/", "team is missing"),
            ("sapling:/Core", "account is missing"),
            ("github:acme", "neither"),
            ("sapling:acme/Co\nre", "control"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }
}
