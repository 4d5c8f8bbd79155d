//! The verdict: whether a person has access to a target, until when, and by which evidence.

use jiff::Timestamp;
use serde::Serialize;
use strum::IntoStaticStr;

use super::facts::{ActionFact, GrantFact, OnTarget, ProvisionFact};
use super::forecast::{Forecast, Planned};
use super::words::{Words, given as given_words};
use crate::domain::{ActionKind, GrantState, Provider, TargetRef, Why};
use crate::report::words::{done, reason};

/// Whether a person has access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum AccessState {
    /// Has access, and nothing has ended it.
    Yes,
    /// Has access that is over, and is to lose it.
    Overdue,
    /// Is invited to the team and has not joined yet.
    Invited,
    /// A grant is still to begin.
    Scheduled,
    /// A grant runs, or the membership was there, and the last reading does not show it.
    Unseen,
    /// Has none.
    No,
}

impl AccessState {
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The verdict in words, and its end where it has one.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) access: AccessState,
    pub(super) until: Option<Timestamp>,
    pub(super) text: String,
}

/// Judges one target.
pub(super) struct Judge<'a> {
    pub(super) target: &'a TargetRef,
    pub(super) on: &'a OnTarget,
    pub(super) forecast: &'a Forecast,
    pub(super) words: &'a Words,
}

