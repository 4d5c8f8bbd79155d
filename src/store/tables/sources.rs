//! The state of each source that is read from a provider.

mod accepting;
mod turns;
mod version;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, named_params};
use strum::IntoStaticStr;

use crate::domain::event::SourceChanged;
use crate::domain::{Digest, Event, Signs, TargetId};
use crate::store::trail;
use crate::store::{StoreError, db::values};

pub(crate) use accepting::Doubt;
pub(in crate::store) use accepting::note_accepted;
pub(crate) use version::Version;

/// A doubtful list of teams is believed once this many in a row lack the same teams, over this
/// time.
const BELIEVED_AFTER: (u32, SignedDuration) = (3, SignedDuration::from_mins(30));

/// The sources' SQL.
#[derive(Debug)]
pub(crate) struct Sources;

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum SourceKind {
    /// An account's list of teams.
    Teams,
    /// One team's members and invites.
    Team(TargetId),
    /// An organization's suppressed emails.
    Suppressed,
}

impl SourceKind {
    fn columns(self) -> (&'static str, i64) {
        match self {
            Self::Teams => ("teams", 0),
            Self::Team(target) => ("team", target.0),
            Self::Suppressed => ("suppressed", 0),
        }
    }
}

/// How the last reading went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[non_exhaustive]
#[strum(serialize_all = "snake_case")]
pub(crate) enum SourceState {
    /// Complete, and believed.
    Complete,
    /// This key has no permission to read it.
    Forbidden,
    /// Read, but not believed.
    Doubtful,
    /// Not read.
    Unreadable,
}

impl SourceState {
    /// The word in the database and in reports.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }

    /// The state for a word in the database, which holds no other words.
    fn of(word: &str) -> Self {
        let all = [Self::Complete, Self::Forbidden, Self::Doubtful];
        let state = all.into_iter().find(|state| state.as_str() == word);
        state.unwrap_or(Self::Unreadable)
    }
}

/// A source as it is stored.
#[derive(Debug, Clone, Default)]
pub(crate) struct SourceRow {
    /// When it was last read completely.
    pub complete_at: Option<Timestamp>,
    /// The time of the last reading that counts, believed or doubtful.
    pub counted_at: Option<Timestamp>,
    /// The digest of that reading.
    pub digest: Option<Digest>,
    /// Whether nothing awaits a second reading.
    pub settled: bool,
    /// The digest of the last doubtful reading.
    pub doubt_digest: Option<Digest>,
    /// How many doubtful readings in a row had that digest.
    pub doubt_streak: u32,
    /// When the first of them was made.
    pub doubt_since: Option<Timestamp>,
    /// The membership of the key's holder, once it was seen.
    pub holder_id: Option<String>,
    /// The digest of a doubtful reading that a person has accepted.
    pub accepted: Option<Digest>,
}

/// A believed reading, as it is recorded.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Complete<'a> {
    pub(in crate::store) digest: Option<&'a Digest>,
    pub(in crate::store) settled: bool,
}

impl Sources {
    /// What is known of a source; the default for one that was never read.
    pub(crate) fn get(
        db: &Connection,
        account: &str,
        kind: SourceKind,
    ) -> Result<SourceRow, StoreError> {
        let (kind, target) = kind.columns();
        let row = db
            .prepare_cached(
                "SELECT complete_at, digest, settled, doubt_digest, doubt_streak, doubt_since, holder_id,
                        iif(accepted IS NULL, NULL, unhex(accepted)), counted_at FROM source
                 WHERE kind = :kind AND account = :account AND target = :target",
            )?
            .query_row(
                named_params! { ":kind": kind, ":account": account, ":target": target },
                |row| {
                    Ok(SourceRow {
                        complete_at: values::read_if_any(row.get(0)?),
                        digest: row.get(1)?,
                        settled: row.get(2)?,
                        doubt_digest: row.get(3)?,
                        doubt_streak: row.get(4)?,
                        doubt_since: values::read_if_any(row.get(5)?),
                        holder_id: row.get(6)?,
                        accepted: row.get(7)?,
                        counted_at: values::read_if_any(row.get(8)?),
                    })
                },
            )
            .optional()?;
        Ok(row.unwrap_or_default())
    }

