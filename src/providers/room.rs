//! Limits the memory for bodies that were read and wait to be stored.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The memory for large answers, in KiB. A larger answer is read alone.
const ALL: u32 = 64 << 10;

/// The memory of one account.
#[derive(Debug, Clone)]
pub(super) struct Rooms(Arc<Semaphore>);

impl Rooms {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ALL as usize)))
    }

    /// Waits until a body of so many bytes fits. The caller must not hold other memory of this
    /// account.
    pub(super) async fn take(&self, bytes: usize) -> Room {
        let kib = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX);
        let kib = kib.clamp(1, ALL);
        let permit = Arc::clone(&self.0).acquire_many_owned(kib).await;
        Room(permit.ok().map(Arc::new))
    }

    /// Waits until all of it is free.
    pub(super) async fn take_all(&self) -> Room {
        self.take(usize::MAX).await
    }

    /// Reserves all of it, if it is free right now.
    pub(super) fn try_all(&self) -> Option<Room> {
        let permit = Arc::clone(&self.0).try_acquire_many_owned(ALL).ok()?;
        Some(Room(Some(Arc::new(permit))))
    }
}

/// The memory that a body has reserved: kept until the reading is stored, and released when
/// dropped.
#[derive(Clone, Default)]
pub(crate) struct Room(Option<Arc<OwnedSemaphorePermit>>);

impl Room {
    /// Whether there is any.
    pub(super) fn is_taken(&self) -> bool {
        self.0.is_some()
    }
}

/// Readings are compared without it.
impl PartialEq for Room {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Room {}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Room")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn small_bodies_share_the_room_and_a_large_one_is_alone() {
        let rooms = Rooms::new();
        let small = rooms.take(40 << 20).await;
        let other = rooms.take(20 << 20).await;
        assert!(timeout(SOON, rooms.take(20 << 20)).await.is_err());
        assert!(rooms.try_all().is_none());
        drop(small);
        let third = rooms.take(20 << 20).await;
        assert!(timeout(SOON, rooms.take_all()).await.is_err());
        drop((other, third));
        let large = rooms.take(500 << 20).await;
        assert!(large.is_taken());
        assert!(timeout(SOON, rooms.take(1)).await.is_err());
        drop(large);
        assert!(rooms.try_all().is_some());
    }
}
