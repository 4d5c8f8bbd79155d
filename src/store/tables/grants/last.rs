//! Until when a person has access by their grants.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::Grants;
use crate::domain::{Email, Role, TargetRef, When};
use crate::store::queries::bearer::bearer;
use crate::store::queries::sql::GIVES;
use crate::store::{StoreError, db::values};

impl Grants {
    /// The last end of the grants of a person that give access at a target, or a role there, and that
    /// are not over; absent where there is none.
    pub(crate) fn last_end(
        db: &Connection,
        target: &TargetRef,
        email: &Email,
        role: Option<Role>,
        at: Timestamp,
    ) -> Result<Option<When>, StoreError> {
        let person = bearer(db, target.id(), email)?;
        let last = db
            .prepare_cached(&format!(
                "SELECT o.ends_at FROM (SELECT :role AS role) g JOIN grants o
                 WHERE o.target = :target AND o.person = :person AND o.removed_at IS NULL
                   AND o.revoked = 0 AND {GIVES} AND ifnull(o.ends_at > :at, 1)
                 ORDER BY o.ends_at IS NULL DESC, o.ends_at DESC LIMIT 1",
            ))?
            .query_row(
                named_params! {
                    ":target": target.id().0, ":person": person.key(),
                    ":role": role.map(Role::as_str), ":at": values::stored(at),
                },
                |row| row.get::<_, Option<i64>>(0),
            )
            .optional()?;
        Ok(last.map(|end| When::of(values::read_if_any(end))))
    }
}
