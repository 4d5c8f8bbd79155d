//! Addresses on record: those with a prefix, and those similar to a given address.

use rusqlite::{Connection, named_params};

use crate::domain::Email;
use crate::store::StoreError;

/// How many addresses with the same prefix are compared: enough for many similar names, and few
/// enough to be fast.
const COMPARED: usize = 2_000;
/// How many are shown.
const TOLD: usize = 3;

/// The rows with addresses, each found through an index that sorts them; current members through
/// the index of their team.
const RECORDS: [&str; 4] = [
    "grants WHERE true",
    "invite WHERE true",
    "target t CROSS JOIN member m ON m.target = t.id WHERE m.valid_to IS NULL",
    "member WHERE valid_to IS NOT NULL",
];

/// Uses bounds and not LIKE, whose pattern would have to be escaped.
fn beginning(rows: &str) -> String {
    format!(
        "SELECT DISTINCT email_key FROM {rows}
         AND email_key >= :prefix AND email_key < :prefix || char(0x10ffff)
         ORDER BY email_key LIMIT :most"
    )
}

/// The addresses on record that begin with `prefix`, all in canonical form, sorted.
pub(crate) fn beginning_with(
    db: &Connection,
    prefix: &str,
    most: usize,
) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for rows in RECORDS {
        let mut statement = db.prepare_cached(&beginning(rows))?;
        let params =
            named_params! { ":prefix": prefix, ":most": i64::try_from(most).unwrap_or(i64::MAX) };
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            found.push(row.get(0)?);
        }
    }
    found.sort();
    found.dedup();
    found.truncate(most);
    Ok(found)
}

/// Addresses on record similar to this one: with a typing error after the first letters, or with
/// another domain.
pub(crate) fn near(db: &Connection, email: &Email) -> Result<Vec<String>, StoreError> {
    let key = email.key();
    let local = key.split('@').next().unwrap_or(key);
    for letters in [3, 1] {
        let begins: String = local.chars().take(letters).collect();
        if begins.is_empty() {
            break;
        }
        let mut near: Vec<(usize, String)> = beginning_with(db, &begins, COMPARED)?
            .into_iter()
            .filter_map(|known| {
                let same_name = known.split('@').next() == Some(local);
                let slips = strsim::damerau_levenshtein(&known, key);
                (same_name || slips <= 2).then_some((slips, known))
            })
            .collect();
        if !near.is_empty() {
            near.sort();
            near.truncate(TOLD);
            return Ok(near.into_iter().map(|(_, known)| known).collect());
        }
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::steps_of;

    #[tokio::test]
    async fn addresses_are_found_by_their_indexes() {
        for rows in RECORDS {
            let steps = steps_of(&beginning(rows)).await;
            let by_address = |step: &String| step.contains("email_key>? AND email_key<?");
            assert!(steps.iter().any(by_address), "{steps:?}");
        }
    }
}
