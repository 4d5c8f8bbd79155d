//! What is different between a file with a name (`--source`) and what it gave before, in words.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Serialize;

use super::Row;
use super::matching::{self, Matched, Means, Place};
use crate::clock;
use crate::domain::{Email, Permission, Role, SourceName, Target};
use crate::explain::words::Words;
use crate::store::{Db, Grants, NewGrant, OfSource, RowGrant, SourceRow, Store, StoreError};

/// What is different about one row or grant.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Difference {
    pub change: Change,
    /// The line in the file; absent: no row has it.
    pub line: Option<u64>,
    pub email: String,
    pub target: Target,
    /// A role for a time.
    pub role: Option<Role>,
    /// In words.
    pub detail: Option<String>,
}

/// How it is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Change {
    /// To be given.
    #[serde(rename = "+")]
    Comes,
    /// To be amended.
    #[serde(rename = "~")]
    Changes,
    /// To be ended.
    #[serde(rename = "-")]
    Ends,
    /// A person's word by hand: it stays so until the row changes.
    #[serde(rename = "!")]
    Stays,
}

impl Change {
    /// The sign in output.
    pub(crate) fn sign(self) -> char {
        match self {
            Self::Comes => '+',
            Self::Changes => '~',
            Self::Ends => '-',
            Self::Stays => '!',
        }
    }
}

/// A file compared with what it gave before.
#[derive(Debug)]
pub(crate) struct Compared {
    /// What is to be recorded and given, without what stays ended.
    pub rows: Vec<Row>,
    pub difference: Vec<Difference>,
    /// The grants whose rows are missing; none where that is not asked.
    pub missing: Vec<OfSource>,
}

/// Compares the rows with what the source gave before. With `prune`, the file has all that it gives.
///
/// # Errors
/// Only of the database.
pub(crate) async fn compare(
    store: &Store,
    rows: Vec<Row>,
    source: SourceName,
    prune: bool,
    words: Words,
) -> Result<Compared, StoreError> {
    let now = clock::now();
    store
        .read(move |db| {
            let grants = Grants::of_source(db, &source)?;
            let meant = |row: &Row| Grants::meant(db, &row.grant.target, &row.grant.email);
            let places: Vec<Place> = rows.iter().map(meant).collect::<Result<_, _>>()?;
            let Matched {
                rows: means,
                missing,
            } = matching::matched(&rows, &places, &grants, prune, now);
            let mut compared = Compared {
                rows: Vec::with_capacity(rows.len()),
                difference: Vec::new(),
                missing: Vec::new(),
            };
            let mut told = HashSet::new();
            for (row, means) in rows.into_iter().zip(means) {
                let grant = &row.grant;
                let key = (
                    grant.target.clone(),
                    grant.email.key().to_owned(),
                    grant.role,
                    grant.as_written.clone(),
                );
                if told.insert(key) {
                    let told = told_of(db, &row, means, &grants, &words)?;
                    compared.difference.extend(told);
                }
                let of = row_grant(means, &grants, now);
                compared.rows.extend(of.map(|grant| row.of(&source, grant)));
            }
            if prune {
                let missing = missing.into_iter().filter_map(|at| grants.get(at).cloned());
                compared.missing = missing.collect();
                let ends = compared.missing.iter().map(|grant| Difference {
                    change: Change::Ends,
                    line: None,
                    email: grant.email.written().to_owned(),
                    target: grant.target.to_target(),
                    role: grant.role,
                    detail: None,
                });
                compared.difference.extend(ends);
            }
            Ok(compared)
        })
        .await
}

impl Row {
    /// The row of a file with a name.
    fn of(mut self, source: &SourceName, grant: Option<RowGrant>) -> Self {
        self.grant.source = Some(SourceRow {
            name: source.clone(),
            grant,
        });
        self
    }
}

