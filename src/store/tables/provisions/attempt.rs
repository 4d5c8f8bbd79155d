//! The begin of an attempt: computes what to send from the grants, and records it before it is
//! sent.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::team::{later, team};
use super::{Provision, Provisions};
use crate::domain::event::{ProvisionOnly, Sends, SendsEntry, Sent};
use crate::domain::{
    Answered, Email, Entry, Event, Flags, ProvisionKind, ProvisionState, Standing,
};
use crate::plan::provision::Turn;
use crate::store::tables::entry;
use crate::store::trail;
use crate::store::{Grants, Sources, StoreError, db::values};

/// What an attempt has to send.
#[derive(Debug, Clone)]
pub(crate) enum Intent {
    /// An entry is to be posted.
    Post(Posting),
    /// A member is to be added with these flags.
    Add(Flags),
    /// This membership is to be given these flags.
    Promote(String, Flags),
    /// Nothing is to be sent.
    Nothing(Standing),
}

/// A whitelist entry to be sent, in each of these spellings of the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Posting {
    pub(crate) name: Option<String>,
    pub(crate) emails: Vec<Email>,
    pub(crate) entry: Entry,
}

impl Provisions {
    /// Decides what to send and records it, or settles a row that needs no call any more. A team
    /// must have been read just before.
    pub(crate) fn intend(
        db: &Connection,
        provision: &Provision,
        at: Timestamp,
    ) -> Result<Intent, StoreError> {
        // It may have been revoked, or given by a pass, since it was planned.
        let current = match Self::current(db, provision.row)? {
            Err(standing) => return Ok(Intent::Nothing(standing)),
            // A reading has just shown another address. What was looked at was for the earlier one.
            Ok(now) if now.email.key() != provision.email.key() => {
                return Ok(Intent::Nothing(Self::standing(db, provision.row)?));
            }
            Ok(now) => now,
        };
        let (intent, sends) = match provision.kind {
            ProvisionKind::WhitelistAdd | ProvisionKind::WhitelistRenew => {
                let grants = Grants::on_whitelist(db, &provision.target, &provision.email, at)?;
                let Some(posting) = grants.posting(&current, at) else {
                    return over(db, provision, at);
                };
                // From now on the entries may exist, whatever the answer is.
                for email in &posting.emails {
                    entry::may_be_there(db, provision.target.id(), email, at)?;
                }
                let sends = Sends::Entry(SendsEntry {
                    end: posting.entry.end,
                    permissions: posting.entry.permissions.clone(),
                    spellings: match posting.emails.len() {
                        1 => Vec::new(),
                        _ => posting.emails.clone(),
                    },
                    start: posting.entry.start,
                });
                (Intent::Post(posting), sends)
            }
            ProvisionKind::MemberAdd | ProvisionKind::MemberPromote => {
                let (target, email) = (&provision.target, &provision.email);
                let begins = Grants::covers_or_begins(db, target, email, provision.role, at)?;
                match Turn::of(begins, at) {
                    Turn::At(begins) => return later(db, provision, begins, None, false),
                    Turn::Over => return over(db, provision, at),
                    Turn::Now => {}
                }
                match team(db, provision, at)? {
                    (intent, Some(sends)) => (intent, sends),
                    (nothing, None) => return Ok(nothing),
                }
            }
        };
        db.prepare_cached(
            "UPDATE provision SET state = 'intent', attempts = attempts + 1, tried_at = :at, detail = NULL, result = NULL,
                    unanswered = iif(:was_read, 0, unanswered)
             WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": provision.row, ":at": values::stored(at),
            // The reading has just shown that an earlier attempt had no effect.
            ":was_read": provision.target.team().is_some(),
        })?;
        Sources::called(db, &provision.target)?;
        let event = Event::ProvisionIntent(Sent {
            by: provision.asked.by.clone(),
            command: provision.asked.command.clone(),
            email: provision.email.clone(),
            provision: provision.kind,
            provision_id: provision.row,
            role: provision.role,
            sends,
            target: provision.target.to_target(),
        });
        let target = provision.target.id();
        trail::append_event(db, at, Some(target), Some(&provision.email), &event)?;
        Ok(intent)
    }

    /// Whether the entry of somebody else there was removed to be replaced, and the new one could not
    /// be posted: then no further one is risked.
    pub(crate) fn is_replacing_another(
        db: &Connection,
        provision: &Provision,
    ) -> Result<bool, StoreError> {
        Ok(db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM provision WHERE target = :target AND settled_at IS NULL
                                AND gap_since IS NOT NULL AND state <> 'intent' AND id <> :id)",
            )?
            .query_row(
                named_params! { ":target": provision.target.id().0, ":id": provision.row },
                |row| row.get(0),
            )?)
    }

    /// Records that the old entry of this spelling is about to be removed so that the new one can be
    /// posted. From now on the person may have neither, and repairing that comes before anything else.
    pub(crate) fn replacing(
        db: &Connection,
        provision: &Provision,
        email: &Email,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        db.prepare_cached(
            "UPDATE provision SET gap_since = ifnull(gap_since, :at) WHERE id = :id",
        )?
        .execute(named_params! { ":id": provision.row, ":at": values::stored(at) })?;
        let target = provision.target.id();
        entry::may_be_gone(db, target, email)?;
        let event = Event::ProvisionReplacing(ProvisionOnly {
            provision_id: provision.row,
        });
        trail::append_event(db, at, Some(target), Some(&provision.email), &event)
    }
}

/// The grants are over or were revoked: what may exist is left to a removal.
fn over(db: &Connection, provision: &Provision, at: Timestamp) -> Result<Intent, StoreError> {
    let answered = Answered {
        detail: Some("no grant gives this access any more".to_owned()),
        ..Answered::new(ProvisionState::Withdrawn)
    };
    let next = Provisions::settle(db, provision, &answered, at)?;
    Ok(Intent::Nothing(next.standing()))
}
