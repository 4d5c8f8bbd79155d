//! Records in the trail each change of a covered row, whichever code made it: temporary triggers of
//! this connection note what a row was and what it has become. Another program has no such
//! triggers, so its changes are missing in the trail, which `audit verify` finds.

use std::cell::RefCell;
use std::collections::btree_map::Entry as Ordered;
use std::collections::hash_map::Entry as Place;
use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Null, ValueRef};
use serde::ser::{Serialize, SerializeStruct as _, Serializer};
use serde_json::Value;

use super::append_event;
use super::covered::{COVERED, Covered, know_sha256};
use crate::clock;
use crate::domain::event::{RowChange, Rows};
use crate::domain::{Email, Event};
use crate::store::StoreError;

thread_local! {
    /// Changes made on this thread that no event contains yet. A connection's triggers run on the
    /// thread that uses it, and each job begins and ends with none.
    static UNTOLD: RefCell<Untold> = RefCell::default();
}

/// Changes of rows that no event contains yet.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Untold {
    /// By person, in the order of the first change.
    of_person: BTreeMap<Option<String>, Vec<Changed>>,
    /// The person of each row: the first one it concerned.
    whose: HashMap<Row, Option<String>>,
}

/// The place of its table in [`COVERED`], and its key.
type Row = (usize, Vec<Value>);

/// The difference between a row before its first unrecorded change and after the last.
#[derive(Debug, Clone)]
pub(super) struct Changed {
    row: Row,
    was_there: bool,
    is_there: bool,
    /// The columns that were changed, by their place in the table.
    columns: BTreeMap<usize, Column>,
}

/// A changed column; null where the row does not exist.
#[derive(Debug, Clone)]
struct Column {
    was: Value,
    is: Value,
}

impl Changed {
    /// An existing row, as if it were new.
    pub(super) fn found(place: usize, key: Vec<Value>, is: Vec<Value>) -> Self {
        let columns = is.into_iter().map(|is| Column {
            was: Value::Null,
            is,
        });
        Self {
            row: (place, key),
            was_there: false,
            is_there: true,
            columns: columns.enumerate().collect(),
        }
    }

    fn is_news(&self) -> bool {
        self.was_there != self.is_there || self.columns.values().any(|c| c.was != c.is)
    }

    /// Adds a later change of the same row.
    fn then(&mut self, later: Self) {
        self.is_there = later.is_there;
        for (at, column) in later.columns {
            match self.columns.entry(at) {
                Ordered::Occupied(mut known) => known.get_mut().is = column.is,
                Ordered::Vacant(free) => {
                    free.insert(column);
                }
            }
        }
    }

    /// As it is written into an event.
    pub(super) fn told_of(&self) -> RowChange {
        let (place, key) = &self.row;
        let form = |told: Option<BTreeMap<&'static str, &Value>>| {
            let owned = |(column, value): (&str, &Value)| (column.to_owned(), value.clone());
            told.map(|told| told.into_iter().map(owned).collect())
        };
        RowChange {
            is: form(self.told(self.is_there, |column| &column.is)),
            key: key.clone(),
            table: COVERED[*place].table.to_owned(),
            was: form(self.told(self.was_there, |column| &column.was)),
        }
    }

    /// The columns in which the two forms of the row differ, with the values of this form; `None`
    /// where the row does not exist.
    fn told<'a>(
        &'a self,
        is_there: bool,
        form: impl Fn(&'a Column) -> &'a Value,
    ) -> Option<BTreeMap<&'static str, &'a Value>> {
        let names = COVERED.get(self.row.0).map_or(&[][..], |c| c.columns);
        let is_update = self.was_there && self.is_there;
        let columns = self.columns.iter().filter(|(_, column)| match is_update {
            true => column.was != column.is,
            false => !form(column).is_null(),
        });
        let named = columns.filter_map(|(at, column)| Some((*names.get(*at)?, form(column))));
        is_there.then(|| named.collect())
    }
}

/// The same, in the order of the fields in which the events of people tell it.
impl Serialize for Changed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (place, key) = &self.row;
        let mut change = serializer.serialize_struct("Changed", 4)?;
        change.serialize_field("table", COVERED[*place].table)?;
        change.serialize_field("key", key)?;
        change.serialize_field("was", &self.told(self.was_there, |column| &column.was))?;
        change.serialize_field("is", &self.told(self.is_there, |column| &column.is))?;
        change.end()
    }
}

