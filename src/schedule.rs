//! When the next thing is. Pure: cron lines in their zone, asked at an instant.

use std::str::FromStr;

use croner::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The next occurrence of a cron line after `now`, in its zone. `None` for a line that is not valid
/// or never occurs, which the configuration refuses.
#[must_use]
pub fn next(line: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let cron = Cron::from_str(line).ok()?;
    let next = cron.find_next_occurrence(&now.to_zoned(zone.clone()), false);
    next.ok().map(|at| at.timestamp())
}

/// The latest occurrence of a cron line at or before `now`, in its zone. `None` for a line that is
/// not valid, which the configuration refuses.
#[must_use]
pub fn previous(line: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let cron = Cron::from_str(line).ok()?;
    let previous = cron.find_previous_occurrence(&now.to_zoned(zone.clone()), true);
    previous.ok().map(|at| at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next_in(line: &str, zone: &str, now: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let next = next(line, &zone, now.parse().unwrap()).unwrap();
        next.to_string()
    }

    #[test]
    fn the_next_occurrence_is_in_the_zones_own_time_on_both_sides_of_a_change() {
        let monday = "0 0 7 * * Mon";
        assert_eq!(
            next_in(monday, "UTC", "2026-11-22T07:00:00Z"),
            "2026-11-23T07:00:00Z"
        );
        assert_eq!(
            next_in(monday, "Europe/Berlin", "2026-03-24T07:00:00Z"),
            "2026-03-30T05:00:00Z"
        );
        assert_eq!(
            next_in(monday, "Europe/Berlin", "2026-10-20T07:00:00Z"),
            "2026-10-26T06:00:00Z"
        );
    }

    #[test]
    fn the_latest_occurrence_may_be_now_and_is_found_across_a_change_of_the_clock() {
        let previous = |line: &str, zone: &str, now: &str| {
            let zone = TimeZone::get(zone).unwrap();
            let previous = previous(line, &zone, now.parse().unwrap()).unwrap();
            previous.to_string()
        };
        let daily = "0 30 2 * * *";
        assert_eq!(
            previous("0 */15 * * * *", "UTC", "2026-11-22T07:15:00Z"),
            "2026-11-22T07:15:00Z"
        );
        // 02:30 happens twice in Berlin on 25 October, and not at all in New York on 8 March.
        assert_eq!(
            previous(daily, "Europe/Berlin", "2026-10-25T12:00:00Z")
                .split('T')
                .next(),
            Some("2026-10-25")
        );
        assert_eq!(
            previous(daily, "America/New_York", "2026-03-08T20:00:00Z")
                .split('T')
                .next(),
            Some("2026-03-08")
        );
    }

    #[test]
    fn an_occurrence_now_is_not_the_next_one() {
        assert_eq!(
            next_in("0 */15 * * * *", "UTC", "2026-11-22T07:15:00Z"),
            "2026-11-22T07:30:00Z"
        );
    }
}
