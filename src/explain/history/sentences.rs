//! A sentence for each kind of event, and a fallback for kinds that this version does not know.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

use super::amended::{Known, changes, filled, listed};
use super::{Actions, Happened, Seen, What};
use crate::domain::event::{Answered, GrantForm, NotTried, Tried};
use crate::domain::{
    ActionKind, ActionState, Email, Event, Evidence, ProvisionKind, ProvisionState, Reason, Role,
};
use crate::explain::words::{Words, given, to_give};
use crate::report::words::{done, reason, todo};

/// What is said of one event.
pub(super) struct Sentence {
    pub(super) text: String,
    pub(super) by: Option<String>,
}

/// Writes the sentences in the order of the events: some say only what is new since an earlier one.
pub(super) struct Narrator<'a> {
    actions: &'a Actions,
    words: &'a Words,
    /// What was last said of each grant.
    grants: HashMap<i64, Known>,
    /// What each provision is: its later events give the number alone.
    provisions: HashMap<i64, (ProvisionKind, bool)>,
}

/// An action in words: what is to be done, what was done, and why.
struct ActionWords<'a> {
    todo: &'a str,
    done: &'a str,
    cause: &'a str,
}

impl<'a> Narrator<'a> {
    pub(super) fn new(actions: &'a Actions, words: &'a Words) -> Self {
        Self {
            actions,
            words,
            grants: HashMap::new(),
            provisions: HashMap::new(),
        }
    }

    pub(super) fn say(&mut self, happened: &Happened) -> Sentence {
        let (text, by) = match &happened.what {
            What::Event(event) => (self.event(event), by(event)),
            What::Seen(seen) => (Some(shown(seen)), shown_by(seen)),
            What::Other => (None, text(&happened.detail["by"]).map(str::to_owned)),
        };
        Sentence {
            text: text.unwrap_or_else(|| self.plain(&happened.kind, &happened.detail)),
            by,
        }
    }

    /// A sentence, if the kind of event has one.
    fn event(&mut self, event: &Event) -> Option<String> {
        let was = event
            .grant_id()
            .and_then(|grant| self.remember(grant, event));
        let until = |end: Option<Timestamp>| self.words.until(end);
        Some(match event {
            Event::GrantRecorded(form) => self.recorded(form),
            Event::GrantAmended(form) => {
                let changed = was.map(|was| changes(&was, &Known::of(form), self.words));
                match changed.unwrap_or_default() {
                    changed if changed.is_empty() => "grant changed".to_owned(),
                    changed => format!("grant changed: {}", changed.join(", ")),
                }
            }
            Event::GrantExtended(moved) => {
                let (end, was) = (until(moved.end), until(moved.was));
                format!("grant now lasts {end} (it was {was}){}", more(&moved.why))
            }
            Event::GrantRevoked(moved) => match filled(&moved.why) {
                Some(why) => format!("grant ended: {why}"),
                None => "grant ended by a person".to_owned(),
            },
            Event::GrantNoticed(noticed) => {
                let (end, to) = (until(Some(noticed.end)), noticed.to.written());
                format!("notice sent of the end {end}, to {to}")
            }
            Event::GrantRefused(_) => {
                "the provider refused it: the grant does not stand".to_owned()
            }
            Event::GrantDropped(row) => format!(
                "its row is no longer in {}: the grant ends once the guard lets its access go",
                row.source
            ),
            Event::GrantListed(row) => format!("its row is in {} again", row.source),
            Event::GrantRemoved(_) => "grant closed: its access is taken away".to_owned(),
            Event::ReviewKept(kept) => match filled(&kept.why) {
                Some(why) => format!("kept in review: {why}"),
                None => "kept in review: still needed".to_owned(),
            },
            Event::ActionIntent(is) => {
                let ActionWords { todo, cause, .. } =
                    self.action(is.action_id, Some(is.action), Some(is.reason))?;
                format!("{todo}: being sent now ({cause})")
            }
            Event::ActionResult(tried) => self.tried(tried)?,
            Event::ActionInterrupted(is) => {
                let todo = self.known(is.action_id)?.todo;
                format!("{todo}: interrupted between the call and its answer")
            }
            Event::ActionVerified(is) => {
                format!("{}: read back, and gone", self.known(is.action_id)?.done)
            }
            Event::ActionNotDone(is) => {
                let todo = self.known(is.action_id)?.todo;
                format!("{todo}: sent without an answer, and still there")
            }
            Event::ActionContradicted(is) => {
                let todo = self.known(is.action_id)?.todo;
                format!("{todo}: the provider said that it is gone, and it is still there")
            }
            Event::ActionWithdrawn(is) => {
                let todo = self.known(is.action_id)?.todo;
                format!("{todo}: withdrawn: {}", is.why)
            }
            Event::ActionHeld(is) => self.not_tried(is, "held by the guard")?,
            Event::ActionProtected(is) => self.not_tried(is, "never done")?,
            Event::ActionNotTried(is) => self.not_tried(is, "could not be tried")?,
            Event::ProvisionPlanned(planned) => {
                let to_give = self.provision(planned.provision_id, planned.provision, planned.role);
                let due = self.words.moment(planned.due);
                format!("{to_give}, not before {due} (lapsed {})", planned.command)
            }
            Event::ProvisionIntent(sent) => {
                let to_give = self.provision(sent.provision_id, sent.provision, sent.role);
                format!("{to_give}: being sent now")
            }
            Event::ProvisionReplacing(is) => {
                let to_give = self.to_give(is.provision_id)?;
                format!("{to_give}: the old entry is being taken off")
            }
            Event::ProvisionInterrupted(is) => {
                let to_give = self.to_give(is.provision_id)?;
                format!("{to_give}: interrupted between the call and its answer")
            }
            Event::ProvisionNotTried(is) => {
                let to_give = self.to_give(is.provision_id)?;
                format!("{to_give}: could not be tried: {}", is.why)
            }
            Event::ProvisionWithdrawn(is) => {
                let to_give = self.provision(is.provision_id, is.provision, is.role);
                format!("{to_give}: withdrawn{}", more(&is.detail))
            }
            Event::ProvisionResult(answered) => self.answered(answered),
            Event::HoldTakenBack(is) => {
                format!("approval of a held removal taken back: {}", is.why)
            }
            // What is plain from the kind and the fields.
            Event::GrantReopened(_)
            | Event::ReviewEnded(_)
            | Event::ActionWrittenOff(_)
            | Event::TeamMatched(_)
            | Event::TeamRenamed(_)
            | Event::TeamObserved(_)
            | Event::SuppressedObserved(_)
            | Event::SourceState(_)
            | Event::ObservationAccepted(_)
            | Event::HoldApproved(_)
            | Event::DatabaseDoubted(_)
            | Event::DatabaseConfirmed(_)
            | Event::MailQueued(_)
            | Event::MailSuppressed(_)
            | Event::MailSent(_)
            | Event::MailFailed(_)
            | Event::MailRefused(_)
            | Event::RunFinished(_)
            | Event::RowsChanged(_)
            | Event::RowsTakenOver(_) => return None,
        })
    }

