//! What changed in a team between what was known and what was read. Pure.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Email, Flags, Missed, ReadMember};

/// A member who is known to be there, or is missing and not believed to be gone yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownMember {
    /// The row that holds it.
    pub row: i64,
    /// The provider's id of the membership.
    pub remote_id: String,
    /// Who.
    pub email: Email,
    /// What they may do.
    pub flags: Flags,
    /// The provider's date.
    pub created_at: Option<Timestamp>,
    /// Since when, and in how many readings that count, they have been missing.
    pub missed: Option<Missed>,
    /// Whether the absence has been reported.
    pub left_told: bool,
}

/// The difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes<'a> {
    /// Not known before.
    pub appeared: Vec<&'a ReadMember>,
    /// Known, but written differently now.
    pub changed: Vec<FlagChange<'a>>,
    /// Missing from this reading.
    pub missing: Vec<&'a KnownMember>,
    /// Was missing, and is back.
    pub back: Vec<&'a KnownMember>,
}

/// A member whose flags, address or date changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlagChange<'a> {
    /// As it was.
    pub was: &'a KnownMember,
    /// As it is.
    pub is: &'a ReadMember,
}

impl FlagChange<'_> {
    /// Whether the membership has another address now, not just another spelling.
    #[must_use]
    pub fn is_of_address(&self) -> bool {
        self.was.email.key() != self.is.email.key()
    }

    /// The change in words, such as `is_manager true → false`.
    #[must_use]
    pub fn describe(&self) -> String {
        let flags = self
            .was
            .flags
            .named()
            .into_iter()
            .zip(self.is.flags.named());
        let mut words: Vec<String> = flags
            .filter(|(was, is)| was.1 != is.1)
            .map(|(was, is)| format!("{} {} → {}", was.0, was.1, is.1))
            .collect();
        if self.was.email.written() != self.is.email.written() {
            words.push(format!("address {} → {}", self.was.email, self.is.email));
        }
        if words.is_empty() {
            words.push("created_at".to_owned());
        }
        words.join(", ")
    }
}

impl<'a> Changes<'a> {
    /// Compares a reading with what was known. Members are the same when the provider's id is the
    /// same. A date of joining that is moved back under one id is not believed.
    #[must_use]
    pub fn between(known: &'a [KnownMember], read: &'a [ReadMember]) -> Self {
        let mut changes = Self::default();
        if known.is_empty() {
            changes.appeared = read.iter().collect();
            return changes;
        }
        let mut unseen: HashMap<&str, &KnownMember> =
            known.iter().map(|k| (k.remote_id.as_str(), k)).collect();
        for is in read {
            match unseen.remove(is.remote_id.as_str()) {
                None => changes.appeared.push(is),
                Some(was) => {
                    if was.missed.is_some() {
                        changes.back.push(was);
                    }
                    let joined = believed_date(was.created_at, is.created_at);
                    if was.flags != is.flags
                        || was.email.written() != is.email.written()
                        || was.created_at != joined
                    {
                        changes.changed.push(FlagChange { was, is });
                    }
                }
            }
        }
        let is_missing = |was: &&KnownMember| unseen.contains_key(was.remote_id.as_str());
        changes.missing.extend(known.iter().filter(is_missing));
        changes
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// When a membership began: the first date that was given for its id, unless a later one is given.
#[must_use]
pub fn believed_date(was: Option<Timestamp>, is: Option<Timestamp>) -> Option<Timestamp> {
    match (was, is) {
        (Some(was), Some(is)) => Some(was.max(is)),
        (was, is) => was.or(is),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(row: i64, id: &str, missed: bool) -> KnownMember {
        KnownMember {
            row,
            remote_id: id.into(),
            email: Email::observed(&format!("{id}@example.com")),
            flags: Flags::default(),
            created_at: None,
            missed: missed.then_some(Missed {
                since: Timestamp::UNIX_EPOCH,
                readings: 1,
            }),
            left_told: false,
        }
    }

    fn read(id: &str, flags: Flags) -> ReadMember {
        ReadMember {
            remote_id: id.into(),
            email: Email::observed(&format!("{id}@example.com")),
            flags,
            created_at: None,
            updated_at: None,
        }
    }

    #[test]
    fn an_equal_reading_changes_nothing() {
        let known = [known(1, "a", false)];
        let read = [read("a", Flags::default())];
        assert!(Changes::between(&known, &read).is_empty());
    }

    #[test]
    fn who_is_not_shown_is_missing_however_often() {
        for missed in [false, true] {
            let known = [known(1, "a", missed)];
            assert_eq!(Changes::between(&known, &[]).missing.len(), 1);
        }
    }

    #[test]
    fn a_changed_flag_is_told_with_its_name() {
        let known = [known(1, "a", false)];
        let read = [read(
            "a",
            Flags {
                is_manager: true,
                ..Flags::default()
            },
        )];
        let changes = Changes::between(&known, &read);
        assert_eq!(changes.changed[0].describe(), "is_manager false → true");
    }

    #[test]
    fn a_member_who_comes_back_with_another_flag_is_back_and_changed() {
        let known = [known(1, "a", true)];
        let read = [read(
            "a",
            Flags {
                is_admin: true,
                ..Flags::default()
            },
        )];
        let changes = Changes::between(&known, &read);
        assert_eq!((changes.back.len(), changes.changed.len()), (1, 1));
    }

    #[test]
    fn a_date_of_joining_that_moves_back_is_not_believed() {
        let (early, late) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        assert_eq!(believed_date(Some(late), Some(early)), Some(late));
        assert_eq!(believed_date(Some(early), Some(late)), Some(late));
        assert_eq!(believed_date(Some(early), None), Some(early));
        assert_eq!(believed_date(None, Some(early)), Some(early));
    }
}
