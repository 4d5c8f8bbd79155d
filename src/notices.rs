//! Who is to be told of which end, and when: pure. One mail a recipient and day, with all that
//! concerns them.

mod turn;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};

use crate::domain::{AccessEnd, Email};
pub(crate) use turn::Turn;

/// How long before an end who is told.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// How long before.
    pub windows: Vec<SignedDuration>,
    /// Whether the person is told too, not only the owner.
    pub people: bool,
}

impl Rules {
    /// Until when ends matter, for a mail that has to reach until `next`.
    pub(crate) fn until(&self, next: Timestamp) -> Timestamp {
        let longest = self.windows.iter().max().copied().unwrap_or_default();
        next.checked_add(longest).unwrap_or(Timestamp::MAX)
    }

    /// The narrowest window that the end comes into before `next`.
    fn window(&self, end: Timestamp, next: Timestamp) -> Option<SignedDuration> {
        let left = end.duration_since(next);
        self.windows.iter().copied().filter(|w| left <= *w).min()
    }
}

/// What a recipient was told last of a grant's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
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
    pub told: HashMap<(i64, Email), Told>,
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
    /// The window that is told with it.
    pub window: SignedDuration,
    /// Of the event in the recipient's calendar: counts how often its end moved.
    pub sequence: u32,
}

/// Decides who is mailed in this turn. Each window of an end is told once to each recipient, the
/// narrowest one for all wider ones; an end that moved is told anew. Where there is no owner, nobody
/// is told for them: such ends stand in the report.
pub(crate) fn decide(
    ends: &[AccessEnd],
    memory: &Memory,
    rules: &Rules,
    turn: &Turn,
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
