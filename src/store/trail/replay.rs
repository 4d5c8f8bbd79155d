//! The rows as the trail tells of them, change by change, and the tables held against that.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use rusqlite::Connection;
use serde_json::Value;

use super::changes::values;
use super::covered::{COVERED, Covered};
use crate::domain::event::RowChange;
use crate::store::StoreError;

/// A row that is not as the trail tells.
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
    /// It is there, and no event tells of it.
    Added,
    /// It is not there, and no event tells that it went.
    Missing,
    /// These columns are not what the trail told last.
    Changed(Vec<&'static str>),
    /// An event that changed it found it otherwise than the event before had left it, in these
    /// columns; in none: there, or not there.
    FoundOtherwise(i64, Vec<&'static str>),
}

/// A row as the trail has told of it last.
struct Row {
    /// Of each column's value: enough to compare, and small. The key of the hash is this process's
    /// own, so that nobody can look for two values of one hash.
    columns: Box<[u64]>,
    /// The event that told it.
    seq: i64,
}

/// What the trail has told so far.
#[derive(Default)]
pub(super) struct Replay {
    rows: HashMap<(usize, String), Row>,
    hash: RandomState,
    /// The last event whose payload is gone.
    erased: i64,
    pub(super) faults: Vec<Fault>,
    /// Rows that an erased event may have told of.
    pub(super) unchecked: Vec<Fault>,
}

impl Replay {
    /// An event whose payload is gone: it may have told of any row.
    pub(super) fn erased(&mut self, seq: i64) {
        self.erased = seq;
    }

    /// Takes over what an event tells.
    pub(super) fn take(&mut self, seq: i64, rows: Vec<RowChange>) {
        for change in rows {
            // A table that is covered no more is compared no more.
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
            self.rows.insert(id, Row { columns, seq });
        }
    }

    /// Holds the tables against what was told.
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
                // As the events write it.
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

    /// What was told last at `told_at` is not so; unless an event after it is gone.
    fn fault(&mut self, fault: Fault, told_at: Option<i64>) {
        match self.erased > told_at.unwrap_or(0) {
            true => self.unchecked.push(fault),
            false => self.faults.push(fault),
        }
    }
}
