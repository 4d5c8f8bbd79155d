//! Tells the trail each change of the rows that it covers, whoever made it: triggers that are this
//! connection's alone note what a row was and what it has become. Who changes a row with another
//! program has no such triggers; the trail then does not tell of it, and that is found.

use std::cell::RefCell;
use std::collections::hash_map::Entry as Place;
use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Null, ValueRef};
use serde::ser::{Serialize, SerializeStruct as _, Serializer};
use serde_json::{Value, json};

use super::covered::{COVERED, Covered, know_sha256};
use super::put;
use crate::clock;
use crate::domain::Email;
use crate::store::StoreError;

/// What changed without an event of its own.
pub(super) const CHANGED: &str = "rows.changed";

thread_local! {
    /// What was changed on this thread and not told yet. A connection's triggers run on the thread that
    /// uses it, and each job begins and ends with nothing untold.
    static UNTOLD: RefCell<Untold> = RefCell::default();
}

/// Changes of rows that no event has told yet.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Untold {
    /// By the person they concern, in the order in which they were changed first.
    of_person: BTreeMap<Option<String>, Vec<Changed>>,
    /// With which person a row is kept: the one it concerned first.
    whose: HashMap<Row, Option<String>>,
}

/// The place of its table in [`COVERED`], and its key.
type Row = (usize, Vec<Value>);

/// A row before its first change that is not told, and after the last.
#[derive(Debug, Clone)]
pub(super) struct Changed {
    row: Row,
    was: Option<Vec<Value>>,
    is: Option<Vec<Value>>,
}

impl Changed {
    /// A row that is there, as if it were new.
    pub(super) fn found(place: usize, key: Vec<Value>, is: Vec<Value>) -> Self {
        Self {
            row: (place, key),
            was: None,
            is: Some(is),
        }
    }
}

/// Of a row that is new all that it holds, of another what is different.
impl Serialize for Changed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (place, key) = &self.row;
        let covered = &COVERED[*place];
        let (was, is) = (self.was.as_deref(), self.is.as_deref());
        let told = |row, other| Columns {
            names: covered.columns,
            row,
            other,
        };
        let mut change = serializer.serialize_struct("Changed", 4)?;
        change.serialize_field("table", covered.table)?;
        change.serialize_field("key", key)?;
        change.serialize_field("was", &was.map(|was| told(was, is)))?;
        change.serialize_field("is", &is.map(|is| told(is, was)))?;
        change.end()
    }
}

/// The columns of a row that another form of it has not.
struct Columns<'a> {
    names: &'static [&'static str],
    row: &'a [Value],
    other: Option<&'a [Value]>,
}

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.names.iter().zip(self.row).enumerate();
        let differs = columns.filter(|(n, (_, value))| match self.other {
            Some(other) => other.get(*n) != Some(*value),
            None => !value.is_null(),
        });
        serializer.collect_map(differs.map(|(_, column)| column))
    }
}

impl Untold {
    /// A row that was `was` has become `is`; `None` is a row that is not there.
    fn note(
        &mut self,
        row: Row,
        person: Option<String>,
        was: Option<Vec<Value>>,
        is: Option<Vec<Value>>,
    ) {
        match self.whose.entry(row) {
            Place::Occupied(kept) => {
                let of_person = self.of_person.get_mut(kept.get()).into_iter().flatten();
                let mut known = of_person.filter(|changed| changed.row == *kept.key());
                if let Some(changed) = known.next() {
                    changed.is = is;
                }
            }
            Place::Vacant(free) => {
                let row = free.key().clone();
                free.insert(person.clone());
                let changed = Changed { row, was, is };
                self.of_person.entry(person).or_default().push(changed);
            }
        }
    }

    fn take(&mut self, person: &Option<String>) -> Vec<Changed> {
        let taken = self.of_person.remove(person).unwrap_or_default();
        for changed in &taken {
            self.whose.remove(&changed.row);
        }
        taken
    }
}

