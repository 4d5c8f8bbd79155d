//! The current episodes of `[alarm]`, each stored as a fact: what to report, and when it was
//! reported.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};
use serde::{Deserialize, Serialize};

use crate::store::StoreError;

/// The prefix of these facts' names.
const PREFIX: &str = "alarm.";

/// The episodes' SQL.
#[derive(Debug)]
pub(crate) struct Episodes;

/// A fact's value.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// What is sent to the webhook.
    body: String,
    /// When the webhook accepted it.
    told: Option<Timestamp>,
}

impl Episodes {
    /// The kinds of episode that have begun and are not over.
    pub(crate) fn kept(db: &Connection) -> Result<Vec<String>, StoreError> {
        Ok(all(db)?.into_iter().map(|(name, _)| name).collect())
    }

    /// The kinds that were not reported yet, with what to report.
    pub(crate) fn untold(db: &Connection) -> Result<Vec<(String, String)>, StoreError> {
        let untold = all(db)?.into_iter().filter_map(|(name, value)| {
            // An invalid value stays until the episode's end.
            let kept: Kept = serde_json::from_str(&value).ok()?;
            kept.told.is_none().then_some((name, kept.body))
        });
        Ok(untold.collect())
    }

    /// Begins an episode, with `body` to be reported.
    pub(crate) fn begin(db: &Connection, kind: &str, body: &str) -> Result<(), StoreError> {
        put(db, kind, body, None)
    }

    /// Records that it was reported, unless it is over or another of its kind has begun.
    pub(crate) fn told(
        db: &Connection,
        kind: &str,
        body: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let is_same = |(name, told): &(String, String)| name == kind && told == body;
        if Self::untold(db)?.iter().any(is_same) {
            put(db, kind, body, Some(at))?;
        }
        Ok(())
    }

    /// Ends an episode: the next of its kind is a new one.
    pub(crate) fn end(db: &Connection, kind: &str) -> Result<(), StoreError> {
        db.prepare_cached("DELETE FROM fact WHERE name = :name")?
            .execute(named_params! { ":name": format!("{PREFIX}{kind}") })?;
        Ok(())
    }
}

/// All kinds with their values, in a fixed order.
fn all(db: &Connection) -> Result<Vec<(String, String)>, StoreError> {
    let mut found = db.prepare_cached(
        "SELECT substr(name, length(:prefix) + 1), value FROM fact
         WHERE name >= :prefix AND name < :after ORDER BY name",
    )?;
    let rows = found.query_map(
        named_params! { ":prefix": PREFIX, ":after": "alarm/" },
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn put(db: &Connection, kind: &str, body: &str, told: Option<Timestamp>) -> Result<(), StoreError> {
    let kept = Kept {
        body: body.to_owned(),
        told,
    };
    let value = serde_json::json!(kept).to_string();
    db.prepare_cached(
        "INSERT INTO fact (name, value) VALUES (:name, :value)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )?
    .execute(named_params! { ":name": format!("{PREFIX}{kind}"), ":value": value })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn what_was_told_of_an_episode_that_is_over_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("l.db")).unwrap();
        let at = Timestamp::UNIX_EPOCH;
        store
            .write(move |db| {
                Episodes::begin(db, "held", "first")?;
                Episodes::begin(db, "clock", "fast")?;
                Episodes::end(db, "held")?;
                Episodes::told(db, "held", "first", at)?;
                assert_eq!(Episodes::kept(db)?, ["clock"]);
                Episodes::begin(db, "held", "second")?;
                Episodes::told(db, "held", "first", at)?;
                Episodes::told(db, "clock", "fast", at)?;
                let untold = Episodes::untold(db)?;
                assert_eq!(untold, [("held".to_owned(), "second".to_owned())]);
                assert_eq!(Episodes::kept(db)?, ["clock", "held"]);
                Ok(())
            })
            .await
            .unwrap();
    }
}
