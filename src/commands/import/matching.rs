//! What the rows of a file with a name mean of the grants that came from it before: which are new, which
//! have changed, and which rows are missing. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use super::Row;
use crate::domain::{Email, Permission, TargetId};
use crate::store::{NewGrant, OfSource};

/// What a row means; grants by their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// A grant that the file has not had.
    New,
    /// This one, as it is.
    Same(usize),
    /// This one, which is to be as the row is now.
    Changed(usize),
    /// This one, which a person ended or moved by hand: it stays so until the row changes.
    Stays(usize),
    /// Nothing any more: its end has passed, and what the file gave before is over or ends now.
    Over,
}

/// What a whole file means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Matched {
    /// What each row means.
    pub(super) rows: Vec<Means>,
    /// The running grants that no row means.
    pub(super) missing: Vec<usize>,
}

/// Where a row's target is on record: its number, and the person there.
pub(super) type Place = Option<(TargetId, String)>;

/// Finds out what the rows mean. With `whole`, the file has all that the source gives: then a row with
/// other dates is the grant that it was before.
pub(super) fn matched(
    rows: &[Row],
    places: &[Place],
    grants: &[OfSource],
    whole: bool,
    now: Timestamp,
) -> Matched {
    let mut of_person: HashMap<(TargetId, &str), Vec<usize>> = HashMap::new();
    for (at, grant) in grants.iter().enumerate() {
        for key in BTreeSet::from([grant.person.as_str(), grant.email.key()]) {
            of_person
                .entry((grant.target.id(), key))
                .or_default()
                .push(at);
        }
    }
    // The row's grants; and whether the file gave its person this before, whatever became of it.
    let of_rows = |(row, place): (&Row, &Place)| -> (Vec<usize>, bool) {
        let Some(place) = place else {
            return (Vec::new(), false);
        };
        let keys = BTreeSet::from([place.1.as_str(), row.grant.email.key()]);
        let found = keys
            .into_iter()
            .filter_map(|key| of_person.get(&(place.0, key)));
        let found: BTreeSet<usize> = found.flatten().copied().collect();
        let is_own = |at: &usize| is_of(&grants[*at], &row.grant, place);
        let mut own: Vec<usize> = found.into_iter().filter(is_own).collect();
        let is_known = !own.is_empty();
        // Where a row was missing and its grant has ended, a row that comes later is a new one.
        own.retain(|at| !(grants[*at].dropped_at.is_some() && grants[*at].revoked));
        // The newest counts, and first of all one that gives access.
        own.sort_by_key(|at| (!is_running(&grants[*at], now), Reverse(*at)));
        (own, is_known)
    };
    let own: Vec<(Vec<usize>, bool)> = rows.iter().zip(places).map(of_rows).collect();
    let exact = |row: &Row, at: &usize| has_dates(&grants[*at], &row.grant);
    let mut meant: HashSet<usize> = HashSet::new();
    let mut means: Vec<Option<Means>> = Vec::with_capacity(rows.len());
    for (row, (own, _)) in rows.iter().zip(&own) {
        let found = own.iter().copied().find(|at| exact(row, at));
        let running = found.filter(|at| is_running(&grants[*at], now));
        meant.extend(running);
        means.push(running.map(|at| as_it_is(&row.grant, &grants[at], at, now)));
    }
    for (place, (row, (own, is_known))) in rows.iter().zip(&own).enumerate() {
        if means[place].is_some() {
            continue;
        }
        let is_left = |at: &usize| !meant.contains(at) && is_running(&grants[*at], now);
        let left = own.iter().copied().find(is_left);
        let found = own.iter().copied().find(|at| exact(row, at));
        let newest = found.filter(|found| left.is_none_or(|left| left < *found));
        let is_over = row.grant.end.is_some_and(|end| end <= now);
        means[place] = Some(match (newest, left) {
            (Some(at), _) => ended(&row.grant, &grants[at], at, is_over),
            (None, _) if is_over && *is_known => Means::Over,
            (None, Some(at)) if whole && may_move(&grants[at], &row.grant, now) => {
                meant.insert(at);
                Means::Changed(at)
            }
            (None, _) => Means::New,
        });
    }
    let is_missing = |at: &usize| is_running(&grants[*at], now) && !meant.contains(at);
    Matched {
        rows: means.into_iter().flatten().collect(),
        missing: (0..grants.len()).filter(is_missing).collect(),
    }
}

