//! The ledger of removals, each from the time it became due until it is settled; intents, results
//! and proofs are in the audit trail.

pub(crate) mod absent;
pub(crate) mod closing;
mod list;
mod plan;
mod proof;
mod undo;
pub(crate) mod upgrade;
mod write_off;

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::db::values;
use super::queries::sql::{COVERS, EARLIER, GIVES};
use super::tables::{entry, targets};
use super::trail;
use super::{Provisions, Sources, StoreError};
use crate::domain::event::{ActionOnly, Attempted, Tried};
use crate::domain::{
    Action, ActionKind, ActionState, Email, Event, Evidence, GoneBy, Role, TargetId,
};
use crate::schedule::backoff;

pub(super) use list::obligation;
pub(crate) use undo::{Kept, Lost};

/// The people with a removal under way.
pub(crate) type UnderWay = HashMap<String, Sent>;

/// A removal that was sent, or was about to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// When.
    pub(crate) at: Timestamp,
    /// Whether the provider said yes.
    pub(crate) acknowledged: bool,
}

impl Sent {
    /// What made somebody disappear who was shown before the call, and is not any more.
    pub(super) fn gone_by(self) -> GoneBy {
        match self.acknowledged {
            true => GoneBy::Ours,
            false => GoneBy::Unanswered,
        }
    }
}

/// Why a removal that was answered is not over.
const SENT_AGAIN: &str = "answered, and sent again in a few minutes: an entry was posted just before without an answer, and may still come";

/// The ledger's SQL.
#[derive(Debug)]
pub(crate) struct Ledger;

/// An action with its row in the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Tracked {
    /// The row.
    pub row: i64,
    /// The action.
    pub action: Action,
    /// When it may be tried again, after a failure.
    pub next_try: Option<Timestamp>,
    /// How often it was tried before, and is still due.
    pub tries: u32,
}

/// Whether an intent was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Attempt {
    /// It was written, and is on disk: the call may go out.
    Intended,
    /// It was not written: a grant covers the person again, so the action is withdrawn.
    CoveredAgain,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    /// `done`, `absent`, `failed` or `unknown`.
    pub state: ActionState,
    /// What proves it.
    pub evidence: Option<Evidence>,
    /// In words, for people.
    pub detail: Option<String>,
    /// The provider asked not to be called again before this time.
    pub not_before: Option<Timestamp>,
    /// Whether the failure concerns the provider as a whole, not this action.
    pub is_general: bool,
    /// The provider seems to be down or overloaded.
    pub is_outage: bool,
    /// The spellings of the address that the provider confirmed as gone.
    pub removed: Vec<Email>,
}

impl Settled {
    /// A try that ended so, about which nothing else is known.
    pub(crate) fn new(state: ActionState) -> Self {
        Self {
            state,
            evidence: None,
            detail: None,
            not_before: None,
            is_general: false,
            is_outage: false,
            removed: Vec::new(),
        }
    }
}

impl Ledger {
    /// Marks intents without a result as unknown: the process died before it recorded the result.
    /// Returns how many there were.
    pub(crate) fn recover(db: &Connection, at: Timestamp) -> Result<usize, StoreError> {
        let mut statement = db.prepare_cached(
            "UPDATE action SET state = 'unknown', detail = 'interrupted between the call and its result'
             WHERE state = 'intent' RETURNING id, target, email",
        )?;
        let rows: Vec<(i64, i64, String)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        if rows.is_empty() {
            return Ok(0);
        }
        let names = targets::names(db)?;
        for (id, target, email) in &rows {
            if let Some(target) = names.get(&TargetId(*target)) {
                Sources::called(db, target)?;
            }
            let event = Event::ActionInterrupted(ActionOnly { action_id: *id });
            let email = Email::observed(email);
            trail::append_event(db, at, Some(TargetId(*target)), Some(&email), &event)?;
        }
        Ok(rows.len())
    }

