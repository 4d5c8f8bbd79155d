//! Compares tables, views, indexes and triggers with those that the migrations make: a foreign
//! trigger could change rows in lapsed's name, and a missing one protects nothing.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::store::{StoreError, db::open};

/// What differs, in words.
pub(super) fn differences(db: &Connection) -> Result<Vec<String>, StoreError> {
    let (mut wanted, found) = (objects(&open::pristine()?)?, objects(db)?);
    let mut differences = Vec::new();
    for (name, sql) in found {
        match wanted.remove(&name) {
            None => differences.push(format!("the {name} is none of lapsed's")),
            Some(made) if made != sql => {
                differences.push(format!("the {name} is not as lapsed made it"));
            }
            Some(_) => {}
        }
    }
    let missing = wanted.into_keys();
    differences.extend(missing.map(|name| format!("the {name} is missing")));
    Ok(differences)
}

/// The SQL of each, by kind and name, whatever the name: who writes the schema directly can use
/// SQLite's own names, and a trigger may have a table's name. Only the tables that SQLite itself
/// and the migrations' notes add are left out.
fn objects(db: &Connection) -> Result<BTreeMap<String, Option<String>>, StoreError> {
    let mut statement = db.prepare(
        "SELECT type || ' ' || name, sql FROM sqlite_schema
         WHERE NOT (type = 'table' AND name IN ('sqlite_stat1', 'sqlite_stat4', 'refinery_schema_history'))
           AND NOT (type = 'index' AND sql IS NULL AND tbl_name = 'refinery_schema_history')",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
