//! The scope of a pass: everything, or only some targets.

use std::collections::BTreeMap;

use super::{Provider, TargetId, TargetRef};

/// What a pass is about. Outside of it nothing is read, planned or withdrawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// All targets.
    #[default]
    Everything,
    /// These, and no others.
    Only(BTreeMap<TargetId, TargetRef>),
}

impl Scope {
    /// These targets.
    pub fn only(targets: impl IntoIterator<Item = TargetRef>) -> Self {
        Self::Only(targets.into_iter().map(|t| (t.id(), t)).collect())
    }

    /// Whether it is everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::Everything
    }

    /// Whether the target is within.
    #[must_use]
    pub fn holds(&self, target: TargetId) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(targets) => targets.contains_key(&target),
        }
    }

    /// Whether a team of this account is within.
    #[must_use]
    pub fn holds_teams_of(&self, account: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(targets) => targets
                .values()
                .any(|t| t.provider() == Provider::Sapling && t.account() == account),
        }
    }
}
