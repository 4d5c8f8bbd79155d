//! One attempt begins: what is to be sent is computed from the grants, and written down before it
//! is sent.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, named_params};
use serde_json::{Value, json};

use super::settle::{Answered, Standing};
use super::{Provision, Provisions, words};
use crate::domain::{Email, Flags, Provided, ProvisionKind, ProvisionState, Role, TargetId};
use crate::store::tables::entry;
use crate::store::trail::{self, Entry};
use crate::store::{Grants, StoreError, time};

/// How long a role waits for somebody who was invited and has not joined.
const UNTIL_JOINED: SignedDuration = SignedDuration::from_mins(15);

/// What an attempt comes to.
#[derive(Debug, Clone)]
pub(crate) enum Intent {
    /// An entry is to be posted.
    Post(Posting),
    /// A member is to be added with these flags.
    Add(Flags),
    /// This membership is to be given the role.
    Promote(String, Role),
    /// Nothing is to be sent.
    Nothing(Standing),
}

/// An entry of the whitelist, as it is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Posting {
    pub(crate) name: String,
    pub(crate) email: Email,
    pub(crate) permissions: Vec<String>,
    pub(crate) start: Timestamp,
    pub(crate) end: Option<Timestamp>,
}

impl Provisions {
    /// Decides what is to be sent and writes that down; or settles what needs no call any more. A
    /// team must have been read right before.
    pub(crate) fn intend(
        db: &Connection,
        provision: &Provision,
        at: Timestamp,
    ) -> Result<Intent, StoreError> {
        let (intent, said) = match provision.kind {
            ProvisionKind::WhitelistAdd | ProvisionKind::WhitelistRenew => {
                let grants = Grants::on_whitelist(db, &provision.target, &provision.email, at)?;
                let Some(posting) = grants.posting(at) else {
                    return over(db, provision, at);
                };
                // From here on it may be there, whatever becomes of the answer.
                entry::may_be_there(db, provision.target.id(), &posting.email, at)?;
                let said = json!({
                    "start": posting.start, "end": posting.end, "permissions": posting.permissions,
                });
                (Intent::Post(posting), said)
            }
            ProvisionKind::MemberAdd | ProvisionKind::MemberPromote => {
                match Grants::covers_or_begins(
                    db,
                    &provision.target,
                    &provision.email,
                    provision.role,
                    at,
                )? {
                    Some(begins) if begins > at => return later(db, provision, begins, None),
                    Some(_) => {}
                    None => return over(db, provision, at),
                }
                match team(db, provision, at)? {
                    (intent @ Intent::Nothing(_), _) => return Ok(intent),
                    sent => sent,
                }
            }
        };
        db.prepare_cached(
            "UPDATE provision SET state = 'intent', attempts = attempts + 1, tried_at = :at, detail = NULL,
                    unanswered = iif(:was_read, 0, unanswered)
             WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": provision.row, ":at": time::stored(at),
            // The reading has just shown that an earlier try was not done.
            ":was_read": provision.target.team().is_some(),
        })?;
        trail::append(
            db,
            &Entry {
                at,
                kind: "provision.intent",
                target: Some(provision.target.id()),
                email: Some(&provision.email),
                payload: &json!({
                    "provision_id": provision.row, "provision": provision.kind,
                    "target": provision.target, "email": provision.email.written(),
                    "role": provision.role, "sends": said,
                    "command": provision.asked.command, "by": provision.asked.by,
                }),
            },
        )?;
        Ok(intent)
    }

    /// Writes down that the old entry is about to be taken off so that the new one can be posted:
    /// from here on the person may be without either, and that is mended before anything else.
    pub(crate) fn replacing(
        db: &Connection,
        provision: &Provision,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        db.prepare_cached(
            "UPDATE provision SET gap_since = ifnull(gap_since, :at) WHERE id = :id",
        )?
        .execute(named_params! { ":id": provision.row, ":at": time::stored(at) })?;
        trail::append(
            db,
            &Entry {
                at,
                kind: "provision.replacing",
                target: Some(provision.target.id()),
                email: Some(&provision.email),
                payload: &json!({ "provision_id": provision.row }),
            },
        )
    }
}

/// Whether a person is in a team, as last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Member,
    Invited,
    Absent,
}

impl Provisions {
    /// Whether a person is in a team, as last read.
    pub(crate) fn presence(
        db: &Connection,
        team: TargetId,
        email: &Email,
    ) -> Result<Presence, StoreError> {
        Ok(if member(db, team, email)?.is_some() {
            Presence::Member
        } else if is_invited(db, team, email)? {
            Presence::Invited
        } else {
            Presence::Absent
        })
    }

    /// Settles what was sent to a team and not answered, if the reading just stored shows it.
    pub(crate) fn settle_by_reading(
        db: &Connection,
        provision: &Provision,
        at: Timestamp,
    ) -> Result<Option<Standing>, StoreError> {
        let sent = Provision {
            unanswered: true,
            ..provision.clone()
        };
        Ok(match team(db, &sent, at)? {
            (Intent::Nothing(standing), _) if standing.state == ProvisionState::Done => {
                Some(standing)
            }
            _ => None,
        })
    }
}

