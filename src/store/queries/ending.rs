//! Access that ends within a period: the one query for notices, findings and reports.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use crate::domain::{AccessEnd, Email, TargetId};
use crate::store::{StoreError, db::values, tables::targets};

/// What ends after `after`, until `until`, soonest first.
pub(crate) fn ending(
    db: &Connection,
    after: Timestamp,
    until: Timestamp,
) -> Result<Vec<AccessEnd>, StoreError> {
    let names = targets::names(db)?;
    let mut statement = db.prepare_cached(
        "SELECT id, target, email, role, ends_at, owner, reason, recorded_at FROM ending
         WHERE ends_at > :after AND ends_at <= :until ORDER BY ends_at, email_key, target, id",
    )?;
    let params = named_params! { ":after": values::stored(after), ":until": values::stored(until) };
    let mut rows = statement.query(params)?;
    let mut ends = Vec::new();
    while let Some(row) = rows.next()? {
        let target = targets::named(&names, TargetId(row.get("target")?))?;
        let owner: Option<String> = row.get("owner")?;
        ends.push(AccessEnd {
            grant: row.get("id")?,
            target: target.clone(),
            email: Email::observed(row.get_ref("email")?.as_str()?),
            role: row.get("role")?,
            end: values::read(row.get("ends_at")?),
            owner: owner.map(|owner| Email::observed(&owner)),
            reason: row.get("reason")?,
            recorded_at: values::read(row.get("recorded_at")?),
        });
    }
    Ok(ends)
}
