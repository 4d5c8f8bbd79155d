//! When a call is retried: reads generously, writes only after a 429.

use std::time::Duration;

use backon::{ConstantBuilder, ExponentialBuilder, Retryable, Sleeper, TokioSleeper};

use super::CallError;

/// A read's first wait; doubled each time, with up to as much again at random.
const READ_WAIT: Duration = Duration::from_millis(200);
/// How often a read is retried.
const READ_RETRIES: usize = 3;
/// How often a read may time out: a provider that hangs must not cost more than about two timeouts.
const READ_TIMEOUTS: usize = 2;
/// The longest sum of a read's waits. Where a provider asks for more, the read fails: the next pass
/// tries again.
const READ_PATIENCE: Duration = Duration::from_secs(60);

/// How often a write is sent again after a 429, which says that nothing was done.
const WRITE_RETRIES: usize = 3;
/// How long a write waits after a 429 without `Retry-After`.
const WRITE_WAIT: Duration = Duration::from_secs(1);
/// The longest that one 429 may keep a write waiting.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

/// Retries a read until it succeeds, fails for good, or has waited too long.
pub(super) async fn read<T, F>(call: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    read_by(TokioSleeper, call).await
}

async fn read_by<T, F>(sleeper: impl Sleeper, call: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let mut waited = Duration::ZERO;
    let mut timeouts = 0;
    call.retry(
        ExponentialBuilder::new()
            .with_min_delay(READ_WAIT)
            .with_factor(2.0)
            .with_jitter()
            .with_max_times(READ_RETRIES),
    )
    .sleep(sleeper)
    .when(|error: &CallError| {
        timeouts += usize::from(matches!(error, CallError::TimedOut { .. }));
        error.is_retryable() && timeouts < READ_TIMEOUTS
    })
    .adjust(|error: &CallError, wait| {
        let wait = wait?.max(error.retry_after().unwrap_or_default());
        waited = waited.saturating_add(wait);
        (waited <= READ_PATIENCE).then_some(wait)
    })
    .await
}

/// Sends a write once, and again only while the answer is 429.
pub(super) async fn write<T, F>(call: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    write_by(TokioSleeper, call).await
}

async fn write_by<T, F>(sleeper: impl Sleeper, call: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    call.retry(
        ConstantBuilder::new()
            .with_delay(WRITE_WAIT)
            .with_max_times(WRITE_RETRIES),
    )
    .sleep(sleeper)
    .when(|error: &CallError| error.status() == Some(429))
    .adjust(|error: &CallError, wait| {
        let usual = wait?;
        let wait = error.retry_after().unwrap_or(usual);
        (wait <= WRITE_PATIENCE).then_some(wait)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    fn refused(status: u16, retry_after: Option<u64>) -> CallError {
        CallError::Refused {
            status,
            message: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
            exists: false,
        }
    }

    /// How many calls are made, and how long they wait, when all end in this error.
    async fn tries(reading: bool, error: CallError) -> (usize, Duration) {
        let calls = Cell::new(0);
        let call = || {
            calls.set(calls.get() + 1);
            let error = error.clone();
            async move { Err::<(), _>(error) }
        };
        let slept = Rc::new(Cell::new(Duration::ZERO));
        let sum = slept.clone();
        let sleeper = move |wait| {
            sum.set(sum.get() + wait);
            std::future::ready(())
        };
        let result = if reading {
            read_by(sleeper, call).await
        } else {
            write_by(sleeper, call).await
        };
        assert_eq!(result, Err(error.clone()));
        (calls.get(), slept.get())
    }

    fn unanswered() -> CallError {
        CallError::Unanswered {
            reason: String::new(),
        }
    }

    #[tokio::test]
    async fn a_read_is_made_four_times_with_growing_waits() {
        for error in [unanswered(), refused(503, None), refused(429, None)] {
            let (calls, took) = tries(true, error).await;
            assert_eq!(calls, 4);
            assert!(took >= Duration::from_millis(1400), "{took:?}");
            assert!(took <= Duration::from_millis(2900), "{took:?}");
        }
    }

    #[tokio::test]
    async fn a_read_that_runs_into_its_time_limit_is_made_once_more() {
        let timeout = Duration::from_secs(30);
        assert_eq!(tries(true, CallError::TimedOut { timeout }).await.0, 2);
    }

    #[tokio::test]
    async fn a_read_that_was_refused_for_good_is_not_made_again() {
        for status in [400, 401, 403, 404] {
            assert_eq!(tries(true, refused(status, None)).await.0, 1);
        }
    }

    #[tokio::test]
    async fn a_read_waits_as_asked_up_to_a_minute_in_all() {
        let (calls, took) = tries(true, refused(503, Some(25))).await;
        assert_eq!((calls, took.as_secs()), (3, 50));
        assert_eq!(tries(true, refused(429, Some(61))).await.0, 1);
    }

    #[tokio::test]
    async fn a_write_is_sent_again_after_429_only() {
        for error in [unanswered(), refused(500, None), refused(503, Some(1))] {
            assert_eq!(tries(false, error).await.0, 1);
        }
        let (calls, took) = tries(false, refused(429, None)).await;
        assert_eq!((calls, took.as_secs()), (4, 3));
        let (calls, took) = tries(false, refused(429, Some(30))).await;
        assert_eq!((calls, took.as_secs()), (4, 90));
        assert_eq!(tries(false, refused(429, Some(31))).await.0, 1);
    }
}
