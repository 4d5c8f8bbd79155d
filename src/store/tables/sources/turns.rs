//! In which order teams are asked where an account answers too badly to ask for all.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::{SourceKind, SourceState, Sources};
use crate::domain::TargetId;
use crate::store::StoreError;

impl Sources {
    /// The order in which teams are asked, by team: those that answered last time before those that
    /// did not, and of each the one that was asked longest ago first. `not_asked` is how the reason
    /// begins of those that were not even asked.
    pub(crate) fn turns(
        db: &Connection,
        not_asked: &str,
    ) -> Result<HashMap<TargetId, (bool, Option<i64>)>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT target, state = 'unreadable' AND ifnull(instr(detail, :not_asked), 0) <> 1, asked_at
             FROM source WHERE kind = 'team'",
        )?;
        let params = named_params! { ":not_asked": not_asked };
        let rows = statement.query_map(params, |row| {
            Ok((TargetId(row.get(0)?), (row.get(1)?, row.get(2)?)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Records that a team was not asked. Why it could not be read when it was still stands.
    pub(crate) fn not_asked(
        db: &Connection,
        account: &str,
        team: TargetId,
        why: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let params = named_params! { ":account": account, ":team": team.0 };
        let was: Option<(String, Option<i64>)> = db
            .prepare_cached(
                "SELECT state, asked_at FROM source
                 WHERE kind = 'team' AND account = :account AND target = :team",
            )?
            .query_row(params, |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (state, asked_at) = was.unwrap_or_default();
        let unreadable = SourceState::Unreadable;
        if state == unreadable.as_str() {
            return Ok(());
        }
        let kind = SourceKind::Team(team);
        Self::problem(db, account, kind, unreadable, why, None, at)?;
        db.prepare_cached(
            "UPDATE source SET asked_at = :asked_at
             WHERE kind = 'team' AND account = :account AND target = :team",
        )?
        .execute(named_params! { ":account": account, ":team": team.0, ":asked_at": asked_at })?;
        Ok(())
    }
}
