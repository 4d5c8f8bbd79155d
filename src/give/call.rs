//! The calls: which endpoint gives what, and what its answer means.

mod adding;

use super::Give;
use crate::clock;
use crate::domain::{Answered, Flags, Permission, Provided, ProvisionKind, ProvisionState};
use crate::failpoint;
use crate::providers::CallError;
use crate::providers::sapling::{self, Writer};
use crate::providers::sentius::{Entry, Whitelist};
use crate::store::tables::entry::{self, Taken};
use crate::store::{Intent, Posting, Provision, Provisions, StoreError};
pub(super) use adding::{Many, send_many};

/// Sends what was intended.
pub(super) async fn send(
    give: &Give<'_>,
    provision: &Provision,
    intent: &Intent,
) -> Result<Answered, StoreError> {
    let account = provision.target.account();
    if let Intent::Post(posting) = intent {
        return match give.services.whitelists.get(account) {
            Some(whitelist) => post(give, whitelist, provision, posting).await,
            None => Ok(not_configured(provision)),
        };
    }
    let Some(account) = give.services.teams.get(account) else {
        return Ok(not_configured(provision));
    };
    let team = give.team_ids.get(&provision.target.id());
    Ok(match (intent, team) {
        (Intent::Add(flags), Some(team)) => {
            adding::add(&account.writer, team, &provision.email, *flags).await
        }
        (Intent::Promote(membership, flags), _) => {
            promote(&account.writer, provision, membership, *flags).await
        }
        _ => not_configured(provision),
    })
}

/// Posts an entry. If one exists and the provider does not accept another, the old one is removed
/// first; that is recorded on disk before, so that it can be repaired whatever happens.
async fn post(
    give: &Give<'_>,
    whitelist: &Whitelist,
    provision: &Provision,
    posting: &Posting,
) -> Result<Answered, StoreError> {
    let entry = Entry {
        name: posting.name.clone(),
        email: posting.email.clone(),
        permissions: posting.permissions.clone(),
        start: posting.start,
        end: posting.end,
    };
    let replaces = provision.kind != ProvisionKind::WhitelistAdd || provision.gap;
    match whitelist.add(&entry).await {
        Ok(()) => return Ok(done(Provided::Posted)),
        // An entry is on record: what may mean that it is in the way is reason enough to replace it.
        Err(error) if replaces && error.may_mean_that_it_exists() => {}
        Err(error) if !error.says_that_it_exists() => return Ok(failed(&error)),
        Err(_) if !replaces => {
            let ours = provision.unanswered;
            return Ok(Answered {
                detail: (!ours).then(|| {
                    "is on the whitelist already; what that entry allows, and until when, is not known; lapsed extend posts it again"
                        .to_owned()
                }),
                ..done(if ours { Provided::Posted } else { Provided::AlreadyExists })
            });
        }
        Err(_) => {}
    }
    if provision.asked.command == "entry" && is_on_record(give, provision, &entry).await? {
        // Nobody asked for another one, and taking it off would risk what is there.
        return Ok(done(Provided::AlreadyExists));
    }
    let (row, at) = (provision.clone(), clock::now());
    give.store
        .write_before_call(move |db| Provisions::replacing(db, &row, at))
        .await?;
    failpoint::reach("give-before-replace");
    let removed = whitelist.remove(&entry.email).await;
    let late = match removed {
        Err(error) if error.is_unknown_outcome() => Some(error),
        Err(error) => {
            return Ok(Answered {
                state: ProvisionState::Failed,
                // One that was begun earlier may have got further.
                kept: !provision.gap,
                ..failed(&error)
            });
        }
        Ok(_) => None,
    };
    failpoint::reach("give-after-replace");
    let added = whitelist.add(&entry).await;
    if let Err(error) = &added
        && error.status().is_some_and(|status| status < 500)
    {
        return put_back(give, whitelist, provision, failed(error)).await;
    }
    Ok(match added {
        // A removal without an answer may still be carried out, and would remove the new entry.
        Ok(()) if late.is_some() => Answered {
            detail: late.map(|error| {
                format!(
                    "posted, and posted again by the next pass: taking off the old entry {error}"
                )
            }),
            ..Answered::new(ProvisionState::Unknown)
        },
        Ok(()) => done(Provided::Posted),
        Err(error) if error.says_that_it_exists() => Answered {
            state: ProvisionState::Failed,
            ..failed(&error)
        },
        Err(error) => failed(&error),
    })
}

