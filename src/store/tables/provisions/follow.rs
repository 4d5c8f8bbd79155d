//! Follow-ups of a provision: flags that did not come with the membership, and grants that begin
//! later.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::{NewProvision, Provision, Provisions, TakeBack};
use crate::domain::{Answered, Flags, Provided, ProvisionKind};
use crate::store::{StoreError, db::values};

/// Plans a separate call for flags that did not come with the membership: at once for a member, and
/// for an invited person once a reading shows that the invite was accepted. Returns whether there
/// are any.
pub(super) fn plan_flags(
    db: &Connection,
    provision: &Provision,
    answered: &Answered,
    at: Timestamp,
) -> Result<bool, StoreError> {
    if provision.kind != ProvisionKind::MemberAdd || answered.result == Some(Provided::Promoted) {
        return Ok(false);
    }
    let wanted = Provisions::flags_wanted(db, provision, at)?;
    if wanted.without(answered.has).is_empty() {
        return Ok(false);
    }
    let new = NewProvision {
        kind: ProvisionKind::MemberPromote,
        target: &provision.target,
        email: &provision.email,
        role: None,
        flags: provision.flags,
        due: at,
        take_back: Vec::new(),
        asked: &provision.asked,
    };
    let row = Provisions::plan(db, &new, at)?;
    let is_invite = |result| matches!(result, Provided::Invited | Provided::AlreadyInvited);
    if answered.result.is_some_and(is_invite) {
        Provisions::wait_for_invite(db, row, answered.detail.as_deref(), at)?;
    }
    Ok(true)
}

/// Grants requested together may begin at different times: plans the ones that begin later.
pub(super) fn plan_next_start(
    db: &Connection,
    provision: &Provision,
    asked_for: &[TakeBack],
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut later: Option<(Timestamp, Vec<TakeBack>)> = None;
    for change in asked_for {
        let (TakeBack::Close(grant) | TakeBack::End(grant, _) | TakeBack::Permissions(grant, _)) =
            change;
        let starts: Option<i64> = db
            .prepare_cached("SELECT starts_at FROM grants WHERE id = :id AND removed_at IS NULL")?
            .query_row(named_params! { ":id": grant }, |row| row.get(0))
            .optional()?;
        let starts = starts.map(values::read).filter(|starts| *starts > at);
        if let Some(starts) = starts {
            let (due, changes) = later.get_or_insert((starts, Vec::new()));
            *due = starts.min(*due);
            changes.push(change.clone());
        }
    }
    if let Some((due, take_back)) = later {
        let new = NewProvision {
            kind: provision.kind,
            target: &provision.target,
            email: &provision.email,
            role: provision.role,
            flags: Flags::default(),
            due,
            take_back,
            asked: &provision.asked,
        };
        Provisions::plan(db, &new, at)?;
    }
    Ok(())
}
