//! A sentence for each kind of event that is known, and what can be said of the others.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Actions;
use crate::explain::words::{Words, given, to_give};
use crate::report::words::{done, reason, todo};

/// What is said of one event.
pub(super) struct Sentence {
    pub(super) text: String,
    pub(super) by: Option<String>,
}

/// Tells events in their order: some say only what is new since an earlier one.
pub(super) struct Narrator<'a> {
    actions: &'a Actions,
    words: &'a Words,
    /// What was last said of each grant.
    grants: HashMap<i64, Map<String, Value>>,
    /// What each provision is: its later events give the number alone.
    provisions: HashMap<i64, (String, bool)>,
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

    pub(super) fn say(&mut self, kind: &str, detail: &Value) -> Sentence {
        let text = match kind.split_once('.') {
            Some(("grant", what)) => self.grant(what, detail),
            Some(("action", what)) => self.action(what, detail),
            Some(("review", "kept")) => Some("kept in review: still needed".to_owned()),
            Some(("provision", what)) => self.provision(what, detail),
            Some(("member" | "invite" | "email" | "hold", _)) => observed(kind, detail),
            _ => None,
        };
        Sentence {
            text: text.unwrap_or_else(|| self.plain(kind, detail)),
            by: by(kind, detail),
        }
    }

    fn grant(&mut self, what: &str, detail: &Value) -> Option<String> {
        let was = self.remember(detail);
        let until = |key: &str| self.words.until(moment(&detail[key]));
        Some(match what {
            "recorded" => {
                let given = match text(&detail["role"]) {
                    Some(role) => format!("granted the role {role}"),
                    None => "granted access".to_owned(),
                };
                let from =
                    moment(&detail["start"]).map(|at| format!(" from {}", self.words.moment(at)));
                let mut said = vec![format!(
                    "{given}{} {}",
                    from.unwrap_or_default(),
                    until("end")
                )];
                said.extend(list(&detail["permissions"]));
                said.extend(text(&detail["owner"]).map(|owner| format!("owner {owner}")));
                said.extend(text(&detail["reason"]).map(|reason| format!("reason: {reason}")));
                said.join("; ")
            }
            "amended" => {
                let changed = was.map(|was| changes(&was, detail)).unwrap_or_default();
                if changed.is_empty() {
                    "grant changed".to_owned()
                } else {
                    format!("grant changed: {}", changed.join(", "))
                }
            }
            "extended" => format!("grant now lasts {} (it was {})", until("end"), until("was")),
            "revoked" => match text(&detail["why"]) {
                Some(why) => format!("grant ended: {why}"),
                None => "grant ended by a person".to_owned(),
            },
            "noticed" => {
                let to = text(&detail["to"]).map(|to| format!(", to {to}"));
                format!(
                    "notice sent of the end {}{}",
                    until("end"),
                    to.unwrap_or_default()
                )
            }
            "refused" => "the provider refused it: the grant does not stand".to_owned(),
            "removed" => "grant closed: its access is taken away".to_owned(),
            _ => return None,
        })
    }

    /// Keeps what an event says of a grant, and returns what was said before.
    fn remember(&mut self, detail: &Value) -> Option<Map<String, Value>> {
        let form = detail.as_object()?;
        let known = self
            .grants
            .entry(form.get("grant_id")?.as_i64()?)
            .or_default();
        let was = known.clone();
        known.extend(form.clone());
        (!was.is_empty()).then_some(was)
    }

    fn action(&self, what: &str, detail: &Value) -> Option<String> {
        let known = detail["action_id"]
            .as_i64()
            .and_then(|id| self.actions.get(&id));
        let word = text(&detail["action"]).or(known.map(|(action, _)| action.as_str()))?;
        let cause = text(&detail["reason"]).or(known.map(|(_, reason)| reason.as_str()))?;
        let (todo, done, cause) = (todo(word), done(word), reason(cause));
        let more =
            |key: &str| text(&detail[key]).map_or_else(String::new, |why| format!(": {why}"));
        Some(match what {
            "intent" => format!("{todo}: being sent now ({cause})"),
            "result" => match text(&detail["state"])? {
                "done" => format!("{done} ({cause})"),
                "absent" => format!("{todo}: the provider no longer had it ({cause})"),
                "unknown" => format!("{todo}: sent, and not answered{}", more("detail")),
                _ => {
                    let attempt = detail["attempt"].as_i64().unwrap_or(1);
                    format!("{todo}: attempt {attempt} failed{}", more("detail"))
                }
            },
            "interrupted" => format!("{todo}: interrupted between the call and its answer"),
            "verified" => format!("{done}: read back, and gone"),
            "not_done" => format!("{todo}: sent without an answer, and still there"),
            "contradicted" => {
                format!("{todo}: the provider said that it is gone, and it is still there")
            }
            "withdrawn" => format!("{todo}: withdrawn{}", more("why")),
            "held" => format!("{todo}: held by the guard{}", more("why")),
            "protected" => format!("{todo}: never done{}", more("why")),
            "not_tried" => format!("{todo}: could not be tried{}", more("why")),
            _ => return None,
        })
    }

    fn provision(&mut self, what: &str, detail: &Value) -> Option<String> {
        let id = detail["provision_id"].as_i64()?;
        if let Some(word) = text(&detail["provision"]) {
            let has_role = !detail["role"].is_null();
            self.provisions.insert(id, (word.to_owned(), has_role));
        }
        let (word, has_role) = self.provisions.get(&id)?;
        let to_give = to_give(word, *has_role);
        let more =
            |key: &str| text(&detail[key]).map_or_else(String::new, |why| format!(": {why}"));
        Some(match what {
            "planned" => {
                let due = moment(&detail["due"])
                    .map(|at| format!(", not before {}", self.words.moment(at)));
                let command =
                    text(&detail["command"]).map(|command| format!(" (lapsed {command})"));
                format!(
                    "{to_give}{}{}",
                    due.unwrap_or_default(),
                    command.unwrap_or_default()
                )
            }
            "intent" => format!("{to_give}: being sent now"),
            "replacing" => format!("{to_give}: the old entry is being taken off"),
            "interrupted" => format!("{to_give}: interrupted between the call and its answer"),
            "not_tried" => format!("{to_give}: could not be tried{}", more("why")),
            "withdrawn" => format!("{to_give}: withdrawn{}", more("detail")),
            "result" => match (text(&detail["state"])?, text(&detail["result"])) {
                ("done", result) => given(result.unwrap_or("given"), *has_role).to_owned(),
                ("refused", _) => format!("{to_give}: refused for good{}", more("detail")),
                ("unknown", _) => format!("{to_give}: sent, and not answered{}", more("detail")),
                _ => {
                    let attempt = detail["attempt"].as_i64().unwrap_or(1);
                    format!("{to_give}: attempt {attempt} failed{}", more("detail"))
                }
            },
            _ => return None,
        })
    }

    /// A kind without a sentence: its name, and the fields of its payload that can be read.
    fn plain(&self, kind: &str, detail: &Value) -> String {
        let mut said = Vec::new();
        for (key, value) in detail.as_object().into_iter().flatten() {
            // Target and person stand beside it; numbers of rows mean nothing to people.
            if key == "target" || key == "email" || key == "by" || key.ends_with("_id") {
                continue;
            }
            let value = match (moment(value), value) {
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
fn observed(kind: &str, detail: &Value) -> Option<String> {
    let what = text(&detail["what"]).map(|what| format!(" ({what})"));
    let what = what.unwrap_or_default();
    Some(match kind {
        "member.appeared" => format!("seen in the team for the first time{what}"),
        "member.changed" => format!("changed in the team{what}"),
        "member.left" => "no longer in the team".to_owned(),
        "invite.appeared" => "invite seen pending for the first time".to_owned(),
        "invite.gone" => "invite no longer pending".to_owned(),
        "email.suppressed" => "address bounces: on the organization's list".to_owned(),
        "email.restored" => "address no longer on the list of those that bounce".to_owned(),
        "hold.approved" => "held removal allowed to go ahead".to_owned(),
        "hold.taken_back" => format!(
            "approval of a held removal taken back{}",
            text(&detail["why"]).map_or_else(String::new, |why| format!(": {why}"))
        ),
        _ => return None,
    })
}

/// Who did it, or what proves it.
fn by(kind: &str, detail: &Value) -> Option<String> {
    let who = text(&detail["by"]).map(str::to_owned);
    who.or_else(|| text(&detail["evidence"]).map(str::to_owned))
        .or_else(|| {
            let read = kind == "action.verified"
                || ["member.", "invite.", "email."]
                    .iter()
                    .any(|k| kind.starts_with(k));
            read.then(|| {
                if kind == "action.verified" {
                    "verified"
                } else {
                    "reading"
                }
                .to_owned()
            })
        })
}

/// What an amendment changed: `reason audit → migration`.
fn changes(was: &Map<String, Value>, is: &Value) -> Vec<String> {
    let said = |value: Option<&Value>| {
        let value = value.unwrap_or(&Value::Null);
        let said = text(value).map(str::to_owned).or_else(|| list(value));
        said.unwrap_or_else(|| "none".to_owned())
    };
    let keys = ["name", "permissions", "owner", "reason", "start", "end"];
    let changed = keys
        .into_iter()
        .filter(|key| was.get(*key).unwrap_or(&Value::Null) != &is[*key]);
    changed
        .map(|key| format!("{key} {} → {}", said(was.get(key)), said(is.get(key))))
        .collect()
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

fn moment(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// A list of texts, joined.
fn list(value: &Value) -> Option<String> {
    let items: Option<Vec<&str>> = value.as_array()?.iter().map(Value::as_str).collect();
    items
        .filter(|items| !items.is_empty())
        .map(|items| items.join(", "))
}