    /// Why a list of teams is not believed, if so: it is doubtful, no person has accepted it, and
    /// not enough readings in a row lack the same teams.
    pub(crate) fn doubt(
        db: &Connection,
        account: &str,
        signs: &Signs,
        missing: &Digest,
        counts: bool,
        at: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let Some(doubt) = signs.doubt() else {
            return Ok(None);
        };
        let source = Self::get(db, account, SourceKind::Teams)?;
        let agrees = source.doubt_digest.as_ref() == Some(missing);
        if counts && source.accepted == Some(*missing) {
            return Ok(None);
        }
        let long = |since: Timestamp| at.duration_since(since) >= BELIEVED_AFTER.1;
        let enough = agrees
            && source.doubt_streak + 1 >= BELIEVED_AFTER.0
            && source.doubt_since.is_some_and(long);
        Ok((!(counts && enough)).then_some(doubt))
    }

    /// The membership of the key's holder in a team, once it was seen.
    pub(crate) fn holder_id(
        db: &Connection,
        account: &str,
        team: TargetId,
    ) -> Result<Option<String>, StoreError> {
        Ok(Self::get(db, account, SourceKind::Team(team))?.holder_id)
    }

    /// Records a reading that counts, believed or doubtful.
    pub(in crate::store) fn counted(
        db: &Connection,
        account: &str,
        kind: SourceKind,
        holder_id: Option<&str>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (word, target) = kind.columns();
        db.prepare_cached(
            "INSERT INTO source (kind, account, target, state, since, counted_at, holder_id)
             VALUES (:kind, :account, :target, 'complete', :at, :at, :holder_id)
             ON CONFLICT (kind, account, target) DO UPDATE SET counted_at = :at, impossible = 0,
                holder_id = ifnull(:holder_id, holder_id)",
        )?
        .execute(named_params! {
            ":kind": word, ":account": account, ":target": target, ":at": values::stored(at),
            ":holder_id": holder_id,
        })?;
        Ok(())
    }

    /// Records that a reading is doubtful about who is missing.
    pub(in crate::store) fn doubted(
        db: &Connection,
        account: &str,
        kind: SourceKind,
        why: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        Self::problem(db, account, kind, SourceState::Doubtful, why, None, at)
    }

    /// Makes the next reading be examined even if it equals the last believed one: this one may
    /// have marked people as missing.
    pub(in crate::store) fn unsettled(
        db: &Connection,
        account: &str,
        kind: SourceKind,
    ) -> Result<(), StoreError> {
        let (word, target) = kind.columns();
        db.prepare_cached(
            "UPDATE source SET settled = 0 WHERE kind = :kind AND account = :account AND target = :target",
        )?
        .execute(named_params! { ":kind": word, ":account": account, ":target": target })?;
        Ok(())
    }

    /// Records an answer that is no possible reading, and that nobody can accept.
    pub(crate) fn impossible(
        db: &Connection,
        account: &str,
        kind: SourceKind,
        why: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        Self::problem(db, account, kind, SourceState::Doubtful, why, None, at)?;
        let (word, target) = kind.columns();
        db.prepare_cached(
            "UPDATE source SET impossible = 1 WHERE kind = :kind AND account = :account AND target = :target",
        )?
        .execute(named_params! { ":kind": word, ":account": account, ":target": target })?;
        Ok(())
    }

    /// Records a complete list of teams.
    pub(crate) fn listed(
        db: &Connection,
        account: &str,
        digest: &Digest,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let complete = Complete {
            digest: Some(digest),
            settled: true,
        };
        Self::complete(db, account, SourceKind::Teams, complete, at)
    }

    /// Records a complete reading.
    pub(in crate::store) fn complete(
        db: &Connection,
        account: &str,
        kind: SourceKind,
        reading: Complete<'_>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        Self::put(db, account, kind, SourceState::Complete, None, at)?;
        let (kind, target) = kind.columns();
        db.prepare_cached(
            "UPDATE source SET complete_at = :at, digest = :digest, settled = :settled,
                               doubt_digest = NULL, doubt_streak = 0, doubt_since = NULL, impossible = 0,
                               accepted = NULL
             WHERE kind = :kind AND account = :account AND target = :target",
        )?
        .execute(named_params! {
            ":kind": kind, ":account": account, ":target": target, ":at": values::stored(at),
            ":digest": reading.digest, ":settled": reading.settled,
        })?;
        Ok(())
    }