impl Untold {
    fn note(&mut self, person: Option<String>, changed: Changed) {
        match self.whose.entry(changed.row.clone()) {
            Place::Occupied(kept) => {
                let of_person = self.of_person.get_mut(kept.get()).into_iter().flatten();
                let mut known = of_person.filter(|known| known.row == changed.row);
                if let Some(known) = known.next() {
                    known.then(changed);
                }
            }
            Place::Vacant(free) => {
                free.insert(person.clone());
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

/// The unrecorded changes so far, to be restored when a savepoint is rolled back.
pub(in crate::store) fn untold() -> Untold {
    UNTOLD.with_borrow(Clone::clone)
}

/// Restores the unrecorded changes of an earlier moment.
pub(in crate::store) fn back_to(untold: Untold) {
    UNTOLD.set(untold);
}

/// Makes the connection note which rows it changes. The triggers call a function and write nothing,
/// which is several times faster than a table of their own.
pub(in crate::store) fn watch(db: &Connection) -> Result<(), StoreError> {
    know_sha256(db)?;
    let flags = FunctionFlags::SQLITE_UTF8;
    db.create_scalar_function("row_changed", -1, flags, note)?;
    for (place, covered) in COVERED.iter().enumerate() {
        db.execute_batch(&triggers(place, covered))?;
    }
    Ok(())
}

/// `row_changed(place, was, is, …)`: whether the row existed before and exists now; then, for both,
/// the person it concerns, its key and its columns. A row whose key has changed is another row.
fn note(call: &Context<'_>) -> rusqlite::Result<Null> {
    const FIRST: usize = 5;
    let place: usize = call.get(0)?;
    let (was_there, is_there): (bool, bool) = (call.get(1)?, call.get(2)?);
    let keys = COVERED.get(place).map_or(0, |covered| covered.key.len());
    let many = (call.len() - FIRST) / 2;
    let was = |at: usize| call.get_raw(FIRST + at);
    let is = |at: usize| call.get_raw(FIRST + many + at);
    let changed = |was_there: bool, is_there: bool| {
        let form = |is_form: bool, is_there: bool, at: usize| match (is_there, is_form) {
            (false, _) => ValueRef::Null,
            (true, false) => was(at),
            (true, true) => is(at),
        };
        let columns = (keys..many).filter_map(|at| {
            let (was, is) = (form(false, was_there, at), form(true, is_there, at));
            let column = || Column {
                was: value(was),
                is: value(is),
            };
            (was != is).then(|| (at - keys, column()))
        });
        let key = (0..keys).map(|at| value(if is_there { is(at) } else { was(at) }));
        Changed {
            row: (place, key.collect()),
            was_there,
            is_there,
            columns: columns.collect(),
        }
    };
    let (person_was, person_is) = (call.get(3)?, call.get(4)?);
    let is_same = (0..keys).all(|at| was(at) == is(at));
    UNTOLD.with_borrow_mut(|untold| match (was_there, is_there) {
        (true, true) if is_same => untold.note(person_was, changed(true, true)),
        (was_there, is_there) => {
            if was_there {
                untold.note(person_was, changed(true, false));
            }
            if is_there {
                untold.note(person_is, changed(false, true));
            }
        }
    });
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
    // For a row that does not exist, the other form's values are passed: `note` ignores them.
    let call = |(was, old): (&str, &str), (is, new): (&str, &str)| {
        let person = |row: &str| {
            covered
                .person
                .map_or("NULL".to_owned(), |column| format!("{row}.{column}"))
        };
        let (person_was, person_is) = (person(old), person(new));
        let (values_were, values_are) = (covered.values(old), covered.values(new));
        format!(
            "SELECT row_changed({place}, {was}, {is}, {person_was}, {person_is}, {values_were}, {values_are})"
        )
    };
    let (was, is) = (covered.holds("old"), covered.holds("new"));
    let inserted = call(("FALSE", "new"), (&is, "new"));
    let updated = call((&was, "old"), (&is, "new"));
    let deleted = call((&was, "old"), ("FALSE", "old"));
    let changed = covered.has_changed();
    let columns: Vec<&str> = covered.key.iter().chain(covered.columns).copied().collect();
    let columns = columns.join(", ");
    format!(
        "CREATE TEMP TRIGGER {table}_inserted AFTER INSERT ON main.{table} WHEN {is}
         BEGIN {inserted}; END;
         CREATE TEMP TRIGGER {table}_updated AFTER UPDATE OF {columns} ON main.{table} WHEN {changed}
         BEGIN {updated}; END;
         CREATE TEMP TRIGGER {table}_deleted AFTER DELETE ON main.{table} WHEN {was}
         BEGIN {deleted}; END;"
    )
}

/// Takes the unrecorded changes of a person's rows.
pub(super) fn of_person(person: &str) -> Vec<Changed> {
    take(&Some(person.to_owned()))
}

/// Appends an event with the unrecorded changes, one for each person: one person can be forgotten
/// without the others.
pub(in crate::store) fn tell(db: &Connection) -> Result<(), StoreError> {
    let next = || UNTOLD.with_borrow(|untold| untold.of_person.keys().next().cloned());
    while let Some(person) = next() {
        let rows = take(&person);
        if !rows.is_empty() {
            let rows = rows.iter().map(Changed::told_of).collect();
            let email = person.map(|person| Email::observed(&person));
            let event = Event::RowsChanged(Rows { rows });
            append_event(db, clock::now(), None, email.as_ref(), &event)?;
        }
    }
    Ok(())
}

fn take(person: &Option<String>) -> Vec<Changed> {
    let mut taken = UNTOLD.with_borrow_mut(|untold| untold.take(person));
    taken.retain(Changed::is_news);
    taken
}

/// A JSON array made by SQL.
pub(super) fn values(array: &str) -> Result<Vec<Value>, StoreError> {
    serde_json::from_str(array).map_err(|e| StoreError::Corrupt(format!("a row: {e}")))
}
