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

    /// The targets of each account, as scopes of their own. Everything is one.
    #[must_use]
    pub(crate) fn by_account(&self) -> Vec<Self> {
        let Self::Only(targets) = self else {
            return vec![Self::Everything];
        };
        let mut accounts: BTreeMap<(Provider, &str), Vec<TargetRef>> = BTreeMap::new();
        for target in targets.values() {
            let account = (target.provider(), target.account());
            accounts.entry(account).or_default().push(target.clone());
        }
        accounts.into_values().map(Self::only).collect()
    }

    /// These targets, without those at accounts where the other scope has some, if it is not
    /// everything.
    #[must_use]
    pub(crate) fn without_accounts_of(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Only(mut targets), Self::Only(others)) => {
                let is_there = |target: &TargetRef| {
                    let mut others = others.values();
                    others.any(|o| {
                        (o.provider(), o.account()) == (target.provider(), target.account())
                    })
                };
                targets.retain(|_, target| !is_there(target));
                Self::Only(targets)
            }
            (scope, _) => scope,
        }
    }

    /// The targets of all of these.
    pub(crate) fn of_all<'a>(scopes: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = BTreeMap::new();
        for scope in scopes {
            match scope {
                Self::Everything => return Self::Everything,
                Self::Only(targets) => all.extend(targets.clone()),
            }
        }
        Self::Only(all)
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
