//! The review: who is asked whether access is still needed, who is reminded, and which grants end
//! unanswered. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::domain::{Email, ReviewPolicy, Role, TargetRef};

/// How long an answer may take, until the reminder and again after it.
const WAIT: SignedDuration = SignedDuration::from_hours(14 * 24);

impl ReviewPolicy {
    /// How long an answer may take: never longer than from one review to the next.
    pub(crate) fn wait(&self) -> SignedDuration {
        WAIT.min(self.every)
    }

    /// Grants confirmed before this moment are due for review.
    pub(crate) fn due_before(&self, now: Timestamp) -> Timestamp {
        now.checked_sub(self.every).unwrap_or(Timestamp::MIN)
    }
}

/// An open grant that is due for review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DueReview {
    /// The grant's number.
    pub grant: i64,
    /// What it gives access to.
    pub target: TargetRef,
    pub email: Email,
    /// Absent: the access as a whole; else this role.
    pub role: Option<Role>,
    /// Until when.
    pub end: Option<Timestamp>,
    /// Who answers for it.
    pub owner: Option<Email>,
    /// Why it was given.
    pub reason: Option<String>,
    /// When somebody last said that it is needed, or when it was recorded.
    pub confirmed_at: Timestamp,
    /// When somebody was first asked.
    pub asked_at: Option<Timestamp>,
    /// When they were last reminded.
    pub reminded_at: Option<Timestamp>,
    /// When the mail server accepted that reminder.
    pub delivered_at: Option<Timestamp>,
}

impl DueReview {
    /// Whether it is time to ask or to remind: once, and then at each further review.
    pub(crate) fn is_to_be_asked(&self, rules: &ReviewPolicy, now: Timestamp) -> bool {
        let (last, wait) = match (self.asked_at, self.reminded_at) {
            (None, _) => return true,
            (Some(asked), None) => (asked, rules.wait()),
            (_, Some(reminded)) => (reminded, rules.every),
        };
        now.duration_since(last) >= wait
    }

    /// When it ends if nobody answers, counted from when the reminder was delivered.
    pub(crate) fn ends_at(&self, rules: &ReviewPolicy) -> Option<Timestamp> {
        let delivered = self.delivered_at.filter(|_| rules.unanswered_ends)?;
        delivered.checked_add(rules.wait()).ok()
    }
}

/// Who can be asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recipients {
    /// Who is asked where there is no owner, or mail does not reach them.
    pub instead: Vec<Email>,
    /// Owners whose address is on a provider's list of suppressed ones, or whose last mail was refused.
    pub unreached: BTreeSet<Email>,
    /// When each got the last of these mails.
    pub mailed: BTreeMap<Email, Timestamp>,
}

/// One mail: all that waits for the recipient's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReviewRequest {
    pub to: Email,
    /// Grants without an end first, then those confirmed longest ago.
    pub questions: Vec<DueReview>,
}

/// The mails to send: one a recipient and round, with all that is due by then.
pub(crate) fn letters(
    open: &[DueReview],
    rules: &ReviewPolicy,
    who: &Recipients,
    now: Timestamp,
) -> Vec<ReviewRequest> {
    let mut lists: BTreeMap<&Email, Vec<&DueReview>> = BTreeMap::new();
    let takes = |to: &&Email| !who.unreached.contains(*to);
    for one in open {
        match one.owner.as_ref().filter(takes) {
            Some(owner) => lists.entry(owner).or_default().push(one),
            None => {
                for to in &who.instead {
                    lists.entry(to).or_default().push(one);
                }
            }
        }
    }
    let mut letters = Vec::new();
    for (to, mut list) in lists {
        let last = who.mailed.get(to);
        let rests = last.is_some_and(|last| now.duration_since(*last) < rules.wait());
        if rests || !list.iter().any(|one| one.is_to_be_asked(rules, now)) {
            continue;
        }
        list.sort_by_key(|one| (one.end.is_some(), one.confirmed_at, &one.email, &one.target));
        letters.push(ReviewRequest {
            to: to.clone(),
            questions: list.into_iter().cloned().collect(),
        });
    }
    letters
}

/// The grants that end now, since nobody answered.
pub(crate) fn unanswered<'a>(
    open: &'a [DueReview],
    rules: &ReviewPolicy,
    now: Timestamp,
) -> impl Iterator<Item = &'a DueReview> {
    open.iter()
        .filter(move |one| one.ends_at(rules).is_some_and(|end| end <= now))
}

#[cfg(test)]
mod tests;