impl Judge<'_> {
    pub(super) fn verdict(&self) -> Verdict {
        let is_there = match self.target.provider() {
            Provider::Sentius => return self.on_whitelist(),
            Provider::Sapling => self
                .on
                .member
                .as_ref()
                .is_some_and(super::facts::MemberFact::is_there),
        };
        if is_there {
            return self.in_team();
        }
        let is_invited = self.on.invite.as_ref().is_some_and(|i| i.gone_at.is_none());
        let now = self.on.member.as_ref().and_then(|m| m.now.as_ref());
        if let Some(now) = now.filter(|_| !is_invited) {
            return self.under(now);
        }
        let missing = self
            .on
            .member
            .as_ref()
            .and_then(|m| m.missing_since.filter(|_| m.gone_at.is_none()));
        let invite = self.on.invite.as_ref().filter(|i| i.gone_at.is_none());
        match (missing, invite, self.covering()) {
            (Some(since), ..) => verdict(
                AccessState::Unseen,
                None,
                format!(
                    "may have access: the reading of {} did not show the membership, and another one ten minutes later decides",
                    self.words.both(since)
                ),
            ),
            (None, Some(invite), _) => verdict(
                AccessState::Invited,
                None,
                format!(
                    "no access yet: invited, first seen pending {}",
                    self.words.both(invite.first_seen)
                ),
            ),
            (None, None, Some(grant)) => self.unseen(grant),
            (None, None, None) => self.without(),
        }
    }

    /// A whitelist cannot be read: what is granted, and what the provider said, is all there is.
    fn on_whitelist(&self) -> Verdict {
        match (self.covering(), self.owed()) {
            (Some(grant), Some(owed)) => self.not_given(grant, owed),
            (Some(grant), None) => self.until(grant.end),
            (None, _) => self.ending().unwrap_or_else(|| self.without()),
        }
    }

    /// The membership is there, and bears another address by now: its grants are that one's.
    fn under(&self, now: &str) -> Verdict {
        let coming = self.forecast.coming.as_ref().filter(|(_, planned)| {
            let is_removal = |p: &Planned| p.action.kind == ActionKind::MemberRemove;
            planned
                .iter()
                .any(|p| p.protected.is_none() && is_removal(p))
        });
        let held = match (self.ending(), coming) {
            (Some(ending), _) => ending,
            (None, Some((at, _))) => self.until(Some(*at)),
            (None, None) => verdict(AccessState::Yes, None, "has access".to_owned()),
        };
        let text = format!("the membership bears {now} by now, and {}", held.text);
        verdict(held.access, held.until, text)
    }

    fn in_team(&self) -> Verdict {
        if let Some(overdue) = self.ending() {
            return overdue;
        }
        // The first end counts: a rule may apply before or after a grant's end.
        let coming = self.forecast.coming.as_ref().filter(|(_, planned)| {
            planned
                .iter()
                .any(|p| p.protected.is_none() && p.action.kind == ActionKind::MemberRemove)
        });
        if let Some(grant) = self.covering() {
            return match coming {
                None if grant.end.is_some() => verdict(
                    AccessState::Yes,
                    None,
                    format!(
                        "has access, and keeps it after the grant's end {}",
                        self.at(grant.end)
                    ),
                ),
                _ => self.until(grant.end),
            };
        }
        match coming {
            Some((at, planned)) => {
                let why = planned.first().map(|p| reason(p.action.reason.as_str()));
                let text = format!(
                    "has access until {}, without a grant that covers it ({})",
                    self.words.both(*at),
                    why.unwrap_or_default()
                );
                verdict(AccessState::Yes, Some(*at), text)
            }
            None => verdict(
                AccessState::Yes,
                None,
                "has access, without a grant that covers it and without an end".to_owned(),
            ),
        }
    }

    /// The access is over, or within its grace, and is still there.
    fn ending(&self) -> Option<Verdict> {
        let grace = self.forecast.left_alone.iter().find_map(|why| match why {
            Why::WithinGrace(until) => Some(*until),
            _ => None,
        });
        let due = self.forecast.due.iter().find(|p| {
            matches!(
                p.action.kind,
                ActionKind::WhitelistRemove | ActionKind::MemberRemove
            )
        });
        if let Some(due) = due {
            let since = self.words.both(due.action.due);
            let why = reason(due.action.reason.as_str());
            let text = match &due.protected {
                Some(_) => {
                    format!("has access that was over {since} ({why}), and keeps it: protected")
                }
                None => format!("still has access that was over {since} ({why})"),
            };
            return Some(verdict(AccessState::Overdue, None, text));
        }
        let over = self.open().filter(|g| g.state == GrantState::Ended);
        let ended = over.max_by_key(|g| g.end)?;
        let until = grace.or_else(|| self.forecast.coming.as_ref().map(|(at, _)| *at))?;
        let why = match grace {
            Some(_) => "grace runs",
            None => "another grant there keeps it",
        };
        let (until_then, ended) = (self.words.both(until), self.at(ended.end));
        let is_whitelist = self.target.provider() == Provider::Sentius;
        let text = match grace {
            // The entry was posted with the grant's end.
            Some(_) if is_whitelist => format!(
                "the grant ended {ended}, when the provider ends an entry that carries this end, and grace runs: lapsed removes it {until_then}"
            ),
            _ => format!("has access until {until_then}: the grant ended {ended}, and {why}"),
        };
        Some(verdict(AccessState::Yes, Some(until), text))
    }

    /// What is still to be given.
    fn owed(&self) -> Option<&ProvisionFact> {
        self.on.provisions.iter().find(|p| p.owes_access())
    }

    /// A grant runs, and the provider has not confirmed what it gives.
    fn not_given(&self, grant: &GrantFact, owed: &ProvisionFact) -> Verdict {
        let until = self.words.until(grant.end);
        let text = match (owed.state.as_str(), owed.gap_since) {
            (_, Some(since)) => format!(
                "may be without the access granted {until}: its entry is being replaced since {}",
                self.words.both(since)
            ),
            ("unknown" | "intent", None) => {
                format!("may have the access granted {until}: it was sent, and not answered")
            }
            _ => format!("no access yet: granted {until}, and not given yet"),
        };
        verdict(AccessState::Unseen, grant.end, text)
    }

    /// A grant runs, and no reading shows the person.
    fn unseen(&self, grant: &GrantFact) -> Verdict {
        if let Some(owed) = self.owed() {
            return self.not_given(grant, owed);
        }
        let read = self.on.source.as_ref().and_then(|s| s.complete_at);
        let last = self.on.provisions.iter().rev().find(|p| p.state == "done");
        let given = last.and_then(|p| {
            let said = given_words(p.result.as_deref()?, p.role.is_some());
            Some((said, p.settled_at?))
        });
        if let Some((given, at)) = given.filter(|(_, at)| read.is_none_or(|read| *at >= read)) {
            let at = self.words.both(at);
            let until = self.words.until(grant.end);
            let text = format!("granted {until}: {given} {at}, and not read since");
            return verdict(AccessState::Unseen, grant.end, text);
        }
        let until = self.words.until(grant.end);
        let text = match self.on.source.as_ref().and_then(|s| s.complete_at) {
            Some(at) => format!(
                "no membership, as read {}, though a grant gives access {until}",
                self.words.both(at)
            ),
            None => format!("granted access {until}, and the team has not been read yet"),
        };
        verdict(AccessState::Unseen, grant.end, text)
    }

    /// No access: why not, or not yet.
    fn without(&self) -> Verdict {
        let starts = self.open().filter(|g| g.state == GrantState::Scheduled);
        if let Some(start) = starts.map(|g| g.start).min() {
            let text = format!("no access yet: granted from {}", self.words.both(start));
            return verdict(AccessState::Scheduled, None, text);
        }
        if self.on.grants.last().is_some_and(|g| g.refused) {
            let text = "no access: the provider refused to give it".to_owned();
            return verdict(AccessState::No, None, text);
        }
        let removal = self.on.actions.iter().rev().find(|a| a.took_access());
        let left = self.on.member.as_ref().and_then(|m| m.gone_at);
        let text = match (removal, left) {
            (Some(removal), left)
                if left.is_none_or(|left| removal.tried_at.is_none_or(|tried| left >= tried))
                    || self.on.member.is_none() =>
            {
                format!("no access: {}", self.taken(removal))
            }
            (_, Some(left)) => format!(
                "no access: left the team by {}, and not by lapsed",
                self.words.both(left)
            ),
            (Some(removal), None) => format!("no access: {}", self.taken(removal)),
            (None, None) if self.on.grants.is_empty() => "no access on record".to_owned(),
            (None, None) => "no access: no grant is open".to_owned(),
        };
        verdict(AccessState::No, None, text)
    }

    /// How access was removed, and what proves it.
    fn taken(&self, removal: &ActionFact) -> String {
        let when = removal
            .settled_at
            .or(removal.tried_at)
            .unwrap_or(removal.due);
        let proof = match (removal.evidence.as_deref(), self.target.provider()) {
            (Some("verified"), _) => "verified by reading the team",
            (Some("acknowledged"), Provider::Sentius) => {
                "acknowledged by the provider; a whitelist cannot be read back"
            }
            (Some("acknowledged"), _) => "acknowledged by the provider, not read back yet",
            _ => "without evidence",
        };
        let what = match removal.state.as_str() {
            "absent" => "the provider no longer had it",
            _ => done(&removal.action),
        };
        let (when, why) = (self.words.both(when), reason(&removal.reason));
        format!("{what} {when}, {proof} ({why})")
    }

    fn until(&self, end: Option<Timestamp>) -> Verdict {
        let text = match end {
            Some(end) => format!("has access until {}", self.words.both(end)),
            None => "has access without an end".to_owned(),
        };
        verdict(AccessState::Yes, end, text)
    }

    fn at(&self, at: Option<Timestamp>) -> String {
        at.map(|at| self.words.both(at)).unwrap_or_default()
    }

    fn open(&self) -> impl Iterator<Item = &GrantFact> {
        self.on.grants.iter().filter(|g| g.removed_at.is_none())
    }

    /// The longest of the grants that run.
    fn covering(&self) -> Option<&GrantFact> {
        let running = self.open().filter(|g| g.covers(self.words.now));
        running.max_by_key(|g| (g.end.is_none(), g.end))
    }
}

fn verdict(access: AccessState, until: Option<Timestamp>, text: String) -> Verdict {
    Verdict {
        access,
        until,
        text,
    }
}