    /// Records that an action is about to be tried, if no grant covers the person again. Checked in
    /// the same transaction, since the end may have been extended after the plan was made. Ends
    /// before `cutoff` are acted on.
    pub(crate) fn intend(
        db: &Connection,
        run: &str,
        tracked: &Tracked,
        cutoff: Timestamp,
        at: Timestamp,
    ) -> Result<Attempt, StoreError> {
        let action = &tracked.action;
        if Self::is_covered(db, action, cutoff, at)? {
            plan::withdraw(db, tracked.row, "a grant covers the person again", at)?;
            return Ok(Attempt::CoveredAgain);
        }
        db.prepare_cached(
            "UPDATE action SET state = 'intent', attempts = attempts + 1, tried_at = :at,
                               detail = NULL, next_try_at = NULL
             WHERE id = :id",
        )?
        .execute(named_params! { ":id": tracked.row, ":at": values::stored(at) })?;
        Sources::called(db, &action.target)?;
        let event = Event::ActionIntent(Attempted {
            action: action.kind,
            action_id: tracked.row,
            due: action.due,
            email: action.email.clone(),
            reason: action.reason,
            run: run.to_owned(),
            target: action.target.to_target(),
        });
        let target = action.target.id();
        trail::append_event(db, at, Some(target), Some(&action.email), &event)?;
        Ok(Attempt::Intended)
    }

