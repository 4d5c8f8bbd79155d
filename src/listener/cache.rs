//! A value that is made again when it is too old, once for all who ask.

use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::time::timeout;

/// Within this time, nobody notices a difference.
const LEAST: Duration = Duration::from_secs(1);
/// A value is kept this many times as long as it took to make: whoever asks all the time takes no
/// more than a tenth of the database's time.
const SHARE: u32 = 10;
/// How long whoever has the last value to show waits for the next one.
const SOON: Duration = Duration::from_secs(2);
/// An older value is shown to nobody, however long the next one takes.
const OLDEST: Duration = Duration::from_secs(30 * 60);

#[derive(Debug)]
pub(super) struct Cache<T> {
    kept: Mutex<Option<(Instant, Arc<T>)>>,
    /// The last one made, and when; it can be had while the next one is made.
    last: Lock<Option<(Instant, Arc<T>)>>,
}

impl<T> Cache<T> {
    pub(super) fn new() -> Self {
        Self {
            kept: Mutex::new(None),
            last: Lock::new(None),
        }
    }

    /// The value, made by `make` unless a fresh one is there.
    pub(super) async fn get<E>(
        &self,
        make: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E> {
        let mut kept = self.kept.lock().await;
        let begin = Instant::now();
        if let Some((until, value)) = kept.as_ref()
            && begin < *until
        {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(make.await?);
        let end = Instant::now();
        let until = end + ((end - begin) * SHARE).max(LEAST);
        *kept = Some((until, Arc::clone(&value)));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((end, Arc::clone(&value)));
        Ok(value)
    }

    /// The last value, if it may still be shown.
    fn last(&self) -> Option<Arc<T>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let last = last.as_ref().filter(|(made, _)| made.elapsed() < OLDEST);
        last.map(|(_, value)| Arc::clone(value))
    }
}

impl<T: Send + Sync + 'static> Cache<T> {
    /// The value, or the last one where the next takes long to make; nothing where there is none
    /// yet. What was begun is made to its end, also when nobody waits for it any more: those who ask
    /// next have it.
    pub(super) async fn soon<E: Send + 'static>(
        self: &Arc<Self>,
        patience: Duration,
        make: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<Option<Arc<T>>, E> {
        let cache = Arc::clone(self);
        let making = tokio::spawn(async move { cache.get(make).await });
        let patience = match self.last() {
            Some(_) => patience.min(SOON),
            None => patience,
        };
        match timeout(patience, making).await {
            Ok(Ok(made)) => made.map(Some),
            // It panicked, or the daemon ends.
            Ok(Err(_)) => Ok(None),
            Err(_) => Ok(self.last()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_takes_long_is_made_for_those_who_ask_next() {
        let cache: Arc<Cache<u8>> = Arc::new(Cache::new());
        let patience = Duration::from_millis(1);
        let (finish, finished) = oneshot::channel::<u8>();
        let slow = cache.soon(patience, async { finished.await.map_err(|_| ()) });
        assert_eq!(slow.await, Ok(None), "nothing is there yet");

        finish.send(1).unwrap();
        let next = cache.soon(Duration::from_secs(60), async { Err(()) });
        assert_eq!(next.await, Ok(Some(Arc::new(1))), "it was made to its end");

        *cache.kept.lock().await = None;
        let never = std::future::pending::<Result<u8, ()>>();
        let meanwhile = cache.soon(patience, never);
        assert_eq!(meanwhile.await, Ok(Some(Arc::new(1))), "the last one");
    }
}