/// What the last reading of the team leaves to be done.
fn team(
    db: &Connection,
    provision: &Provision,
    at: Timestamp,
) -> Result<(Intent, Value), StoreError> {
    let settle = |result, detail: Option<String>| {
        let answered = Answered {
            result: Some(result),
            detail,
            ..Answered::new(ProvisionState::Done)
        };
        let standing = Provisions::settle(db, provision, &answered, at)?.standing();
        Ok((Intent::Nothing(standing), Value::Null))
    };
    let (target, email) = (provision.target.id(), &provision.email);
    let member = member(db, target, email)?;
    let invited = is_invited(db, target, email)?;
    let sent = provision.unanswered;
    match (provision.role, member) {
        (None, Some((_, has))) => {
            let result = if sent {
                Provided::Added
            } else {
                Provided::AlreadyExists
            };
            let lacks = provision.flags.named().into_iter().zip(has.named());
            let lacks: Vec<&str> = lacks
                .filter(|(wanted, is)| wanted.1 && !is.1)
                .map(|(wanted, _)| wanted.0)
                .collect();
            let detail = (!lacks.is_empty()).then(|| {
                format!(
                    "a member without {}, which is left as it is",
                    lacks.join(", ")
                )
            });
            settle(result, detail)
        }
        (None, None) if invited => {
            let result = if sent {
                Provided::Invited
            } else {
                Provided::AlreadyInvited
            };
            settle(result, not_with_an_invite(provision.flags))
        }
        (None, None) => Ok((
            Intent::Add(provision.flags),
            json!({ "flags": words(provision.flags) }),
        )),
        (Some(role), Some((id, has))) => {
            let (is, flag) = match role {
                Role::Admin => (has.is_admin, "is_admin"),
                Role::Manager => (has.is_manager, "is_manager"),
            };
            if is {
                let result = if sent {
                    Provided::Promoted
                } else {
                    Provided::AlreadyExists
                };
                return settle(result, None);
            }
            let said = json!({ flag: true, "team_user_id": id });
            Ok((Intent::Promote(id, role), said))
        }
        (Some(_), None) if invited => {
            let again = at.checked_add(UNTIL_JOINED).unwrap_or(at);
            let why = "was invited and has not joined; the role follows then".to_owned();
            Ok((later(db, provision, again, Some(why))?, Value::Null))
        }
        (Some(role), None) if let Some(flags) = just_added(db, target, email)? => {
            let has = match role {
                Role::Admin => flags.is_admin,
                Role::Manager => flags.is_manager,
            };
            if has {
                return settle(Provided::Promoted, None);
            }
            let why = "was added just now; the role follows once a reading shows that".to_owned();
            Ok((later(db, provision, at, Some(why))?, Value::Null))
        }
        (Some(_), None) => {
            let answered = Answered {
                detail: Some("is not a member of the team: a role is for members".to_owned()),
                ..Answered::new(ProvisionState::Failed)
            };
            let standing = Provisions::settle(db, provision, &answered, at)?.standing();
            Ok((Intent::Nothing(standing), Value::Null))
        }
    }
}

/// What flags come to for somebody who is invited, if any were wanted.
pub(crate) fn not_with_an_invite(flags: Flags) -> Option<String> {
    let words = words(flags);
    (!words.is_empty()).then(|| {
        format!(
            "invited, and an invite carries no flags: {} can be given once the person has joined",
            words.replace(';', ", ")
        )
    })
}

/// The membership's id and flags, as last read.
fn member(
    db: &Connection,
    target: TargetId,
    email: &Email,
) -> Result<Option<(String, Flags)>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT remote_id, is_admin, is_manager, edit_permission, inspect_permission FROM member
             WHERE target = :target AND email_key = :email_key AND valid_to IS NULL AND missing_since IS NULL
             ORDER BY id LIMIT 1",
        )?
        .query_row(
            named_params! { ":target": target.0, ":email_key": email.key() },
            |row| {
                let flags = Flags {
                    is_admin: row.get(1)?,
                    is_manager: row.get(2)?,
                    edit_permission: row.get(3)?,
                    inspect_permission: row.get(4)?,
                };
                Ok((row.get(0)?, flags))
            },
        )
        .optional()?)
}

/// The flags with which the person was added since the team was last read.
fn just_added(
    db: &Connection,
    target: TargetId,
    email: &Email,
) -> Result<Option<Flags>, StoreError> {
    let words: Option<String> = db
        .prepare_cached(
            "SELECT flags FROM provision
             WHERE target = :target AND email_key = :email_key AND kind = 'member.add' AND result = 'added'
               AND settled_at >= ifnull((SELECT complete_at FROM source WHERE kind = 'team' AND target = :target), 0)
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(
            named_params! { ":target": target.0, ":email_key": email.key() },
            |row| row.get(0),
        )
        .optional()?;
    Ok(words.map(|words| super::flags(&words)))
}

fn is_invited(db: &Connection, target: TargetId, email: &Email) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM invite
             WHERE target = :target AND email_key = :email_key AND gone_at IS NULL)",
        )?
        .query_row(
            named_params! { ":target": target.0, ":email_key": email.key() },
            |row| row.get(0),
        )?)
}

/// The grants are over, or were taken back: what may be there is for a removal.
fn over(db: &Connection, provision: &Provision, at: Timestamp) -> Result<Intent, StoreError> {
    let answered = Answered {
        detail: Some("no grant gives this access any more".to_owned()),
        ..Answered::new(ProvisionState::Withdrawn)
    };
    let next = Provisions::settle(db, provision, &answered, at)?;
    Ok(Intent::Nothing(next.standing()))
}

/// It is to be given later.
fn later(
    db: &Connection,
    provision: &Provision,
    due: Timestamp,
    detail: Option<String>,
) -> Result<Intent, StoreError> {
    db.prepare_cached("UPDATE provision SET due_at = :due, detail = :detail WHERE id = :id")?
        .execute(named_params! {
            ":id": provision.row, ":due": time::stored(due), ":detail": detail,
        })?;
    Ok(Intent::Nothing(Standing {
        state: ProvisionState::Scheduled,
        result: None,
        detail,
    }))
}
