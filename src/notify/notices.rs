//! Who is told of which end, and when. One mail a recipient and day, with all that concerns them.
//! Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};

use super::MailTurn;
use crate::domain::{AccessEnd, Email};

/// Who is told of an end, and how long before.
#[derive(Debug, Clone)]
pub(crate) struct NoticeRules {
    /// How long before.
    pub windows: Vec<SignedDuration>,
    /// Whether the person is told too, not only the owner.
    pub people: bool,
}

impl NoticeRules {
    /// The last end that a mail has to mention, if the next mail is at `next`.
    pub(crate) fn until(&self, next: Timestamp) -> Timestamp {
        let longest = self.windows.iter().max().copied().unwrap_or_default();
        next.checked_add(longest).unwrap_or(Timestamp::MAX)
    }

    /// The narrowest window that the end enters before `next`.
    fn window(&self, end: Timestamp, next: Timestamp) -> Option<SignedDuration> {
        let left = end.duration_since(next);
        self.windows.iter().copied().filter(|w| left <= *w).min()
    }
}

/// The last notice of a grant's end to a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LastNotice {
    /// The end as it was then.
    pub end: Timestamp,
    /// The narrowest window that was told.
    pub window: SignedDuration,
    /// Of the event in the recipient's calendar.
    pub sequence: u32,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    /// By grant and recipient.
    pub told: HashMap<(i64, Email), LastNotice>,
    /// Who has got this day's mail.
    pub served: BTreeSet<Email>,
}

/// One mail: all that concerns a recipient today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub to: Email,
    /// Ends of access that the recipient answers for, soonest first.
    pub answered_for: Vec<Item>,
    /// Ends of the recipient's own access that others answer for, soonest first.
    pub own: Vec<Item>,
}

impl Notice {
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        self.answered_for.iter().chain(&self.own)
    }
}

/// An end in a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub end: AccessEnd,
    /// The window that the notice is for.
    pub window: SignedDuration,
    /// Of the event in the recipient's calendar: counts how often its end moved.
    pub sequence: u32,
}

/// Decides who is mailed in this turn. Each recipient is told once for each window of an end; the
/// narrowest window counts for all wider ones. An end that moved is told again. Ends without an
/// owner are in the report only.
pub(crate) fn decide(
    ends: &[AccessEnd],
    memory: &Memory,
    rules: &NoticeRules,
    turn: &MailTurn,
) -> Vec<Notice> {
    let mut notices: BTreeMap<Email, Notice> = BTreeMap::new();
    for end in ends.iter().filter(|end| end.end > turn.now) {
        let Some(window) = rules.window(end.end, turn.next) else {
            continue;
        };
        let is_own = |owner: &Email| *owner == end.email;
        let person =
            (rules.people && !end.owner.as_ref().is_some_and(is_own)).then_some(&end.email);
        let recipients = [(end.owner.as_ref(), false), (person, true)];
        for (to, own) in recipients {
            let Some(to) = to.filter(|to| !memory.served.contains(*to)) else {
                continue;
            };
            let told = memory.told.get(&(end.grant, to.clone()));
            if told.is_some_and(|told| told.end == end.end && told.window <= window) {
                continue;
            }
            let moved = told.map_or(0, |told| told.sequence + u32::from(told.end != end.end));
            let notice = notices.entry(to.clone()).or_insert_with(|| Notice {
                to: to.clone(),
                answered_for: Vec::new(),
                own: Vec::new(),
            });
            let list = if own {
                &mut notice.own
            } else {
                &mut notice.answered_for
            };
            list.push(Item {
                end: end.clone(),
                window,
                sequence: moved,
            });
        }
    }
    let goes_out = |notice: &Notice| turn.goes_out(notice.items().map(|item| item.end.end));
    notices.into_values().filter(goes_out).collect()
}

#[cfg(test)]
mod tests;