    /// Records that a reading was the same as the last believed one.
    pub(crate) fn unchanged(
        db: &Connection,
        account: &str,
        kind: SourceKind,
        counts: bool,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (word, target) = kind.columns();
        let done = db
            .prepare_cached(
                "UPDATE source SET complete_at = :at, counted_at = iif(:counts, :at, counted_at),
                        doubt_digest = NULL, doubt_streak = 0, readings = readings + 1, asked_at = :at
                 WHERE kind = :kind AND account = :account AND target = :target AND state = 'complete'",
            )?
            .execute(named_params! {
                ":kind": word, ":account": account, ":target": target, ":at": values::stored(at),
                ":counts": counts,
            })?;
        if done == 0 {
            let row = Self::get(db, account, kind)?;
            let reading = Complete {
                digest: row.digest.as_ref(),
                settled: row.settled,
            };
            Self::complete(db, account, kind, reading, at)?;
            if counts {
                Self::counted(db, account, kind, None, at)?;
            }
        }
        Ok(())
    }

    /// Records that a reading failed, was forbidden or is doubtful. `digest` is that of a doubtful
    /// reading; equal ones in a row are counted.
    pub(crate) fn problem(
        db: &Connection,
        account: &str,
        kind: SourceKind,
        state: SourceState,
        detail: &str,
        digest: Option<&Digest>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        Self::put(db, account, kind, state, Some(detail), at)?;
        let (kind, target) = kind.columns();
        db.prepare_cached(
            "UPDATE source SET
                doubt_streak = CASE WHEN :digest IS NULL THEN 0
                                    WHEN doubt_digest IS :digest THEN doubt_streak + 1 ELSE 1 END,
                doubt_since = CASE WHEN :digest IS NULL THEN NULL
                                   WHEN doubt_digest IS :digest THEN doubt_since ELSE :at END,
                doubt_digest = :digest, impossible = 0
             WHERE kind = :kind AND account = :account AND target = :target",
        )?
        .execute(named_params! {
            ":kind": kind, ":account": account, ":target": target, ":digest": digest,
            ":at": values::stored(at),
        })?;
        Ok(())
    }

    /// Writes the state, and an event when it has changed.
    fn put(
        db: &Connection,
        account: &str,
        kind: SourceKind,
        state: SourceState,
        detail: Option<&str>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (word, target) = kind.columns();
        let was: Option<String> = db
            .prepare_cached(
                "SELECT state FROM source WHERE kind = :kind AND account = :account AND target = :target",
            )?
            .query_row(
                named_params! { ":kind": word, ":account": account, ":target": target },
                |row| row.get(0),
            )
            .optional()?;
        db.prepare_cached(
            "INSERT INTO source (kind, account, target, state, since, detail, readings, asked_at)
             VALUES (:kind, :account, :target, :state, :at, :detail, 1, :at)
             ON CONFLICT (kind, account, target) DO UPDATE SET
                since = CASE WHEN state = excluded.state THEN since ELSE excluded.since END,
                state = excluded.state, detail = excluded.detail, readings = readings + 1,
                asked_at = excluded.asked_at",
        )?
        .execute(named_params! {
            ":kind": word, ":account": account, ":target": target, ":state": state.as_str(),
            ":at": values::stored(at), ":detail": detail,
        })?;
        let is_news = was.as_deref() != Some(state.as_str())
            && (was.is_some() || state != SourceState::Complete);
        if is_news {
            let event = Event::SourceState(SourceChanged {
                account: account.to_owned(),
                detail: detail.map(str::to_owned),
                is: state.as_str().to_owned(),
                source: word.to_owned(),
                was,
            });
            let target = (target != 0).then_some(TargetId(target));
            trail::append_event(db, at, target, None, &event)?;
        }
        Ok(())
    }
}
