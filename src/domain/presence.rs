//! Whether a person who is shown again was really gone. Pure.
//!
//! Readings miss people; our own calls remove them. Only a proven absence ends a stay. A person who
//! comes back after one has *returned*; anybody else is there as before, with all that was due.

use jiff::{SignedDuration, Timestamp};

/// How long after a call, or after a first reading without somebody, an absence can be proven.
pub(crate) const PROOF_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// An invite that is shown again within this time is the same one.
const SAME_INVITE: SignedDuration = SignedDuration::from_hours(24);

/// What made a person disappear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoneBy {
    /// A call of ours that the provider acknowledged.
    Ours,
    /// A call of ours that was never answered, or perhaps never sent.
    Unanswered,
    /// Nothing we know of: readings were without them.
    Readings,
}

/// Somebody who is no longer there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// The membership's id; absent: an invite.
    pub id: Option<String>,
    /// Who made it so.
    pub by: GoneBy,
    /// When they were missed first.
    pub missed_at: Timestamp,
    /// Whether the absence was proven: after a call of ours, by a reading ten minutes later.
    pub proven: bool,
}

/// Somebody who is shown, and was not a moment ago.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The membership's id; absent: an invite.
    pub id: Option<&'a str>,
    /// When the membership began, where the provider's date can be believed.
    pub created_at: Option<Timestamp>,
    /// When the team was last read without them.
    pub absent_at: Timestamp,
    /// When they were shown.
    pub at: Timestamp,
}

impl Gone {
    /// Whether the absence was real, so that the person shown now has come back after it.
    #[must_use]
    pub fn returned_as(&self, shown: Shown<'_>) -> bool {
        match (self.by, &self.id, shown.id) {
            // Whose other membership began well after it was let in anew, whatever was read meanwhile.
            (GoneBy::Ours, Some(was), Some(is)) if was != is => {
                self.proven || joined_after(self.missed_at, shown.created_at)
            }
            (GoneBy::Ours, ..) => self.proven,
            // Who is shown under the same id was never gone: the call was not done.
            (GoneBy::Unanswered, was, is) => self.proven && (is.is_none() || was.as_deref() != is),
            // An invite that was missed and is a member now was accepted.
            (GoneBy::Readings, None, Some(_)) => false,
            (GoneBy::Readings, _, None) => shown.at.duration_since(self.missed_at) > SAME_INVITE,
            (GoneBy::Readings, Some(was), Some(is)) => {
                let joined_before = shown.created_at.is_some_and(|at| at <= self.missed_at);
                was != is && !joined_before
            }
        }
    }
}

impl Gone {
    /// When whoever is shown came back, at the earliest: when the membership began, which is neither
    /// before they were missed nor after they were shown; without a date, right after the last reading
    /// without them. Who may have been back before an end does not stay for having returned after it.
    #[must_use]
    pub fn came_back_at(&self, shown: Shown<'_>) -> Timestamp {
        let joined = shown.created_at.unwrap_or(shown.absent_at);
        joined.max(self.missed_at).min(shown.at)
    }
}

/// Whether a membership began after the access on record had ended: somebody let them in anew. A
/// date that lies only minutes after the end proves nothing, since two clocks are compared.
#[must_use]
pub(crate) fn joined_after(end: Timestamp, created_at: Option<Timestamp>) -> bool {
    created_at.is_some_and(|joined| joined.duration_since(end) > PROOF_AFTER)
}

/// What says whether a member has come back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Since {
    /// After a proven absence.
    pub(crate) returned_at: Option<Timestamp>,
    /// Was there otherwise when last seen: see `Member::continues`.
    pub(crate) continues: bool,
    pub(crate) first_seen: Timestamp,
    pub(crate) created_at: Option<Timestamp>,
}

