//! What is to be given in a team follows its membership, as grants do: through changes of address, and
//! to another membership of the same stay.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::{Provisions, select};
use crate::domain::{Answered, ProvisionState, TargetId};
use crate::store::StoreError;

/// What is open in a team for a membership that has another address by now.
const MOVED: &str =
    "p.target = :target AND p.settled_at IS NULL AND p.member_id IS NOT NULL AND EXISTS (
    SELECT 1 FROM member m WHERE m.target = p.target AND m.remote_id = p.member_id
    AND m.valid_to IS NULL AND m.email_key <> p.email_key)";

impl Provisions {
    /// Binds what was to be given to an earlier stay, by its address and its membership, to the
    /// membership that goes on with it.
    pub(in crate::store) fn rebind(
        db: &Connection,
        team: TargetId,
        (person, was): (&str, Option<&str>),
        is: &str,
    ) -> Result<(), StoreError> {
        db.prepare_cached(
            "UPDATE provision SET member_id = :is
             WHERE target = :target AND settled_at IS NULL
               AND (member_id = :was OR (member_id IS NULL AND email_key = :person))",
        )?
        .execute(named_params! {
            ":target": team.0, ":is": is, ":was": was, ":person": person,
        })?;
        Ok(())
    }

    /// What is to be given belongs again to the address that the grants of a membership that is gone
    /// belong to.
    pub(in crate::store) fn unbind(
        db: &Connection,
        team: TargetId,
        member_id: &str,
    ) -> Result<(), StoreError> {
        const GRANT: &str =
            "FROM grants g WHERE g.target = provision.target AND g.member_id = provision.member_id
            AND g.removed_at IS NULL ORDER BY g.role IS NOT provision.role, g.id DESC LIMIT 1";
        db.prepare_cached(&format!(
            "UPDATE OR IGNORE provision SET (email, email_key) = (
                 SELECT iif(g.person = g.email_key, g.email, g.person), g.person {GRANT})
             WHERE target = :target AND member_id = :id AND settled_at IS NULL
               AND EXISTS (SELECT 1 {GRANT})"
        ))?
        .execute(named_params! { ":target": team.0, ":id": member_id })?;
        Ok(())
    }

    /// Gives each open row the present address of its membership, once a reading is stored. Two
    /// members may have swapped their addresses. Where the same is to be given under that address
    /// already, one row is enough.
    pub(in crate::store) fn follow_members(
        db: &Connection,
        team: TargetId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let moved = select(
            db,
            &format!("WHERE {MOVED} ORDER BY p.id"),
            named_params! { ":target": team.0 },
        )?;
        for provision in &moved {
            // No address; the open rows of a person and role are unique.
            db.prepare_cached("UPDATE provision SET email_key = ' ' || id WHERE id = :id")?
                .execute(named_params! { ":id": provision.row })?;
        }
        for provision in &moved {
            let follow = |or_ignore: &str| -> Result<bool, StoreError> {
                let changed = db
                    .prepare_cached(&format!(
                        "UPDATE {or_ignore} provision SET (email, email_key) = (
                             SELECT email, email_key FROM member m WHERE m.target = provision.target
                             AND m.remote_id = provision.member_id AND m.valid_to IS NULL)
                         WHERE id = :id",
                    ))?
                    .execute(named_params! { ":id": provision.row })?;
                Ok(changed > 0)
            };
            if !follow("OR IGNORE")? {
                let answered = Answered {
                    detail: Some("is to be given under the present address already".to_owned()),
                    ..Answered::new(ProvisionState::Withdrawn)
                };
                Self::settle(db, provision, &answered, at)?;
                follow("")?;
            }
        }
        Ok(())
    }
}
