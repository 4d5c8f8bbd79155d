//! The calls: which endpoint an action goes to, and what its answer means.

use std::collections::HashSet;

use super::Remove;
use crate::domain::{ActionKind, ActionState, Email, Evidence, Means, Role};
use crate::execute::attempt::not_before;
use crate::providers::sapling::{BulkRemoved, Flags, Writer};
use crate::providers::{CallError, Gone, StillDue};
use crate::store::{Settled, Tracked};

/// Sends what was intended, to the bulk endpoint or one by one. Returns a result for each, in
/// order; `None` for what was not sent because it is no longer due.
pub(super) async fn send(
    remove: &Remove<'_>,
    intended: &[Tracked],
    by_bulk: bool,
    still: &StillDue,
) -> Vec<Option<Settled>> {
    if by_bulk && let Some(first) = intended.first() {
        let target = &first.action.target;
        let account = remove.services.teams.get(target.account());
        if let (Some(account), Some(team)) = (account, remove.team_ids.get(&target.id())) {
            let writer = account.writer.while_due(still.clone());
            return bulk(&writer, team, intended).await;
        }
    }
    let mut results = Vec::with_capacity(intended.len());
    for tracked in intended {
        results.push(single(remove, tracked, still).await);
    }
    results
}

async fn single(remove: &Remove<'_>, tracked: &Tracked, still: &StillDue) -> Option<Settled> {
    let action = &tracked.action;
    let account = action.target.account();
    if action.kind == ActionKind::WhitelistRemove {
        let Some(whitelist) = remove.services.whitelists.get(account) else {
            return Some(not_configured(tracked));
        };
        let whitelist = whitelist.while_due(still.clone());
        let Means::Entry(spellings) = &action.means else {
            return Some(not_configured(tracked));
        };
        return each(spellings, |email| whitelist.remove(email)).await;
    }
    let Some(account) = remove.services.teams.get(account) else {
        return Some(not_configured(tracked));
    };
    let writer = account.writer.while_due(still.clone());
    let team = remove.team_ids.get(&action.target.id());
    match (action.kind, &action.means, action.role, team) {
        (ActionKind::MemberDemote, Means::Membership(id), Some(role), _) => {
            demote(&writer, id, role).await
        }
        (ActionKind::MemberRemove, Means::Membership(id), ..) => gone(writer.remove(id).await),
        (ActionKind::InviteRevoke, Means::Invite(spellings), _, Some(team)) => {
            each(spellings, |email| writer.revoke_invite(team, email)).await
        }
        _ => Some(not_configured(tracked)),
    }
}

/// One removal for each spelling of the address: a provider that matches text exactly has one entry
/// for each. The action is done when all of them are; those that are gone are recorded in any case.
async fn each<'a, F>(spellings: &'a [Email], remove: impl Fn(&'a Email) -> F) -> Option<Settled>
where
    F: Future<Output = Result<Gone, CallError>>,
{
    let mut done: Option<Settled> = None;
    let mut open: Option<Settled> = None;
    let mut removed = Vec::new();
    for email in spellings {
        let settled = gone(remove(email).await)?;
        if settled.evidence.is_none() {
            open.get_or_insert(settled);
            continue;
        }
        removed.push(email.clone());
        // If one of them was there, it counts as a removal.
        let was_there = done
            .as_ref()
            .is_some_and(|done| done.state == ActionState::Done);
        if !was_there {
            done = Some(settled);
        }
    }
    open.or(done).map(|settled| Settled { removed, ..settled })
}

async fn demote(writer: &Writer, id: &str, role: Role) -> Option<Settled> {
    let flags = Flags::set(crate::domain::Flags::only(role), false);
    gone(writer.take_flags(id, flags).await)
}

/// Removes members by address. A list that is refused is split until the address that causes it is
/// alone, so that one bad address does not keep the others' access.
async fn bulk(writer: &Writer, team: &str, intended: &[Tracked]) -> Vec<Option<Settled>> {
    let mut results: Vec<Option<Settled>> = vec![None; intended.len()];
    let mut lists = vec![(0, intended.len())];
    while let Some((from, to)) = lists.pop() {
        let part = &intended[from..to];
        let emails: Vec<&Email> = part.iter().map(|t| &t.action.email).collect();
        match writer.remove_many(team, &emails).await {
            Err(CallError::Refused { status: 400, .. }) if part.len() > 1 => {
                let middle = from + part.len() / 2;
                lists.push((middle, to));
                lists.push((from, middle));
            }
            Err(error) => results[from..to].fill(failed(&error)),
            Ok(removed) => {
                let answers = Answers::of(&removed);
                for (tracked, result) in part.iter().zip(&mut results[from..to]) {
                    *result = answers.about(&tracked.action.email);
                }
            }
        }
    }
    results
}

/// A bulk answer, by address.
struct Answers {
    deleted: HashSet<String>,
    not_found: HashSet<String>,
}

impl Answers {
    fn of(removed: &BulkRemoved) -> Self {
        let key = |email: &str| Email::observed(email).key().to_owned();
        Self {
            deleted: removed.deleted.iter().map(|d| key(&d.email)).collect(),
            not_found: removed.not_found.iter().map(|e| key(e)).collect(),
        }
    }

    fn about(&self, email: &Email) -> Option<Settled> {
        if self.deleted.contains(email.key()) {
            gone(Ok(Gone::Acknowledged))
        } else if self.not_found.contains(email.key()) {
            gone(Ok(Gone::Absent))
        } else {
            Some(Settled {
                detail: Some("the answer does not mention this address".to_owned()),
                ..Settled::new(ActionState::Unknown)
            })
        }
    }
}

fn gone(answer: Result<Gone, CallError>) -> Option<Settled> {
    let state = match answer {
        Ok(Gone::Acknowledged) => ActionState::Done,
        Ok(Gone::Absent) => ActionState::Absent,
        Err(error) => return failed(&error),
    };
    Some(Settled {
        evidence: Some(Evidence::Acknowledged),
        ..Settled::new(state)
    })
}

fn failed(error: &CallError) -> Option<Settled> {
    if *error == CallError::Withheld {
        return None;
    }
    let state = match error.is_unknown_outcome() {
        true => ActionState::Unknown,
        false => ActionState::Failed,
    };
    Some(Settled {
        detail: Some(error.to_string()),
        not_before: not_before(error),
        is_general: error.is_general(),
        is_outage: error.is_outage(),
        ..Settled::new(state)
    })
}

fn not_configured(tracked: &Tracked) -> Settled {
    Settled {
        detail: Some(tracked.action.target.not_configured()),
        ..Settled::new(ActionState::Failed)
    }
}
