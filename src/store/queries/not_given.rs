//! What grants give on record and nobody has been given yet: it waits for a pass, or lapsed only
//! observes.

use std::collections::HashSet;

use rusqlite::Connection;

use crate::domain::{Email, GrantState, Role};
use crate::store::StoreError;
use crate::store::queries::list::GrantRow;

/// The target, the person and the role of each gift that no provider has been asked for, or that none
/// has taken.
#[derive(Debug, Default)]
pub(crate) struct NotGiven(HashSet<(i64, String, Option<Role>)>);

impl NotGiven {
    /// All there are now.
    pub(crate) fn load(db: &Connection) -> Result<Self, StoreError> {
        // What is to be posted again is there meanwhile, and flags are more than access.
        let mut statement = db.prepare_cached(
            "SELECT target, email_key, role FROM provision
             WHERE settled_at IS NULL AND (state = 'planned' OR state = 'failed') AND result IS NULL
               AND unanswered = 0 AND gap_since IS NULL
               AND (kind = 'whitelist.add' OR kind = 'member.add' OR (kind = 'member.promote' AND role IS NOT NULL))",
        )?;
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(Self(found.collect::<Result<_, _>>()?))
    }

    /// Whether the row is active on record only.
    pub(crate) fn has(&self, row: &GrantRow) -> bool {
        let key = || {
            let person = Email::observed(&row.email).key().to_owned();
            let role = row.role.as_deref().and_then(|role| role.parse().ok());
            (row.target.id().0, person, role)
        };
        row.state == GrantState::Active && !self.0.is_empty() && self.0.contains(&key())
    }
}
