//! The difference between this machine's clock and each account's, as last compared.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use crate::guard::clocks::Clocks;
use crate::store::{StoreError, db::values};

/// Records the comparison; an account that sent no time keeps its last result.
pub(crate) fn compared(db: &Connection, clocks: &Clocks, at: Timestamp) -> Result<(), StoreError> {
    for (account, skew) in &clocks.accounts {
        let ahead = i64::try_from(skew.as_millis()).unwrap_or(i64::MAX);
        db.prepare_cached(
            "INSERT INTO clock (account, ahead, compared_at, doubted_since)
             VALUES (:account, :ahead, :at, iif(:differs, :at, NULL))
             ON CONFLICT (account) DO UPDATE SET ahead = :ahead, compared_at = :at,
                doubted_since = iif(:differs, ifnull(doubted_since, :at), NULL)
             WHERE :differs OR doubted_since IS NOT NULL OR compared_at < :at - 3600000",
        )?
        .execute(named_params! {
            ":account": account, ":ahead": ahead, ":at": values::stored(at),
            ":differs": clocks.differs(*skew),
        })?;
    }
    Ok(())
}

/// The accounts whose clocks differ from ours, as last compared, and since when.
pub(crate) fn doubted(db: &Connection) -> Result<BTreeMap<String, Timestamp>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT account, doubted_since FROM clock WHERE doubted_since IS NOT NULL",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, values::read(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
