//! The calls: which endpoint gives what, and what its answer means.

mod adding;
mod posting;

use super::Give;
use crate::domain::{Answered, Flags, Provided, ProvisionKind, ProvisionState};
use crate::execute::attempt;
use crate::providers::CallError;
use crate::providers::sapling::{self, Writer};
use crate::store::{Intent, Provision, StoreError};
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
            Some(whitelist) => posting::post(give, whitelist, provision, posting).await,
            None => Ok(not_configured(provision)),
        };
    }
    let Some(account) = give.services.teams.get(account) else {
        return Ok(not_configured(provision));
    };
    let writer = account.writer.while_due(give.services.while_acting());
    let team = give.team_ids.get(&provision.target.id());
    Ok(match (intent, team) {
        (Intent::Add(flags), Some(team)) => {
            adding::add(&writer, team, &provision.email, *flags).await
        }
        (Intent::Promote(membership, flags), _) => {
            promote(&writer, provision, membership, *flags).await
        }
        _ => not_configured(provision),
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
        not_before: attempt::not_before(error),
        is_general: error.is_general(),
        is_outage: error.is_outage(),
        is_silent: error.is_silent(),
        ..Answered::new(state)
    }
}

fn not_configured(provision: &Provision) -> Answered {
    Answered {
        detail: Some(provision.target.not_configured()),
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
