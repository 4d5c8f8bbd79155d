//! Addresses on record: those with a prefix, and those similar to a given address.

use std::collections::BTreeSet;

use rusqlite::{Connection, named_params};

use crate::domain::Email;
use crate::store::StoreError;

/// How many addresses with the same prefix are compared: enough for many similar names, and few
/// enough to be fast.
const COMPARED: usize = 2_000;
/// How many are shown.
const TOLD: usize = 3;

/// The rows with addresses, each found through an index that sorts them.
const RECORDS: [&str; 4] = [
    "grants WHERE true",
    "invite WHERE true",
    "action WHERE true",
    "member WHERE valid_to IS NOT NULL",
];
/// Current members, whose index sorts them a team at a time.
const IN_TEAM: &str = "member WHERE target = :team AND valid_to IS NULL";

/// The owners of open grants that begin so, in lower case.
pub(crate) fn owners_beginning_with(
    db: &Connection,
    prefix: &str,
    most: usize,
) -> Result<Vec<String>, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(
        "SELECT DISTINCT lower(owner) AS owner FROM grants
         WHERE removed_at IS NULL AND instr(lower(owner), :prefix) = 1 ORDER BY owner LIMIT :most",
    )?;
    let owners = statement
        .query_map(named_params! { ":prefix": prefix, ":most": most }, |row| {
            row.get(0)
        })?;
    Ok(owners.collect::<Result<_, _>>()?)
}

/// Uses bounds and not LIKE, whose pattern would have to be escaped.
fn beginning(rows: &str) -> String {
    format!(
        "SELECT DISTINCT email_key FROM {rows}
         AND email_key >= :prefix AND email_key < :end ORDER BY email_key LIMIT :most"
    )
}

/// The first addresses with a prefix, of several sorted lists.
struct First<'a> {
    prefix: &'a str,
    most: usize,
    found: BTreeSet<String>,
}

impl First<'_> {
    /// Adds those of a list; what cannot be among the first is not read.
    fn add(&mut self, db: &Connection, rows: &str, team: Option<i64>) -> Result<(), StoreError> {
        let is_full = self.found.len() >= self.most;
        let end = match self.found.last().filter(|_| is_full) {
            Some(last) => last.clone(),
            None => format!("{}\u{10ffff}", self.prefix),
        };
        let most = i64::try_from(self.most).unwrap_or(i64::MAX);
        let mut statement = db.prepare_cached(&beginning(rows))?;
        let of_team = named_params! {
            ":prefix": self.prefix, ":end": end, ":most": most, ":team": team,
        };
        let params = match team {
            Some(_) => of_team,
            None => &of_team[..3],
        };
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            self.found.insert(row.get(0)?);
            if self.found.len() > self.most {
                self.found.pop_last();
            }
        }
        Ok(())
    }
}

/// The addresses on record that begin with `prefix`, all in canonical form, sorted.
pub(crate) fn beginning_with(
    db: &Connection,
    prefix: &str,
    most: usize,
) -> Result<Vec<String>, StoreError> {
    let mut first = First {
        prefix,
        most,
        found: BTreeSet::new(),
    };
    for rows in RECORDS {
        first.add(db, rows, None)?;
    }
    let mut teams = db.prepare_cached("SELECT id FROM target")?;
    let mut teams = teams.query([])?;
    while let Some(team) = teams.next()? {
        first.add(db, IN_TEAM, Some(team.get(0)?))?;
    }
    Ok(first.found.into_iter().collect())
}

/// The end of a message about an address that is on no record: who may be meant, if anybody.
pub(crate) fn nearly_the_same(db: &Connection, email: &Email) -> Result<String, StoreError> {
    Ok(meant(&near(db, email)?))
}

/// The same of addresses that were found.
pub(crate) fn meant(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; nearly the same: {}", near.join(", ")),
    }
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
        for rows in RECORDS.into_iter().chain([IN_TEAM]) {
            let steps = steps_of(&beginning(rows)).await;
            let by_address = |step: &String| step.contains("email_key>? AND email_key<?");
            assert!(steps.iter().any(by_address), "{steps:?}");
            assert!(
                !steps.iter().any(|step| step.contains("TEMP B-TREE")),
                "{steps:?}"
            );
        }
    }
}
