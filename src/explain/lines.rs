//! An explanation for people: a line for each fact that the verdict on one target rests on.

use super::facts::{ActionFact, GrantFact, Proof, ProvisionFact, flags};
use super::why::OnePlace;
use super::words::{Words, given, to_give};
use crate::domain::{GrantState, Provider};
use crate::report::words::{done, reason, todo};

/// How many closed grants and settled actions are shown; `history` has all.
const TOLD: usize = 2;

/// What stands below the verdict: a word, and what is said.
pub(crate) fn lines(place: &OnePlace, words: &Words) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let (open, closed): (Vec<&GrantFact>, Vec<_>) =
        place.grants.iter().partition(|g| g.removed_at.is_none());
    lines.extend(open.iter().map(|grant| ("grant", of_grant(grant, words))));
    lines.extend(
        closed
            .iter()
            .rev()
            .take(TOLD)
            .map(|grant| ("grant", of_grant(grant, words))),
    );
    let mut earlier = closed.len().saturating_sub(TOLD);
    if let Some(member) = &place.membership {
        let since = words.moment(member.since());
        let flags = match flags(member.flags).as_str() {
            "" => String::new(),
            flags => format!(" ({flags})"),
        };
        let seen = words.moment(member.last_seen);
        let now = member.now.as_ref();
        let now = now.map(|now| format!(", and bears {now} by now"));
        let now = now.unwrap_or_default();
        lines.push((
            "member",
            format!("since {since}{flags}, last seen {seen}{now}"),
        ));
    }
    if let Some(invite) = place.invite.as_ref() {
        let stage = match (invite.registered, invite.confirmed) {
            (_, true) => "confirmed",
            (true, false) => "registered",
            (false, false) => "not registered",
        };
        let gone = invite
            .gone_at
            .map(|at| format!(", gone by {}", words.moment(at)));
        let seen = words.both(invite.first_seen);
        let gone = gone.unwrap_or_default();
        lines.push((
            "invite",
            format!("first seen pending {seen}, {stage}{gone}"),
        ));
    }
    if let Some(since) = place.suppressed_since {
        lines.push((
            "address",
            format!(
                "bounces: on the organization's list since {}",
                words.both(since)
            ),
        ));
    }
    let (open, settled): (Vec<&ActionFact>, Vec<_>) =
        place.actions.iter().partition(|a| a.settled_at.is_none());
    let last = settled.iter().rev().take(TOLD).rev();
    lines.extend(
        last.chain(&open)
            .map(|action| ("action", of_action(action, words))),
    );
    earlier += settled.len().saturating_sub(TOLD);
    if let Some(last) = place.provisions.last() {
        lines.push(("given", of_provision(last, words)));
    }
    earlier += place.provisions.len().saturating_sub(1);
    lines.push(("evidence", evidence(place, words)));
    lines.extend(
        place
            .rules
            .iter()
            .map(|rule| ("rule", format!("{} ({})", rule.text, rule.rule))),
    );
    lines.extend(place.next.iter().map(|next| ("next", next.text.clone())));
    if place.next.is_empty() {
        lines.push(("next", "nothing".to_owned()));
    }
    if earlier > 0 {
        lines.push((
            "earlier",
            format!("{earlier} more, which lapsed history tells"),
        ));
    }
    lines
}

fn of_grant(grant: &GrantFact, words: &Words) -> String {
    let what = grant.role.as_ref().map(|role| format!("the role {role}, "));
    let from = words.moment(grant.start);
    let mut said = vec![format!(
        "{}from {from} {}",
        what.unwrap_or_default(),
        words.until(grant.end)
    )];
    if !grant.permissions.is_empty() {
        said.push(grant.permissions.join(", "));
    }
    said.extend(grant.owner.as_ref().map(|owner| format!("owner {owner}")));
    said.extend(
        grant
            .reason
            .as_ref()
            .map(|reason| format!("reason: {reason}")),
    );
    said.extend(grant.source.as_ref().map(|source| format!("from {source}")));
    if let Some(at) = grant.dropped_at {
        let since = words.moment(at);
        said.push(format!(
            "its row is missing there since {since}: it ends once the guard lets its access go"
        ));
    }
    if grant.revoked {
        said.push("ended by a person".to_owned());
    }
    if grant.refused {
        said.push("refused by the provider: never given".to_owned());
    }
    match (grant.state, grant.removed_at) {
        (GrantState::Removed, Some(at)) => said.push(format!("closed {}", words.moment(at))),
        (GrantState::Active, _) => {}
        (state, _) => said.push(state.as_str().to_owned()),
    }
    said.push(format!("recorded {}", words.moment(grant.recorded_at)));
    with_event(&said.join("; "), grant.event.as_ref())
}

fn of_action(action: &ActionFact, words: &Words) -> String {
    let mut said = match (action.state.as_str(), action.settled_at) {
        ("done", Some(at)) => format!("{} {}", done(&action.action), words.moment(at)),
        ("absent", Some(at)) => format!(
            "{}: the provider no longer had it {}",
            todo(&action.action),
            words.moment(at)
        ),
        (state, _) => format!("{}: {state}", todo(&action.action)),
    };
    said.push_str(&format!(" ({})", reason(&action.reason)));
    if let Some(evidence) = &action.evidence {
        said.push_str(&format!(", {evidence}"));
    }
    if let (Some(at), None) = (action.tried_at, action.settled_at) {
        said.push_str(&format!(", last tried {}", words.both(at)));
    }
    if action.attempts > 1 {
        said.push_str(&format!(", {} attempts", action.attempts));
    }
    if let Some(detail) = &action.detail {
        said.push_str(&format!("; the last answer: {detail}"));
    }
    with_event(&said, action.event.as_ref())
}

/// The last provision, and its result.
fn of_provision(provision: &ProvisionFact, words: &Words) -> String {
    let has_role = provision.role.is_some();
    let to_give = to_give(&provision.provision, has_role);
    let mut said = match (&provision.result, provision.settled_at) {
        (Some(result), Some(at)) => format!("{} {}", given(result, has_role), words.moment(at)),
        _ => format!("{to_give}: {}", provision.state),
    };
    if let (Some(at), None) = (provision.tried_at, provision.settled_at) {
        said.push_str(&format!(", last tried {}", words.both(at)));
    }
    if let Some(detail) = &provision.detail {
        said.push_str(&format!("; the last answer: {detail}"));
    }
    said.push_str(&format!(
        "; asked for by {} (lapsed {})",
        provision.by, provision.command
    ));
    with_event(&said, provision.event.as_ref())
}

/// What the verdict rests on.
fn evidence(place: &OnePlace, words: &Words) -> String {
    if place.target.provider() == Provider::Sentius {
        return "the grants on record and the provider's answers: a whitelist cannot be read"
            .to_owned();
    }
    let Some(source) = &place.source else {
        return "the grants on record alone: the team was never read".to_owned();
    };
    let read = match source.complete_at {
        Some(at) => format!("the team, read completely {}", words.both(at)),
        None => "the grants on record alone: the team was never read completely".to_owned(),
    };
    if source.state == "complete" {
        return read;
    }
    let detail = source.detail.as_deref().unwrap_or("no reason was noted");
    format!(
        "{read}; {} since {}: {detail}",
        source.state,
        words.both(source.since)
    )
}

fn with_event(said: &str, event: Option<&Proof>) -> String {
    match event {
        Some(event) => format!("{said} [event {}]", event.seq),
        None => said.to_owned(),
    }
}
