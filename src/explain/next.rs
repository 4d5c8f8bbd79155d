//! What comes next for a person on a target, and when.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Serialize;

use super::facts::{ActionFact, OnTarget, ProvisionFact};
use super::forecast::{Forecast, Planned};
use super::words::{Words, to_give};
use crate::domain::{Action, GrantState, Means, ProvisionKind};
use crate::report::words::{reason, todo};
use crate::text::short_run;

/// Something that comes next.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Next {
    /// An action, a provision, or `grant.starts`.
    pub(crate) what: &'static str,
    /// Why, of an action.
    pub(crate) reason: Option<&'static str>,
    /// `coming`, `due`, `waiting`, `failed`, `unknown`, `held`, `protected`, `withdrawn`.
    pub(crate) state: &'static str,
    /// Since when it is due, or when it becomes so.
    pub(crate) due: Option<Timestamp>,
    /// When it happens; absent: with the next pass, or never, as the state tells.
    pub(crate) at: Option<Timestamp>,
    pub(crate) text: String,
}

pub(super) fn next(on: &OnTarget, forecast: &Forecast, words: &Words) -> Vec<Next> {
    let open: Vec<&ActionFact> = on
        .actions
        .iter()
        .filter(|a| a.settled_at.is_none())
        .collect();
    let mut next: Vec<Next> = forecast
        .due
        .iter()
        .map(|planned| {
            let word = planned.action.kind.as_str();
            due(
                planned,
                open.iter().find(|a| a.action == word).copied(),
                words,
            )
        })
        .collect();
    let is_read = on.source.as_ref().is_none_or(|s| s.state == "complete");
    for action in open {
        let is_due = forecast
            .due
            .iter()
            .any(|p| p.action.kind.as_str() == action.action);
        if !is_due && is_read {
            next.extend(left_over(action));
        }
    }
    if let Some((at, coming)) = &forecast.coming {
        next.extend(coming.iter().map(|planned| will_be(planned, *at, words)));
    }
    let owed = on.provisions.iter().filter(|p| p.settled_at.is_none());
    next.extend(owed.filter_map(|provision| give(provision, words)));
    let scheduled = on
        .grants
        .iter()
        .filter(|g| g.state == GrantState::Scheduled);
    next.extend(scheduled.map(|grant| Next {
        what: "grant.starts",
        reason: None,
        state: "coming",
        due: Some(grant.start),
        at: Some(grant.start),
        text: format!("a grant begins {}", words.both(grant.start)),
    }));
    // Who is known by two addresses is planned for by both.
    let mut told = HashSet::new();
    next.retain(|one| told.insert((one.what, one.text.clone())));
    next
}

/// An action that is due now, and its state.
fn due(planned: &Planned, open: Option<&ActionFact>, words: &Words) -> Next {
    let action = &planned.action;
    let todo = todo(action.kind.as_str());
    let detail = |a: &ActionFact| {
        a.detail
            .clone()
            .unwrap_or_else(|| "no reason was noted".to_owned())
    };
    let (state, at, text) = match (open, &planned.protected) {
        (_, Some(why)) => ("protected", None, format!("nothing: {why}")),
        (Some(a), _) if a.state == "held" => (
            "held",
            None,
            format!(
                "{todo}, once a person says lapsed approve {}: held by the guard, {}",
                short_run(&a.run),
                detail(a)
            ),
        ),
        (Some(a), _) if matches!(a.state.as_str(), "unknown" | "intent") => (
            "unknown",
            a.next_try_at,
            format!("{todo}: sent and not answered; the next pass settles it"),
        ),
        _ if action.means == Means::Unreadable => (
            "waiting",
            None,
            format!("{todo}, once the team can be read again"),
        ),
        (Some(a), _) if a.state == "failed" => {
            let again = match a.next_try_at {
                Some(at) if at > words.now => {
                    format!("tried again {}, or by the next --run-now", words.both(at))
                }
                _ => "tried again by the next pass".to_owned(),
            };
            let attempts = match a.attempts {
                0 => "it could not be tried".to_owned(),
                n => format!("attempt {n} failed"),
            };
            (
                "failed",
                a.next_try_at,
                format!("{todo}; {attempts} ({}), {again}", detail(a)),
            )
        }
        _ => ("due", None, format!("{todo} by the next pass")),
    };
    of(
        action,
        state,
        at,
        format!("{text} ({})", reason(action.reason.as_str())),
    )
}

/// What is still to be given.
fn give(provision: &ProvisionFact, words: &Words) -> Option<Next> {
    let what = ProvisionKind::from_word(&provision.provision)?.as_str();
    let to_give = to_give(what, provision.role.is_some());
    let detail = provision.detail.as_deref().unwrap_or("no reason was noted");
    let is_due = provision.due <= words.now;
    let when = if is_due {
        "by the next pass".to_owned()
    } else {
        words.both(provision.due)
    };
    let (state, text) = match provision.state.as_str() {
        "unknown" | "intent" => (
            "unknown",
            "sent and not answered; the next pass settles it".to_owned(),
        ),
        "failed" => (
            "failed",
            format!(
                "attempt {} failed ({detail}), tried again {when}",
                provision.attempts
            ),
        ),
        // So far the person was invited.
        _ if provision.result.is_some() => ("waiting", detail.to_owned()),
        _ if is_due => ("due", when),
        _ => ("coming", when),
    };
    Some(Next {
        what,
        reason: None,
        state,
        due: Some(provision.due),
        at: (!is_due).then_some(provision.due),
        text: format!("{to_give}: {text}"),
    })
}

/// An action that was due and no longer is.
fn left_over(action: &ActionFact) -> Option<Next> {
    let kind = crate::domain::ActionKind::from_word(&action.action)?;
    let cause = crate::domain::Reason::from_word(&action.reason)?;
    let (state, text) = match action.state.as_str() {
        "unknown" | "intent" => (
            "unknown",
            "sent and not answered; the next reading settles it",
        ),
        _ => ("withdrawn", "no longer due; the next pass withdraws it"),
    };
    Some(Next {
        what: kind.as_str(),
        reason: Some(cause.as_str()),
        state,
        due: Some(action.due),
        at: None,
        text: format!("{}: {text}", todo(kind.as_str())),
    })
}

fn will_be(planned: &Planned, at: Timestamp, words: &Words) -> Next {
    let action = &planned.action;
    let (todo, why) = (todo(action.kind.as_str()), reason(action.reason.as_str()));
    let text = format!("{todo} {} ({why})", words.both(at));
    match &planned.protected {
        Some(protected) => of(
            action,
            "protected",
            None,
            format!("nothing; it would be: {text}, but it {protected}"),
        ),
        None => of(action, "coming", Some(at), text),
    }
}

fn of(action: &Action, state: &'static str, at: Option<Timestamp>, text: String) -> Next {
    Next {
        what: action.kind.as_str(),
        reason: Some(action.reason.as_str()),
        state,
        due: Some(action.due),
        at,
        text,
    }
}
