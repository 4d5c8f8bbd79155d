//! Who has the right to call gives way once access has ended at another account: begins nothing more
//! there, and gives up what takes long. One account that hangs, or has much to do, must not keep
//! people in at the others.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a call may take, and how long work at an account may go on, whoever waits. What takes
/// longer for a single answer gets its turn when nobody waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How often is asked then whether somebody waits.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Says whether somebody waits who is not at this account.
type Waits = dyn Fn(&str) -> Answering + Send + Sync;

type Answering = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Holds while the lock is held.
#[derive(Clone)]
pub(crate) struct GiveWay {
    waits: Arc<Waits>,
    held: Arc<Mutex<Held>>,
}

/// While the lock is held.
#[derive(Debug)]
struct Held {
    since: Instant,
    /// The accounts that gave way: they get no more calls until the lock is taken anew.
    left: BTreeSet<String>,
}

impl GiveWay {
    /// `waits` says, for an account by its whole name, whether access has ended at another one and
    /// nobody could see to it yet.
    pub(crate) fn to(waits: impl Fn(&str) -> Answering + Send + Sync + 'static) -> Self {
        Self {
            waits: Arc::new(waits),
            held: Arc::new(Mutex::new(Held::now())),
        }
    }

    /// Begins anew: the lock was given up, and is taken again.
    pub(crate) fn again(&self) {
        *self.held() = Held::now();
    }

    /// Whether nothing more is to be begun at this account.
    pub(crate) async fn is_asked(&self, account: &str) -> bool {
        if self.has_left(account) {
            return true;
        }
        let asked = self.held().since.elapsed() >= PATIENCE && (self.waits)(account).await;
        if asked {
            self.leave(account);
        }
        asked
    }

    /// Returns once a call to this account is to be given up. What would end sooner by itself never is.
    pub(super) async fn asked(&self, account: &str, timeout: Duration) -> Duration {
        if timeout <= PATIENCE {
            return std::future::pending().await;
        }
        if !self.has_left(account) {
            tokio::time::sleep(PATIENCE).await;
            while !self.has_left(account) && !(self.waits)(account).await {
                tokio::time::sleep(ASK_AGAIN).await;
            }
            self.leave(account);
        }
        PATIENCE
    }

    fn has_left(&self, account: &str) -> bool {
        self.held().left.contains(account)
    }

    fn leave(&self, account: &str) {
        self.held().left.insert(account.to_owned());
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn now() -> Self {
        Self {
            since: Instant::now(),
            left: BTreeSet::new(),
        }
    }
}

impl fmt::Debug for GiveWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GiveWay")
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    const ACCOUNT: &str = "sapling:acme";

    #[tokio::test]
    async fn an_account_that_gave_way_gets_no_more_calls() {
        let way = GiveWay::to(|_| unreachable!("nobody asks about an account that gave way"));
        assert!(!way.is_asked(ACCOUNT).await, "the work has just begun");
        way.leave(ACCOUNT);
        assert!(way.is_asked(ACCOUNT).await);
        assert_eq!(way.asked(ACCOUNT, PATIENCE * 3).await, PATIENCE);
    }

    #[tokio::test]
    async fn work_that_has_gone_on_for_long_gives_way_only_if_somebody_waits() {
        let Some(begun) = Instant::now().checked_sub(PATIENCE) else {
            return;
        };
        for waits in [false, true] {
            let way = GiveWay::to(move |_| Box::pin(ready(waits)));
            way.held().since = begun;
            assert_eq!(way.is_asked(ACCOUNT).await, waits);
            way.again();
            assert!(!way.is_asked(ACCOUNT).await);
        }
    }
}