    /// Records how a try ended; when the action is over, closes the grants that it was for. Returns
    /// what was recorded: an answer may come too early to be the end.
    pub(crate) fn settle(
        db: &Connection,
        run: &str,
        tracked: &Tracked,
        settled: Settled,
        at: Timestamp,
    ) -> Result<Settled, StoreError> {
        let action = &tracked.action;
        let settled = unless_it_may_come(db, action, settled, at)?;
        let attempts: u32 = db
            .prepare_cached("SELECT attempts FROM action WHERE id = :id")?
            .query_row(named_params! { ":id": tracked.row }, |row| row.get(0))?;
        let is_over = settled.state.is_settled();
        let next_try = (!is_over).then(|| {
            let own = backoff::next_try(at, attempts, settled.is_outage);
            settled.not_before.map_or(own, |asked| own.max(asked))
        });
        let detail = [&settled.detail, &action.note];
        let detail: Vec<&str> = detail.into_iter().flatten().map(String::as_str).collect();
        let detail = (!detail.is_empty()).then(|| detail.join("; "));
        db.prepare_cached(
            "UPDATE action SET state = :state, evidence = :evidence, detail = :detail,
                               next_try_at = :next_try, settled_at = :settled_at
             WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": tracked.row, ":state": settled.state.as_str(),
            ":evidence": settled.evidence.map(Evidence::as_str), ":detail": detail,
            ":next_try": next_try.map(values::stored),
            ":settled_at": is_over.then(|| values::stored(at)),
        })?;
        Sources::called(db, &action.target)?;
        let event = Event::ActionResult(Tried {
            action: action.kind,
            action_id: tracked.row,
            attempt: attempts,
            detail,
            email: action.email.clone(),
            evidence: settled.evidence,
            reason: action.reason,
            run: run.to_owned(),
            state: settled.state,
            target: Some(action.target.to_target()),
        });
        let target = action.target.id();
        trail::append_event(db, at, Some(target), Some(&action.email), &event)?;
        if action.target.team().is_none() {
            for email in &settled.removed {
                entry::gone(db, action.target.id(), email)?;
            }
        }
        if is_over {
            close_grants(db, tracked.row, at)?;
            Provisions::after_removal(db, tracked.row, at)?;
        }
        Ok(settled)
    }

    /// Whether a grant gives access again, on the target itself or on the whitelist that it
    /// follows. Stale or bouncing invites do not depend on grants.
    pub(crate) fn is_covered(
        db: &Connection,
        action: &Action,
        cutoff: Timestamp,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        use crate::domain::Reason;
        if matches!(
            action.reason,
            Reason::InviteStale | Reason::InviteSuppressed
        ) {
            return Ok(false);
        }
        let covering = db
            .prepare_cached(&covering())?
            .query_row(
                named_params! {
                    ":target": action.target.id().0,
                    ":follows": action.follows.as_ref().map(|t| t.id().0),
                    ":email_key": action.email.key(), ":membership": action.person,
                    ":now": values::stored(at), ":cutoff": values::stored(cutoff),
                    ":role": action.role.map(Role::as_str),
                },
                |_| Ok(()),
            )
            .optional()?;
        Ok(covering.is_some())
    }

    /// The people with removals of this kind under way, or done and not yet proven by a reading: by
    /// membership id, or by address for invites.
    pub(crate) fn under_way(
        db: &Connection,
        team: TargetId,
        kind: ActionKind,
    ) -> Result<UnderWay, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT person, ifnull(tried_at, planned_at), state IN ('done', 'absent') FROM action
             WHERE target = :target AND kind = :kind AND (state IN ('intent', 'unknown') OR (state IN ('done', 'absent') AND evidence = 'acknowledged'))",
        )?;
        let params = named_params! { ":target": team.0, ":kind": kind.as_str() };
        let rows = statement.query_map(params, |row| {
            let sent = Sent {
                at: values::read(row.get(1)?),
                acknowledged: row.get(2)?,
            };
            Ok((row.get(0)?, sent))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// How a removal stands that was answered: not over while the entry may still be made by a call that
/// got no answer, and sent again once that can be no more.
fn unless_it_may_come(
    db: &Connection,
    action: &Action,
    settled: Settled,
    at: Timestamp,
) -> Result<Settled, StoreError> {
    if !settled.state.is_settled() || action.target.team().is_some() {
        return Ok(settled);
    }
    let found = settled.state == ActionState::Done && settled.removed.len() == 1;
    let until = entry::may_come_until(db, action.target.id(), &action.email, found, at)?;
    Ok(match until {
        None => settled,
        Some(until) => Settled {
            detail: Some(SENT_AGAIN.to_owned()),
            not_before: Some(until),
            ..Settled::new(ActionState::Unknown)
        },
    })
}

/// A grant that covers a person of an action. Led by the people, not by the target, which may have a
/// grant for everybody.
fn covering() -> String {
    format!(
        "WITH g (target, person, until, role) AS (
             VALUES (:target, :email_key, NULL, :role), (:follows, :email_key, NULL, :role)
             UNION ALL SELECT :follows, e.email_key, e.valid_to, :role FROM {EARLIER}
             WHERE m.target = :target AND m.remote_id = :membership AND m.valid_to IS NULL)
         SELECT 1 FROM g CROSS JOIN grants o ON o.target = g.target AND o.person = g.person
         WHERE o.removed_at IS NULL AND ifnull(o.starts_at <= g.until, TRUE)
           AND {COVERS} AND {GIVES} LIMIT 1",
    )
}

/// Closes the grants whose end was the reason of a settled action, once nobody is there.
pub(super) fn close_grants(db: &Connection, action: i64, at: Timestamp) -> Result<(), StoreError> {
    let found = db
        .prepare_cached(
            "SELECT target, email_key, role FROM action WHERE id = :id
             AND (reason = 'grant.ended' OR reason = 'grant.revoked' OR reason = 'role.ended')
             AND NOT (evidence = 'acknowledged' AND EXISTS (
                 SELECT 1 FROM target t WHERE t.id = action.target AND t.provider <> 'sentius'))",
        )?
        .query_row(named_params! { ":id": action }, |row| {
            let role: Option<Role> = row.get(2)?;
            Ok((TargetId(row.get(0)?), row.get::<_, String>(1)?, role))
        })
        .optional()?;
    let Some((target, person, role)) = found else {
        return Ok(());
    };
    match role {
        Some(role) => closing::role(db, target, &person, role, action, at),
        None if closing::is_there(db, target, &person)? => Ok(()),
        None => closing::access(db, target, &person, action, at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::steps_of;

    #[tokio::test]
    async fn whether_one_person_is_covered_is_asked_of_their_own_grants_alone() {
        let steps = steps_of(&covering()).await;
        let grants: Vec<_> = steps.iter().filter(|step| step.contains(" o ")).collect();
        let by_person = |step: &&String| step.contains("grants_open (target=? AND person=?)");
        assert!(
            !grants.is_empty() && grants.iter().all(by_person),
            "{steps:?}"
        );
    }
}
