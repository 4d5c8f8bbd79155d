//! The accounts that rest, since most of their last calls failed: until when, and how they begin
//! again. A pass has its own breakers; this outlives it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Breaker;
use crate::schedule::backoff;

/// Who goes first: those whose last calls did not fail and that have not much to do, then the fast ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    is_last: bool,
    took: Duration,
}

/// Accounts by their whole name, such as `sentius:acme`.
#[derive(Debug, Default)]
pub(crate) struct Rests {
    resting: Mutex<BTreeMap<String, Rest>>,
    /// How many of the last calls to the others failed in a row: a pass may have made only one.
    failed: Mutex<BTreeMap<String, usize>>,
    /// Those that gave way to others before their work was done.
    gave_way: Mutex<BTreeSet<String>>,
    /// How long the last pass on each took.
    took: Mutex<BTreeMap<String, Duration>>,
}

#[derive(Debug)]
struct Rest {
    /// How often in a row.
    times: u32,
    until: Timestamp,
    /// When the calls failed last.
    failed_at: Timestamp,
    why: String,
}

/// How long an account that rests is not called at all. What comes due there later may be tried at its
/// moment, rest or not.
const QUIET: SignedDuration = SignedDuration::from_mins(1);

impl Rest {
    fn is_quiet(&self, now: Timestamp) -> bool {
        now < self.until && now.duration_since(self.failed_at) < QUIET
    }
}

/// Why an account rests that gave no answer in all the time that others can be kept waiting.
const HANGS: &str = "not tried: it did not answer when asked for the time";

/// What the last calls to an account mean for what waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    Nothing,
    /// It rests: all that has to wait for it is tried then.
    Rests(Timestamp),
    /// It answers: what waits for that is due now.
    Answers,
}

impl Rests {
    /// A breaker for the next calls to an account, of which at most so many are under way. After a rest
    /// one call has to succeed before there is another.
    pub(crate) fn breaker(&self, account: &str, most: usize, now: Timestamp) -> Breaker {
        match self.lock().get(account) {
            Some(rest) if rest.is_quiet(now) => Breaker::stopped_for(rest.why.clone()),
            Some(rest) => Breaker::after_rest(most, rest.why.clone()),
            None => {
                let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                Breaker::after_failures(most, failed.get(account).copied().unwrap_or_default())
            }
        }
    }

    /// Whether an account is not called at present.
    pub(crate) fn is_quiet(&self, account: &str, now: Timestamp) -> bool {
        self.lock()
            .get(account)
            .is_some_and(|rest| rest.is_quiet(now))
    }

    /// Notes that an account did not answer when asked for the time. Once it has kept everybody waiting
    /// for it, it rests.
    pub(crate) fn gave_no_time(&self, account: &str, keeps_waiting: bool, now: Timestamp) {
        let breaker = self.breaker(account, 1, now);
        breaker.note(true, |_| HANGS.to_owned());
        if keeps_waiting {
            breaker.is_asked_to_rest(HANGS.to_owned());
        }
        self.note(account, &breaker, now);
    }

    /// Notes how the calls to an account went.
    pub(crate) fn note(&self, account: &str, breaker: &Breaker, now: Timestamp) -> Noted {
        let mut rests = self.lock();
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(why) = breaker.fails() else {
            failed.insert(account.to_owned(), breaker.failed_in_a_row());
            if breaker.has_succeeded() {
                rests.remove(account);
                return Noted::Answers;
            }
            return Noted::Nothing;
        };
        failed.remove(account);
        let before = rests.get_mut(account);
        // Another stage of the same pass, or something that came due meanwhile, makes it no longer.
        let times = match before {
            Some(rest) if rest.until > now => {
                if !rest.is_quiet(now) {
                    rest.failed_at = now;
                }
                return Noted::Rests(rest.until);
            }
            before => before.map_or(0, |rest| rest.times) + 1,
        };
        let until = backoff::next_try(now, times, true);
        let rest = Rest {
            times,
            until,
            failed_at: now,
            why,
        };
        rests.insert(account.to_owned(), rest);
        Noted::Rests(until)
    }

    /// Ends the quiet of all but these accounts: another process has called the others with success.
    pub(crate) fn wake_all_but(&self, resting: &BTreeSet<String>) {
        for (account, rest) in self.lock().iter_mut() {
            if !resting.contains(account) {
                rest.failed_at = Timestamp::MIN;
            }
        }
    }

    /// Notes whether an account gave way to others before its work was done.
    pub(crate) fn note_way(&self, account: &str, gave_way: bool) {
        let mut all = self.gave_way.lock().unwrap_or_else(PoisonError::into_inner);
        match gave_way {
            true => all.insert(account.to_owned()),
            false => all.remove(account),
        };
    }

