//! Places at which a test can make the process die, as a power cut would, hang or panic; waits that
//! it can shorten, and a clock that it can set. Debug builds only.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How many times shorter a wait is for a test in a hurry.
const HURRY: u32 = 20;

/// Dies at once when `LAPSED_FAILPOINT` names this place.
pub(crate) fn reach(place: &str) {
    if cfg!(debug_assertions) && std::env::var_os("LAPSED_FAILPOINT").is_some_and(|p| p == place) {
        std::process::abort();
    }
}

/// When `LAPSED_FAILPOINT` names the first, never comes back; when it names the second, panics, the
/// first time.
pub(crate) async fn pause(hang: &str, panic: &str) {
    static PANICKED: AtomicBool = AtomicBool::new(false);
    if !cfg!(debug_assertions) {
        return;
    }
    let wanted = std::env::var("LAPSED_FAILPOINT").unwrap_or_default();
    if wanted == hang {
        std::future::pending::<()>().await;
    }
    assert!(
        wanted != panic || PANICKED.swap(true, Ordering::Relaxed),
        "as {wanted} asks for"
    );
}

/// Panics when `LAPSED_FAILPOINT` is `panic:` and this place, and the first time only when it is
/// `panic-once:` and this place.
pub(crate) fn panic(place: &str) {
    static PANICKED: AtomicBool = AtomicBool::new(false);
    if !cfg!(debug_assertions) {
        return;
    }
    let wanted = std::env::var("LAPSED_FAILPOINT").unwrap_or_default();
    let is_here = |word| wanted.strip_prefix(word) == Some(place);
    let always = is_here("panic:");
    let first = is_here("panic-once:") && !PANICKED.swap(true, Ordering::Relaxed);
    assert!(!always && !first, "as {wanted} asks for");
}

/// How far the clock is set ahead, in milliseconds, by the file that `LAPSED_CLOCK` names.
pub(crate) fn clock_ahead() -> i64 {
    if !cfg!(debug_assertions) {
        return 0;
    }
    let file = std::env::var_os("LAPSED_CLOCK");
    let text = file.and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// This wait, or a twentieth of it when `LAPSED_HURRY` is set.
pub(crate) fn wait(time: Duration) -> Duration {
    if cfg!(debug_assertions) && std::env::var_os("LAPSED_HURRY").is_some() {
        time / HURRY
    } else {
        time
    }
}
