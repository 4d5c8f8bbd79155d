//! Detects outdated readings. Several processes read and change the same teams: what was stored or
//! called while a request was under way is newer than its answer.

use rusqlite::{Connection, OptionalExtension, named_params};

use super::{SourceKind, SourceState, Sources};
use crate::domain::TargetRef;
use crate::store::StoreError;

/// The version of what is known of a source. It is counted, not dated, since a clock may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Version {
    /// How often a reading of it was stored, or the reason why there was none.
    pub(crate) readings: i64,
    /// How often a call that changes it began, was answered, or was found interrupted.
    pub(crate) calls: i64,
}

/// The state of a source by the last reading of any process.
#[derive(Debug, Clone)]
pub(crate) struct Stands {
    pub(crate) state: SourceState,
    /// Whether the last answer was no possible reading.
    pub(crate) impossible: bool,
    /// Why it is not complete.
    pub(crate) detail: String,
}

impl Sources {
    /// The current version of a source.
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

    /// Records that a call which changes a team began or ended. A whitelist is not read, so it has
    /// no version.
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

    /// The state of a source by the last reading.
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
