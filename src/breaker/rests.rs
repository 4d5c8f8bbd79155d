//! The accounts that rest, since most of their last calls failed: until when, and how they begin
//! again. A pass has its own breakers; this outlives it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::Breaker;
use crate::schedule::backoff;

/// Accounts by their whole name, such as `sentius:acme`.
#[derive(Debug, Default)]
pub(crate) struct Rests {
    resting: Mutex<BTreeMap<String, Rest>>,
    /// Those that gave way to others before their work was done.
    gave_way: Mutex<BTreeSet<String>>,
}

#[derive(Debug)]
struct Rest {
    /// How often in a row.
    times: u32,
    until: Timestamp,
    why: String,
}

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
    pub(crate) fn breaker(&self, account: &str, most: usize) -> Breaker {
        match self.lock().get(account) {
            Some(rest) => Breaker::after_rest(most, rest.why.clone()),
            None => Breaker::new(most),
        }
    }

    /// Notes how the calls to an account went.
    pub(crate) fn note(&self, account: &str, breaker: &Breaker, now: Timestamp) -> Noted {
        let mut rests = self.lock();
        let Some(why) = breaker.fails() else {
            if breaker.has_succeeded() {
                rests.remove(account);
                return Noted::Answers;
            }
            return Noted::Nothing;
        };
        let before = rests.get(account);
        // Another stage of the same pass, or something that came due meanwhile, makes it no longer.
        if let Some(rest) = before.filter(|rest| rest.until > now) {
            return Noted::Rests(rest.until);
        }
        let times = before.map_or(0, |rest| rest.times) + 1;
        let until = backoff::next_try(now, times, true);
        rests.insert(account.to_owned(), Rest { times, until, why });
        Noted::Rests(until)
    }

    /// Notes whether an account gave way to others before its work was done.
    pub(crate) fn note_way(&self, account: &str, gave_way: bool) {
        let mut all = self.gave_way.lock().unwrap_or_else(PoisonError::into_inner);
        match gave_way {
            true => all.insert(account.to_owned()),
            false => all.remove(account),
        };
    }

    /// Whether others go first: the last calls to an account failed, or it has much to do.
    pub(crate) fn comes_last(&self, account: &str) -> bool {
        let gave_way = self.gave_way.lock().unwrap_or_else(PoisonError::into_inner);
        gave_way.contains(account) || self.lock().contains_key(account)
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
            let breaker = rests.breaker(ACCOUNT, 80);
            assert_eq!(fail(&breaker), if round == 0 { 5 } else { 1 });
            assert_eq!(breaker.stopped().as_deref(), Some("5 failed"));
            let next = until(rests.note(ACCOUNT, &breaker, now));
            assert_eq!(rests.note(ACCOUNT, &breaker, now), Noted::Rests(next));
            waits.push(next.duration_since(now).as_secs());
            now = next;
        }
        assert_eq!(waits, [20, 35, 65, 125, 245, 485, 905, 905]);
        assert_eq!(fail(&rests.breaker("sentius:other", 80)), 5);
    }

    #[test]
    fn one_success_after_a_rest_ends_it() {
        let rests = Rests::default();
        let now: Timestamp = "2026-11-22T07:00:00Z".parse().unwrap();
        let breaker = rests.breaker(ACCOUNT, 80);
        fail(&breaker);
        let next = until(rests.note(ACCOUNT, &breaker, now));
        let breaker = rests.breaker(ACCOUNT, 80);
        assert!(breaker.lets_in(0) && !breaker.lets_in(1));
        let untried = rests.note(ACCOUNT, &breaker, next);
        assert_eq!(untried, Noted::Nothing);
        breaker.note(false, |_| String::new());
        assert!(breaker.lets_in(4));
        assert_eq!(rests.note(ACCOUNT, &breaker, now), Noted::Answers);
        assert!(!rests.comes_last(ACCOUNT));
        assert_eq!(fail(&rests.breaker(ACCOUNT, 80)), 5);
    }
}
