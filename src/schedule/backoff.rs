//! When what failed is tried again. Pure.

use jiff::{SignedDuration, Timestamp};

/// The first wait after a refusal, doubled with each further one.
const FIRST: SignedDuration = SignedDuration::from_mins(5);
/// The longest: what is refused for days is still tried a few times a day.
pub(crate) const LONGEST: SignedDuration = SignedDuration::from_hours(6);
/// The first wait where the provider is down: that is often over in seconds.
const FIRST_OUTAGE: SignedDuration = SignedDuration::from_secs(15);
/// The longest wait there: access must not outlast the outage by hours.
const LONGEST_OUTAGE: SignedDuration = SignedDuration::from_mins(15);
/// Tries begin at whole multiples of this, so that those of one account come together, and not each
/// as a pass of its own.
const TOGETHER: i64 = 5;

/// When something is tried again that has failed this often, the last time now: by its own fault, or
/// because the provider is down.
pub(crate) fn next_try(now: Timestamp, failures: u32, is_outage: bool) -> Timestamp {
    let (first, longest) = match is_outage {
        true => (FIRST_OUTAGE, LONGEST_OUTAGE),
        false => (FIRST, LONGEST),
    };
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(12));
    let at = now.checked_add(doubled.min(longest)).unwrap_or(now);
    let over = at.as_second().rem_euclid(TOGETHER);
    Timestamp::from_second(at.as_second() - over + TOGETHER).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_six_hours_or_a_quarter_of_an_hour_where_the_provider_is_down() {
        let now: Timestamp = "2026-11-22T07:00:01.5Z".parse().unwrap();
        let wait = |failures, is_outage| {
            let wait = next_try(now, failures, is_outage).duration_since(now);
            wait.as_secs()
        };
        assert_eq!([0, 1, 2, 3].map(|n| wait(n, false)), [303, 303, 603, 1203]);
        assert_eq!([9, 99].map(|n| wait(n, false)), [21_603, 21_603]);
        assert_eq!([0, 1, 2, 3].map(|n| wait(n, true)), [18, 18, 33, 63]);
        assert_eq!([7, u32::MAX].map(|n| wait(n, true)), [903, 903]);
    }

    #[test]
    fn what_fails_within_seconds_is_tried_again_together() {
        let now: Timestamp = "2026-11-22T07:00:00Z".parse().unwrap();
        let at = |millis| {
            let at = now + SignedDuration::from_millis(millis);
            next_try(at, 1, true)
        };
        assert_eq!(at(0), at(4999));
        assert!(at(5000) > at(0));
        assert_eq!(next_try(Timestamp::MAX, 1, true), Timestamp::MAX);
    }
}
