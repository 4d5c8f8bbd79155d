//! Limits the calls of an account: how many at once, and how many a second.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

use super::BuildError;
use crate::config::HttpSettings;

/// How much of a second's calls may start at one moment. A twentieth leaves 10 a second evenly
/// spaced, and lets a fast rate through although the timer's grain is a millisecond.
const BURST_OF_A_SECOND: f64 = 1.0 / 20.0;

/// The longest gap between two calls; a slower rate would look like a standstill.
const LONGEST_GAP: Duration = Duration::from_secs(24 * 60 * 60);

/// Admits calls in the order in which they came.
#[derive(Debug)]
pub(super) struct Gate {
    /// Calls that can wait queue here first: one of them at a time waits for the turn.
    line: Mutex<()>,
    /// Held by the call whose turn is next. Without it, all waiting calls would wake whenever one
    /// may start.
    turn: Mutex<()>,
    places: Semaphore,
    pace: Option<DefaultDirectRateLimiter>,
}

impl Gate {
    pub(super) fn new(settings: &HttpSettings) -> Result<Self, BuildError> {
        let rate = settings.requests_per_second;
        if !(rate.is_finite() && rate > 0.0) {
            return Err(BuildError::Setting {
                setting: "requests_per_second",
                problem: "must be a number above 0",
            });
        }
        if settings.concurrency == 0 {
            return Err(BuildError::Setting {
                setting: "concurrency",
                problem: "must be at least 1",
            });
        }
        let gap =
            Duration::try_from_secs_f64(1.0 / rate).map_or(LONGEST_GAP, |gap| gap.min(LONGEST_GAP));
        let burst = (rate * BURST_OF_A_SECOND).ceil() as u32;
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        Ok(Self {
            line: Mutex::new(()),
            turn: Mutex::new(()),
            places: Semaphore::new(settings.concurrency.min(Semaphore::MAX_PERMITS)),
            // A gap of zero is a rate above a billion: no limit.
            pace: Quota::with_period(gap)
                .map(|quota| RateLimiter::direct(quota.allow_burst(burst))),
        })
    }

    /// Waits until a call may start; the call is in flight for as long as the permit lives.
    ///
    /// The slot is taken before the pace is kept, so that calls which waited for a slot cannot
    /// start together. At most one slot is held by a call that waits for its moment. `urgent`: goes
    /// before all calls that can wait, except the one whose turn is next.
    pub(super) async fn enter(&self, urgent: bool) -> Option<SemaphorePermit<'_>> {
        let _line = match urgent {
            true => None,
            false => Some(self.line.lock().await),
        };
        let _turn = self.turn.lock().await;
        let place = self.places.acquire().await.ok();
        if let Some(pace) = &self.pace {
            while let Err(early) = pace.check() {
                tokio::time::sleep(early.wait_time_from(pace.clock().now())).await;
            }
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use futures_util::future::join_all;

    use super::*;

    fn gate(concurrency: usize, requests_per_second: f64) -> Gate {
        Gate::new(&HttpSettings {
            timeout: Duration::from_secs(1),
            concurrency,
            requests_per_second,
        })
        .unwrap()
    }

    #[tokio::test]
    async fn ten_a_second_start_a_tenth_of_a_second_apart() {
        let gate = gate(100, 10.0);
        let start = Instant::now();
        join_all((0..4).map(|_| gate.enter(false))).await;
        assert!(start.elapsed() >= Duration::from_millis(290));
    }

    #[tokio::test]
    async fn a_rate_nobody_reaches_does_not_slow_anything() {
        let gate = gate(8, 100_000.0);
        let start = Instant::now();
        for _ in 0..2000 {
            drop(gate.enter(false).await);
        }
        assert!(start.elapsed() < Duration::from_millis(500));
    }

    #[tokio::test]
    async fn no_more_than_the_allowed_number_are_in_flight() {
        let gate = gate(3, 100_000.0);
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        join_all((0..30).map(|_| async {
            let _place = gate.enter(false).await;
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(2)).await;
            now.fetch_sub(1, Ordering::SeqCst);
        }))
        .await;
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn an_urgent_call_goes_before_a_hundred_that_can_wait() {
        let gate = gate(1, 100_000.0);
        let (started, before) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
        let first = gate.enter(false).await;
        let patient = join_all((0..100).map(|_| async {
            let _place = gate.enter(false).await;
            started.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }));
        let urgent = async {
            let _place = gate.enter(true).await;
            before.store(started.load(Ordering::SeqCst), Ordering::SeqCst);
        };
        let release = async { drop(first) };
        tokio::join!(patient, urgent, release);
        assert!(before.load(Ordering::SeqCst) <= 2, "{before:?}");
        assert_eq!(started.load(Ordering::SeqCst), 100);
    }

    #[test]
    fn fractions_and_extremes_of_a_rate_are_taken_and_nonsense_is_not() {
        for rate in [0.001, 0.5, 1e-300, 1e300, 1e9, 1e10] {
            let _ = gate(1, rate);
        }
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let settings = HttpSettings {
                timeout: Duration::from_secs(1),
                concurrency: 1,
                requests_per_second: rate,
            };
            assert!(Gate::new(&settings).is_err(), "{rate}");
        }
    }
}
