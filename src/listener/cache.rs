//! A value that is made again when it is too old, once for all who ask.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// Within this time, nobody notices a difference.
const LEAST: Duration = Duration::from_secs(1);
/// A value is kept this many times as long as it took to make: whoever asks all the time takes no
/// more than a tenth of the database's time.
const SHARE: u32 = 10;

#[derive(Debug)]
pub(super) struct Cache<T> {
    kept: Mutex<Option<(Instant, Arc<T>)>>,
}

impl<T> Cache<T> {
    pub(super) fn new() -> Self {
        Self {
            kept: Mutex::new(None),
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
        let until = Instant::now() + (begin.elapsed() * SHARE).max(LEAST);
        *kept = Some((until, Arc::clone(&value)));
        Ok(value)
    }
}
