//! Places at which a test can make the process die, as a power cut would. Debug builds only.

/// Dies at once when `LAPSED_FAILPOINT` names this place.
pub(crate) fn reach(place: &str) {
    if cfg!(debug_assertions) && std::env::var_os("LAPSED_FAILPOINT").is_some_and(|p| p == place) {
        std::process::abort();
    }
}
