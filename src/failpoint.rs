//! Places at which a test can make the process die, as a power cut would, and waits that it can
//! shorten. Debug builds only.

use std::time::Duration;

/// How many times shorter a wait is for a test in a hurry.
const HURRY: u32 = 20;

/// Dies at once when `LAPSED_FAILPOINT` names this place.
pub(crate) fn reach(place: &str) {
    if cfg!(debug_assertions) && std::env::var_os("LAPSED_FAILPOINT").is_some_and(|p| p == place) {
        std::process::abort();
    }
}

/// This wait, or a twentieth of it when `LAPSED_HURRY` is set.
pub(crate) fn wait(time: Duration) -> Duration {
    if cfg!(debug_assertions) && std::env::var_os("LAPSED_HURRY").is_some() {
        time / HURRY
    } else {
        time
    }
}
