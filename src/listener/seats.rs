//! The places of the connections: a fixed number, of which a new one always gets one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Connections at once: some monitors and some people, and few open files.
const MOST: usize = 64;

/// Who sits, from the oldest to the newest.
#[derive(Debug, Clone)]
pub(super) struct Seats {
    taken: Arc<Mutex<Seated>>,
    all_end: CancellationToken,
}

#[derive(Debug, Default)]
struct Seated {
    next: u64,
    by: BTreeMap<u64, Guest>,
}

#[derive(Debug)]
struct Guest {
    has_asked: bool,
    hang_up: CancellationToken,
}

/// A place that is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    number: u64,
    hang_up: CancellationToken,
}

impl Seats {
    /// All places are free; `all_end` hangs up on everybody.
    pub(super) fn new(all_end: &CancellationToken) -> Self {
        Self {
            taken: Arc::default(),
            all_end: all_end.clone(),
        }
    }

    /// A place, which costs another connection its own where all are taken: the oldest that has not
    /// sent its request, else the oldest.
    pub(super) fn take(&self) -> Seat {
        let hang_up = self.all_end.child_token();
        let mut taken = self.lock();
        if taken.by.len() >= MOST {
            let idle = taken.by.iter().find(|(_, guest)| !guest.has_asked);
            let leaves = idle.or_else(|| taken.by.iter().next()).map(|(n, _)| *n);
            if let Some(guest) = leaves.and_then(|number| taken.by.remove(&number)) {
                guest.hang_up.cancel();
            }
        }
        let number = taken.next;
        taken.next += 1;
        let guest = Guest {
            has_asked: false,
            hang_up: hang_up.clone(),
        };
        taken.by.insert(number, guest);
        Seat {
            seats: self.clone(),
            number,
            hang_up,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seated> {
        // Nothing in here leaves it half changed.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Records that the request has arrived: a connection that is being answered is the last to
    /// lose its place.
    pub(super) fn has_asked(&self) {
        if let Some(guest) = self.seats.lock().by.get_mut(&self.number) {
            guest.has_asked = true;
        }
    }

    /// The connection's end, or nothing when it lost its place before.
    pub(super) async fn while_kept<T>(&self, connection: impl Future<Output = T>) -> Option<T> {
        self.hang_up.run_until_cancelled(connection).await
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().by.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_kept(seat: &Seat) -> bool {
        !seat.hang_up.is_cancelled()
    }

    #[test]
    fn the_newest_gets_the_place_of_the_oldest_that_has_not_asked() {
        let seats = Seats::new(&CancellationToken::new());
        let mut first: Vec<Seat> = (0..MOST).map(|_| seats.take()).collect();
        first[0].has_asked();
        let newest = seats.take();
        assert!(is_kept(&first[0]) && !is_kept(&first[1]) && is_kept(&newest));

        first.iter().for_each(Seat::has_asked);
        newest.has_asked();
        assert!(is_kept(&first[0]), "nobody came yet");
        let last = seats.take();
        assert!(!is_kept(&first[0]) && is_kept(&first[2]) && is_kept(&last));

        drop(first.split_off(MOST - 3));
        let more: Vec<Seat> = (0..3).map(|_| seats.take()).collect();
        assert!(is_kept(&first[2]) && more.iter().all(is_kept));
        assert_eq!(seats.lock().by.len(), MOST);
    }
}