    /// Notes how long the last pass on an account took.
    pub(crate) fn note_took(&self, account: &str, took: Duration) {
        let mut all = self.took.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(account.to_owned(), took);
    }

    /// When an account has its turn.
    pub(crate) fn turn(&self, account: &str) -> Turn {
        let gave_way = self.gave_way.lock().unwrap_or_else(PoisonError::into_inner);
        let took = self.took.lock().unwrap_or_else(PoisonError::into_inner);
        Turn {
            is_last: gave_way.contains(account) || self.lock().contains_key(account),
            took: took.get(account).copied().unwrap_or_default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Rest>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "sentius:acme";

    fn fail(breaker: &Breaker) -> usize {
        let mut calls = 0;
        while breaker.lets_in(0) {
            breaker.note(true, |failures| format!("{} failed", failures.failed));
            calls += 1;
        }
        calls
    }

    fn until(noted: Noted) -> Timestamp {
        match noted {
            Noted::Rests(until) => until,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_account_rests_longer_each_time_and_gets_one_call_after_each() {
        let rests = Rests::default();
        let mut now: Timestamp = "2026-11-22T07:00:00Z".parse().unwrap();
        let mut waits = Vec::new();
        for round in 0..8 {
            let breaker = rests.breaker(ACCOUNT, 80, now);
            assert_eq!(fail(&breaker), if round == 0 { 5 } else { 1 });
            assert_eq!(breaker.stopped().as_deref(), Some("5 failed"));
            let next = until(rests.note(ACCOUNT, &breaker, now));
            assert_eq!(rests.note(ACCOUNT, &breaker, now), Noted::Rests(next));
            waits.push(next.duration_since(now).as_secs());
            now = next;
        }
        assert_eq!(waits, [20, 35, 65, 125, 245, 485, 905, 905]);
        assert_eq!(fail(&rests.breaker("sentius:other", 80, now)), 5);
    }

    #[test]
    fn one_success_after_a_rest_ends_it() {
        let rests = Rests::default();
        let now: Timestamp = "2026-11-22T07:00:00Z".parse().unwrap();
        let breaker = rests.breaker(ACCOUNT, 80, now);
        fail(&breaker);
        let next = until(rests.note(ACCOUNT, &breaker, now));
        let breaker = rests.breaker(ACCOUNT, 80, next);
        assert!(breaker.lets_in(0) && !breaker.lets_in(1));
        let untried = rests.note(ACCOUNT, &breaker, next);
        assert_eq!(untried, Noted::Nothing);
        breaker.note(false, |_| String::new());
        assert!(breaker.lets_in(4));
        assert_eq!(rests.note(ACCOUNT, &breaker, now), Noted::Answers);
        assert!(!rests.turn(ACCOUNT).is_last);
        assert_eq!(fail(&rests.breaker(ACCOUNT, 80, now)), 5);
    }

    #[test]
    fn an_account_that_rests_is_called_at_most_once_a_minute_unless_another_process_woke_it() {
        let rests = Rests::default();
        let mut now: Timestamp = "2026-11-22T07:00:00Z".parse().unwrap();
        for _ in 0..6 {
            rests.gave_no_time(ACCOUNT, true, now);
            assert_eq!(fail(&rests.breaker(ACCOUNT, 80, now)), 0);
            now = until(rests.note(ACCOUNT, &rests.breaker(ACCOUNT, 80, now), now));
        }
        rests.gave_no_time(ACCOUNT, true, now);
        let later = |secs| now.checked_add(SignedDuration::from_secs(secs)).unwrap();
        assert!(rests.is_quiet(ACCOUNT, later(59)));
        assert_eq!(fail(&rests.breaker(ACCOUNT, 80, later(61))), 1);
        rests.gave_no_time(ACCOUNT, true, later(61));
        assert!(
            rests.is_quiet(ACCOUNT, later(70)),
            "the call was another one"
        );
        rests.wake_all_but(&BTreeSet::from([ACCOUNT.to_owned()]));
        assert!(rests.is_quiet(ACCOUNT, later(70)));
        rests.wake_all_but(&BTreeSet::new());
        assert!(!rests.is_quiet(ACCOUNT, later(70)));
    }

    #[test]
    fn five_failures_in_a_row_make_an_account_rest_however_many_passes_they_were_in() {
        let rests = Rests::default();
        let now: Timestamp = "2026-11-22T07:00:00Z".parse().unwrap();
        let pass = |failed| {
            let breaker = rests.breaker(ACCOUNT, 80, now);
            breaker.note(failed, |_| "failed".to_owned());
            rests.note(ACCOUNT, &breaker, now)
        };
        for _ in 0..4 {
            assert_eq!(pass(true), Noted::Nothing);
        }
        assert_eq!(pass(false), Noted::Answers);
        for _ in 0..4 {
            assert_eq!(pass(true), Noted::Nothing);
        }
        until(pass(true));
    }
}