impl Since {
    /// Whether the member has come back since the access on record ended at `end`. Who was seen before
    /// that, and was never gone, has not: whatever date the provider gives by now.
    #[must_use]
    pub(crate) fn is_after(&self, end: Timestamp) -> bool {
        self.returned_at.is_some_and(|at| at > end)
            || (!self.continues && self.first_seen > end && joined_after(end, self.created_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + minute * 60).unwrap()
    }

    fn gone(by: GoneBy, id: Option<&str>, proven: bool) -> Gone {
        Gone {
            id: id.map(str::to_owned),
            by,
            missed_at: at(0),
            proven,
        }
    }

    #[test]
    fn only_a_proven_absence_makes_who_comes_back_a_new_matter() {
        use GoneBy::{Ours, Readings, Unanswered};
        for (by, was, proven, is, joined, minute, returned) in [
            // Readings alone: the same id, or a date from before, was never gone.
            (Readings, Some("a"), true, Some("a"), None, 99_999, false),
            (Readings, Some("a"), true, Some("b"), Some(-5), 60, false),
            (Readings, Some("a"), true, Some("b"), Some(5), 60, true),
            (Readings, Some("a"), true, Some("b"), None, 60, true),
            // An invite within 24 hours is the same; one that is a member now was accepted.
            (Readings, Some("a"), true, None, None, 24 * 60, false),
            (Readings, Some("a"), true, None, None, 24 * 60 + 1, true),
            (Readings, None, true, None, None, 60, false),
            (Readings, None, true, None, None, 2 * 24 * 60, true),
            (Readings, None, true, Some("b"), Some(50), 9_999, false),
            // Our own removal: proven ten minutes later, whatever the id.
            (Ours, Some("a"), false, Some("a"), None, 5, false),
            (Ours, Some("a"), false, Some("b"), None, 5, false),
            (Ours, Some("a"), false, Some("b"), Some(9), 99, false),
            (Ours, Some("a"), false, Some("b"), Some(11), 99, true),
            (Ours, Some("a"), false, Some("a"), Some(11), 99, false),
            (Ours, Some("a"), true, Some("a"), Some(-5), 15, true),
            (Ours, Some("a"), true, Some("b"), None, 15, true),
            (Ours, None, true, Some("b"), None, 15, true),
            (Ours, None, false, Some("b"), None, 5, false),
            // Without an answer: the same, except that the same id was never gone.
            (
                Unanswered,
                Some("a"),
                true,
                Some("a"),
                Some(-5),
                99_999,
                false,
            ),
            (Unanswered, Some("a"), true, Some("b"), Some(-5), 15, true),
            (Unanswered, Some("a"), true, None, None, 15, true),
            (Unanswered, Some("a"), false, Some("b"), None, 5, false),
            (Unanswered, None, true, Some("b"), None, 15, true),
            (Unanswered, None, false, None, None, 5, false),
        ] {
            let shown = Shown {
                id: is,
                created_at: joined.map(at),
                absent_at: at(1),
                at: at(minute),
            };
            assert_eq!(
                gone(by, was, proven).returned_as(shown),
                returned,
                "{by:?} {was:?} proven {proven} → {is:?} joined {joined:?} at {minute}"
            );
        }
    }

    #[test]
    fn who_has_no_date_may_be_back_since_the_last_reading_without_them() {
        for (joined, absent, back) in [(Some(30), 20, 30), (None, 20, 20), (None, -5, 0)] {
            let shown = Shown {
                id: None,
                created_at: joined.map(at),
                absent_at: at(absent),
                at: at(60),
            };
            let gone = gone(GoneBy::Ours, None, true);
            assert_eq!(gone.came_back_at(shown), at(back), "{joined:?} {absent}");
        }
    }

    #[test]
    fn a_membership_that_began_well_after_the_end_is_not_the_one_that_ended() {
        assert!(!joined_after(at(0), None));
        assert!(!joined_after(at(0), Some(at(-1))));
        assert!(!joined_after(at(0), Some(at(10))));
        assert!(joined_after(at(0), Some(at(11))));
    }
}
