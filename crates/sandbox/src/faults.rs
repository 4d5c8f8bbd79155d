//! What goes wrong on purpose: rules that say which call meets which fault.

mod rule;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use rule::{Answer, Fault, Rule, Times, When};

/// The rules of one stand-in; clones share them.
///
/// A call is held against the rules in the order in which they were added. Faults that only
/// colour an answer ([`Fault::Delay`], [`Fault::DateSkew`], [`Fault::Omit`],
/// [`Fault::EmptyLists`]) add up; the first other one ends the search, so that later rules keep
/// their `times` for later calls.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    inner: Arc<Mutex<Script>>,
}

#[derive(Debug, Default)]
struct Script {
    rules: Vec<Rule>,
    dice: u64,
}

impl Faults {
    /// Adds a rule behind the others.
    pub fn add(&self, rule: Rule) {
        self.lock().rules.push(rule);
    }

    /// The next call that matches meets the fault.
    pub fn once(&self, when: When, fault: Fault) {
        self.add(Rule::new(when, fault));
    }

    /// Every call that matches meets the fault, until [`Faults::clear`].
    pub fn always(&self, when: When, fault: Fault) {
        self.add(Rule::new(when, fault).always());
    }

    /// Sets the dice that rules with a chance are decided by: the same seed gives the same
    /// throws, in the order in which calls arrive.
    pub fn seed(&self, seed: u64) {
        self.lock().dice = seed;
    }

    /// Forgets all rules: everything works again.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// Whether no rule is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().rules.is_empty()
    }

    /// What a call meets, counted as met.
    pub(super) fn meet(&self, method: &str, path: &str, emails: &[String]) -> Vec<Fault> {
        let mut script = self.lock();
        let Script { rules, dice } = &mut *script;
        let mut met = Vec::new();
        for rule in rules.iter_mut() {
            if !rule.when.matches(method, path, emails) || !rule.fires(dice) {
                continue;
            }
            met.push(rule.fault.clone());
            if !rule.fault.only_colours() {
                break;
            }
        }
        rules.retain(|rule| rule.times != Times::Count(0));
        met
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn meet(faults: &Faults, method: &str, path: &str, email: &str) -> Vec<Fault> {
        faults.meet(method, path, &[email.to_owned()])
    }

    #[test]
    fn a_rule_matches_method_path_and_address_together() {
        let faults = Faults::default();
        let when = When::method("delete").path("team_user").email("BOB@");
        faults.always(when, Fault::DropBefore);
        assert_eq!(meet(&faults, "DELETE", "/team_user/1", "bob@x.y").len(), 1);
        assert_eq!(meet(&faults, "GET", "/team_user/1", "bob@x.y").len(), 0);
        assert_eq!(meet(&faults, "DELETE", "/team/1", "bob@x.y").len(), 0);
        assert_eq!(meet(&faults, "DELETE", "/team_user/1", "amy@x.y").len(), 0);
        assert_eq!(faults.meet("DELETE", "/team_user/1", &[]).len(), 0);
    }

    #[test]
    fn a_rule_is_used_up_and_the_next_takes_over() {
        let faults = Faults::default();
        faults.add(Rule::new(When::any(), Fault::DropBefore).skip(1).times(2));
        faults.once(When::any(), Fault::DropAfter);
        let seen: Vec<_> = (0..5).map(|_| meet(&faults, "GET", "/", "")).collect();
        assert_eq!(seen[0], [Fault::DropAfter]);
        assert_eq!(seen[1], [Fault::DropBefore]);
        assert_eq!(seen[2], [Fault::DropBefore]);
        assert_eq!(seen[3], []);
        assert!(faults.is_empty());
    }

    #[test]
    fn colouring_faults_add_up() {
        let faults = Faults::default();
        faults.always(When::any(), Fault::DateSkew(600));
        faults.always(When::any(), Fault::Delay(Duration::ZERO));
        faults.always(When::any(), Fault::Html);
        assert_eq!(meet(&faults, "GET", "/", "").len(), 3);
    }

    #[test]
    fn the_same_seed_gives_the_same_soak() {
        let throw = |seed| {
            let faults = Faults::default();
            faults.seed(seed);
            faults.add(
                Rule::new(When::any(), Fault::DropAfter)
                    .always()
                    .chance(0.2),
            );
            (0..1000)
                .map(|_| meet(&faults, "GET", "/", "").len())
                .collect::<Vec<_>>()
        };
        assert_eq!(throw(7), throw(7));
        assert_ne!(throw(7), throw(8));
        let hits: usize = throw(7).iter().sum();
        assert!((150..250).contains(&hits), "{hits}");
    }
}
