//! Tells the trail each change of the rows that it covers, whoever made it: triggers that are this
//! connection's alone note which rows were touched, and what they were before. Who changes a row with
//! another program has no such triggers; the trail then does not tell of it, and that is found.

use rusqlite::{Connection, OptionalExtension, named_params, params_from_iter};
use serde_json::{Map, Value, json};

use super::covered::{COVERED, Covered, know_sha256};
use super::put;
use crate::clock;
use crate::domain::Email;
use crate::store::StoreError;

/// What changed without an event of its own.
pub(super) const CHANGED: &str = "rows.changed";

/// Makes the connection note which rows it touches.
pub(in crate::store) fn watch(db: &Connection) -> Result<(), StoreError> {
    know_sha256(db)?;
    db.execute_batch(
        "CREATE TEMP TABLE changed_row (
             place INTEGER NOT NULL, key TEXT NOT NULL, person TEXT, was TEXT, UNIQUE (place, key));
         CREATE INDEX temp.changed_row_person ON changed_row (person);",
    )?;
    for (place, covered) in COVERED.iter().enumerate() {
        db.execute_batch(&triggers(place, covered))?;
    }
    Ok(())
}

fn triggers(place: usize, covered: &Covered) -> String {
    let table = covered.table;
    // What was before the first change counts. No OR IGNORE: the outer statement's would go before it.
    let touch = |row: &str, was: &str| {
        let key = covered.key_of(row);
        let person = covered
            .person
            .map_or("NULL".to_owned(), |column| format!("{row}.{column}"));
        format!(
            "INSERT INTO changed_row (place, key, person, was) SELECT {place}, {key}, {person}, {was}
             WHERE NOT EXISTS (SELECT 1 FROM changed_row WHERE place = {place} AND key = {key});"
        )
    };
    let (was, changed) = (covered.columns_of("old"), covered.has_changed());
    let columns: Vec<&str> = covered.key.iter().chain(covered.columns).copied().collect();
    let columns = columns.join(", ");
    let (inserted, before) = (touch("new", "NULL"), touch("old", &was));
    format!(
        "CREATE TEMP TRIGGER {table}_inserted AFTER INSERT ON main.{table} BEGIN {inserted} END;
         CREATE TEMP TRIGGER {table}_updated AFTER UPDATE OF {columns} ON main.{table} WHEN {changed}
         BEGIN {before} {inserted} END;
         CREATE TEMP TRIGGER {table}_deleted AFTER DELETE ON main.{table} BEGIN {before} END;"
    )
}

/// Takes what has changed in a person's rows and was not told yet.
pub(super) fn of_person(db: &Connection, person: &str) -> Result<Vec<Value>, StoreError> {
    take(db, Some(person))
}

/// Tells what no event has told, for each person apart: one can be forgotten without the others.
pub(in crate::store) fn tell(db: &Connection) -> Result<(), StoreError> {
    loop {
        let next: Option<Option<String>> = db
            .prepare_cached("SELECT person FROM temp.changed_row ORDER BY rowid LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?;
        let Some(person) = next else {
            return Ok(());
        };
        let rows = take(db, person.as_deref())?;
        if !rows.is_empty() {
            let body = json!({ "rows": rows }).to_string();
            let email = person.map(|person| Email::observed(&person));
            put(db, clock::now(), CHANGED, None, email.as_ref(), &body)?;
        }
    }
}

fn take(db: &Connection, person: Option<&str>) -> Result<Vec<Value>, StoreError> {
    let touched: Vec<(usize, String, Option<String>)> = db
        .prepare_cached(
            "SELECT place, key, was FROM temp.changed_row WHERE person IS :person ORDER BY rowid",
        )?
        .query_map(named_params! { ":person": person }, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    if touched.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows = Vec::with_capacity(touched.len());
    for (place, key, was) in touched {
        let covered = &COVERED[place];
        let key = values(&key)?;
        let was = was.as_deref().map(values).transpose()?;
        let is = row(db, covered, &key)?;
        rows.extend(change(covered, &key, was.as_deref(), is.as_deref()));
    }
    db.prepare_cached("DELETE FROM temp.changed_row WHERE person IS :person")?
        .execute(named_params! { ":person": person })?;
    Ok(rows)
}

/// A row's columns as they are now.
pub(super) fn row(
    db: &Connection,
    covered: &Covered,
    key: &[Value],
) -> Result<Option<Vec<Value>>, StoreError> {
    let parts = key.iter().map(|part| match part {
        Value::Number(number) => rusqlite::types::Value::from(number.as_i64().unwrap_or_default()),
        other => rusqlite::types::Value::from(other.as_str().unwrap_or_default().to_owned()),
    });
    let found: Option<String> = db
        .prepare_cached(covered.by_key())?
        .query_row(params_from_iter(parts), |row| row.get(0))
        .optional()?;
    found.as_deref().map(values).transpose()
}

/// A JSON array, as SQL has made it.
pub(super) fn values(array: &str) -> Result<Vec<Value>, StoreError> {
    serde_json::from_str(array).map_err(|e| StoreError::Corrupt(format!("a row: {e}")))
}

/// A change as it is told: of a row that is new all that it holds, of another what is different.
pub(super) fn change(
    covered: &Covered,
    key: &[Value],
    was: Option<&[Value]>,
    is: Option<&[Value]>,
) -> Option<Value> {
    if was == is {
        return None;
    }
    let told = |row: &[Value], other: Option<&[Value]>| -> Map<String, Value> {
        let columns = covered.columns.iter().zip(row).enumerate();
        let differs = columns.filter(|(n, (_, value))| match other {
            Some(other) => other.get(*n) != Some(*value),
            None => !value.is_null(),
        });
        differs
            .map(|(_, (column, value))| ((*column).to_owned(), value.clone()))
            .collect()
    };
    Some(json!({
        "table": covered.table, "key": key,
        "was": was.map(|row| told(row, is)), "is": is.map(|row| told(row, was)),
    }))
}
