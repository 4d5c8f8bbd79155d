//! A circuit breaker for one account: how many calls may be under way, and when no more may. Pure.
//!
//! A fault of the provider, or of ours, shows before everything was tried: few calls are made at
//! first, more as they succeed, and none once most of the last ones failed.

mod rests;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use rests::{Noted, Rests, Turn};

/// How many calls are made at first.
const FIRST: usize = 5;
/// How many more may be under way for each call that succeeded.
const GROWS: usize = 4;
/// How many of the last calls are considered.
const RECENT: usize = 20;
/// How many failures are needed before their share counts.
const FAILURES: usize = 5;

/// The state of an account's calls, shared by all that are under way.
#[derive(Debug)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug)]
struct State {
    pace: Pace,
    /// Why the account rested: one more failure stops it for the same reason, one success ends that.
    rested: Option<String>,
    /// Whether a call of this one did not fail because of the provider as a whole.
    has_succeeded: bool,
    stopped: Option<Stopped>,
}

/// Why nothing more is to begin.
#[derive(Debug)]
enum Stopped {
    /// The calls fail.
    Failing(String),
    Otherwise(String),
}

impl Breaker {
    /// `most` is the highest number of calls under way.
    pub(crate) fn new(most: usize) -> Self {
        Self::with(Pace::new(most), None)
    }

    fn with(pace: Pace, rested: Option<String>) -> Self {
        Self(Mutex::new(State {
            pace,
            rested,
            has_succeeded: false,
            stopped: None,
        }))
    }

    /// The same after so many calls that failed, of earlier passes.
    fn after_failures(most: usize, failed: usize) -> Self {
        let pace = Pace {
            recent: VecDeque::from(vec![true; failed]),
            ..Pace::new(most)
        };
        Self::with(pace, None)
    }

    /// One of an account that is not to be called, for this reason.
    fn stopped_for(why: String) -> Self {
        let breaker = Self::new(1);
        breaker.is_asked_to_rest(why);
        breaker
    }

    /// The same after a rest, for this reason: one call is let in, and more once it has succeeded.
    fn after_rest(most: usize, why: String) -> Self {
        let pace = Pace {
            allowed: 1,
            ..Pace::new(most)
        };
        Self::with(pace, Some(why))
    }

    /// Whether another may begin beside those under way.
    pub(crate) fn lets_in(&self, under_way: usize) -> bool {
        let state = self.state();
        state.stopped.is_none() && state.pace.lets_in(under_way)
    }

    /// Why nothing more is to begin, once that is so.
    pub(crate) fn stopped(&self) -> Option<String> {
        let state = self.state();
        let stopped = state.stopped.as_ref()?;
        let (Stopped::Failing(why) | Stopped::Otherwise(why)) = stopped;
        Some(why.clone())
    }

    /// The same, if it is that the calls fail.
    fn fails(&self) -> Option<String> {
        match &self.state().stopped {
            Some(Stopped::Failing(why)) => Some(why.clone()),
            _ => None,
        }
    }

    /// Notes how a call ended: with an answer about the one thing that was asked, or with a failure
    /// of the provider as a whole. `stop` gives the reason for stopping, if this is one failure too
    /// many.
    pub(crate) fn note(&self, failed: bool, stop: impl FnOnce(Failures) -> String) {
        let mut state = self.state();
        state.pace.note(failed);
        state.has_succeeded |= !failed;
        let rested = state.rested.take();
        if state.stopped.is_none() {
            let why = match rested {
                Some(why) if failed => Some(why),
                _ => state.pace.stops().map(stop),
            };
            state.stopped = why.map(Stopped::Failing);
        }
    }

    /// Notes that something needed no call: more may be under way, and nothing is known of the account.
    pub(crate) fn note_no_call(&self) {
        let mut state = self.state();
        if state.rested.is_none() {
            state.pace.grow();
        }
    }

    /// Whether a call did not fail because of the provider as a whole.
    fn has_succeeded(&self) -> bool {
        self.state().has_succeeded
    }

    /// How many of the last calls failed since one succeeded.
    fn failed_in_a_row(&self) -> usize {
        let state = self.state();
        state
            .pace
            .recent
            .iter()
            .rev()
            .take_while(|failed| **failed)
            .count()
    }

    /// Notes that the provider asked to be left alone.
    pub(crate) fn is_asked_to_rest(&self, why: String) {
        self.state().stopped.get_or_insert(Stopped::Failing(why));
    }