/// What is untold now: to come back to, when what is done from here on is taken back.
pub(in crate::store) fn untold() -> Untold {
    UNTOLD.with_borrow(Clone::clone)
}

/// Comes back to what was untold at a moment.
pub(in crate::store) fn back_to(untold: Untold) {
    UNTOLD.set(untold);
}

/// Makes the connection note which rows it changes. The triggers call and write nothing: that is
/// several times faster than a table of their own.
pub(in crate::store) fn watch(db: &Connection) -> Result<(), StoreError> {
    know_sha256(db)?;
    let flags = FunctionFlags::SQLITE_UTF8;
    db.create_scalar_function("row_was", -1, flags, |call| note(call, false))?;
    db.create_scalar_function("row_is", -1, flags, |call| note(call, true))?;
    for (place, covered) in COVERED.iter().enumerate() {
        db.execute_batch(&triggers(place, covered))?;
    }
    Ok(())
}

/// `row_was(place, person, key, columns)`: the row is no longer so. `row_is(…)`: it is so now.
fn note(call: &Context<'_>, is: bool) -> rusqlite::Result<Null> {
    let place: usize = call.get(0)?;
    let person = call.get(1)?;
    let mut key: Vec<Value> = (2..call.len()).map(|at| value(call.get_raw(at))).collect();
    let length = COVERED.get(place).map_or(0, |covered| covered.key.len());
    let columns = Some(key.split_off(length.min(key.len())));
    let (was, is) = if is { (None, columns) } else { (columns, None) };
    UNTOLD.with_borrow_mut(|untold| untold.note((place, key), person, was, is));
    Ok(Null)
}

/// As `json_array` writes it.
fn value(of: ValueRef<'_>) -> Value {
    match of {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into(),
    }
}

fn triggers(place: usize, covered: &Covered) -> String {
    let table = covered.table;
    let call = |function: &str, row: &str| {
        let person = covered
            .person
            .map_or("NULL".to_owned(), |column| format!("{row}.{column}"));
        let values = covered.values(row);
        let holds = covered.holds(row);
        format!("SELECT {function}({place}, {person}, {values}) WHERE {holds};")
    };
    let (was, is) = (call("row_was", "old"), call("row_is", "new"));
    let changed = covered.has_changed();
    let columns: Vec<&str> = covered.key.iter().chain(covered.columns).copied().collect();
    let columns = columns.join(", ");
    format!(
        "CREATE TEMP TRIGGER {table}_inserted AFTER INSERT ON main.{table} BEGIN {is} END;
         CREATE TEMP TRIGGER {table}_updated AFTER UPDATE OF {columns} ON main.{table} WHEN {changed}
         BEGIN {was} {is} END;
         CREATE TEMP TRIGGER {table}_deleted AFTER DELETE ON main.{table} BEGIN {was} END;"
    )
}

/// Takes what has changed in a person's rows and was not told yet.
pub(super) fn of_person(person: &str) -> Vec<Changed> {
    take(&Some(person.to_owned()))
}

/// Tells what no event has told, for each person apart: one can be forgotten without the others.
pub(in crate::store) fn tell(db: &Connection) -> Result<(), StoreError> {
    let next = || UNTOLD.with_borrow(|untold| untold.of_person.keys().next().cloned());
    while let Some(person) = next() {
        let rows = take(&person);
        if !rows.is_empty() {
            let body = json!({ "rows": rows }).to_string();
            let email = person.map(|person| Email::observed(&person));
            put(db, clock::now(), CHANGED, None, email.as_ref(), &body)?;
        }
    }
    Ok(())
}

fn take(person: &Option<String>) -> Vec<Changed> {
    let mut taken = UNTOLD.with_borrow_mut(|untold| untold.take(person));
    taken.retain(|changed| changed.was != changed.is);
    taken
}

/// A JSON array, as SQL has made it.
pub(super) fn values(array: &str) -> Result<Vec<Value>, StoreError> {
    serde_json::from_str(array).map_err(|e| StoreError::Corrupt(format!("a row: {e}")))
}
