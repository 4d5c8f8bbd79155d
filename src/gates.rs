//! When not to act at all: clocks that disagree. Pure.

use jiff::{SignedDuration, Timestamp};

/// What the clocks say.
#[derive(Debug, Clone, Default)]
pub struct Clocks {
    /// How far each provider's clock is ahead of ours (behind: negative), by account.
    pub providers: Vec<(String, SignedDuration)>,
    /// When the last pass ended, by our clock of then.
    pub last_pass: Option<Timestamp>,
    /// How far our clock moved more (less: negative) than time went by since the pass began.
    pub jumped: SignedDuration,
}

impl Clocks {
    /// Why nothing may be removed at `now`, if so: an end is only as true as the clock that it is
    /// measured by. Where providers tell the time and ours agrees, an earlier pass that lies in the
    /// future was made by a clock that has been put right since.
    #[must_use]
    pub fn doubt(&self, now: Timestamp, most: SignedDuration) -> Option<String> {
        if self.jumped.unsigned_abs() > most.unsigned_abs() {
            return Some(format!(
                "this machine's clock jumped by {:#} while the pass was running",
                self.jumped
            ));
        }
        let worst = self.providers.iter().max_by_key(|(_, s)| s.unsigned_abs());
        let Some((account, skew)) = worst else {
            let last = self.last_pass?;
            let back = last.duration_since(now);
            return (back > most).then(|| {
                format!("this machine's clock is {back:#} behind the end of the last pass ({last})")
            });
        };
        if skew.unsigned_abs() <= most.unsigned_abs() {
            return None;
        }
        let direction = if skew.is_negative() {
            "ahead of"
        } else {
            "behind"
        };
        Some(format!(
            "this machine's clock is {:#} {direction} that of {account} (guard.max_clock_skew = {most:#})",
            skew.abs()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-22T07:00:00Z";

    fn doubt(skew: i64, last: Option<&str>) -> Option<String> {
        let clocks = Clocks {
            providers: vec![
                ("sapling:acme".to_owned(), SignedDuration::from_secs(1)),
                ("sentius:acme".to_owned(), SignedDuration::from_secs(skew)),
            ],
            last_pass: last.map(|at| at.parse().unwrap()),
            jumped: SignedDuration::ZERO,
        };
        clocks.doubt(NOW.parse().unwrap(), SignedDuration::from_mins(5))
    }

    #[test]
    fn clocks_within_the_limit_are_trusted_on_both_sides() {
        for skew in [0, 299, 300, -300] {
            assert_eq!(doubt(skew, None), None, "{skew}");
        }
    }

    #[test]
    fn one_provider_whose_clock_differs_is_enough_to_wait() {
        let ahead = doubt(301, None).unwrap();
        assert!(ahead.contains("behind that of sentius:acme"), "{ahead}");
        let behind = doubt(-86_400, None).unwrap();
        assert!(behind.contains("ahead of that of sentius:acme"), "{behind}");
    }

    #[test]
    fn a_clock_that_jumps_while_a_pass_runs_is_not_trusted() {
        for (seconds, trusted) in [(0, true), (-300, true), (301, false), (-301, false)] {
            let clocks = Clocks {
                jumped: SignedDuration::from_secs(seconds),
                ..Clocks::default()
            };
            let doubt = clocks.doubt(NOW.parse().unwrap(), SignedDuration::from_mins(5));
            assert_eq!(doubt.is_none(), trusted, "{seconds}: {doubt:?}");
        }
    }

    #[test]
    fn where_no_provider_tells_the_time_a_clock_behind_the_last_pass_is_not_trusted() {
        let alone = |last: &str| {
            let clocks = Clocks {
                last_pass: Some(last.parse().unwrap()),
                ..Clocks::default()
            };
            clocks.doubt(NOW.parse().unwrap(), SignedDuration::from_mins(5))
        };
        assert_eq!(alone("2026-11-22T07:04:00Z"), None);
        assert!(alone("2026-11-23T07:00:00Z").is_some());
        assert_eq!(alone("2020-01-01T00:00:00Z"), None);
    }

    #[test]
    fn a_last_pass_in_the_future_does_not_count_against_a_clock_that_providers_agree_with() {
        assert_eq!(doubt(0, Some("2030-01-01T00:00:00Z")), None);
        assert!(doubt(301, Some("2030-01-01T00:00:00Z")).is_some());
    }
}
