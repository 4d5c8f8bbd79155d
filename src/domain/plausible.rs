//! Whether a complete reading of a team can be believed. Pure.

/// A list may lose less than this share at once; more looks like a fault of the provider.
const LOSES_AT_MOST: f64 = 0.5;

/// Below this many known members a list may shrink as it likes, but not to nothing.
const SHRINKING_COUNTS_FROM: usize = 10;

/// What speaks for or against a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signs {
    /// Members known from the last believed reading, less those that lapsed itself removed.
    pub known: usize,
    /// How many of them the reading shows.
    pub still_there: usize,
    /// How many members the reading shows in all.
    pub read: usize,
    /// Whether the key's holder, who must be an admin of the team, is among them; absent when that
    /// cannot be told.
    pub holder_there: Option<bool>,
}

impl Signs {
    /// Why the reading is doubtful, if it is.
    #[must_use]
    pub fn doubt(&self) -> Option<String> {
        let lost = self.known.saturating_sub(self.still_there);
        if self.known > 0 && self.read == 0 {
            return Some(format!("the list is empty, and {} were known", self.known));
        }
        if self.holder_there == Some(false) {
            return Some("the key's own holder is not among the members".to_owned());
        }
        if self.known >= SHRINKING_COUNTS_FROM && lost as f64 > self.known as f64 * LOSES_AT_MOST {
            return Some(format!("{lost} of {} known are missing", self.known));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubt(known: usize, still_there: usize) -> bool {
        Signs {
            known,
            still_there,
            read: still_there,
            holder_there: None,
        }
        .doubt()
        .is_some()
    }

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
            assert_eq!(
                doubt(known, still_there),
                doubtful,
                "{known} → {still_there}"
            );
        }
    }

    #[test]
    fn a_list_without_the_keys_holder_is_doubtful() {
        let signs = Signs {
            known: 0,
            still_there: 0,
            read: 3,
            holder_there: Some(false),
        };
        assert!(signs.doubt().is_some());
    }
}
