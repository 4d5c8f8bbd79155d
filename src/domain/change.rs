//! What changed in a team between what was known and what was read. Pure.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Email, Flags, ReadMember};

/// A member who was there at the last complete reading, or was missing from it for the first time.
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
    /// Set once a complete reading did not show them.
    pub missing: bool,
}

/// The difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes<'a> {
    /// Not known before.
    pub appeared: Vec<&'a ReadMember>,
    /// Known, but written differently now.
    pub changed: Vec<FlagChange<'a>>,
    /// Missing from this reading, and there until now: not gone before a second one agrees.
    pub missing: Vec<&'a KnownMember>,
    /// Missing for the second time: gone.
    pub left: Vec<&'a KnownMember>,
    /// Was missing once, and is back.
    pub returned: Vec<&'a KnownMember>,
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
    /// Compares a complete reading with what was known. Members are the same when the provider's
    /// id is the same.
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
                    if was.missing {
                        changes.returned.push(was);
                    }
                    if was.flags != is.flags
                        || was.email.written() != is.email.written()
                        || was.created_at != is.created_at
                    {
                        changes.changed.push(FlagChange { was, is });
                    }
                }
            }
        }
        for was in known {
            if unseen.contains_key(was.remote_id.as_str()) {
                if was.missing {
                    changes.left.push(was);
                } else {
                    changes.missing.push(was);
                }
            }
        }
        changes
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(row: i64, id: &str, missing: bool) -> KnownMember {
        KnownMember {
            row,
            remote_id: id.into(),
            email: Email::observed(&format!("{id}@example.com")),
            flags: Flags::default(),
            created_at: None,
            missing,
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
    fn a_member_has_left_only_after_two_readings_without_them() {
        let once = [known(1, "a", false)];
        let changes = Changes::between(&once, &[]);
        assert_eq!((changes.missing.len(), changes.left.len()), (1, 0));
        let twice = [known(1, "a", true)];
        let changes = Changes::between(&twice, &[]);
        assert_eq!((changes.missing.len(), changes.left.len()), (0, 1));
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
    fn a_member_who_comes_back_with_another_flag_is_returned_and_changed() {
        let known = [known(1, "a", true)];
        let read = [read(
            "a",
            Flags {
                is_admin: true,
                ..Flags::default()
            },
        )];
        let changes = Changes::between(&known, &read);
        assert_eq!((changes.returned.len(), changes.changed.len()), (1, 1));
    }
}
