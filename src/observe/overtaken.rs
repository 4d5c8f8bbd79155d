//! Which readings come too late: a pass on those targets alone has read them since.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::{Reach, TargetId};

/// The targets that were read and acted on while the others were read, and how often: what is known of
/// them is newer than a reading that was begun before.
#[derive(Debug, Default)]
pub(crate) struct Overtaken(Mutex<HashMap<TargetId, u32>>);

impl Overtaken {
    /// How often the target was.
    pub(super) fn times(&self, target: TargetId) -> u32 {
        self.targets().get(&target).copied().unwrap_or_default()
    }

    /// These are once more, from now on.
    pub(crate) fn note(&self, reach: &Reach) {
        if let Reach::Only(reached) = reach {
            let mut targets = self.targets();
            for target in reached.keys() {
                *targets.entry(*target).or_default() += 1;
            }
        }
    }

    fn targets(&self) -> MutexGuard<'_, HashMap<TargetId, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
