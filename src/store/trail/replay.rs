//! Replays the changes of rows in the trail, and compares the result with the tables.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use rusqlite::Connection;
use serde_json::Value;

use super::changes::values;
use super::covered::{COVERED, Covered};
use crate::domain::event::RowChange;
use crate::store::StoreError;

/// A row that differs from the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Of `COVERED`.
    pub(super) place: usize,
    /// As a JSON array.
    pub(super) key: String,
    pub(super) what: What,
}

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// It exists, and no event contains it.
    Added,
    /// It does not exist, and no event says that it was deleted.
    Missing,
    /// These columns differ from the last event about them.
    Changed(Vec<&'static str>),
    /// An event found the row different from what the previous event had left, in these columns;
    /// none: in whether it exists.
    FoundOtherwise(i64, Vec<&'static str>),
}

/// A row as of its last event.
struct RowState {
    /// A hash of each column's value: small, and enough to compare. Its key is random for each
    /// process, so that nobody can prepare two values with the same hash.
    columns: Box<[u64]>,
    /// The event that contains it.
    seq: i64,
}

/// The rows as of the events so far.
#[derive(Default)]
pub(super) struct Replay {
    rows: HashMap<(usize, String), RowState>,
    hash: RandomState,
    /// The last event whose payload was erased.
    erased: i64,
    pub(super) faults: Vec<Fault>,
    /// Rows that an erased event may have contained.
    pub(super) unchecked: Vec<Fault>,
}

impl Replay {
    /// An event whose payload was erased: it may have contained any row.
    pub(super) fn erased(&mut self, seq: i64) {
        self.erased = seq;
    }

    /// Applies the changes of an event.
    pub(super) fn take(&mut self, seq: i64, rows: Vec<RowChange>) {
        for change in rows {
            // A table that is no longer covered is not compared.
            let named = |covered: &Covered| change.table == covered.table;
            if let Some(place) = COVERED.iter().position(named) {
                self.change(seq, place, change);
            }
        }
    }

    fn change(&mut self, seq: i64, place: usize, change: RowChange) {
        let RowChange { is, key, was, .. } = change;
        let columns = COVERED[place].columns;
        let key = Value::Array(key).to_string();
        let id = (place, key.clone());
        let known = self.rows.remove(&id);
        let told_at = known.as_ref().map(|row| row.seq);
        let other = match (&known, was) {
            (None, None) => None,
            (Some(row), Some(was)) => {
                let told = columns.iter().zip(&row.columns);
                let differs = told.filter(|(column, hash)| {
                    was.get(**column)
                        .is_some_and(|value| self.hash(value) != **hash)
                });
                let differs: Vec<&str> = differs.map(|(column, _)| *column).collect();
                (!differs.is_empty()).then_some(differs)
            }
            _ => Some(Vec::new()),
        };
        if let Some(other) = other {
            let what = What::FoundOtherwise(seq, other);
            self.fault(Fault { place, key, what }, told_at);
        }
        if let Some(is) = is {
            let null = self.hash(&Value::Null);
            let mut hashes = known.map_or_else(
                || vec![null; columns.len()].into_boxed_slice(),
                |row| row.columns,
            );
            for (hash, column) in hashes.iter_mut().zip(columns) {
                if let Some(value) = is.get(*column) {
                    *hash = self.hash.hash_one(value.to_string());
                }
            }
            let columns = hashes;
            self.rows.insert(id, RowState { columns, seq });
        }
    }

    /// Compares the tables with the replayed rows.
    pub(super) fn compare(&mut self, db: &Connection) -> Result<(), StoreError> {
        for (place, covered) in COVERED.iter().enumerate() {
            let mut statement = db.prepare(&format!(
                "SELECT {}, {} FROM {} r WHERE {}",
                covered.key_of("r"),
                covered.columns_of("r"),
                covered.table,
                covered.holds("r")
            ))?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                // In the form that events use.
                let key = Value::Array(values(row.get_ref(0)?.as_str()?)?).to_string();
                let is = values(row.get_ref(1)?.as_str()?)?;
                let told = self.rows.remove(&(place, key.clone()));
                let what = match &told {
                    None => What::Added,
                    Some(row) => {
                        let pairs = is.iter().zip(&row.columns).zip(covered.columns);
                        let differs = pairs.filter(|((is, hash), _)| self.hash(is) != **hash);
                        let differs: Vec<&str> = differs.map(|(_, column)| *column).collect();
                        if differs.is_empty() {
                            continue;
                        }
                        What::Changed(differs)
                    }
                };
                let told_at = told.map(|row| row.seq);
                self.fault(Fault { place, key, what }, told_at);
            }
        }
        let mut missing: Vec<((usize, String), i64)> = std::mem::take(&mut self.rows)
            .into_iter()
            .map(|(id, row)| (id, row.seq))
            .collect();
        missing.sort_unstable();
        for ((place, key), seq) in missing {
            let what = What::Missing;
            self.fault(Fault { place, key, what }, Some(seq));
        }
        Ok(())
    }

    fn hash(&self, value: &Value) -> u64 {
        self.hash.hash_one(value.to_string())
    }

    /// Adds a difference from the event `told_at`, unless a later event was erased.
    fn fault(&mut self, fault: Fault, told_at: Option<i64>) {
        match self.erased > told_at.unwrap_or(0) {
            true => self.unchecked.push(fault),
            false => self.faults.push(fault),
        }
    }
}
