//! Findings at the end of a pass, whatever caused them: access without an end or without a grant,
//! ends that are near, addresses that bounce.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Params, named_params};

use crate::domain::{Email, Finding, FindingKind, Place, TargetId, TargetRef};
use crate::store::tables::invites::SUPPRESSED;
use crate::store::{
    Outbox, SourceKind, Sources, StoreError, db::values, ending, tables::members, tables::targets,
};

/// The findings' SQL.
#[derive(Debug)]
pub(crate) struct Findings;

impl Findings {
    /// The members of the listed teams without a covering grant, for part `part` of `parts` of the
    /// teams, by name. `holders` are the keys' own addresses, which need no grant.
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
            let not_there = members::unmanaged(db, team.id(), holder, at, |member| {
                found.push(Finding {
                    finding: FindingKind::MemberUnmanaged,
                    place: Place::Target(team.clone()),
                    email: Some(member.email),
                    detail: None,
                });
                Ok(())
            })?;
            not_there_either(db, team, not_there, &mut found)?;
        }
        Finding::sort(&mut found);
        Ok(found)
    }

    /// All other findings.
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
            // Forces the index on ends: the query planner would scan all grants of each target.
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
        collect(
            db,
            FindingKind::MemberReturned,
            "SELECT target, email, 'came back after the access had ended, and no grant covers it' FROM member
             WHERE valid_to IS NULL AND missing_since IS NULL AND returned_at IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.target = member.target AND g.person = member.email_key
                               AND g.removed_at IS NULL AND g.starts_at <= :now AND ifnull(g.ends_at > :now, 1))
             UNION SELECT target, email, 'was invited again after the access had ended, and no grant covers it' FROM invite
             WHERE gone_at IS NULL AND missing_since IS NULL AND returned_at IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.target = invite.target AND g.person = invite.email_key
                               AND g.removed_at IS NULL AND g.starts_at <= :now AND ifnull(g.ends_at > :now, 1))",
            named_params! { ":now": values::stored(at) },
            &mut found,
        )?;
        suppressed(db, values::stored(at), &mut found)?;
        found.extend(Self::refused_mails(db, at)?);
        Finding::sort(&mut found);
        Ok(found)
    }

    /// The mails that were refused lately.
    pub(crate) fn refused_mails(
        db: &Connection,
        at: Timestamp,
    ) -> Result<Vec<Finding>, StoreError> {
        let refusals = Outbox::refusals(db, at, u32::MAX)?.into_iter();
        let finding = |refusal: crate::status::Refusal| Finding {
            finding: FindingKind::MailRefused,
            place: Place::Mail,
            email: Some(Email::observed(&refusal.to)),
            detail: Some(format!("{}: {}", refusal.kind, refusal.why)),
        };
        Ok(refusals.map(finding).collect())
    }
}

/// People with running grants who are neither members nor invited, nor about to be.
fn not_there_either(
    db: &Connection,
    team: &TargetRef,
    people: Vec<String>,
    found: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    if people.is_empty() {
        return Ok(());
    }
    let source = Sources::get(db, team.account(), SourceKind::Team(team.id()))?;
    if source.complete_at.is_none() {
        return Ok(());
    }
    let mut statement = db.prepare_cached(
        "SELECT (SELECT email FROM grants WHERE target = :target AND person = :person AND removed_at IS NULL
                 ORDER BY id LIMIT 1)
         WHERE NOT EXISTS (SELECT 1 FROM invite WHERE target = :target AND email_key = :person
                           AND gone_at IS NULL AND missing_since IS NULL)
           AND NOT EXISTS (SELECT 1 FROM provision WHERE target = :target AND email_key = :person
                           AND settled_at IS NULL)
           AND NOT EXISTS (SELECT 1 FROM provision WHERE target = :target AND email_key = :person
                           AND state = 'done' AND settled_at > :read_at)",
    )?;
    for person in people {
        let params = named_params! {
            ":target": team.id().0, ":person": person,
            ":read_at": source.complete_at.map(values::stored),
        };
        let mut rows = statement.query(params)?;
        if let Some(row) = rows.next()? {
            found.push(Finding {
                finding: FindingKind::GrantNotThere,
                place: Place::Target(team.clone()),
                email: Some(Email::observed(row.get_ref(0)?.as_str()?)),
                detail: Some("granted, and neither a member nor invited".to_owned()),
            });
        }
    }
    Ok(())
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
        let target = targets::named(&names, TargetId(row.get(0)?))?;
        into.push(Finding {
            finding,
            place: Place::Target(target.clone()),
            email: Some(Email::observed(row.get_ref(1)?.as_str()?)),
            detail: row.get(2)?,
        });
    }
    Ok(())
}
