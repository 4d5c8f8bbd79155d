//! The end of an attempt: records the provider's answer and updates the grants.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, named_params};

use super::follow::{plan_flags, plan_next_start};
use super::{Provision, Provisions, TakeBack};
use crate::domain::event::{self, NotGiven, RefusedGrant};
use crate::domain::{Answered, Email, Event, Provided, ProvisionState, Role, Standing, TargetId};
use crate::plan::provision::{After, Tried, Try, after};
use crate::schedule::backoff;
use crate::store::tables::entry;
use crate::store::trail;
use crate::store::{Grants, Sources, StoreError, db::values};

/// How soon a half-replaced entry, or what could not be tried, is tried again if no pass runs sooner:
/// a person may be without access.
const SOON: SignedDuration = SignedDuration::from_mins(1);

/// What to do after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing, for now.
    Rest(Standing),
    /// The earlier entry has to be posted again at once: it was removed for a new one that was
    /// refused.
    Mend(Standing),
}

impl Next {
    pub(crate) fn standing(self) -> Standing {
        match self {
            Self::Rest(standing) | Self::Mend(standing) => standing,
        }
    }
}

impl Provisions {
    /// Records how an attempt ended. A permanent refusal is undone in the grants: access that was
    /// never given must not appear there.
    pub(crate) fn settle(
        db: &Connection,
        provision: &Provision,
        answered: &Answered,
        at: Timestamp,
    ) -> Result<Next, StoreError> {
        let (attempts, gap, unanswered, take_back, sent): (u32, bool, bool, String, Option<i64>) = db
            .prepare_cached(
                "SELECT attempts, gap_since IS NOT NULL, unanswered, take_back, iif(state = 'intent', tried_at, NULL)
                 FROM provision WHERE id = :id",
            )?
            .query_row(named_params! { ":id": provision.row }, |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })?;
        let take_back: Vec<TakeBack> = serde_json::from_str(&take_back)
            .map_err(|e| StoreError::Corrupt(format!("a provision: {e}")))?;
        let tried = Tried {
            unanswered,
            gap,
            is_new: !take_back.is_empty(),
        };
        let After {
            state,
            detail,
            gap,
            next,
        } = after(tried, answered);
        let after = |wait| at.checked_add(wait).unwrap_or(at);
        let own = match next {
            Try::Soon => after(SOON),
            Try::Rarely => after(backoff::LONGEST),
            Try::Mend => at,
            Try::Never | Try::Backoff => backoff::next_try(at, attempts, answered.is_outage),
        };
        let asked = answered.not_before.filter(|_| next != Try::Mend);
        let due = asked.map_or(own, |asked| own.max(asked));
        let word = match next {
            Try::Mend => ProvisionState::Planned,
            _ => state,
        };
        db.prepare_cached(
            "UPDATE provision SET state = :state, result = :result, detail = :detail, due_at = :due,
                    unanswered = iif(:unknown, 1, unanswered),
                    gap_since = iif(:gap, gap_since, NULL),
                    take_back = iif(:refused, '[]', take_back), settled_at = :settled_at
             WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": provision.row, ":state": word.as_str(),
            ":result": answered.result.map(Provided::as_str), ":detail": detail,
            ":unknown": state == ProvisionState::Unknown, ":due": values::stored(due), ":gap": gap,
            ":refused": state == ProvisionState::Refused,
            ":settled_at": (next == Try::Never).then(|| values::stored(at)),
        })?;
        Sources::called(db, &provision.target)?;
        let kind = match state {
            ProvisionState::Withdrawn => Event::ProvisionWithdrawn,
            _ => Event::ProvisionResult,
        };
        let event = kind(event::Answered {
            attempt: attempts,
            detail: detail.clone(),
            email: provision.email.clone(),
            provision: provision.kind,
            provision_id: provision.row,
            result: answered.result,
            role: provision.role,
            state,
            target: provision.target.to_target(),
        });
        let target = provision.target.id();
        trail::append_event(db, at, Some(target), Some(&provision.email), &event)?;
        let silent = match state {
            // Its process died within the call.
            ProvisionState::Withdrawn => values::read_if_any(sent),
            _ => answered.is_silent.then_some(at),
        };
        if let Some(since) = silent {
            entry::got_no_answer(db, target, &provision.email, since)?;
        }
        match state {
            ProvisionState::Refused => {
                for change in &take_back {
                    undo(db, provision, change, at)?;
                }
                entry::was_refused(db, provision.target.id(), &provision.email, provision.row)?;
            }
            ProvisionState::Done if provision.target.team().is_some() => {
                let follows = plan_flags(db, provision, answered, at)?;
                if !follows {
                    plan_next_start(db, provision, &take_back, at)?;
                }
            }
            _ => {}
        }
        let (target, person) = (&provision.target, &provision.email);
        Grants::accepted(db, target, person, &answered.accepted, at)?;
        let standing = Standing {
            state,
            result: answered.result,
            detail,
        };
        Ok(match next {
            Try::Mend => Next::Mend(standing),
            _ => Next::Rest(standing),
        })
    }

    /// Withdraws a person's open rows on a target, because access there is to end. Returns how
    /// many.
    pub(crate) fn withdraw(
        db: &Connection,
        target: TargetId,
        email: &Email,
        why: &str,
        at: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut withdrawn = 0;
        for role in Role::ALL.map(Some).into_iter().chain([None]) {
            if let Some(provision) = Self::open(db, target, email, role)? {
                let answered = Answered {
                    detail: Some(why.to_owned()),
                    ..Answered::new(ProvisionState::Withdrawn)
                };
                Self::settle(db, &provision, &answered, at)?;
                withdrawn += 1;
            }
        }
        Ok(withdrawn)
    }

    /// Records that it could not even be tried, with an event only when the reason is new.
    pub(crate) fn not_tried(
        db: &Connection,
        provision: &Provision,
        why: &str,
        at: Timestamp,
    ) -> Result<Standing, StoreError> {
        let (state, was): (String, Option<String>) = db
            .prepare_cached("SELECT state, detail FROM provision WHERE id = :id")?
            .query_row(named_params! { ":id": provision.row }, |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let due = at.checked_add(SOON).unwrap_or(at);
        // An unknown result stays unknown: that it is not tried now does not mean that it failed.
        db.prepare_cached(
            "UPDATE provision SET detail = :why, due_at = :due,
                    state = iif(state = 'unknown', state, 'failed') WHERE id = :id",
        )?
        .execute(
            named_params! { ":id": provision.row, ":why": why, ":due": values::stored(due) },
        )?;
        if was.as_deref() != Some(why) {
            let event = Event::ProvisionNotTried(NotGiven {
                provision_id: provision.row,
                why: why.to_owned(),
            });
            let target = provision.target.id();
            trail::append_event(db, at, Some(target), Some(&provision.email), &event)?;
        }
        Ok(Standing {
            state: if state == "unknown" {
                ProvisionState::Unknown
            } else {
                ProvisionState::Failed
            },
            result: None,
            detail: Some(why.to_owned()),
        })
    }
}

fn undo(
    db: &Connection,
    provision: &Provision,
    change: &TakeBack,
    at: Timestamp,
) -> Result<(), StoreError> {
    let grant = match change {
        TakeBack::Close(grant) => {
            db.prepare_cached("UPDATE grants SET removed_at = :at, refused = 1 WHERE id = :id AND removed_at IS NULL")?
                .execute(named_params! { ":id": grant, ":at": values::stored(at) })?;
            grant
        }
        TakeBack::End(grant, end) => {
            db.prepare_cached("UPDATE grants SET ends_at = :end WHERE id = :id AND revoked = 0")?
                .execute(named_params! { ":id": grant, ":end": end })?;
            grant
        }
        TakeBack::Permissions(grant, permissions) => {
            db.prepare_cached("UPDATE grants SET permissions = :permissions WHERE id = :id")?
                .execute(named_params! { ":id": grant, ":permissions": permissions })?;
            grant
        }
    };
    let event = Event::GrantRefused(RefusedGrant {
        grant_id: *grant,
        provision_id: provision.row,
        undone: change.clone(),
    });
    let target = provision.target.id();
    trail::append_event(db, at, Some(target), Some(&provision.email), &event)
}
