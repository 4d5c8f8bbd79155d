//! Differences in words: which person's row, what it contains, and what the trail says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};
use serde_json::Value;

use super::changes::values;
use super::covered::{COVERED, Covered};
use super::replay::{Fault, What};
use crate::domain::TargetId;
use crate::domain::event::Rows;
use crate::store::{StoreError, tables::targets};

/// A row's columns as of their last events, and which events these are.
type Told = BTreeMap<String, (Value, i64)>;

/// Each fault in a sentence. Reads the trail once more for the values.
pub(super) fn of(db: &Connection, faults: &[Fault]) -> Result<Vec<String>, StoreError> {
    if faults.is_empty() {
        return Ok(Vec::new());
    }
    let told = told(db, faults)?;
    let pairs = faults.iter().zip(told);
    pairs
        .map(|(fault, told)| sentence(db, fault, &told))
        .collect()
}

fn told(db: &Connection, faults: &[Fault]) -> Result<Vec<Told>, StoreError> {
    let mut told = vec![Told::new(); faults.len()];
    let mut statement = db.prepare(
        "SELECT seq, body FROM event_payload JOIN event USING (seq)
         WHERE version = 2 AND instr(body, '\"rows\":') > 0 ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(event) = rows.next()? {
        let seq: i64 = event.get(0)?;
        let told_of: Rows = serde_json::from_str(event.get_ref(1)?.as_str()?).unwrap_or_default();
        for change in told_of.rows {
            let key = Value::Array(change.key).to_string();
            for (fault, told) in faults.iter().zip(&mut told) {
                let is_its = COVERED[fault.place].table == change.table && fault.key == key;
                let is_before = match fault.what {
                    What::FoundOtherwise(found, _) => seq < found,
                    _ => true,
                };
                if is_its && is_before {
                    for (column, value) in change.is.iter().flatten() {
                        told.insert(column.clone(), (value.clone(), seq));
                    }
                }
            }
        }
    }
    Ok(told)
}

fn sentence(db: &Connection, fault: &Fault, told: &Told) -> Result<String, StoreError> {
    let covered = &COVERED[fault.place];
    let now = row(db, covered, &values(&fault.key)?)?;
    let now = |column: &str| {
        let place = covered.columns.iter().position(|c| *c == column)?;
        now.as_ref()?.get(place).cloned()
    };
    let is = |column: &str| {
        let told = || told.get(column).map(|(value, _)| value.clone());
        now(column).or_else(told)
    };
    let name = name(db, covered, fault, &is)?;
    let last = told.values().map(|(_, seq)| *seq).max();
    let columns = |columns: &[&'static str]| {
        let each = columns.iter().map(|column| {
            let (value, seq) = match told.get(*column) {
                Some((value, seq)) => (value.clone(), Some(*seq)),
                None => (Value::Null, last),
            };
            let here = now(column).unwrap_or_default();
            let seq = seq.map_or_else(String::new, |seq| format!(" (event {seq})"));
            (*column, shown(column, &here), shown(column, &value), seq)
        });
        each.collect::<Vec<_>>()
    };
    Ok(match &fault.what {
        What::Added => format!("{name} is there, and no event is about it"),
        What::Missing => {
            let seq = last.map_or_else(String::new, |seq| format!(" (last: event {seq})"));
            format!("{name} is gone, and no event tells that it went{seq}")
        }
        What::Changed(differ) => {
            let each = columns(differ).into_iter();
            let each = each.map(|(column, here, told, seq)| {
                format!("{column} is {here}, and {told} by the trail{seq}")
            });
            format!("{name}: {}", each.collect::<Vec<_>>().join("; "))
        }
        What::FoundOtherwise(seq, differ) if differ.is_empty() => {
            format!("{name} came or went before event {seq}, and no event tells of that")
        }
        What::FoundOtherwise(seq, differ) => {
            let each = columns(differ).into_iter();
            let each = each.map(|(column, _, told, was)| {
                format!("{column} was {told} by the trail{was}, and event {seq} found it changed")
            });
            format!("{name}: {}", each.collect::<Vec<_>>().join("; "))
        }
    })
}

/// A row's columns as they are now.
fn row(
    db: &Connection,
    covered: &Covered,
    key: &[Value],
) -> Result<Option<Vec<Value>>, StoreError> {
    let parts = key.iter().map(|part| match part {
        Value::Number(number) => rusqlite::types::Value::from(number.as_i64().unwrap_or_default()),
        other => rusqlite::types::Value::from(other.as_str().unwrap_or_default().to_owned()),
    });
    let found: Option<String> = db
        .prepare(&covered.by_key())?
        .query_row(params_from_iter(parts), |row| row.get(0))
        .optional()?;
    found.as_deref().map(values).transpose()
}

/// `grants 12 (jane@example.com, sentius:acme)`.
fn name(
    db: &Connection,
    covered: &Covered,
    fault: &Fault,
    is: &impl Fn(&str) -> Option<Value>,
) -> Result<String, StoreError> {
    let key: Vec<String> = values(&fault.key)?.iter().map(plain).collect();
    let mut about = Vec::new();
    if covered.key == ["id"] {
        let person = is("email").or_else(|| is("recipient"));
        about.extend(person.as_ref().map(plain));
        if let Some(target) = is("target").and_then(|id| id.as_i64()) {
            let names = targets::names(db)?;
            about.extend(names.get(&TargetId(target)).map(|t| t.written()));
        }
    }
    let about = match about.is_empty() {
        true => String::new(),
        false => format!(" ({})", about.join(", ")),
    };
    Ok(format!("{} {}{about}", covered.table, key.join(" ")))
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A value for people: timestamps are written as dates.
fn shown(column: &str, value: &Value) -> String {
    let is_moment = column.ends_with("_at") || column.ends_with("_since") || column == "first_seen";
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Number(number) if is_moment => number
            .as_i64()
            .and_then(|millis| Timestamp::from_millisecond(millis).ok())
            .map_or_else(|| number.to_string(), |at| at.to_string()),
        other => other.to_string(),
    }
}