/// The grant that a row is recorded as; outer absence: it is not recorded at all.
fn row_grant(means: Means, grants: &[OfSource], now: Timestamp) -> Option<Option<RowGrant>> {
    let (at, changed) = match means {
        Means::New => return Some(None),
        Means::Over => return None,
        Means::Stays(at) if !matching::is_running(grants.get(at)?, now) => return None,
        Means::Same(at) | Means::Stays(at) => (at, false),
        Means::Changed(at) => (at, true),
    };
    let id = grants.get(at)?.id;
    Some(Some(RowGrant { id, changed }))
}

fn told_of(
    db: &Db,
    row: &Row,
    means: Means,
    grants: &[OfSource],
    words: &Words,
) -> Result<Option<Difference>, StoreError> {
    let of = |at: usize| grants.get(at);
    let (change, detail) = match means {
        Means::New => (Change::Comes, words.until(row.grant.end)),
        Means::Changed(at) => match of(at) {
            Some(grant) => (Change::Changes, changes(&row.grant, grant, words)),
            None => return Ok(None),
        },
        Means::Same(at) => match of(at).filter(|grant| is_back(grant)) {
            Some(_) => (Change::Changes, "its row is back".to_owned()),
            None => return Ok(None),
        },
        Means::Stays(at) => match of(at) {
            Some(grant) => (Change::Stays, stays(db, &row.grant, grant, words)?),
            None => return Ok(None),
        },
        Means::Over => return Ok(None),
    };
    Ok(Some(Difference {
        change,
        line: Some(row.line),
        email: row.grant.email.written().to_owned(),
        target: row.grant.target.clone(),
        role: row.grant.role,
        detail: Some(detail),
    }))
}

/// Whether the row was missing before, and the end is not written yet.
fn is_back(grant: &OfSource) -> bool {
    grant.dropped_at.is_some() && !grant.revoked && !grant.closed
}

/// What changes about a grant: `end 2026-12-31 23:59 → never`.
fn changes(row: &NewGrant, grant: &OfSource, words: &Words) -> String {
    let text = |text: Option<&str>| text.filter(|t| !t.is_empty()).unwrap_or("none").to_owned();
    let moment = |at: Option<Timestamp>| words.end(at);
    let start = row.start.unwrap_or(grant.start);
    let owner = row.owner.as_ref().map(Email::written);
    let permissions = Permission::joined(&row.permissions);
    let fields = [
        (
            "start",
            words.moment(grant.start),
            words.moment(start),
            grant.start != start,
        ),
        (
            "end",
            moment(grant.end),
            moment(row.end),
            grant.end != row.end,
        ),
        (
            "name",
            text(grant.name.as_deref()),
            text(row.name.as_deref()),
            grant.name != row.name,
        ),
        (
            "permissions",
            text(Some(&grant.permissions)),
            text(Some(&permissions)),
            grant.permissions != permissions,
        ),
        (
            "owner",
            text(grant.owner.as_deref()),
            text(owner),
            grant.owner.as_deref() != owner,
        ),
        (
            "reason",
            text(grant.reason.as_deref()),
            text(row.reason.as_deref()),
            grant.reason != row.reason,
        ),
    ];
    let changed = fields.into_iter().filter(|(.., changed)| *changed);
    let mut said: Vec<String> = changed
        .map(|(field, was, is, _)| format!("{field} {was} → {is}"))
        .collect();
    if is_back(grant) {
        said.push("its row is back".to_owned());
    }
    said.join(", ")
}

/// Why a row gives nothing, or not what it says.
fn stays(db: &Db, row: &NewGrant, grant: &OfSource, words: &Words) -> Result<String, StoreError> {
    const UNTIL: &str = "it stays so until the row changes";
    if !grant.revoked {
        return Ok(format!(
            "it was moved by hand to last {}, and not {} as the row says; {UNTIL}",
            words.until(grant.end),
            words.until(row.end)
        ));
    }
    let ended = grant
        .end
        .map_or_else(String::new, |end| format!(" {}", words.moment(end)));
    Ok(match Grants::ended_by(db, grant.id)? {
        Some((by, why)) => {
            let why = why.map_or_else(String::new, |why| format!(" ({why})"));
            format!("it was ended{ended} by {by}{why}; {UNTIL}")
        }
        None => format!("it was ended{ended} by hand; {UNTIL}"),
    })
}
