//! The calls: which endpoint gives what, and what its answer means.

mod adding;

use super::Give;
use crate::clock;
use crate::domain::{Flags, Provided, ProvisionKind, ProvisionState};
use crate::failpoint;
use crate::providers::CallError;
use crate::providers::sapling::{self, Writer};
use crate::providers::sentius::{Entry, Whitelist};
use crate::store::{Answered, Intent, Posting, Provision, Provisions, StoreError};
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

/// Posts an entry. Where one is there already and the provider does not take another for it, the
/// old one is taken off first: that is on disk before, so that it is mended whatever happens.
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
    match whitelist.add(&entry).await {
        Ok(()) => return Ok(done(Provided::Posted)),
        Err(error) if !says_that_it_exists(&error) => return Ok(failed(&error)),
        Err(_) if provision.kind == ProvisionKind::WhitelistAdd && !provision.gap => {
            let ours = provision.unanswered;
            return Ok(Answered {
                detail: (!ours).then(|| {
                    "is on the whitelist already; what that entry allows and until when is not known, and extend posts it anew"
                        .to_owned()
                }),
                ..done(if ours { Provided::Posted } else { Provided::AlreadyExists })
            });
        }
        Err(_) => {}
    }
    let (row, at) = (provision.clone(), clock::now());
    give.store
        .write(move |db| Provisions::replacing(db, &row, at))
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
    Ok(match whitelist.add(&entry).await {
        // What was not answered may still be carried out, and would take the new entry.
        Ok(()) if late.is_some() => Answered {
            detail: late.map(|error| {
                format!(
                    "posted, and posted again by the next pass: taking off the old entry {error}"
                )
            }),
            ..Answered::new(ProvisionState::Unknown)
        },
        Ok(()) => done(Provided::Posted),
        Err(error) if says_that_it_exists(&error) => Answered {
            state: ProvisionState::Failed,
            ..failed(&error)
        },
        Err(error) => failed(&error),
    })
}

/// Gives a member what is missing of these flags. A membership is there whatever becomes of it, so
/// no refusal is for good: the grant stays, and its end is acted on.
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

/// How a refusal may say that an entry is there; "does not exist" is another matter.
const EXISTS: [&str; 7] = [
    "exists",
    "already exist",
    "already in",
    "already on",
    "already added",
    "already whitelisted",
    "duplicate",
];

/// The document does not say what a second entry for an address comes to: any refusal that says
/// so in one way or another.
fn says_that_it_exists(error: &CallError) -> bool {
    let CallError::Refused {
        status, message, ..
    } = error
    else {
        return false;
    };
    let message = message.to_lowercase();
    *status == 409
        || (matches!(status, 400 | 422) && EXISTS.iter().any(|words| message.contains(words)))
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
    fn only_a_refusal_that_says_so_means_that_an_entry_exists() {
        let refused = |status, message: &str| CallError::Refused {
            status,
            message: message.to_owned(),
            retry_after: None,
        };
        for (error, exists, for_good) in [
            (refused(409, "Conflict"), true, false),
            (refused(400, "User already in whitelist"), true, true),
            (refused(422, "email: Duplicate entry"), true, true),
            (refused(400, "User already exists"), true, true),
            (refused(400, "email is not an address"), false, true),
            (refused(400, "this domain does not exist"), false, true),
            (refused(422, "the quota is already used up"), false, true),
            (refused(500, "already"), false, false),
            (refused(403, "already expired key"), false, false),
        ] {
            assert_eq!(says_that_it_exists(&error), exists, "{error}");
            assert_eq!(is_for_good(&error), for_good, "{error}");
        }
    }
}
