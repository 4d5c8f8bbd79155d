//! When nothing may be removed: clocks that disagree. Pure.
//!
//! An end is only as reliable as the clock it is measured by, and the providers' answers are the
//! only other clocks there are. Each account is judged on its own.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::domain::Target;

/// What the clocks say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clocks {
    /// How far each account's clock is ahead of ours (behind: negative), for those that have told.
    pub accounts: BTreeMap<String, SignedDuration>,
    /// How far our clock moved more (less: negative) than time went by since the pass began.
    pub jumped: SignedDuration,
    /// The most by which two clocks may differ (`guard.max_clock_skew`).
    pub most: SignedDuration,
}

impl Clocks {
    /// Why our clock is not to be trusted at all, if so.
    #[must_use]
    pub(crate) fn jump(&self) -> Option<String> {
        (self.jumped.unsigned_abs() > self.most.unsigned_abs()).then(|| {
            format!(
                "this machine's clock jumped by {:#} while the pass was running",
                self.jumped
            )
        })
    }

    /// Why nothing may be removed at an account, if so: its clock differs from ours, or no answer
    /// has told what it is. The words stay the same while that is so.
    #[must_use]
    pub(crate) fn doubt(&self, account: &str) -> Option<String> {
        if let Some(jump) = self.jump() {
            return Some(jump);
        }
        match self.accounts.get(account) {
            None => Some(format!(
                "no answer of {account} has confirmed this machine's clock"
            )),
            Some(skew) if self.differs(*skew) => Some(format!(
                "this machine's clock is {} that of {account} by more than guard.max_clock_skew = {:#}",
                if skew.is_negative() {
                    "ahead of"
                } else {
                    "behind"
                },
                self.most
            )),
            Some(_) => None,
        }
    }

    /// Whether the target's account has told the time, and differs.
    #[must_use]
    pub(crate) fn has_told(&self, target: &Target) -> bool {
        self.accounts
            .get(&target.account_name())
            .is_some_and(|skew| self.differs(*skew))
    }

    /// The accounts whose clocks differ from ours by more than may be, in words with the number.
    pub(crate) fn differing(&self) -> impl Iterator<Item = (&str, String)> {
        self.differences().map(|(account, difference)| {
            let words = format!(
                "{difference}: nothing is removed there, and no end, age or absence is derived"
            );
            (account, words)
        })
    }

    /// The same, without what follows from it.
    pub(crate) fn differences(&self) -> impl Iterator<Item = (&str, String)> {
        let differing = self
            .accounts
            .iter()
            .filter(|(_, skew)| self.differs(**skew));
        differing.map(|(account, skew)| {
            let direction = if skew.is_negative() { "ahead of" } else { "behind" };
            let words = format!(
                "this machine's clock is {:#} {direction} that of {account} (guard.max_clock_skew = {:#})",
                round(skew.abs()),
                self.most
            );
            (account.as_str(), words)
        })
    }

    /// Whether times may be stored and shown: an account has confirmed our clock, and none
    /// contradicts it.
    #[must_use]
    pub(crate) fn is_confirmed(&self) -> bool {
        self.jump().is_none() && !self.accounts.is_empty() && self.differing().next().is_none()
    }

    /// Whether two clocks that are so far apart differ.
    #[must_use]
    pub(crate) fn differs(&self, skew: SignedDuration) -> bool {
        skew.unsigned_abs() > self.most.unsigned_abs()
    }
}

fn round(span: SignedDuration) -> SignedDuration {
    SignedDuration::from_secs(span.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clocks(skews: &[(&str, i64)]) -> Clocks {
        Clocks {
            accounts: skews
                .iter()
                .map(|(name, skew)| ((*name).to_owned(), SignedDuration::from_secs(*skew)))
                .collect(),
            jumped: SignedDuration::ZERO,
            most: SignedDuration::from_mins(5),
        }
    }

    #[test]
    fn clocks_within_the_limit_are_trusted_on_both_sides() {
        for skew in [0, 299, 300, -300] {
            let clocks = clocks(&[("sentius:acme", skew)]);
            assert_eq!(clocks.doubt("sentius:acme"), None, "{skew}");
            assert!(clocks.is_confirmed());
        }
    }

    #[test]
    fn an_account_whose_clock_differs_stops_what_is_done_there_and_nothing_else() {
        for (skew, words) in [(301, "behind that of"), (-86_400, "ahead of that of")] {
            let clocks = clocks(&[("sapling:acme", 1), ("sentius:acme", skew)]);
            let doubt = clocks.doubt("sentius:acme").unwrap();
            assert!(doubt.contains(words), "{doubt}");
            assert_eq!(clocks.doubt("sapling:acme"), None);
            let (account, told) = clocks.differing().next().unwrap();
            assert_eq!(account, "sentius:acme");
            assert!(told.contains(words), "{told}");
            assert!(!clocks.is_confirmed());
        }
    }

    #[test]
    fn an_account_that_has_not_told_the_time_confirms_nothing() {
        let clocks = clocks(&[("sapling:acme", 1)]);
        let doubt = clocks.doubt("sentius:acme").unwrap();
        assert!(doubt.contains("no answer of sentius:acme"), "{doubt}");
        assert!(clocks.is_confirmed());
        assert!(!Clocks::default().is_confirmed());
    }

    #[test]
    fn a_clock_that_jumps_while_a_pass_runs_is_not_trusted() {
        for (seconds, trusted) in [(0, true), (-300, true), (301, false), (-301, false)] {
            let clocks = Clocks {
                jumped: SignedDuration::from_secs(seconds),
                ..clocks(&[("sapling:acme", 0)])
            };
            assert_eq!(clocks.doubt("sapling:acme").is_none(), trusted, "{seconds}");
        }
    }
}
