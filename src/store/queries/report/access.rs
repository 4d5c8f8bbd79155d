//! The report's access: what ends soon or never, who has it without a grant, invites by age,
//! addresses that bounce, and sources that could not be read.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rusqlite::named_params;

use super::ReportReader;
use crate::domain::{AccessEnd, Email, TargetRef, When};
use crate::report::{ReportLine, ReportList, Summary};
use crate::store::tables::invites::SUPPRESSED;
use crate::store::{
    Grants, StoreError, db::values, ending, tables, tables::members, tables::targets,
};

/// How far ahead the report looks: the weeks that it draws.
const AHEAD: SignedDuration = SignedDuration::from_hours(13 * 7 * 24);

pub(super) fn fill(read: &ReportReader<'_>, summary: &mut Summary) -> Result<(), StoreError> {
    summary[ReportList::Ending] = soon(read)?;
    summary[ReportList::NeverEnds] = never_ends(read)?;
    summary[ReportList::Unanswered] = unanswered(read)?;
    summary[ReportList::Unmanaged] = unmanaged(read)?;
    summary[ReportList::Invites] = invites(read)?;
    summary[ReportList::Suppressed] = suppressed(read)?;
    summary[ReportList::Sources] = sources(read)?;
    Ok(())
}

fn soon(read: &ReportReader<'_>) -> Result<Vec<ReportLine>, StoreError> {
    let until = read.to.checked_add(AHEAD).unwrap_or(read.to);
    let row = |end: AccessEnd| ReportLine {
        at: end.end,
        email: Some(end.email.written().to_owned()),
        target: Some(end.target.to_string()),
        owner: end.owner.map(|owner| owner.written().to_owned()),
        ..ReportLine::default()
    };
    Ok(ending(read.db, read.to, until)?
        .into_iter()
        .map(row)
        .collect())
}

