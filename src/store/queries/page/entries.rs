//! Who is on a whitelist, as far as that is known: the entries that it took last.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use crate::domain::TargetRef;
use crate::store::{StoreError, db::values, tables::targets};

/// Entries that are looked at of one whitelist.
const MOST_ENTRIES: usize = 5_000;
/// Entries that are told of each kind.
const MOST_TOLD: usize = 200;

/// An account's whitelist.
#[derive(Debug)]
pub(crate) struct Entries {
    pub(crate) name: String,
    /// What the provider said yes to, what a person said is there, and what nobody has confirmed.
    pub(crate) acknowledged: EntriesOfKind,
    pub(crate) recorded: EntriesOfKind,
    pub(crate) unconfirmed: EntriesOfKind,
    /// Whether there are more than were looked at.
    pub(crate) more: bool,
}

/// Entries of one kind: the first by address, with their ends, and how many there are.
#[derive(Debug, Default)]
pub(crate) struct EntriesOfKind {
    pub(crate) count: usize,
    pub(crate) first: Vec<(String, Option<Timestamp>)>,
}

impl EntriesOfKind {
    fn add(&mut self, email: String, end: Option<Timestamp>) {
        self.count += 1;
        if self.first.len() < MOST_TOLD {
            self.first.push((email, end));
        }
    }
}

/// The whitelists on record, by name.
pub(crate) fn whitelists(db: &Connection) -> Result<Vec<TargetRef>, StoreError> {
    let names = targets::names(db)?.into_values();
    let is_whitelist = |t: &TargetRef| t.provider() == crate::domain::Provider::Sentius;
    let mut whitelists: Vec<TargetRef> = names.filter(is_whitelist).collect();
    whitelists.sort();
    Ok(whitelists)
}

const FIRST: &str = "
    SELECT email, how, ends_at FROM entry WHERE target = :target ORDER BY person, email LIMIT :most";

/// The first entries of a whitelist.
pub(crate) fn entries(db: &Connection, whitelist: &TargetRef) -> Result<Entries, StoreError> {
    let mut found = Entries {
        name: whitelist.to_string(),
        acknowledged: EntriesOfKind::default(),
        recorded: EntriesOfKind::default(),
        unconfirmed: EntriesOfKind::default(),
        more: false,
    };
    let mut statement = db.prepare_cached(FIRST)?;
    let params = named_params! { ":target": whitelist.id().0, ":most": MOST_ENTRIES + 1 };
    let mut rows = statement.query(params)?;
    let mut read = 0;
    while let Some(row) = rows.next()? {
        if read == MOST_ENTRIES {
            found.more = true;
            break;
        }
        read += 1;
        let end = values::read_if_any(row.get(2)?);
        match row.get_ref(1)?.as_str()? {
            "posted" => found.acknowledged.add(row.get(0)?, end),
            // It is there, but not what was sent: until when is not known.
            "exists" => found.acknowledged.add(row.get(0)?, None),
            "recorded" => found.recorded.add(row.get(0)?, end),
            _ => found.unconfirmed.add(row.get(0)?, None),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::steps_of;

    #[tokio::test]
    async fn the_first_entries_are_found_by_the_key_and_nothing_is_sorted() {
        let steps = steps_of(FIRST).await;
        let wanted = ["SEARCH entry USING PRIMARY KEY (target=?)"];
        assert_eq!(steps, wanted);
    }
}
