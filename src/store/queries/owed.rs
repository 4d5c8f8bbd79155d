//! What is owed: the one query shared by outcome, exit code, `status`, page, metrics and report.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, named_params};

use super::sql;
use crate::config::Settings;
use crate::domain::{Observed, Owed};
use crate::store::{Outbox, StoreError, db::values};

/// A mail that has waited this long without any try is late.
const UNTRIED: SignedDuration = SignedDuration::from_mins(5);

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct OwedAt {
    pub(crate) now: Timestamp,
    /// How long after an end access is left alone.
    pub(crate) grace: SignedDuration,
    /// Whether a person has yet to confirm the database.
    pub(crate) unconfirmed: bool,
    /// Whether a long import is running: what it has not tried yet is left to it.
    pub(crate) import_runs: bool,
    /// How long a mail may wait for its first try before it is owed.
    pub(crate) untried: SignedDuration,
    /// Whether no provider is changed (`guard.observe_only`): then nothing is owed to one.
    pub(crate) observe_only: bool,
    /// The accounts with teams in the configuration; former accounts are no longer read.
    pub(crate) accounts: Vec<String>,
}

impl OwedAt {
    pub(crate) fn new(settings: &Settings, now: Timestamp, unconfirmed: bool) -> Self {
        Self {
            now,
            grace: settings.policy.grace,
            unconfirmed,
            import_runs: false,
            untried: UNTRIED,
            observe_only: settings.guard.observe_only,
            accounts: settings.sapling.iter().map(|a| a.name.clone()).collect(),
        }
    }

    /// Ends before this moment are acted on.
    pub(crate) fn cutoff(&self) -> Timestamp {
        self.now.checked_sub(self.grace).unwrap_or(Timestamp::MIN)
    }
}

/// All that is owed.
pub(crate) fn owed(db: &Connection, asked: &OwedAt) -> Result<Owed, StoreError> {
    let (remove, give) = match asked.observe_only {
        true => (0, 0),
        false => (remove(db, asked)?, give(db, asked)?),
    };
    Ok(Owed {
        remove,
        give,
        doubt: doubt(db, asked)?,
        confirm: u64::from(is_held(db)?) + u64::from(asked.unconfirmed),
        mail: mail(db, asked)?,
    })
}

/// What is due and left alone, where lapsed only observes.
pub(crate) fn observed(db: &Connection, asked: &OwedAt) -> Result<Option<Observed>, StoreError> {
    if !asked.observe_only {
        return Ok(None);
    }
    Ok(Some(Observed {
        remove: remove(db, asked)?,
        give: would_give(db, asked)?,
    }))
}

/// Removals that are due: in the ledger, or not yet recorded by any pass.
fn remove(db: &Connection, asked: &OwedAt) -> Result<u64, StoreError> {
    let open: u64 = db
        .prepare_cached(
            "SELECT count(*) FROM action WHERE settled_at IS NULL AND state <> 'protected'",
        )?
        .query_row([], |row| row.get(0))?;
    let params = named_params! {
        ":now": values::stored(asked.now),
        ":cutoff": values::stored(asked.cutoff()),
    };
    let untouched: u64 = db
        .prepare_cached(&format!("SELECT count(*) FROM ({})", sql::untouched()))?
        .query_row(params, |row| row.get(0))?;
    Ok(open + untouched)
}

/// Access that should exist by now.
fn give(db: &Connection, asked: &OwedAt) -> Result<u64, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT count(*) FROM provision WHERE settled_at IS NULL
             AND (state IN ('failed', 'unknown', 'intent') OR due_at <= :now)
             AND NOT (:import_runs AND attempts = 0 AND command IN ('import', 'undo'))",
        )?
        .query_row(
            named_params! {
                ":now": values::stored(asked.now), ":import_runs": asked.import_runs,
            },
            |row| row.get(0),
        )?)
}

/// Access that would be given if lapsed acted. Nothing that only observes withdraws what a grant asked
/// for that is over by now.
fn would_give(db: &Connection, asked: &OwedAt) -> Result<u64, StoreError> {
    Ok(db
        .prepare_cached(&format!(
            "SELECT count(*) FROM provision p WHERE settled_at IS NULL
             AND (state IN ('failed', 'unknown', 'intent') OR due_at <= :now)
             AND EXISTS (SELECT 1 FROM grants o WHERE o.target = p.target AND o.email_key = p.email_key
                         AND o.removed_at IS NULL AND {})",
            sql::COVERS
        ))?
        .query_row(
            named_params! {
                ":now": values::stored(asked.now), ":cutoff": values::stored(asked.cutoff()),
            },
            |row| row.get(0),
        )?)
}

/// Sources whose last reading is not believed.
fn doubt(db: &Connection, asked: &OwedAt) -> Result<u64, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT s.account FROM source s LEFT JOIN target t ON t.id = s.target
         WHERE s.state = 'doubtful' AND (s.target = 0 OR t.listed = 1)",
    )?;
    let accounts = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut doubts = 0;
    for account in accounts {
        doubts += u64::from(asked.accounts.contains(&account?));
    }
    Ok(doubts)
}

/// Whether the guard holds anything that no person has approved.
pub(crate) fn is_held(db: &Connection) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(&format!(
            "SELECT EXISTS (SELECT 1 FROM action WHERE {})",
            sql::HELD
        ))?
        .query_row([], |row| row.get(0))?)
}

/// Mails that could not be delivered, were not tried in time, or were refused lately.
fn mail(db: &Connection, asked: &OwedAt) -> Result<u64, StoreError> {
    let late = asked
        .now
        .checked_sub(asked.untried)
        .unwrap_or(Timestamp::MIN);
    let waiting: u64 = db
        .prepare_cached(
            "SELECT count(*) FROM outbox WHERE state IN ('queued', 'claimed', 'failed')
             AND (state = 'failed' OR created_at <= :late)",
        )?
        .query_row(named_params! { ":late": values::stored(late) }, |row| {
            row.get(0)
        })?;
    Ok(waiting + Outbox::refused_lately(db, asked.now)?)
}
