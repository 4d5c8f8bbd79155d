//! What must be so, by the grants that were asked for and by who is really there: no more than the
//! rules that people are told, and nothing of how the program comes to them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lapsed::domain::{Entry, Permission, Span};
use lapsed_sandbox::Call;

use super::people::{person, place, there};
use super::steps::{At, BOSS, PEOPLE, PLACES};
use crate::world::World;

/// A grant as asked for.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    pub(super) at: At,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) revoked: bool,
}

/// What the oracle knows.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    pub(super) grants: Vec<Granted>,
    /// Since when people are there without a break; an invite and its acceptance are one stay.
    since: BTreeMap<At, Timestamp>,
    /// Who is there as an invite that a faulty reading hid: it may count as another one.
    pub(super) hidden: Vec<At>,
    /// Whose access was given, and not taken by anybody else since.
    given: Vec<At>,
    /// Who the program took out last, and how many grants there were then.
    taken: Vec<(At, usize)>,
}

impl Oracle {
    pub(super) fn covered(&self, at: At, when: Timestamp) -> bool {
        let mut of = self.grants.iter().filter(|g| g.at == at);
        of.any(|g| g.start <= when && when < g.end)
    }

    /// Notes that access was given, or that what was taken is to be given back.
    pub(super) fn owes(&mut self, at: At) {
        self.given.push(at);
    }

    /// Notes that an end was moved. Where that end has passed and the access was taken for it, the
    /// access is to be given back.
    pub(super) fn extended(&mut self, at: At, end: Timestamp, now: Timestamp) {
        let is_covered = self.covered(at, now);
        let taken = self.taken.iter().find(|(taken, _)| *taken == at);
        let taken = taken.map(|(_, grants)| *grants);
        let of = |g: &&mut Granted| g.at == at && !g.revoked;
        // What was only recorded since was never given, and nothing was taken for it. The end that is
        // moved may be that one's: the grants for which access was taken are closed.
        let recorded_since = |grants: usize| self.grants.iter().skip(grants).any(|g| g.at == at);
        let was_taken = !is_covered && taken.is_some_and(|grants| !recorded_since(grants));
        let longest = self.grants.iter_mut().filter(of).max_by_key(|g| g.end);
        let was_taken = was_taken && longest.is_some();
        if let Some(longest) = longest {
            longest.end = end;
        }
        for grant in self.grants.iter_mut().filter(of) {
            grant.end = grant.end.min(end);
        }
        if was_taken {
            self.owes(at);
        }
    }

    /// A person's word ends what runs; where nothing did, the word itself is on record.
    pub(super) fn revoked(&mut self, at: At, now: Timestamp) {
        for grant in self.grants.iter_mut().filter(|g| g.at == at && g.end > now) {
            (grant.end, grant.revoked) = (now, true);
        }
        self.grants.push(Granted {
            at,
            start: now,
            end: now,
            revoked: true,
        });
    }

    /// Looks at who is there after something happened, by a human hand or by the program.
    pub(super) fn look(&mut self, world: &World, by_program: bool) -> Result<(), String> {
        let (there, now) = (there(world), world.now());
        let gone: Vec<At> = self
            .since
            .keys()
            .copied()
            .filter(|at| !there.contains(at))
            .collect();
        for at in gone {
            self.since.remove(&at);
            self.hidden.retain(|hidden| *hidden != at);
            if !by_program {
                self.given.retain(|given| *given != at);
                self.taken.retain(|(taken, _)| *taken != at);
                continue;
            }
            self.taken.push((at, self.grants.len()));
            let known = self.grants.iter().any(|g| g.at == at);
            // An entry that is being replaced is nowhere if the program dies just then.
            if at.who == BOSS || !known || (self.covered(at, now) && at.place != 0) {
                return Err(format!("{at} was removed and should not have been"));
            }
        }
        for at in there {
            self.since.entry(at).or_insert(now);
            self.taken.retain(|(taken, _)| *taken != at);
        }
        let is_covered = |at: &At| self.covered(*at, now);
        let given = self.given.iter().copied().filter(is_covered).collect();
        self.given = given;
        Ok(())
    }

