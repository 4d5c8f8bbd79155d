//! What a complete reading of a list proves about those who are missing from it. Pure.
//!
//! A person that a reading shows is there. An absence is believed after two readings that count and
//! are ten minutes apart; if a reading is doubtful, after three over half an hour; from an
//! impossible reading, never.

use jiff::{SignedDuration, Timestamp};

use super::presence::PROOF_AFTER;

/// A list may lose less than this share at once; more looks like a fault of the provider.
const LOSES_AT_MOST: f64 = 0.5;

/// With fewer known people than this, a list may lose any number of them, but not all.
const SHRINKING_COUNTS_FROM: usize = 10;

/// How many readings in a row have to be without a person, and over what time.
const ABSENT: (u32, SignedDuration) = (2, PROOF_AFTER);

/// The same where the reading is doubtful.
const ABSENT_IN_DOUBT: (u32, SignedDuration) = (3, SignedDuration::from_mins(30));

/// What speaks for or against a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signs {
    /// People known to be there, less those that lapsed itself removed.
    pub known: usize,
    /// How many of them the reading shows.
    pub still_there: usize,
    /// How many members the reading shows in all.
    pub read: usize,
}

impl Signs {
    /// Why the reading is doubtful, if it is.
    #[must_use]
    pub fn doubt(&self) -> Option<String> {
        let lost = self.known.saturating_sub(self.still_there);
        if self.known > 0 && self.read == 0 {
            return Some(format!("the list is empty, and {} were known", self.known));
        }
        if self.known >= SHRINKING_COUNTS_FROM && lost as f64 > self.known as f64 * LOSES_AT_MOST {
            return Some(format!("{lost} of {} known are missing", self.known));
        }
        None
    }
}

/// How long and how often somebody has been missing, this reading included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// The first reading that counts and was without them.
    pub since: Timestamp,
    /// How many such readings there were in a row.
    pub readings: u32,
}

impl Missed {
    /// Whether the absence is believed with the reading that was made at `at`.
    #[must_use]
    pub fn is_believed(self, doubtful: bool, at: Timestamp) -> bool {
        let (readings, span) = if doubtful { ABSENT_IN_DOUBT } else { ABSENT };
        self.readings >= readings && at.duration_since(self.since) >= span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_shrank_to_nothing_or_by_more_than_half_of_ten_is_doubtful() {
        for (known, still_there, doubtful) in [
            (0, 0, false),
            (1, 0, true),
            (9, 1, false),
            (10, 5, false),
            (10, 4, true),
            (11, 5, true),
            (200, 100, false),
            (200, 99, true),
        ] {
            let signs = Signs {
                known,
                still_there,
                read: still_there,
            };
            assert_eq!(signs.doubt().is_some(), doubtful, "{known} → {still_there}");
        }
    }

    #[test]
    fn an_absence_is_believed_from_two_readings_ten_minutes_apart_or_in_doubt_from_three_over_thirty()
     {
        for (readings, minutes, believed, in_doubt) in [
            (1, 60, false, false),
            (2, 9, false, false),
            (2, 10, true, false),
            (9, 9, false, false),
            (3, 29, true, false),
            (2, 60, true, false),
            (3, 30, true, true),
        ] {
            let since = Timestamp::UNIX_EPOCH;
            let missed = Missed { since, readings };
            let at = since + SignedDuration::from_mins(minutes);
            assert_eq!(
                missed.is_believed(false, at),
                believed,
                "{readings} {minutes}"
            );
            assert_eq!(
                missed.is_believed(true, at),
                in_doubt,
                "{readings} {minutes}"
            );
        }
    }
}