    fn recorded(&self, form: &GrantForm) -> String {
        let given = match form.role {
            Some(role) => format!("granted the role {}", role.as_str()),
            None => "granted access".to_owned(),
        };
        let (from, until) = (self.words.moment(form.start), self.words.until(form.end));
        let mut said = vec![format!("{given} from {from} {until}")];
        said.extend(listed(&form.permissions));
        let owner = form.owner.as_ref().map(Email::written);
        said.extend(owner.map(|owner| format!("owner {owner}")));
        said.extend(filled(&form.reason).map(|reason| format!("reason: {reason}")));
        let source = form.source.as_ref();
        said.extend(source.map(|source| format!("from {source}")));
        said.join("; ")
    }

    /// Keeps what an event says of a grant, and returns what was said before.
    fn remember(&mut self, grant: i64, event: &Event) -> Option<Known> {
        let was = self.grants.get(&grant).cloned();
        let known = self.grants.entry(grant).or_default();
        match event {
            Event::GrantRecorded(form) | Event::GrantAmended(form) => *known = Known::of(form),
            Event::GrantExtended(moved) | Event::GrantRevoked(moved) => known.end = moved.end,
            Event::GrantNoticed(noticed) => known.end = Some(noticed.end),
            _ => {}
        }
        was
    }

