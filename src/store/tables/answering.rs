//! The accounts that have ever answered successfully, by URL and key: only there does a 404 to a
//! removal mean that the access is already gone.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use crate::store::StoreError;
use crate::store::db::{bytes, values};

/// The name of the single fact that holds this database's salt.
const SALT: &str = "answering.salt";
/// Enough random bytes that a fingerprint cannot be checked against a known key.
const SALT_BYTES: usize = 32;

/// The table's SQL.
#[derive(Debug)]
pub(crate) struct Answering;

impl Answering {
    /// The salt of this database's fingerprints; `None` before the first is stored.
    pub(crate) fn salt(db: &Connection) -> Result<Option<Vec<u8>>, StoreError> {
        let salt: Option<String> = db
            .prepare_cached("SELECT value FROM fact WHERE name = :name")?
            .query_row(named_params! { ":name": SALT }, |row| row.get(0))
            .optional()?;
        Ok(salt.map(String::into_bytes))
    }

    /// The same, created when it is missing.
    pub(crate) fn salt_or_new(db: &Connection) -> Result<Vec<u8>, StoreError> {
        if let Some(salt) = Self::salt(db)? {
            return Ok(salt);
        }
        let salt = bytes::hex(&bytes::random::<SALT_BYTES>()?);
        db.prepare_cached("INSERT INTO fact (name, value) VALUES (:name, :value)")?
            .execute(named_params! { ":name": SALT, ":value": salt })?;
        Ok(salt.into_bytes())
    }

    /// Whether the account has answered successfully with this URL and key.
    pub(crate) fn knows(
        db: &Connection,
        account: &str,
        fingerprint: &[u8; 32],
    ) -> Result<bool, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT 1 FROM answering WHERE account = :account AND fingerprint = :fingerprint",
        )?;
        let params = named_params! { ":account": account, ":fingerprint": fingerprint };
        Ok(statement.exists(params)?)
    }

    /// Records that it has.
    pub(crate) fn note(
        db: &Connection,
        account: &str,
        fingerprint: &[u8; 32],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        db.prepare_cached(
            "INSERT OR IGNORE INTO answering (account, fingerprint, since)
             VALUES (:account, :fingerprint, :since)",
        )?
        .execute(named_params! {
            ":account": account, ":fingerprint": fingerprint, ":since": values::stored(at),
        })?;
        Ok(())
    }

    /// Makes the account's removals that are unknown for this reason due again now; returns them.
    pub(crate) fn try_again(
        db: &Connection,
        account: &str,
        why: &str,
        at: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        let mut statement = db.prepare_cached(
            "UPDATE action SET next_try_at = :at
             WHERE state = 'unknown' AND settled_at IS NULL AND instr(detail, :why) > 0
               AND target IN (SELECT id FROM target WHERE provider || ':' || account = :account)
             RETURNING id",
        )?;
        let params = named_params! { ":account": account, ":why": why, ":at": values::stored(at) };
        let rows = statement.query_map(params, |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn an_account_is_known_by_address_and_key_and_the_salt_stays() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("l.db")).unwrap();
        let at: Timestamp = "2026-11-22T07:00:00Z".parse().unwrap();
        store
            .write(move |db| {
                assert_eq!(Answering::salt(db)?, None);
                let salt = Answering::salt_or_new(db)?;
                assert_eq!(salt.len(), 2 * SALT_BYTES);
                assert_eq!(Answering::salt(db)?, Some(salt.clone()));
                assert_eq!(Answering::salt_or_new(db)?, salt);
                assert!(!Answering::knows(db, "sentius:acme", &[1; 32])?);
                for _ in 0..2 {
                    Answering::note(db, "sentius:acme", &[1; 32], at)?;
                }
                assert!(Answering::knows(db, "sentius:acme", &[1; 32])?);
                assert!(!Answering::knows(db, "sentius:acme", &[2; 32])?);
                assert!(!Answering::knows(db, "sapling:acme", &[1; 32])?);
                Ok(())
            })
            .await
            .unwrap();
    }
}
