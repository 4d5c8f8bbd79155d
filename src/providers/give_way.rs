//! Who has the right to call gives up a call that takes long once access has ended elsewhere: one
//! account that hangs must not keep people in at the others.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a call may take in any case.
const AT_LEAST: Duration = Duration::from_secs(5);
/// How often is asked then whether access has ended elsewhere.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Says whether somebody waits who is not at this account.
type Waits = dyn Fn(&str) -> Answering + Send + Sync;

type Answering = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Asked while a call is under way. Holds for one taking of the lock.
#[derive(Clone)]
pub(crate) struct GiveWay {
    waits: Arc<Waits>,
    /// The accounts where a call was given up: they get no more until the lock is taken anew.
    left: Arc<Mutex<BTreeSet<String>>>,
}

impl GiveWay {
    /// `waits` says, for an account by its whole name, whether access has ended at another one and
    /// nobody could see to it yet.
    pub(crate) fn to(waits: impl Fn(&str) -> Answering + Send + Sync + 'static) -> Self {
        Self {
            waits: Arc::new(waits),
            left: Arc::default(),
        }
    }

    /// Returns once a call to this account is to be given up, with the time that it had; `times`
    /// says how often in a row one was given up before. What gets all the time there is ends by itself.
    pub(super) async fn asked(&self, account: &str, times: u32, timeout: Duration) -> Duration {
        let Some(patience) = patience(times, timeout) else {
            return std::future::pending().await;
        };
        if !self.has_left(account) {
            tokio::time::sleep(patience).await;
            while !self.has_left(account) && !(self.waits)(account).await {
                tokio::time::sleep(ASK_AGAIN).await;
            }
            self.left().insert(account.to_owned());
        }
        patience
    }

    fn has_left(&self, account: &str) -> bool {
        self.left().contains(account)
    }

    fn left(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for GiveWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GiveWay")
    }
}

/// How long a call may take in any case, where the last ones to its account were given up so often:
/// each time twice as long, so that a slow account gets its turn. `None`: all the time there is.
fn patience(times: u32, timeout: Duration) -> Option<Duration> {
    let patience = AT_LEAST.saturating_mul(1 << times.min(16));
    (patience < timeout).then_some(patience)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    #[test]
    fn an_account_whose_calls_were_given_up_gets_more_time_up_to_all_of_it() {
        let seconds = |times| patience(times, TIMEOUT).map(|patience| patience.as_secs());
        assert_eq!([0, 1, 2].map(seconds), [Some(5), Some(10), Some(20)]);
        assert_eq!([3, u32::MAX].map(seconds), [None, None]);
        assert_eq!(patience(0, AT_LEAST), None);
    }

    #[tokio::test]
    async fn an_account_that_was_left_gets_no_more_calls() {
        let way = GiveWay::to(|_| unreachable!("nobody asks about an account that was left"));
        way.left().insert("sapling:acme".to_owned());
        assert_eq!(way.asked("sapling:acme", 0, TIMEOUT).await, AT_LEAST);
    }
}