    /// An action by its number.
    fn known(&self, id: i64) -> Option<ActionWords<'a>> {
        self.action(id, None, None)
    }

    /// An action by what an event says of it, or else by its number.
    fn action(
        &self,
        id: i64,
        action: Option<ActionKind>,
        cause: Option<Reason>,
    ) -> Option<ActionWords<'a>> {
        let known = self.actions.get(&id);
        let action = action.map(ActionKind::as_str);
        let cause = cause.map(Reason::as_str);
        let action = action.or(known.map(|(action, _)| action.as_str()))?;
        let cause = cause.or(known.map(|(_, cause)| cause.as_str()))?;
        Some(ActionWords {
            todo: todo(action),
            done: done(action),
            cause: reason(cause),
        })
    }

    fn tried(&self, tried: &Tried) -> Option<String> {
        let ActionWords { todo, done, cause } =
            self.action(tried.action_id, Some(tried.action), Some(tried.reason))?;
        let more = more(&tried.detail);
        Some(match tried.state {
            ActionState::Done => format!("{done} ({cause})"),
            ActionState::Absent => format!("{todo}: the provider no longer had it ({cause})"),
            ActionState::Unknown => format!("{todo}: sent, and not answered{more}"),
            _ => format!("{todo}: attempt {} failed{more}", tried.attempt),
        })
    }

    fn not_tried(&self, not_tried: &NotTried, how: &str) -> Option<String> {
        let NotTried { action, reason, .. } = *not_tried;
        let todo = self.action(not_tried.action_id, action, reason)?.todo;
        Some(format!("{todo}: {how}: {}", not_tried.why))
    }

    /// What is to be given; kept for the events that give the number alone.
    fn provision(&mut self, id: i64, kind: ProvisionKind, role: Option<Role>) -> &'static str {
        self.provisions.insert(id, (kind, role.is_some()));
        to_give(kind.as_str(), role.is_some())
    }

    fn to_give(&self, id: i64) -> Option<&'static str> {
        let (kind, has_role) = self.provisions.get(&id)?;
        Some(to_give(kind.as_str(), *has_role))
    }

    fn answered(&mut self, answered: &Answered) -> String {
        let to_give = self.provision(answered.provision_id, answered.provision, answered.role);
        let more = more(&answered.detail);
        match answered.state {
            ProvisionState::Done => {
                let result = answered.result.map_or("given", |result| result.as_str());
                given(result, answered.role.is_some()).to_owned()
            }
            ProvisionState::Refused => format!("{to_give}: refused for good{more}"),
            ProvisionState::Unknown => format!("{to_give}: sent, and not answered{more}"),
            _ => format!("{to_give}: attempt {} failed{more}", answered.attempt),
        }
    }

    /// A kind without a sentence: its name, and the fields of its payload that can be read.
    fn plain(&self, kind: &str, detail: &Value) -> String {
        let mut said = Vec::new();
        for (key, value) in detail.as_object().into_iter().flatten() {
            // Target and person stand beside it; numbers of rows mean nothing to people.
            if key == "target" || key == "email" || key == "by" || key.ends_with("_id") {
                continue;
            }
            let moment = text(value).and_then(|text| text.parse().ok());
            let value = match (moment, value) {
                (Some(at), _) => self.words.moment(at),
                (_, Value::String(text)) => text.clone(),
                (_, Value::Bool(_) | Value::Number(_)) => value.to_string(),
                _ => match list(value) {
                    Some(list) => list,
                    None => continue,
                },
            };
            said.push(format!("{} {value}", key.replace('_', " ")));
        }
        let kind = kind.replace(['.', '_'], " ");
        if said.is_empty() {
            kind
        } else {
            format!("{kind}: {}", said.join(", "))
        }
    }
}

/// What a reading showed, and what a person decided about held actions.
fn shown(seen: &Seen) -> String {
    let (said, what) = match seen {
        Seen::MemberAppeared(what) => ("seen in the team for the first time", what.as_str()),
        Seen::MemberChanged(what) => ("changed in the team", what.as_str()),
        Seen::MemberLeft => ("no longer in the team", ""),
        Seen::InviteAppeared => ("invite seen pending for the first time", ""),
        Seen::InviteGone => ("invite no longer pending", ""),
        Seen::EmailSuppressed => ("address bounces: on the organization's list", ""),
        Seen::EmailRestored => ("address no longer on the list of those that bounce", ""),
        Seen::HoldApproved(_) => ("held removal allowed to go ahead", ""),
    };
    match what {
        "" => said.to_owned(),
        what => format!("{said} ({what})"),
    }
}

fn shown_by(seen: &Seen) -> Option<String> {
    match seen {
        Seen::HoldApproved(by) => filled(by).map(str::to_owned),
        _ => Some("reading".to_owned()),
    }
}

/// Who did it, or what proves it.
fn by(event: &Event) -> Option<String> {
    let proof = || match event {
        Event::ActionResult(tried) => tried.evidence,
        Event::ActionWrittenOff(written_off) => Some(written_off.evidence),
        Event::ActionVerified(_) => Some(Evidence::Verified),
        _ => None,
    };
    let who = event.by().filter(|who| !who.is_empty());
    let by = who.or_else(|| proof().map(Evidence::as_str));
    by.map(str::to_owned)
}

fn more(why: &Option<String>) -> String {
    filled(why).map_or_else(String::new, |why| format!(": {why}"))
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// A list of texts, joined.
fn list(value: &Value) -> Option<String> {
    let items: Option<Vec<&str>> = value.as_array()?.iter().map(Value::as_str).collect();
    items
        .filter(|items| !items.is_empty())
        .map(|items| items.join(", "))
}
