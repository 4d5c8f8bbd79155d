//! Whether a reading comes too late. Several processes read and change the same teams: what was stored
//! or called while an answer was under way is newer than that answer.

use rusqlite::{Connection, OptionalExtension, named_params};

use super::{SourceKind, SourceState, Sources};
use crate::domain::TargetRef;
use crate::store::StoreError;

/// How far what is known of a source had come. Counted and not dated, since a clock may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Version {
    /// How often a reading of it was stored, or why there was none.
    pub(crate) readings: i64,
    /// How often a call that changes it was begun, was answered, or was found to have been cut short.
    pub(crate) calls: i64,
}

/// How a source stands by the last reading, whoever made it.
#[derive(Debug, Clone)]
pub(crate) struct Stands {
    pub(crate) state: SourceState,
    /// The last answer was no reading at all.
    pub(crate) impossible: bool,
    /// Why it is not complete.
    pub(crate) detail: String,
}

impl Sources {
    /// How far a source has come.
    pub(crate) fn version(
        db: &Connection,
        account: &str,
        kind: SourceKind,
    ) -> Result<Version, StoreError> {
        let (kind, target) = kind.columns();
        let version = db
            .prepare_cached(
                "SELECT readings, calls FROM source
                 WHERE kind = :kind AND account = :account AND target = :target",
            )?
            .query_row(
                named_params! { ":kind": kind, ":account": account, ":target": target },
                |row| {
                    Ok(Version {
                        readings: row.get(0)?,
                        calls: row.get(1)?,
                    })
                },
            )
            .optional()?;
        Ok(version.unwrap_or_default())
    }

    /// Notes that a call which changes a team was begun, or how it ended. A whitelist is not read, and
    /// has no version.
    pub(in crate::store) fn called(db: &Connection, target: &TargetRef) -> Result<(), StoreError> {
        if target.team().is_none() {
            return Ok(());
        }
        let (kind, id) = SourceKind::Team(target.id()).columns();
        db.prepare_cached(
            "UPDATE source SET calls = calls + 1
             WHERE kind = :kind AND account = :account AND target = :target",
        )?
        .execute(named_params! { ":kind": kind, ":account": target.account(), ":target": id })?;
        Ok(())
    }

    /// How a source stands by the last reading.
    pub(crate) fn stands(
        db: &Connection,
        account: &str,
        kind: SourceKind,
    ) -> Result<Option<Stands>, StoreError> {
        let (kind, target) = kind.columns();
        let row = db
            .prepare_cached(
                "SELECT state, impossible, ifnull(detail, '') FROM source
                 WHERE kind = :kind AND account = :account AND target = :target",
            )?
            .query_row(
                named_params! { ":kind": kind, ":account": account, ":target": target },
                |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()?;
        Ok(row.map(|(state, impossible, detail)| Stands {
            state: SourceState::of(&state),
            impossible,
            detail,
        }))
    }
}
