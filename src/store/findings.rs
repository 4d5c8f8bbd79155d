//! What stands out at the end of a pass, whoever caused it: access without an end or without a
//! grant, ends that are near, addresses that bounce.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Params, named_params};

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
        sort(&mut found);
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
        sort(&mut found);
        Ok(found)
    }
}

fn sort(found: &mut [Finding]) {
    found.sort_by(|a, b| (a.finding, &a.place, &a.email).cmp(&(b.finding, &b.place, &b.email)));
}

/// Suppressed addresses, where they matter: an invite, a membership or a running grant. CROSS JOIN
/// keeps the order: the few suppressed ones go before all grants, and the members, who are found by
/// team, before them.
fn suppressed(db: &Connection, now: i64, found: &mut Vec<Finding>) -> Result<(), StoreError> {
    collect(
        db,
        FindingKind::EmailSuppressed,
        "SELECT i.target, s.email, 'invited' FROM suppressed s
           JOIN invite i ON i.email_key = s.email_key AND i.gone_at IS NULL
           JOIN target t ON t.id = i.target AND t.account = s.account WHERE s.gone_at IS NULL
         UNION SELECT m.target, s.email, 'member' FROM target t
           CROSS JOIN member m ON m.target = t.id AND m.valid_to IS NULL
           CROSS JOIN suppressed s ON s.email_key = m.email_key AND s.account = t.account AND s.gone_at IS NULL
           WHERE EXISTS (SELECT 1 FROM suppressed WHERE gone_at IS NULL)
         UNION SELECT g.target, s.email, 'granted' FROM suppressed s
           CROSS JOIN grants g ON g.email_key = s.email_key AND g.removed_at IS NULL
            AND g.starts_at <= :now AND ifnull(g.ends_at > :now, 1)
           WHERE s.gone_at IS NULL
         ORDER BY 2, 1, 3",
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
