//! What is left to do for a person by a team's last reading: add them, give flags, or wait for
//! them.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, named_params};
use serde_json::{Map, Value, json};

use super::attempt::Intent;
use super::seen::{came_since, is_invited, just_added, member};
use super::settle::{Answered, Standing};
use super::{Provision, Provisions, words};
use crate::domain::{Flags, Provided, ProvisionKind, ProvisionState, Role};
use crate::store::{Grants, StoreError, db::values};

/// How long a role waits for an invited person to join, if no pass sees it sooner.
const ROLE_WAITS: SignedDuration = SignedDuration::from_mins(15);
/// The same for the flags of a membership: every pass that reads the team sees who has joined, and
/// an invite may be pending for weeks.
const FLAGS_WAIT: SignedDuration = SignedDuration::from_hours(24);

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

/// What to do, by the last reading.
enum Decision {
    /// Nothing: it exists.
    Done {
        result: Provided,
        detail: Option<String>,
        has: Flags,
    },
    Add(Flags),
    Promote(String, Flags),
    /// Nothing yet.
    Wait {
        until: Timestamp,
        why: String,
        for_invite: bool,
    },
    /// It cannot be given at present.
    Fail(&'static str),
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
        if begins.is_none_or(|begins| begins > at) {
            return Ok(Outlook::Nothing);
        }
        Ok(match decide(db, provision, at)? {
            Decision::Add(flags) => Outlook::Add(flags),
            Decision::Promote(..) => Outlook::Call,
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
        Ok(match decide(db, &sent, at)? {
            Decision::Done {
                result,
                detail,
                has,
            } => Some(done(db, &sent, result, detail, has, at)?),
            // The person was added and lacks only flags, which follow separately.
            Decision::Promote(..) if came_since(db, &sent)? => {
                let has = member(db, sent.target.id(), &sent.email)?;
                let has = has.map_or_else(Flags::default, |(_, has)| has);
                Some(done(db, &sent, Provided::Added, None, has, at)?)
            }
            _ => None,
        })
    }

    /// The flags for a membership: those requested beyond the grants, and all that the running
    /// grants give.
    pub(super) fn wanted(
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

/// What is left to send by the team's last reading, with the details for the trail.
pub(super) fn team(
    db: &Connection,
    provision: &Provision,
    at: Timestamp,
) -> Result<(Intent, Value), StoreError> {
    Ok(match decide(db, provision, at)? {
        Decision::Done {
            result,
            detail,
            has,
        } => {
            let standing = done(db, provision, result, detail, has, at)?;
            (Intent::Nothing(standing), Value::Null)
        }
        Decision::Add(flags) => (Intent::Add(flags), json!({ "flags": words(flags) })),
        Decision::Promote(id, flags) => {
            let set = flags.named().into_iter().filter(|(_, is)| *is);
            let mut said: Map<String, Value> = set
                .map(|(name, _)| (name.to_owned(), true.into()))
                .collect();
            said.insert("team_user_id".to_owned(), id.clone().into());
            (Intent::Promote(id, flags), Value::Object(said))
        }
        Decision::Wait {
            until,
            why,
            for_invite,
        } => (
            later(db, provision, until, Some(why), for_invite)?,
            Value::Null,
        ),
        Decision::Fail(why) => {
            let answered = Answered {
                detail: Some(why.to_owned()),
                ..Answered::new(ProvisionState::Failed)
            };
            let standing = Provisions::settle(db, provision, &answered, at)?.standing();
            (Intent::Nothing(standing), Value::Null)
        }
    })
}

fn decide(db: &Connection, provision: &Provision, at: Timestamp) -> Result<Decision, StoreError> {
    match provision.role {
        Some(role) => of_role(db, provision, role, at),
        None => of_membership(db, provision, at),
    }
}

fn of_membership(
    db: &Connection,
    provision: &Provision,
    at: Timestamp,
) -> Result<Decision, StoreError> {
    let (target, email) = (provision.target.id(), &provision.email);
    let wanted = Provisions::wanted(db, provision, at)?;
    let sent = provision.unanswered;
    let only_flags = provision.kind == ProvisionKind::MemberPromote;
    let after = |wait: SignedDuration| at.checked_add(wait).unwrap_or(at);
    Ok(match member(db, target, email)? {
        Some((id, has)) => {
            let lacks = wanted.without(has);
            if !lacks.is_empty() {
                return Ok(Decision::Promote(id, lacks));
            }
            let result = match sent {
                true if !only_flags && came_since(db, provision)? => Provided::Added,
                true => Provided::Promoted,
                false => Provided::AlreadyExists,
            };
            Decision::Done {
                result,
                detail: None,
                has,
            }
        }
        None if is_invited(db, target, email)? => match not_with_an_invite(wanted) {
            Some(why) if only_flags => Decision::Wait {
                until: after(FLAGS_WAIT),
                why,
                for_invite: true,
            },
            detail => Decision::Done {
                result: if sent {
                    Provided::Invited
                } else {
                    Provided::AlreadyInvited
                },
                detail,
                has: Flags::default(),
            },
        },
        None if !only_flags => Decision::Add(wanted),
        None if just_added(db, provision)?.is_some() => Decision::Wait {
            until: at,
            why: format!(
                "was added just now; {} once a reading shows that",
                follow(wanted)
            ),
            for_invite: false,
        },
        // A person who was removed, or whose invite was, is not added again for the sake of a flag.
        None => Decision::Wait {
            until: after(FLAGS_WAIT),
            why: format!(
                "is not in the team; {} once a reading shows them",
                follow(wanted)
            ),
            for_invite: true,
        },
    })
}

fn of_role(
    db: &Connection,
    provision: &Provision,
    role: Role,
    at: Timestamp,
) -> Result<Decision, StoreError> {
    let (target, email) = (provision.target.id(), &provision.email);
    let added = just_added(db, provision)?;
    let came_along = added.is_some_and(|flags| flags.has(role));
    let there = |has| Decision::Done {
        result: if provision.unanswered || came_along {
            Provided::Promoted
        } else {
            Provided::AlreadyExists
        },
        detail: None,
        has,
    };
    Ok(match member(db, target, email)? {
        Some((_, has)) if has.has(role) => there(has),
        Some((id, _)) => Decision::Promote(id, Flags::only(role)),
        None if is_invited(db, target, email)? => Decision::Wait {
            until: at.checked_add(ROLE_WAITS).unwrap_or(at),
            why: "was invited and has not joined; the role follows then".to_owned(),
            for_invite: true,
        },
        None if came_along => there(Flags::only(role)),
        None if added.is_some() => Decision::Wait {
            until: at,
            why: "was added just now; the role follows once a reading shows that".to_owned(),
            for_invite: false,
        },
        None => Decision::Fail("is not a member of the team: a role is for members"),
    })
}

/// What to say about flags for an invited person, if any were wanted.
pub(crate) fn not_with_an_invite(flags: Flags) -> Option<String> {
    (!flags.is_empty()).then(|| format!("invited; {} once the invite is accepted", follow(flags)))
}

/// `edit is set`, `edit and inspect are set`.
fn follow(flags: Flags) -> String {
    let one = Role::ALL.into_iter().filter(|r| flags.has(*r)).count() == 1;
    let verb = if one { "is set" } else { "are set" };
    format!("{} {verb}", flags.in_words())
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
