//! What is left to do for a person by a team's last reading: add them, give flags, or wait for
//! them.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::attempt::Intent;
use super::seen::{came_since, just_added};
use super::{Provision, Provisions, words};
use crate::domain::event::{Sends, SendsFlags, SendsPromotion};
use crate::domain::{Answered, Flags, Provided, ProvisionKind, ProvisionState, Standing};
use crate::plan::provision::{FLAGS_WAIT, InTeam, ToGive, Turn, Wanted, shown_by, to_give};
use crate::store::{Grants, StoreError, db::values};

/// The calls that giving something will probably take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// No call.
    Nothing,
    /// A separate call.
    Call,
    /// A call that adds to a team with these flags, and that can add several people.
    Add(Flags),
}

impl Provisions {
    /// The calls that giving this will probably take; decided again when it is tried.
    pub(crate) fn outlook(
        db: &Connection,
        provision: &Provision,
        at: Timestamp,
    ) -> Result<Outlook, StoreError> {
        if provision.target.team().is_none() {
            return Ok(Outlook::Call);
        }
        let (target, email) = (&provision.target, &provision.email);
        let begins = Grants::covers_or_begins(db, target, email, provision.role, at)?;
        if Turn::of(begins, at) != Turn::Now {
            return Ok(Outlook::Nothing);
        }
        Ok(match to_give(&wanted(db, provision, at)?, at) {
            ToGive::Add(flags) => Outlook::Add(flags),
            ToGive::Promote(..) => Outlook::Call,
            _ => Outlook::Nothing,
        })
    }

    /// Settles calls to a team without an answer, if the reading just stored shows their effect.
    pub(crate) fn settle_by_reading(
        db: &Connection,
        provision: &Provision,
        at: Timestamp,
    ) -> Result<Option<Standing>, StoreError> {
        let sent = Provision {
            unanswered: true,
            ..provision.clone()
        };
        match shown_by(&wanted(db, &sent, at)?, at) {
            Some(ToGive::Done {
                result,
                detail,
                has,
            }) => done(db, &sent, result, detail, has, at).map(Some),
            _ => Ok(None),
        }
    }

    /// The flags for a membership: those requested beyond the grants, and all that the running
    /// grants give.
    pub(super) fn flags_wanted(
        db: &Connection,
        provision: &Provision,
        at: Timestamp,
    ) -> Result<Flags, StoreError> {
        let granted = Grants::team_flags(db, &provision.target, &provision.email, at)?;
        Ok(provision.flags.or(granted))
    }

    /// Records that a row waits until an invited person has joined.
    pub(super) fn wait_for_invite(
        db: &Connection,
        row: i64,
        detail: Option<&str>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let due = at.checked_add(FLAGS_WAIT).unwrap_or(at);
        wait(db, row, due, detail, true)
    }
}

/// What is left to send by the team's last reading, with what the trail tells of it; if there is
/// nothing, nothing is told.
pub(super) fn team(
    db: &Connection,
    provision: &Provision,
    at: Timestamp,
) -> Result<(Intent, Option<Sends>), StoreError> {
    Ok(match to_give(&wanted(db, provision, at)?, at) {
        ToGive::Done {
            result,
            detail,
            has,
        } => {
            let standing = done(db, provision, result, detail, has, at)?;
            (Intent::Nothing(standing), None)
        }
        ToGive::Add(flags) => {
            let sends = Sends::Member(SendsFlags {
                flags: words(flags),
            });
            (Intent::Add(flags), Some(sends))
        }
        ToGive::Promote(id, flags) => {
            let sends = Sends::Promotion(SendsPromotion {
                edit_permission: flags.edit_permission,
                inspect_permission: flags.inspect_permission,
                is_admin: flags.is_admin,
                is_manager: flags.is_manager,
                team_user_id: id.clone(),
            });
            (Intent::Promote(id, flags), Some(sends))
        }
        ToGive::Wait {
            until,
            why,
            for_invite,
        } => (later(db, provision, until, Some(why), for_invite)?, None),
        ToGive::Fail(why) => {
            let answered = Answered {
                detail: Some(why.to_owned()),
                ..Answered::new(ProvisionState::Failed)
            };
            let standing = Provisions::settle(db, provision, &answered, at)?.standing();
            (Intent::Nothing(standing), None)
        }
    })
}

/// What decides about it, by the grants and the last reading.
fn wanted(db: &Connection, provision: &Provision, at: Timestamp) -> Result<Wanted, StoreError> {
    let there = Provisions::in_team(db, provision.target.id(), &provision.email)?;
    Ok(Wanted {
        kind: provision.kind,
        role: provision.role,
        flags: match provision.role {
            None => Provisions::flags_wanted(db, provision, at)?,
            Some(_) => Flags::default(),
        },
        unanswered: provision.unanswered,
        just_added: match (&there, provision.role) {
            (InTeam::Member { .. }, None) => None,
            _ if provision.kind == ProvisionKind::MemberAdd => None,
            _ => just_added(db, provision)?,
        },
        is_new: provision.unanswered && came_since(db, provision)?,
        there,
    })
}

fn done(
    db: &Connection,
    provision: &Provision,
    result: Provided,
    detail: Option<String>,
    has: Flags,
    at: Timestamp,
) -> Result<Standing, StoreError> {
    let answered = Answered {
        result: Some(result),
        detail,
        has,
        ..Answered::new(ProvisionState::Done)
    };
    Ok(Provisions::settle(db, provision, &answered, at)?.standing())
}

/// Postpones it; `for_invite`: until an invited person has joined.
pub(super) fn later(
    db: &Connection,
    provision: &Provision,
    due: Timestamp,
    detail: Option<String>,
    for_invite: bool,
) -> Result<Intent, StoreError> {
    wait(db, provision.row, due, detail.as_deref(), for_invite)?;
    Ok(Intent::Nothing(Standing {
        state: ProvisionState::Scheduled,
        result: None,
        detail,
    }))
}

/// A row that waits for an invite to be accepted is recognized by its result, which says what
/// happened so far.
fn wait(
    db: &Connection,
    row: i64,
    due: Timestamp,
    detail: Option<&str>,
    for_invite: bool,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE provision SET due_at = :due, detail = :detail, state = iif(:for_invite, 'planned', state),
                result = iif(:for_invite, 'invited', NULL) WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": row, ":due": values::stored(due), ":detail": detail, ":for_invite": for_invite,
    })?;
    Ok(())
}
