//! Runs (passes), and single facts that are kept between them.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};
use serde_json::json;

use crate::domain::event::RunFinished;
use crate::domain::{Counts, Event, Verdict};
use crate::store::trail;
use crate::store::{StoreError, db::values};

/// The runs' SQL.
#[derive(Debug)]
pub(crate) struct Runs;

impl Runs {
    /// Records the begin of a pass, on everything or on some targets only.
    pub(crate) fn begin(
        db: &Connection,
        run: &str,
        whole: bool,
        dry_run: bool,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let reach = if whole { "everything" } else { "targets" };
        db.prepare_cached(
            "INSERT INTO run (id, started_at, reach, dry_run) VALUES (:id, :at, :reach, :dry_run)",
        )?
        .execute(named_params! {
            ":id": run, ":at": values::stored(at), ":reach": reach, ":dry_run": dry_run,
        })?;
        Ok(())
    }

    /// Records how a pass ended, with an event unless it was a dry run.
    pub(crate) fn finish(
        db: &Connection,
        run: &str,
        dry_run: bool,
        verdict: Verdict,
        counts: Counts,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let words = json!(counts).to_string();
        db.prepare_cached(
            "UPDATE run SET finished_at = :at, outcome = :outcome, counts = :counts WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": run, ":at": values::stored(at), ":outcome": verdict.as_str(), ":counts": words,
        })?;
        if dry_run {
            return Ok(());
        }
        let event = Event::RunFinished(RunFinished {
            counts,
            outcome: verdict,
            run: run.to_owned(),
        });
        trail::append_event(db, at, None, None, &event)
    }

    /// Corrects the outcome of a pass, which is final only after its mail was sent.
    pub(crate) fn correct(db: &Connection, run: &str, verdict: Verdict) -> Result<(), StoreError> {
        db.prepare_cached("UPDATE run SET outcome = :outcome WHERE id = :id")?
            .execute(named_params! { ":id": run, ":outcome": verdict.as_str() })?;
        Ok(())
    }

    /// The pass that began last.
    pub(crate) fn newest(db: &Connection) -> Result<String, StoreError> {
        Ok(db
            .prepare_cached("SELECT id FROM run ORDER BY rowid DESC LIMIT 1")?
            .query_row([], |row| row.get(0))?)
    }

    /// When the last pass ended that was no dry run.
    pub(crate) fn last_end(db: &Connection) -> Result<Option<Timestamp>, StoreError> {
        let last: Option<i64> = db
            .prepare_cached("SELECT max(finished_at) FROM run WHERE dry_run = 0")?
            .query_row([], |row| row.get(0))?;
        Ok(values::read_if_any(last))
    }

    /// When and how the last finished pass ended that was no dry run. Ordered by row, since clocks
    /// may be set back.
    pub(crate) fn last(db: &Connection) -> Result<Option<(Timestamp, Verdict)>, StoreError> {
        let found: Option<(i64, String)> = db
            .prepare_cached(
                "SELECT finished_at, outcome FROM run WHERE dry_run = 0 AND finished_at IS NOT NULL
                 ORDER BY rowid DESC LIMIT 1",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(found.and_then(|(at, word)| Some((values::read(at), Verdict::from_word(&word)?))))
    }

    /// A single fact, such as when the last report ended.
    pub(crate) fn fact(db: &Connection, name: &str) -> Result<Option<Timestamp>, StoreError> {
        let value: Option<String> = db
            .prepare_cached("SELECT value FROM fact WHERE name = :name")?
            .query_row(named_params! { ":name": name }, |row| row.get(0))
            .optional()?;
        Ok(value.and_then(|v| v.parse().ok()))
    }

    /// Writes a single fact.
    pub(crate) fn set_fact(
        db: &Connection,
        name: &str,
        value: Timestamp,
    ) -> Result<(), StoreError> {
        db.prepare_cached(
            "INSERT INTO fact (name, value) VALUES (:name, :value)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?
        .execute(named_params! { ":name": name, ":value": value.to_string() })?;
        Ok(())
    }
}
