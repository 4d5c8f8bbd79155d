//! Targets of accounts that are not configured: renamed or removed, while access is on record there.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, named_params};

use super::{Targets, names};
use crate::domain::{TargetId, TargetRef};
use crate::store::StoreError;

impl Targets {
    /// The targets of other accounts than these at which grants are open, and how many.
    pub(crate) fn elsewhere(
        db: &Connection,
        accounts: &BTreeSet<String>,
    ) -> Result<Vec<(TargetRef, u64)>, StoreError> {
        let configured: Vec<&String> = accounts.iter().collect();
        let configured = serde_json::to_string(&configured)
            .map_err(|e| StoreError::Corrupt(format!("the accounts: {e}")))?;
        let mut statement = db.prepare_cached(
            "SELECT t.id, (SELECT count(*) FROM grants g WHERE g.target = t.id AND g.removed_at IS NULL) AS open
             FROM target t
             WHERE t.provider || ':' || t.account NOT IN (SELECT value FROM json_each(:configured))
               AND EXISTS (SELECT 1 FROM grants g WHERE g.target = t.id AND g.removed_at IS NULL)",
        )?;
        let rows = statement.query_map(named_params! { ":configured": configured }, |row| {
            Ok((TargetId(row.get(0)?), row.get(1)?))
        })?;
        let found: Vec<(TargetId, u64)> = rows.collect::<Result<_, _>>()?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let names = names(db)?;
        let named = found.into_iter();
        let mut named: Vec<(TargetRef, u64)> = named
            .filter_map(|(id, open)| Some((names.get(&id)?.clone(), open)))
            .collect();
        named.sort();
        Ok(named)
    }

    /// The same by account, as in `sentius:acme`.
    pub(crate) fn accounts_elsewhere(
        db: &Connection,
        accounts: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let mut by_account = BTreeMap::new();
        for (target, open) in Self::elsewhere(db, accounts)? {
            *by_account.entry(target.account_name()).or_default() += open;
        }
        Ok(by_account)
    }
}
