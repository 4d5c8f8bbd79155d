//! Accepting a doubtful reading at a person's request.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};
use thiserror::Error;

use super::{SourceKind, SourceState, Sources};
use crate::domain::event::Accepted;
use crate::domain::{Event, TargetId};
use crate::store::StoreError;
use crate::store::trail;

/// Why a reading cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Doubt {
    /// Not on record, as these words tell.
    #[error("{0}")]
    NoTarget(String),
    /// It was never read.
    #[error("it was never read")]
    NeverRead,
    /// The last reading is believed, or there was none.
    #[error("its last reading is not in doubt")]
    None,
    /// The reading is impossible.
    #[error("nobody can accept this reading: {0}")]
    Impossible(String),
}

impl Sources {
    /// Accepts the last doubtful list of teams: the next list that lacks the same teams is
    /// believed.
    pub(crate) fn accept_list(
        db: &Connection,
        account: &str,
        by: &str,
        at: Timestamp,
    ) -> Result<Result<String, Doubt>, StoreError> {
        let doubt = match Self::in_doubt(db, account, SourceKind::Teams)? {
            Ok(doubt) => doubt,
            Err(why) => return Ok(Err(why)),
        };
        db.prepare_cached(
            "UPDATE source SET accepted = hex(doubt_digest) WHERE kind = 'teams' AND account = :account",
        )?
        .execute(named_params! { ":account": account })?;
        note_accepted(db, account, None, &doubt, &[], by, at)?;
        Ok(Ok(doubt))
    }

    /// Why the last reading of a source is in doubt, or why it cannot be accepted.
    pub(in crate::store) fn in_doubt(
        db: &Connection,
        account: &str,
        kind: SourceKind,
    ) -> Result<Result<String, Doubt>, StoreError> {
        let (word, target) = kind.columns();
        let found: Option<(String, Option<String>, bool)> = db
            .prepare_cached(
                "SELECT state, detail, impossible FROM source
                 WHERE kind = :kind AND account = :account AND target = :target",
            )?
            .query_row(
                named_params! { ":kind": word, ":account": account, ":target": target },
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()?;
        Ok(match found {
            Some((state, why, impossible)) if state == SourceState::Doubtful.as_str() => {
                let why = why.unwrap_or_default();
                match impossible {
                    true => Err(Doubt::Impossible(why)),
                    false => Ok(why),
                }
            }
            Some(_) => Err(Doubt::None),
            None => Err(Doubt::NeverRead),
        })
    }
}

/// Records that a person has accepted a doubtful reading.
pub(in crate::store) fn note_accepted(
    db: &Connection,
    account: &str,
    target: Option<TargetId>,
    doubt: &str,
    gone: &[String],
    by: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let event = Event::ObservationAccepted(Accepted {
        account: account.to_owned(),
        by: by.to_owned(),
        doubt: doubt.to_owned(),
        gone: gone.to_vec(),
    });
    trail::append_event(db, at, target, None, &event)
}
