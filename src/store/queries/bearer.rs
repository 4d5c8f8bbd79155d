//! Which person an address means at a target: what the commands go by that are about access on record.

use rusqlite::{Connection, OptionalExtension, named_params};

use crate::domain::{Email, TargetId};
use crate::store::StoreError;

/// The person that an address means, by the address that the records know them by now: whoever bears
/// it in the team or holds a grant by it, else the membership that bore it last, whether it is there or
/// not. A whitelist knows people by their address alone.
pub(in crate::store) fn bearer(
    db: &Connection,
    target: TargetId,
    email: &Email,
) -> Result<Email, StoreError> {
    let found: Option<String> = db
        .prepare_cached(
            "SELECT email FROM (
                 SELECT iif(missing_since IS NULL, 1, 5) AS rank, 0 AS at, email_key AS email FROM member
                 WHERE target = :target AND email_key = :key AND valid_to IS NULL
                 UNION ALL SELECT 2, 0, email_key FROM invite
                 WHERE target = :target AND email_key = :key AND gone_at IS NULL
                 UNION ALL SELECT 3, 0, person FROM grants
                 WHERE target = :target AND person = :key AND removed_at IS NULL
                 UNION ALL SELECT iif(m.missing_since IS NULL, 4, 6), was.valid_to, m.email
                 FROM member was JOIN member m
                     ON m.target = was.target AND m.remote_id = was.remote_id AND m.valid_to IS NULL
                 WHERE was.target = :target AND was.email_key = :key AND was.valid_to IS NOT NULL
                 UNION ALL SELECT 7, id, person FROM grants
                 WHERE target = :target AND email_key = :key AND removed_at IS NULL
                 UNION ALL SELECT 8, was.valid_to, g.person FROM member was JOIN grants g
                     ON g.target = was.target AND g.member_id = was.remote_id AND g.removed_at IS NULL
                 WHERE was.target = :target AND was.email_key = :key AND was.valid_to IS NOT NULL
             ) ORDER BY rank, at DESC LIMIT 1",
        )?
        .query_row(
            named_params! { ":target": target.0, ":key": email.key() },
            |row| row.get(0),
        )
        .optional()?;
    let found = found.map(|found| Email::observed(&found));
    Ok(found
        .filter(|found| found.key() != email.key())
        .unwrap_or_else(|| email.clone()))
}

/// Whether an open grant of `person` belongs to the one that an address means: one of a membership that
/// had the address before is another person's, if somebody else has it now.
pub(in crate::store) fn is_meant(
    db: &Connection,
    target: TargetId,
    email: &Email,
    person: &str,
) -> Result<bool, StoreError> {
    Ok(person == email.key() || person == bearer(db, target, email)?.key())
}