fn never_ends(read: &ReportReader<'_>) -> Result<Vec<ReportLine>, StoreError> {
    let mut statement = read.db.prepare_cached(
        "SELECT email, target, owner, starts_at FROM grants INDEXED BY grants_due
         WHERE removed_at IS NULL AND ends_at IS NULL ORDER BY starts_at, email_key",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(ReportLine {
            owner: row.get(2)?,
            ..read.line(row, 3)?
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Grants whose review waits for an answer.
fn unanswered(read: &ReportReader<'_>) -> Result<Vec<ReportLine>, StoreError> {
    let mut statement = read.db.prepare_cached(
        "SELECT g.email, g.target, g.owner, r.asked_at, r.reminded_at
         FROM review r CROSS JOIN grants g ON g.id = r.grant_id
         WHERE g.removed_at IS NULL AND ifnull(g.ends_at > :now, 1)
         ORDER BY r.asked_at, g.email_key, g.target",
    )?;
    let rows = statement.query_map(named_params! { ":now": read.now() }, |row| {
        let reminded_at = values::read_if_any(row.get(4)?);
        let state = match reminded_at {
            Some(_) => "reminded",
            None => "asked",
        };
        Ok(ReportLine {
            owner: row.get(2)?,
            state: Some(state.to_owned()),
            reminded_at,
            ..read.line(row, 3)?
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn unmanaged(read: &ReportReader<'_>) -> Result<Vec<ReportLine>, StoreError> {
    let mut unmanaged = Vec::new();
    for team in targets::listed(read.db)? {
        let holder = read.holders.get(team.account());
        let target = team.to_string();
        let mut members = Vec::new();
        members::unmanaged(read.db, team.id(), holder, read.to, |member| {
            let since = member.since()?;
            let ends = by_rule(read, &team, &member.email, since)?;
            members.push((since, member.is_admin()?, member.email, ends));
            Ok(())
        })?;
        members.sort_by(|a, b| a.2.cmp(&b.2));
        let members = members.into_iter();
        unmanaged.extend(members.map(|(at, is_admin, email, detail)| ReportLine {
            at,
            email: Some(email.written().to_owned()),
            target: Some(target.clone()),
            is_admin: Some(is_admin),
            detail,
            ..ReportLine::default()
        }));
    }
    Ok(unmanaged)
}

/// Which rule of the team ends a membership that no grant covers, and when.
fn by_rule(
    read: &ReportReader<'_>,
    team: &TargetRef,
    email: &Email,
    since: Timestamp,
) -> Result<Option<String>, StoreError> {
    let Some(rule) = read.rules.get(team) else {
        return Ok(None);
    };
    if read.protected.iter().any(|pattern| pattern.matches(email)) {
        return Ok(None);
    }
    let age = rule.max_age.and_then(|age| since.checked_add(age).ok());
    let last = match &rule.follow {
        Some(followed) => Grants::last_end(read.db, followed, email, None, read.to)?,
        None => None,
    };
    let by_age = |at: Timestamp| match at > read.to {
        true => format!("ends {at} (sapling.team.max_age)"),
        false => format!("to end since {at} (sapling.team.max_age)"),
    };
    let with = |end: &str| match &rule.follow {
        Some(followed) => format!("ends {end}with the grants on {followed} (sapling.team.follow)"),
        None => String::new(),
    };
    Ok(match (age, last) {
        (Some(age), Some(When::At(end))) if end < age => Some(with(&format!("{end} "))),
        (Some(age), _) => Some(by_age(age)),
        (None, Some(When::At(end))) => Some(with(&format!("{end} "))),
        (None, Some(When::Never)) => Some(with("")),
        (None, None) => None,
    })
}

fn invites(read: &ReportReader<'_>) -> Result<Vec<ReportLine>, StoreError> {
    let mut statement = read.db.prepare_cached(
        "SELECT i.email, i.target, i.first_seen,
                CASE WHEN confirmed THEN 'confirmed' WHEN registered THEN 'registered' ELSE 'not registered' END
         FROM invite i WHERE gone_at IS NULL ORDER BY i.first_seen, i.email_key",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(ReportLine {
            state: row.get(3)?,
            ..read.line(row, 2)?
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Addresses that bounce, with where that matters.
fn suppressed(read: &ReportReader<'_>) -> Result<Vec<ReportLine>, StoreError> {
    let mut statement = read.db.prepare_cached(&format!(
        "SELECT email, first_seen,
                CASE how WHEN 'invited' THEN 'pending in' WHEN 'member' THEN 'member of' ELSE how END, target
         FROM ({SUPPRESSED})
         UNION SELECT email, first_seen, NULL, 0 FROM suppressed WHERE gone_at IS NULL
         ORDER BY 1, 3, 4",
    ))?;
    let mut rows = statement.query(named_params! { ":now": read.now() })?;
    let mut found: BTreeMap<String, ReportLine> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let email: String = row.get(0)?;
        let at = values::read(row.get(1)?);
        let entry = found.entry(email.clone()).or_insert_with(|| ReportLine {
            at,
            email: Some(email),
            ..ReportLine::default()
        });
        if let Some(how) = row.get::<_, Option<String>>(2)? {
            let place = format!("{how} {}", read.target(row.get(3)?));
            entry.places.push(place);
        }
    }
    Ok(found.into_values().collect())
}

/// What could not be read or matched, and since when.
fn sources(read: &ReportReader<'_>) -> Result<Vec<ReportLine>, StoreError> {
    let mut statement = read.db.prepare_cached(
        "SELECT kind, account, target, state, since, ifnull(detail, '') FROM source
         WHERE state <> 'complete'
           AND (target = 0 OR EXISTS (SELECT 1 FROM target t WHERE t.id = source.target AND t.listed = 1))
         ORDER BY account, kind, target",
    )?;
    let rows = statement.query_map([], |row| {
        let (kind, state): (String, String) = (row.get(0)?, row.get(3)?);
        let detail: String = row.get(5)?;
        let account: String = row.get(1)?;
        let (target, what) = match kind.as_str() {
            "team" => (read.target(row.get(2)?), ""),
            "teams" => (format!("sapling:{account}"), "list of teams: "),
            _ => (format!("sapling:{account}"), "suppressed emails: "),
        };
        let problem = format!("{what}{state}: {detail}");
        Ok(trouble(target, &problem, values::read(row.get(4)?)))
    })?;
    let mut sources: Vec<ReportLine> = rows.collect::<Result<_, _>>()?;
    let mut statement = read.db.prepare_cached(
        "SELECT t.id, min(g.recorded_at) FROM target t JOIN grants g ON g.target = t.id AND g.removed_at IS NULL
         WHERE t.provider = 'sapling' AND t.listed = 0 GROUP BY t.id ORDER BY t.id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        sources.push(trouble(
            read.target(row.get(0)?),
            "grants name this team, and no team or several of the key's holder have this name or id",
            values::read(row.get(1)?),
        ));
    }
    let clocks = tables::clock::doubted(read.db)?.into_iter();
    sources.extend(clocks.map(|(account, since)| {
        let problem =
            "its clock and this machine's differ: until they agree, nothing is removed there";
        trouble(account, problem, since)
    }));
    Ok(sources)
}

/// A source, what is wrong with it, and since when.
fn trouble(target: String, problem: &str, since: Timestamp) -> ReportLine {
    ReportLine {
        at: since,
        target: Some(target),
        detail: Some(problem.to_owned()),
        ..ReportLine::default()
    }
}