    /// Since when somebody has been a member who joined long ago.
    pub(super) fn joined(&mut self, at: At, when: Timestamp) {
        self.since.insert(at, when);
    }

    /// No removal of who was covered just then, and no gift to who was not.
    pub(super) fn calls(&self, calls: &[Call], ahead: SignedDuration) -> Result<(), String> {
        for (number, call) in calls.iter().enumerate().filter(|(_, c)| c.method != "GET") {
            let place = place(&call.path);
            // On a whitelist an address is the person: a later one is somebody else's.
            let emails = call.emails.iter();
            let emails =
                emails.filter(|email| place != 0 || !email.to_lowercase().contains(".new@"));
            for who in emails.filter_map(|email| person(email)) {
                let at = At { who, place };
                let replaced = |before: &Call| {
                    before.method == "POST"
                        && before.emails == call.emails
                        && before.status == Some(400)
                };
                let is_covered = self.covered(at, call.at + ahead);
                let wrong = match call.method.as_str() {
                    "DELETE" => {
                        is_covered && !(at.place == 0 && calls[..number].iter().any(replaced))
                    }
                    _ => !is_covered,
                };
                if wrong || call.method == "DELETE" && who == BOSS {
                    let (method, path) = (&call.method, &call.path);
                    return Err(format!("{method} {path} for {at}, covered: {is_covered}"));
                }
            }
        }
        Ok(())
    }

    /// How things stand when all is done.
    pub(super) fn end(&self, world: &World) -> Vec<String> {
        let (there, now) = (there(world), world.now());
        let mut wrong = Vec::new();
        for place in 0..PLACES.len() {
            for who in 0..PEOPLE.len() {
                let at = At { who, place };
                let ends = self.grants.iter().filter(|g| g.at == at).map(|g| g.end);
                let Some(last) = ends.max() else { continue };
                let is_there = there.contains(&at);
                if self.covered(at, now) {
                    if self.given.contains(&at) && !is_there {
                        wrong.push(format!("{at} should be there"));
                    }
                    wrong.extend(self.entry(world, at, now));
                } else if is_there && who != BOSS && !self.may_stay(at, last) {
                    wrong.push(format!("{at} should be gone"));
                }
            }
        }
        wrong
    }

    /// Whether somebody who has no cover any more came back, or came in, after it.
    fn may_stay(&self, at: At, last: Timestamp) -> bool {
        self.since.get(&at).is_some_and(|since| *since > last) && at.place != 0
            || self.hidden.contains(&at)
    }

    /// Whether the whitelist holds what a person's grants come to.
    fn entry(&self, world: &World, at: At, now: Timestamp) -> Option<String> {
        if at.place != 0 {
            return None;
        }
        let of = self.grants.iter().filter(|g| g.at == at);
        let span = |g: &Granted| Span {
            start: g.start,
            end: Some(g.end),
            permissions: vec![Permission::CanRead],
        };
        let wanted = Entry::of(&of.map(span).collect::<Vec<_>>(), now)?;
        let ends: Vec<Option<Timestamp>> = world.sentius.with(|state| {
            let entries = state.entries.values();
            let of = entries.filter(|e| person(&e.email) == Some(at.who));
            of.map(|e| e.end_date).collect()
        });
        // In another spelling it may end before, but none may last longer than the grants.
        let is_within = |end: &Option<Timestamp>| end.is_some_and(|end| Some(end) <= wanted.end);
        let is_right = ends.contains(&wanted.end) && ends.iter().all(is_within);
        (!is_right).then(|| {
            format!(
                "{at} should be there until {:?}, is until {ends:?}",
                wanted.end
            )
        })
    }
}
