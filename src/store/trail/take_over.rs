//! Takes the rows that an older version has left into the trail as they are.

use std::collections::BTreeMap;

use rusqlite::{Connection, TransactionBehavior};

use super::append_event;
use super::changes::{Changed, values};
use super::covered::{COVERED, know_sha256};
use crate::clock;
use crate::domain::event::Rows;
use crate::domain::{Email, Event};
use crate::store::StoreError;

/// The kind of event that contains rows from before the trail covered them.
pub(super) const TAKEN_OVER: &str = "rows.taken_over";

/// What a migration leaves behind.
const PENDING: &str = "SELECT EXISTS (SELECT 1 FROM fact WHERE name = 'trail.take_over')";

/// The most rows of one person in one event.
const ROWS: usize = 100;

/// Takes the rows over once after the upgrade. It comes before anything else, which is part of the
/// proof: `audit verify` refuses such an event after any other of the new form.
pub(in crate::store) fn take_over(db: &mut Connection) -> Result<(), StoreError> {
    let is_pending = |db: &Connection| db.query_row(PENDING, [], |row| row.get::<_, bool>(0));
    if !is_pending(db)? {
        return Ok(());
    }
    know_sha256(db)?;
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have come before.
    if is_pending(&transaction)? {
        for (person, rows) in rows(&transaction)? {
            let email = person.map(|person| Email::observed(&person));
            for rows in rows.chunks(ROWS) {
                let rows = rows.iter().map(Changed::told_of).collect();
                let event = Event::RowsTakenOver(Rows { rows });
                append_event(&transaction, clock::now(), None, email.as_ref(), &event)?;
            }
        }
        transaction.execute("DELETE FROM fact WHERE name = 'trail.take_over'", [])?;
    }
    Ok(transaction.commit()?)
}

/// All rows that are covered, by the person they concern.
fn rows(db: &Connection) -> Result<BTreeMap<Option<String>, Vec<Changed>>, StoreError> {
    let mut found: BTreeMap<Option<String>, Vec<Changed>> = BTreeMap::new();
    for (place, covered) in COVERED.iter().enumerate() {
        let mut statement = db.prepare(&format!(
            "SELECT {}, {}, {} FROM {} r WHERE {}",
            covered.key_of("r"),
            covered.columns_of("r"),
            covered.person.unwrap_or("NULL"),
            covered.table,
            covered.holds("r")
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let key = values(row.get_ref(0)?.as_str()?)?;
            let is = values(row.get_ref(1)?.as_str()?)?;
            let of_person = found.entry(row.get(2)?).or_default();
            of_person.push(Changed::found(place, key, is));
        }
    }
    Ok(found)
}