/// Whether a grant is of the person, target and role of a row. Who has another address by now may stand
/// in the file by either.
fn is_of(grant: &OfSource, row: &NewGrant, (target, person): &(TargetId, String)) -> bool {
    let is_over = grant.closed && grant.email.key() == row.email.key();
    grant.target.id() == *target && grant.role == row.role && (grant.person == *person || is_over)
}

/// Whether a grant gives access, or will.
pub(super) fn is_running(grant: &OfSource, now: Timestamp) -> bool {
    !grant.closed && !grant.revoked && grant.end.is_none_or(|end| end > now)
}

/// Whether a grant has the dates of a row, as they were written or as they are.
fn has_dates(grant: &OfSource, row: &NewGrant) -> bool {
    let plain = |text: &str| text.to_ascii_lowercase().replace("never", "");
    let start_fits = row.start.is_none_or(|start| start == grant.start);
    plain(&grant.as_written) == plain(&row.as_written)
        || (!grant.revoked && grant.end == row.end && start_fits)
}

/// Whether a row with other dates is this grant, moved. One that is to begin later than now, or would
/// have, is another one: until then its person has no access.
fn may_move(grant: &OfSource, row: &NewGrant, now: Timestamp) -> bool {
    let begins_same = row.start == Some(grant.start);
    begins_same || (grant.start <= now && row.start.is_none_or(|start| start <= now))
}

/// What a row means of a running grant with its dates.
fn as_it_is(row: &NewGrant, grant: &OfSource, at: usize, now: Timestamp) -> Means {
    let is_over = row.end.is_some_and(|end| end <= now);
    match (has_words(grant, row), grant.end == row.end) {
        (true, true) => Means::Same(at),
        (true, false) => Means::Stays(at),
        (false, _) if is_over => Means::Stays(at),
        (false, _) => Means::Changed(at),
    }
}

/// What a row means of a grant with its dates that gives nothing any more.
fn ended(row: &NewGrant, grant: &OfSource, at: usize, is_over: bool) -> Means {
    match (is_over, has_words(grant, row)) {
        (true, _) => Means::Same(at),
        (false, true) => Means::Stays(at),
        (false, false) => Means::New,
    }
}

/// Whether a grant says what the row says beside its dates.
fn has_words(grant: &OfSource, row: &NewGrant) -> bool {
    grant.name == row.name
        && grant.owner.as_deref() == row.owner.as_ref().map(Email::written)
        && grant.reason == row.reason
        && grant.permissions == Permission::joined(&row.permissions)
}

/// Rows that give the same access for the same time and say something else beside it: each time the
/// file is imported, the last one would win. The line and the fault of each.
pub(super) fn contradictions(rows: &[Row]) -> Vec<(u64, String)> {
    let mut first: HashMap<_, &Row> = HashMap::new();
    let mut faults = Vec::new();
    for row in rows {
        let grant = &row.grant;
        let key = (
            &grant.target,
            grant.email.key(),
            grant.role,
            &grant.as_written,
        );
        let Some(other) = first.get(&key) else {
            first.insert(key, row);
            continue;
        };
        let said = |grant: &NewGrant| {
            let owner = grant.owner.as_ref().map(|owner| owner.written().to_owned());
            (
                ("name", grant.name.clone()),
                ("permissions", Some(Permission::joined(&grant.permissions))),
                ("owner", owner),
                ("reason", grant.reason.clone()),
            )
        };
        let (is, was) = (said(grant), said(&other.grant));
        let pairs = [(is.0, was.0), (is.1, was.1), (is.2, was.2), (is.3, was.3)];
        if let Some(((field, _), _)) = pairs.iter().find(|(is, was)| is != was) {
            faults.push((
                row.line,
                format!(
                    "{field}: line {} gives {} the same access with another {field}; leave one of them",
                    other.line, grant.email
                ),
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests;
