//! What stands out at the end of a pass, whoever caused it: access without an end or without a
//! grant, ends that are near, addresses that bounce.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Params, named_params};

use super::invites::SUPPRESSED;
use super::{StoreError, ending, members, targets, time};
use crate::domain::{Email, Finding, FindingKind, Place, TargetId};

/// The findings' SQL.
#[derive(Debug)]
pub(crate) struct Findings;

impl Findings {
    /// The members of the listed teams whom no grant covers: of the teams' part `part` of `parts`,
    /// by name. `holders` are the keys' own addresses, which need no grant.
    pub(crate) fn unmanaged(
        db: &Connection,
        at: Timestamp,
        holders: &BTreeMap<String, Email>,
        (part, parts): (usize, usize),
    ) -> Result<Vec<Finding>, StoreError> {
        let teams = targets::listed(db)?;
        let (from, to) = (teams.len() * part / parts, teams.len() * (part + 1) / parts);
        let mut found = Vec::new();
        for team in &teams[from..to] {
            let holder = holders.get(team.account());
            members::unmanaged(db, team.id(), holder, at, |member| {
                found.push(Finding {
                    finding: FindingKind::MemberUnmanaged,
                    place: Place::Target(team.clone()),
                    email: Some(member.email),
                    detail: None,
                });
                Ok(())
            })?;
        }
        Finding::sort(&mut found);
        Ok(found)
    }

    /// What else stands out now.
    pub(crate) fn standing(
        db: &Connection,
        at: Timestamp,
        soon: SignedDuration,
    ) -> Result<Vec<Finding>, StoreError> {
        let mut found = Vec::new();
        let until = at.checked_add(soon).unwrap_or(Timestamp::MAX);
        collect(
            db,
            FindingKind::GrantNeverEnds,
            // By the ends' index: the planner would rather walk all grants of each target.
            "SELECT target, email, 'owner ' || owner FROM grants INDEXED BY grants_due
             WHERE removed_at IS NULL AND ends_at IS NULL",
            [],
            &mut found,
        )?;
        for end in ending(db, at, until)? {
            found.push(Finding {
                finding: FindingKind::GrantEnding,
                place: Place::Target(end.target),
                email: Some(end.email),
                detail: Some(format!("ends {}", end.end.strftime("%Y-%m-%dT%H:%M:%SZ"))),
            });
        }
        suppressed(db, time::stored(at), &mut found)?;
        Finding::sort(&mut found);
        Ok(found)
    }
}

/// Suppressed addresses, where they matter.
fn suppressed(db: &Connection, now: i64, found: &mut Vec<Finding>) -> Result<(), StoreError> {
    collect(
        db,
        FindingKind::EmailSuppressed,
        &format!("SELECT DISTINCT target, email, how FROM ({SUPPRESSED}) ORDER BY 2, 1, 3"),
        named_params! { ":now": now },
        found,
    )
}

fn collect(
    db: &Connection,
    finding: FindingKind,
    sql: &str,
    params: impl Params,
    into: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let names = targets::names(db)?;
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        let id = TargetId(row.get(0)?);
        let Some(target) = names.get(&id) else {
            return Err(StoreError::Corrupt(format!("target {} is missing", id.0)));
        };
        into.push(Finding {
            finding,
            place: Place::Target(target.clone()),
            email: Some(Email::observed(row.get_ref(1)?.as_str()?)),
            detail: row.get(2)?,
        });
    }
    Ok(())
}