async fn last_taken(give: &Give<'_>, provision: &Provision) -> Result<Option<Taken>, StoreError> {
    let (target, person) = (provision.target.id(), provision.email.key().to_owned());
    let last = move |db: &_| entry::last(db, target, &person);
    give.store.read(last).await
}

/// Whether the entry that was taken last is this one.
async fn is_on_record(
    give: &Give<'_>,
    provision: &Provision,
    entry: &Entry,
) -> Result<bool, StoreError> {
    let taken = last_taken(give, provision).await?;
    Ok(taken.is_some_and(|taken| {
        let has = taken.entry.permissions.iter().map(|p| p.as_str());
        taken.is_known && taken.entry.end == entry.end && has.eq(entry.permissions.iter())
    }))
}

/// Posts the old entry again at once: it was removed for a new one that was refused.
async fn put_back(
    give: &Give<'_>,
    whitelist: &Whitelist,
    provision: &Provision,
    refused: Answered,
) -> Result<Answered, StoreError> {
    let taken = last_taken(give, provision).await?;
    let now = clock::now();
    let runs = |taken: &Taken| taken.is_known && taken.entry.end.is_none_or(|end| end > now);
    let Some(old) = taken.filter(runs) else {
        return Ok(refused);
    };
    let words = |permission: &Permission| permission.as_str().to_owned();
    let entry = Entry {
        name: old.name.unwrap_or_else(|| old.email.written().to_owned()),
        email: old.email,
        permissions: old.entry.permissions.iter().map(words).collect(),
        start: old.entry.start,
        end: old.entry.end,
    };
    let why = refused.detail.clone().unwrap_or_default();
    Ok(match whitelist.add(&entry).await {
        Ok(()) => Answered {
            detail: Some(format!(
                "{why}; the entry that was there before is there again"
            )),
            kept: true,
            ..refused
        },
        Err(_) => refused,
    })
}

/// Gives a member those of these flags that are missing. The membership exists in any case, so a
/// refusal is never final: the grant stays, and its end is acted on.
async fn promote(writer: &Writer, provision: &Provision, id: &str, flags: Flags) -> Answered {
    match writer.change(id, sapling::Flags::set(flags, true)).await {
        Ok(()) => Answered {
            detail: (provision.kind == ProvisionKind::MemberAdd)
                .then(|| format!("was a member already, and has {} now", flags.in_words())),
            ..done(Provided::Promoted)
        },
        Err(error) => {
            let mut answered = failed(&error);
            if provision.role.is_none() && answered.state == ProvisionState::Refused {
                answered.state = ProvisionState::Failed;
            }
            answered
        }
    }
}

fn done(result: Provided) -> Answered {
    Answered {
        result: Some(result),
        ..Answered::new(ProvisionState::Done)
    }
}

/// 400 and 422 are about what was sent: sending it again changes nothing.
fn is_for_good(error: &CallError) -> bool {
    matches!(error.status(), Some(400 | 422))
}

fn failed(error: &CallError) -> Answered {
    let state = if is_for_good(error) {
        ProvisionState::Refused
    } else if error.is_unknown_outcome() {
        ProvisionState::Unknown
    } else {
        ProvisionState::Failed
    };
    Answered {
        detail: Some(error.to_string()),
        not_before: error
            .retry_after()
            .and_then(|wait| clock::now().checked_add(wait).ok()),
        ..Answered::new(state)
    }
}

fn not_configured(provision: &Provision) -> Answered {
    let target = &provision.target;
    Answered {
        detail: Some(format!(
            "no [[{}]] account named {:?} is configured",
            target.provider(),
            target.account()
        )),
        ..Answered::new(ProvisionState::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_refused_for_good_and_all_else_is_tried_again() {
        let refused = |status| CallError::Refused {
            status,
            message: String::new(),
            retry_after: None,
            exists: false,
        };
        let denied = CallError::Denied {
            status: 200,
            message: "not allowed".to_owned(),
            exists: false,
        };
        for (error, state) in [
            (refused(400), ProvisionState::Refused),
            (refused(422), ProvisionState::Refused),
            (refused(401), ProvisionState::Failed),
            (refused(409), ProvisionState::Failed),
            (refused(429), ProvisionState::Failed),
            (refused(500), ProvisionState::Unknown),
            (refused(503), ProvisionState::Unknown),
            (denied, ProvisionState::Failed),
        ] {
            assert_eq!(failed(&error).state, state, "{error}");
        }
    }
}
