//! The calls: which endpoint an action goes to, and what its answer means.

use std::collections::HashSet;

use super::Apply;
use crate::clock;
use crate::domain::{ActionKind, ActionState, Email, Evidence, Means, Role};
use crate::providers::sapling::{BulkRemoved, Flags};
use crate::providers::{CallError, Gone};
use crate::services::TeamAccount;
use crate::store::{Settled, Tracked};

/// Sends what was intended, to the bulk endpoint or one by one; a result for each, in order.
pub(super) async fn send(apply: &Apply<'_>, intended: &[Tracked], by_bulk: bool) -> Vec<Settled> {
    let mut results = Vec::with_capacity(intended.len());
    if by_bulk && let Some(first) = intended.first() {
        let target = &first.action.target;
        let account = apply.services.teams.get(target.account());
        if let (Some(account), Some(team)) = (account, apply.team_ids.get(&target.id())) {
            return bulk(account, team, intended).await;
        }
    }
    for tracked in intended {
        results.push(single(apply, tracked).await);
    }
    results
}

async fn single(apply: &Apply<'_>, tracked: &Tracked) -> Settled {
    let action = &tracked.action;
    let account = action.target.account();
    if action.kind == ActionKind::WhitelistRemove {
        return match apply.services.whitelists.get(account) {
            Some(whitelist) => gone(whitelist.remove(&action.email).await),
            None => not_configured(tracked),
        };
    }
    let Some(account) = apply.services.teams.get(account) else {
        return not_configured(tracked);
    };
    match (
        &action.means,
        action.role,
        apply.team_ids.get(&action.target.id()),
    ) {
        (Means::Membership(id), Some(role), _) => demote(account, id, role).await,
        (Means::Membership(id), None, _) => gone(account.writer.remove(id).await),
        (_, _, Some(team)) if action.kind == ActionKind::InviteRevoke => {
            gone(account.writer.revoke_invite(team, &action.email).await)
        }
        _ => not_configured(tracked),
    }
}

async fn demote(account: &TeamAccount, id: &str, role: Role) -> Settled {
    let mut flags = Flags::default();
    match role {
        Role::Admin => flags.is_admin = Some(false),
        Role::Manager => flags.is_manager = Some(false),
    }
    let changed = account.writer.change(id, flags).await;
    gone(match changed {
        Err(CallError::Refused { status: 404, .. }) => Ok(Gone::Absent),
        other => other.map(|()| Gone::Acknowledged),
    })
}

/// Removes members by address. A list that is refused is split until the address that causes it
/// stands alone: one bad address must not keep the others' access alive.
async fn bulk(account: &TeamAccount, team: &str, intended: &[Tracked]) -> Vec<Settled> {
    let mut results: Vec<Option<Settled>> = vec![None; intended.len()];
    let mut lists = vec![(0, intended.len())];
    while let Some((from, to)) = lists.pop() {
        let part = &intended[from..to];
        let emails: Vec<&Email> = part.iter().map(|t| &t.action.email).collect();
        match account.writer.remove_many(team, &emails).await {
            Err(CallError::Refused { status: 400, .. }) if part.len() > 1 => {
                let middle = from + part.len() / 2;
                lists.push((middle, to));
                lists.push((from, middle));
            }
            Err(error) => {
                let settled = failed(&error);
                results[from..to].fill(Some(settled));
            }
            Ok(removed) => {
                let answers = Answers::of(&removed);
                for (tracked, result) in part.iter().zip(&mut results[from..to]) {
                    *result = Some(answers.about(&tracked.action.email));
                }
            }
        }
    }
    let unanswered = || Settled {
        state: ActionState::Failed,
        evidence: None,
        detail: Some("was not sent".to_owned()),
        not_before: None,
    };
    results
        .into_iter()
        .map(|r| r.unwrap_or_else(unanswered))
        .collect()
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

    fn about(&self, email: &Email) -> Settled {
        if self.deleted.contains(email.key()) {
            gone(Ok(Gone::Acknowledged))
        } else if self.not_found.contains(email.key()) {
            gone(Ok(Gone::Absent))
        } else {
            Settled {
                state: ActionState::Unknown,
                evidence: None,
                detail: Some("the answer does not mention this address".to_owned()),
                not_before: None,
            }
        }
    }
}

fn gone(answer: Result<Gone, CallError>) -> Settled {
    let state = match answer {
        Ok(Gone::Acknowledged) => ActionState::Done,
        Ok(Gone::Absent) => ActionState::Absent,
        Err(error) => return failed(&error),
    };
    Settled {
        state,
        evidence: Some(Evidence::Acknowledged),
        detail: None,
        not_before: None,
    }
}

fn failed(error: &CallError) -> Settled {
    let wait = error
        .retry_after()
        .and_then(|wait| clock::now().checked_add(wait).ok());
    Settled {
        state: if error.is_unknown_outcome() {
            ActionState::Unknown
        } else {
            ActionState::Failed
        },
        evidence: None,
        detail: Some(error.to_string()),
        not_before: wait,
    }
}

fn not_configured(tracked: &Tracked) -> Settled {
    let target = &tracked.action.target;
    Settled {
        state: ActionState::Failed,
        evidence: None,
        detail: Some(format!(
            "no [[{}]] account named {:?} is configured",
            target.provider(),
            target.account()
        )),
        not_before: None,
    }
}
