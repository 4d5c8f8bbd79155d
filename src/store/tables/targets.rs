//! Targets: whitelists, and teams by name or id.

mod elsewhere;
mod known;

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use crate::domain::event::TeamNamed;
use crate::domain::{Event, Provider, Target, TargetId, TargetRef};
use crate::store::trail;
use crate::store::{StoreError, db::values};

/// The targets' SQL.
#[derive(Debug)]
pub(crate) struct Targets;

/// A team in the account's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedTeam {
    /// The provider's id.
    pub remote_id: String,
    /// Its name.
    pub name: String,
}

/// A target named by open grants that is not among the account's teams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unmatched {
    /// As it was named.
    pub target: TargetRef,
    /// What is known, for people.
    pub detail: String,
}

impl Targets {
    /// The target on record for `target`, a team by its name or id; `None` for an ambiguous name.
    pub(crate) fn find(db: &Connection, target: &Target) -> Result<Option<TargetRef>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT id, provider, account, name, listed FROM target
             WHERE provider = :provider AND account = :account
               AND (name = :name OR remote_id = :name)
             ORDER BY listed DESC",
        )?;
        let found: Vec<(bool, TargetRef)> = statement
            .query_map(key(target).as_slice(), |row| {
                Ok((row.get("listed")?, read(row)?))
            })?
            .collect::<Result<_, _>>()?;
        Ok(match found.as_slice() {
            // An existing team is preferred to a former one of the same name.
            [(_, one)] | [(true, one), (false, _), ..] => Some(one.clone()),
            _ => None,
        })
    }

    /// All targets on record as they are shown, in order.
    pub(crate) fn all(db: &Connection) -> Result<Vec<TargetRef>, StoreError> {
        let mut all: Vec<TargetRef> = names(db)?.into_values().collect();
        all.sort();
        Ok(all)
    }

    /// The teams in the last lists of these accounts, except those that the key may not read.
    pub(crate) fn readable(
        db: &Connection,
        accounts: &[String],
    ) -> Result<Vec<TargetRef>, StoreError> {
        let mut statement = db.prepare_cached(&format!(
            "{SHOWN} WHERE t.provider = 'sapling' AND t.listed = 1 AND NOT EXISTS (
                 SELECT 1 FROM source s WHERE s.kind = 'team' AND s.target = t.id AND s.state = 'forbidden')
             ORDER BY t.id"
        ))?;
        let teams: Vec<TargetRef> = statement.query_map([], read)?.collect::<Result<_, _>>()?;
        let configured = |team: &TargetRef| accounts.iter().any(|name| name == team.account());
        Ok(teams.into_iter().filter(configured).collect())
    }

    /// Finds the target on record, or adds it.
    pub(crate) fn ensure(db: &Connection, target: &Target) -> Result<TargetRef, StoreError> {
        if let Some(found) = Self::find(db, target)? {
            return Ok(found);
        }
        // A name shared by several teams gets its own row, until a person names the id.
        let unmatched = db
            .prepare_cached(
                "SELECT id FROM target WHERE provider = :provider AND account = :account
                 AND name = :name AND remote_id IS NULL",
            )?
            .query_row(key(target).as_slice(), |row| row.get(0))
            .optional()?;
        let id = match unmatched {
            Some(id) => id,
            None => {
                db.prepare_cached(
                    "INSERT INTO target (provider, account, name) VALUES (:provider, :account, :name)",
                )?
                .execute(key(target).as_slice())?;
                db.last_insert_rowid()
            }
        };
        Ok(TargetRef::new(TargetId(id), target.clone()))
    }

    /// Whether a team was in the last list of its account.
    pub(crate) fn is_listed(db: &Connection, team: TargetId) -> Result<bool, StoreError> {
        Ok(db
            .prepare_cached("SELECT listed FROM target WHERE id = :id")?
            .query_row(named_params! { ":id": team.0 }, |row| row.get(0))?)
    }

    /// Stores the account's complete list of teams: matches the names in grants, renames, and marks
    /// which teams are listed. Returns all listed teams.
    pub(crate) fn take_list(
        db: &Connection,
        account: &str,
        teams: &[ListedTeam],
        at: Timestamp,
    ) -> Result<Vec<(ListedTeam, TargetRef)>, StoreError> {
        let mut namesakes: HashMap<&str, usize> = HashMap::new();
        for team in teams {
            *namesakes.entry(&team.name).or_default() += 1;
        }
        let mut listed = Vec::with_capacity(teams.len());
        for team in teams {
            let unique = namesakes.get(team.name.as_str()) == Some(&1);
            let id = match_team(db, account, team, unique, at)?;
            let target = Target::Sapling {
                account: account.to_owned(),
                // Two teams of the same name are distinguished by their ids.
                team: if unique { &team.name } else { &team.remote_id }.clone(),
            };
            listed.push((team.clone(), TargetRef::new(TargetId(id), target)));
        }
        for gone in Self::unlisted(db, account, teams)? {
            db.prepare_cached(
                "UPDATE target SET listed = 0 WHERE provider = 'sapling' AND account = :account AND remote_id = :gone",
            )?
            .execute(named_params! { ":account": account, ":gone": gone })?;
        }
        Ok(listed)
    }

    /// How many teams were in the last list, and how many of them are in this one.
    pub(crate) fn still_listed(
        db: &Connection,
        account: &str,
        teams: &[ListedTeam],
    ) -> Result<(usize, usize), StoreError> {
        let ids: HashSet<&str> = teams.iter().map(|t| t.remote_id.as_str()).collect();
        let known = Self::listed_ids(db, account)?;
        let still_there = known.iter().filter(|id| ids.contains(id.as_str())).count();
        Ok((known.len(), still_there))
    }

    /// The ids of the teams that were in the last list and are not in this one, in order.
    pub(crate) fn unlisted(
        db: &Connection,
        account: &str,
        teams: &[ListedTeam],
    ) -> Result<Vec<String>, StoreError> {
        let ids: HashSet<&str> = teams.iter().map(|t| t.remote_id.as_str()).collect();
        let mut missing = Self::listed_ids(db, account)?;
        missing.retain(|id| !ids.contains(id.as_str()));
        missing.sort_unstable();
        Ok(missing)
    }

    fn listed_ids(db: &Connection, account: &str) -> Result<Vec<String>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT remote_id FROM target WHERE provider = 'sapling' AND account = :account
             AND listed = 1 AND remote_id IS NOT NULL",
        )?;
        let ids = statement.query_map(named_params! { ":account": account }, |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Teams named by open grants that are not in the account's list.
    pub(crate) fn unmatched(db: &Connection, account: &str) -> Result<Vec<Unmatched>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT t.id, t.provider, t.account, t.name, t.remote_id,
                    (SELECT count(*) FROM target o WHERE o.provider = t.provider AND o.account = t.account
                     AND o.name = t.name AND o.listed = 1) AS namesakes
             FROM target t
             WHERE t.provider = 'sapling' AND t.account = :account AND t.listed = 0
               AND EXISTS (SELECT 1 FROM grants g WHERE g.target = t.id AND g.removed_at IS NULL)
             ORDER BY t.name",
        )?;
        let rows = statement.query_map(named_params! { ":account": account }, |row| {
            let target = read(row)?;
            let was_matched = row.get::<_, Option<String>>("remote_id")?.is_some();
            let namesakes: i64 = row.get("namesakes")?;
            let detail = if namesakes > 1 {
                format!("{namesakes} teams have this name: name the team by its id")
            } else if was_matched {
                "the team is no longer in the list of the key's holder".to_owned()
            } else {
                "no team has this name or id in the list of the key's holder".to_owned()
            };
            Ok(Unmatched { target, detail })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Finds the row of a listed team, and moves grants that named it before it was known to that row.
fn match_team(
    db: &Connection,
    account: &str,
    team: &ListedTeam,
    unique: bool,
    at: Timestamp,
) -> Result<i64, StoreError> {
    let known: Option<i64> = db
        .prepare_cached(
            "SELECT id FROM target WHERE provider = 'sapling' AND account = :account AND remote_id = :remote_id",
        )?
        .query_row(
            named_params! { ":account": account, ":remote_id": team.remote_id },
            |row| row.get(0),
        )
        .optional()?;
    let named: Vec<i64> = db
        .prepare_cached(
            // IN uses the index; with OR, SQLite would scan all teams of the account for each of
            // them.
            "SELECT id FROM target WHERE provider = 'sapling' AND account = :account AND remote_id IS NULL
             AND name IN (:remote_id, iif(:unique, :name, NULL))",
        )?
        .query_map(
            named_params! {
                ":account": account, ":remote_id": team.remote_id, ":name": team.name, ":unique": unique,
            },
            |row| row.get(0),
        )?
        .collect::<Result<_, _>>()?;
    let mut named = named.into_iter();
    let id = match known.or_else(|| named.next()) {
        Some(id) => id,
        None => {
            db.prepare_cached(
                "INSERT INTO target (provider, account, name) VALUES ('sapling', :account, :name)",
            )?
            .execute(named_params! { ":account": account, ":name": team.name })?;
            db.last_insert_rowid()
        }
    };
    for other in named {
        for table in ["grants", "action", "provision"] {
            db.execute(
                &format!("UPDATE {table} SET target = :id WHERE target = :other"),
                named_params! { ":id": id, ":other": other },
            )?;
        }
        db.execute(
            "DELETE FROM target WHERE id = :other",
            named_params! { ":other": other },
        )?;
    }
    let was: Option<String> = db
        .prepare_cached("SELECT name FROM target WHERE id = :id AND remote_id IS NOT NULL")?
        .query_row(named_params! { ":id": id }, |row| row.get(0))
        .optional()?;
    db.prepare_cached(
        "UPDATE target SET remote_id = :remote_id, name = :name, listed = 1,
                           first_seen = ifnull(first_seen, :at)
         WHERE id = :id AND (remote_id IS NOT :remote_id OR name <> :name OR listed = 0
                             OR first_seen IS NULL)",
    )?
    .execute(named_params! {
        ":id": id, ":remote_id": team.remote_id, ":name": team.name, ":at": values::stored(at),
    })?;
    if was.as_ref() != Some(&team.name) {
        let kind = match was {
            None => Event::TeamMatched,
            Some(_) => Event::TeamRenamed,
        };
        let event = kind(TeamNamed {
            name: team.name.clone(),
            team_id: team.remote_id.clone(),
            was,
        });
        trail::append_event(db, at, Some(TargetId(id)), None, &event)?;
    }
    Ok(id)
}

fn key(target: &Target) -> [(&'static str, &dyn rusqlite::ToSql); 3] {
    match target {
        Target::Sentius { account } => [
            (":provider", &"sentius"),
            (":account", account),
            (":name", &""),
        ],
        Target::Sapling { account, team } => [
            (":provider", &"sapling"),
            (":account", account),
            (":name", team),
        ],
    }
}

/// Reads columns `id`, `provider`, `account`, `name`.
pub(in crate::store) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<TargetRef> {
    let account: String = row.get("account")?;
    let target = if row.get_ref("provider")?.as_str()? == Provider::Sentius.as_str() {
        Target::Sentius { account }
    } else {
        Target::Sapling {
            account,
            team: row.get("name")?,
        }
    };
    Ok(TargetRef::new(TargetId(row.get("id")?), target))
}

/// The teams that are in their account's list, by account and name.
pub(in crate::store) fn listed(db: &Connection) -> Result<Vec<TargetRef>, StoreError> {
    let mut listed: Vec<TargetRef> = Vec::new();
    let shown = names(db)?;
    let mut statement = db.prepare_cached("SELECT id FROM target WHERE listed = 1")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        listed.extend(shown.get(&TargetId(row.get(0)?)).cloned());
    }
    listed.sort();
    Ok(listed)
}

/// How a target is shown: two teams of the same name are distinguished by their ids.
const SHOWN: &str = "SELECT id, provider, account,
        CASE WHEN listed = 1 AND EXISTS (
            SELECT 1 FROM target o WHERE o.provider = t.provider AND o.account = t.account
            AND o.name = t.name AND o.id <> t.id AND o.listed = 1
        ) THEN remote_id ELSE name END AS name
     FROM target t";

/// All targets by number, as they are shown. There are as many as teams, not as people.
pub(in crate::store) fn names(db: &Connection) -> Result<HashMap<TargetId, TargetRef>, StoreError> {
    let mut statement = db.prepare_cached(SHOWN)?;
    let rows = statement.query_map([], read)?;
    rows.map(|row| row.map(|target| (target.id(), target)))
        .collect::<Result<_, _>>()
        .map_err(StoreError::from)
}

/// The target of this number among all of them.
pub(in crate::store) fn named(
    names: &HashMap<TargetId, TargetRef>,
    id: TargetId,
) -> Result<&TargetRef, StoreError> {
    let missing = || StoreError::Corrupt(format!("target {} is missing", id.0));
    names.get(&id).ok_or_else(missing)
}

/// One target, as it is shown.
pub(in crate::store) fn shown(db: &Connection, id: TargetId) -> Result<TargetRef, StoreError> {
    Ok(db
        .prepare_cached(&format!("{SHOWN} WHERE id = :id"))?
        .query_row(named_params! { ":id": id.0 }, read)?)
}
