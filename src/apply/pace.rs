//! How much of an account's work may be under way, and when no more may: its answers tell.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many go first, to see whether the provider takes them.
const FIRST: usize = 5;
/// So many more may be under way for each call that was taken.
const GROWS: usize = 4;
/// So many of the last calls say how the provider is now.
const RECENT: usize = 20;
/// So many failures that tell of the provider are needed before their share says anything.
const FAILURES: usize = 5;

/// How an account's work goes, for all that is under way there.
#[derive(Debug)]
pub(super) struct Course(Mutex<State>);

#[derive(Debug)]
struct State {
    pace: Pace,
    stopped: Option<String>,
}

impl Course {
    /// `most` may be under way at last.
    pub(super) fn new(most: usize) -> Self {
        Self(Mutex::new(State {
            pace: Pace::new(most),
            stopped: None,
        }))
    }

    /// Whether another may begin beside those under way.
    pub(super) fn lets_in(&self, under_way: usize) -> bool {
        let state = self.state();
        state.stopped.is_none() && state.pace.lets_in(under_way)
    }

    /// Why nothing more is to begin, once that is so.
    pub(super) fn stopped(&self) -> Option<String> {
        self.state().stopped.clone()
    }

    /// A call was answered, or failed in a way that tells of the provider as a whole; `doubt` is
    /// another reason to stop, if there is one.
    pub(super) fn answered(&self, failed: bool, doubt: Option<String>) {
        let mut state = self.state();
        state.pace.note(failed);
        if state.stopped.is_none() {
            state.stopped = state.pace.stops().or(doubt);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An account's pace: slow until calls are taken, and no further when most of the last ones failed.
/// A fault of the provider, or of ours, shows before everything was tried.
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
            self.allowed = self.most.min(self.allowed + GROWS).max(1);
        }
    }

    /// Why nothing more is to begin, if so.
    fn stops(&self) -> Option<String> {
        let (failed, tried) = (self.failed(), self.recent.len());
        (failed >= FAILURES && failed * 2 > tried)
            .then(|| format!("not tried: {failed} of the last {tried} calls before it failed"))
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
        let why = pace.stops().unwrap();
        assert_eq!(why, "not tried: 5 of the last 5 calls before it failed");
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
