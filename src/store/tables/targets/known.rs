//! Which target on record a person means, and what is said where there is none.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use super::{Targets, key, listed, read};
use crate::domain::{Target, TargetRef};
use crate::store::StoreError;
use crate::text::nearest;

impl Targets {
    /// The target of this name, as [`Targets::find`] has it; and where several teams have the name, what
    /// grants named by it before any team was known: commands about what is on record reach that too.
    pub(crate) fn on_record(
        db: &Connection,
        target: &Target,
    ) -> Result<Option<TargetRef>, StoreError> {
        if let Some(found) = Self::find(db, target)? {
            return Ok(Some(found));
        }
        Ok(db
            .prepare_cached(
                "SELECT id, provider, account, name FROM target t
                 WHERE provider = :provider AND account = :account AND name = :name AND remote_id IS NULL
                   AND EXISTS (SELECT 1 FROM grants g WHERE g.target = t.id AND g.removed_at IS NULL)",
            )?
            .query_row(key(target).as_slice(), read)
            .optional()?)
    }

    /// The target on record that is meant; or why there is none, with the nearest that there is.
    pub(crate) fn known(
        db: &Connection,
        target: &Target,
    ) -> Result<Result<TargetRef, String>, StoreError> {
        if let Some(found) = Self::on_record(db, target)? {
            return Ok(Ok(found));
        }
        if let Some(namesakes) = Self::namesakes(db, target)? {
            return Ok(Err(namesakes));
        }
        let all = Self::all(db)?;
        let names: Vec<String> = all.iter().map(|known| known.written()).collect();
        let near = nearest(&target.written(), names.iter().map(String::as_str));
        let near = near.map(|name| format!("; the nearest on record is {name}"));
        Ok(Err(format!(
            "{target} is not on record: no grant names it and no pass has seen it{}",
            near.unwrap_or_default()
        )))
    }

    /// Of these, the teams that no reading has shown, though the list of their account was read; with the
    /// nearest one that was shown.
    pub(crate) fn unseen(
        db: &Connection,
        wanted: &BTreeSet<Target>,
    ) -> Result<Vec<(Target, String)>, StoreError> {
        let listed = listed(db)?;
        let mut unseen = Vec::new();
        for target in wanted.iter().filter(|target| target.team().is_some()) {
            let of_account = listed
                .iter()
                .filter(|team| team.account() == target.account());
            let names: Vec<String> = of_account.map(|team| team.written()).collect();
            let near = nearest(&target.written(), names.iter().map(String::as_str));
            let Some(near) = near.map(str::to_owned) else {
                continue;
            };
            let found = Self::find(db, target)?;
            if !found.is_some_and(|found| listed.contains(&found)) {
                unseen.push((target.clone(), near));
            }
        }
        Ok(unseen)
    }

    /// A message for people if several teams of the account have this name.
    pub(crate) fn namesakes(
        db: &Connection,
        target: &Target,
    ) -> Result<Option<String>, StoreError> {
        let Some(team) = target.team() else {
            return Ok(None);
        };
        let mut statement = db.prepare_cached(
            "SELECT remote_id FROM target
             WHERE provider = :provider AND account = :account AND name = :name AND listed = 1
               AND remote_id IS NOT NULL
             ORDER BY remote_id",
        )?;
        let ids: Vec<String> = statement
            .query_map(key(target).as_slice(), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        Ok((ids.len() > 1).then(|| {
            format!(
                "{} teams have the name {team:?}: name the team by its id, one of {}",
                ids.len(),
                ids.join(", ")
            )
        }))
    }
}