    /// Stops for another reason.
    pub(crate) fn stop(&self, why: String) {
        self.state().stopped.get_or_insert(Stopped::Otherwise(why));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many of the last calls failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failures {
    /// That failed.
    pub(crate) failed: usize,
    /// Of so many.
    pub(crate) tried: usize,
}

/// An account's pace: slow until calls succeed, and no further when most of the last ones failed.
#[derive(Debug)]
struct Pace {
    /// So many may be under way.
    allowed: usize,
    /// It grows up to here.
    most: usize,
    /// Whether each of the last calls failed, oldest first.
    recent: VecDeque<bool>,
}

impl Pace {
    fn new(most: usize) -> Self {
        Self {
            allowed: most.clamp(1, FIRST),
            most,
            recent: VecDeque::with_capacity(RECENT),
        }
    }

    fn lets_in(&self, under_way: usize) -> bool {
        under_way < self.allowed
    }

    fn note(&mut self, failed: bool) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(failed);
        if !failed {
            self.grow();
        }
    }

    fn grow(&mut self) {
        self.allowed = self.most.min(self.allowed + GROWS).max(1);
    }

    /// The failures after which nothing more is to begin, if so.
    fn stops(&self) -> Option<Failures> {
        let (failed, tried) = (self.failed(), self.recent.len());
        (failed >= FAILURES && failed * 2 > tried).then_some(Failures { failed, tried })
    }

    fn failed(&self) -> usize {
        self.recent.iter().filter(|failed| **failed).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Makes calls as fast as the pace lets; `fails` says which do. Returns how many were begun.
    fn begun(most: usize, calls: usize, fails: impl Fn(usize) -> bool) -> usize {
        let mut pace = Pace::new(most);
        let (mut begun, mut answered) = (0, 0);
        while answered < calls {
            while begun < calls && pace.stops().is_none() && pace.lets_in(begun - answered) {
                begun += 1;
            }
            if answered == begun {
                break;
            }
            pace.note(fails(answered));
            answered += 1;
        }
        begun
    }

    #[test]
    fn a_provider_that_fails_from_the_start_gets_hardly_more_than_the_first_calls() {
        assert_eq!(begun(80, 1000, |_| true), 9);
    }

    #[test]
    fn a_provider_that_begins_to_fail_gets_what_was_under_way_and_half_a_window() {
        let most = 80;
        let calls = begun(most, 10_000, |n| n >= 5_000);
        assert!((5_000..5_000 + RECENT + most).contains(&calls), "{calls}");
    }

    #[test]
    fn four_calls_of_which_all_fail_are_too_few_to_say() {
        let mut pace = Pace::new(80);
        for _ in 0..4 {
            pace.note(true);
        }
        assert_eq!(pace.stops(), None);
        pace.note(true);
        let five = Failures {
            failed: 5,
            tried: 5,
        };
        assert_eq!(pace.stops(), Some(five));
    }

    #[test]
    fn a_breaker_that_has_stopped_stays_so_for_its_first_reason() {
        let breaker = Breaker::new(80);
        assert!(breaker.lets_in(4) && !breaker.lets_in(5));
        for _ in 0..6 {
            breaker.note(true, |f| format!("{} of {}", f.failed, f.tried));
        }
        breaker.stop("another".to_owned());
        breaker.note(false, |_| String::new());
        assert_eq!(breaker.stopped().as_deref(), Some("5 of 5"));
        assert!(!breaker.lets_in(0));
    }

    #[test]
    fn what_failed_long_ago_is_forgotten() {
        let mut pace = Pace::new(80);
        for n in 0..100 {
            pace.note(n % 2 == 0);
        }
        assert_eq!(pace.stops(), None);
        for _ in 0..RECENT {
            pace.note(false);
        }
        assert_eq!(pace.failed(), 0);
    }

    proptest! {
        #[test]
        fn everything_is_tried_where_no_more_than_every_third_call_fails(
            most in 1_usize..100, calls in 0_usize..500, first in 0_usize..3
        ) {
            prop_assert_eq!(begun(most, calls, |n| n % 3 == first), calls);
        }

        #[test]
        fn never_more_are_under_way_than_the_answers_have_earned(
            most in 1_usize..100, failed in proptest::collection::vec(any::<bool>(), 0..200)
        ) {
            let mut pace = Pace::new(most);
            for (n, failed) in failed.iter().enumerate() {
                pace.note(*failed);
                prop_assert!(!pace.lets_in(most.min(FIRST + GROWS * (n + 1))));
                prop_assert!(pace.lets_in(0));
            }
        }
    }
}
