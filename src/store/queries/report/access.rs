//! The report's access: what ends soon or never, who has it without a grant, invites by age,
//! addresses that bounce, and sources that could not be read.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use rusqlite::named_params;

use super::Reader;
use crate::domain::AccessEnd;
use crate::report::{
    Ending, Invite, NeverEnds, Source, Summary, Suppressed, Unanswered, Unmanaged,
};
use crate::store::tables::invites::SUPPRESSED;
use crate::store::{StoreError, db::values, ending, tables, tables::members, tables::targets};

/// How far ahead the report looks: the weeks that it draws.
const AHEAD: SignedDuration = SignedDuration::from_hours(13 * 7 * 24);

pub(super) fn fill(read: &Reader<'_>, summary: &mut Summary) -> Result<(), StoreError> {
    summary.ending = soon(read)?;
    summary.never_ends = never_ends(read)?;
    summary.unanswered = unanswered(read)?;
    summary.unmanaged = unmanaged(read)?;
    summary.invites = invites(read)?;
    summary.suppressed = suppressed(read)?;
    summary.sources = sources(read)?;
    Ok(())
}

fn soon(read: &Reader<'_>) -> Result<Vec<Ending>, StoreError> {
    let until = read.to.checked_add(AHEAD).unwrap_or(read.to);
    let row = |end: AccessEnd| Ending {
        email: end.email.written().to_owned(),
        target: end.target.to_string(),
        end: end.end,
        owner: end.owner.map(|owner| owner.written().to_owned()),
    };
    Ok(ending(read.db, read.to, until)?
        .into_iter()
        .map(row)
        .collect())
}

fn never_ends(read: &Reader<'_>) -> Result<Vec<NeverEnds>, StoreError> {
    let mut statement = read.db.prepare_cached(
        "SELECT email, target, owner, starts_at FROM grants INDEXED BY grants_due
         WHERE removed_at IS NULL AND ends_at IS NULL ORDER BY starts_at, email_key",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(NeverEnds {
            email: row.get(0)?,
            target: read.target(row.get(1)?),
            owner: row.get(2)?,
            since: values::read(row.get(3)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Grants whose review waits for an answer.
fn unanswered(read: &Reader<'_>) -> Result<Vec<Unanswered>, StoreError> {
    let mut statement = read.db.prepare_cached(
        "SELECT g.email, g.target, g.owner, r.asked_at, r.reminded_at
         FROM review r CROSS JOIN grants g ON g.id = r.grant_id
         WHERE g.removed_at IS NULL AND ifnull(g.ends_at > :now, 1)
         ORDER BY r.asked_at, g.email_key, g.target",
    )?;
    let rows = statement.query_map(named_params! { ":now": read.now() }, |row| {
        Ok(Unanswered {
            email: row.get(0)?,
            target: read.target(row.get(1)?),
            owner: row.get(2)?,
            since: values::read(row.get(3)?),
            reminded_at: values::read_if_any(row.get(4)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn unmanaged(read: &Reader<'_>) -> Result<Vec<Unmanaged>, StoreError> {
    let mut unmanaged = Vec::new();
    for team in targets::listed(read.db)? {
        let holder = read.holders.get(team.account());
        let target = team.to_string();
        let mut members = Vec::new();
        members::unmanaged(read.db, team.id(), holder, read.to, |member| {
            members.push((member.since()?, member.is_admin()?, member.email));
            Ok(())
        })?;
        members.sort_by(|a, b| a.2.cmp(&b.2));
        let members = members.into_iter();
        unmanaged.extend(members.map(|(since, is_admin, email)| Unmanaged {
            email: email.written().to_owned(),
            target: target.clone(),
            since,
            is_admin,
        }));
    }
    Ok(unmanaged)
}

fn invites(read: &Reader<'_>) -> Result<Vec<Invite>, StoreError> {
    let mut statement = read.db.prepare_cached(
        "SELECT i.email, i.target, i.first_seen,
                CASE WHEN confirmed THEN 'confirmed' WHEN registered THEN 'registered' ELSE 'not registered' END
         FROM invite i WHERE gone_at IS NULL ORDER BY i.first_seen, i.email_key",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Invite {
            email: row.get(0)?,
            target: read.target(row.get(1)?),
            first_seen: values::read(row.get(2)?),
            stage: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Addresses that bounce, with where that matters.
fn suppressed(read: &Reader<'_>) -> Result<Vec<Suppressed>, StoreError> {
    let mut statement = read.db.prepare_cached(&format!(
        "SELECT email, first_seen,
                CASE how WHEN 'invited' THEN 'pending in' WHEN 'member' THEN 'member of' ELSE how END, target
         FROM ({SUPPRESSED})
         UNION SELECT email, first_seen, NULL, 0 FROM suppressed WHERE gone_at IS NULL
         ORDER BY 1, 3, 4",
    ))?;
    let mut rows = statement.query(named_params! { ":now": read.now() })?;
    let mut found: BTreeMap<String, Suppressed> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let email: String = row.get(0)?;
        let first_seen = values::read(row.get(1)?);
        let entry = found.entry(email.clone()).or_insert_with(|| Suppressed {
            email,
            first_seen,
            places: Vec::new(),
        });
        if let Some(how) = row.get::<_, Option<String>>(2)? {
            let place = format!("{how} {}", read.target(row.get(3)?));
            entry.places.push(place);
        }
    }
    Ok(found.into_values().collect())
}

/// What could not be read or matched, and since when.
fn sources(read: &Reader<'_>) -> Result<Vec<Source>, StoreError> {
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
        Ok(Source {
            target,
            problem: format!("{what}{state}: {detail}"),
            since: values::read(row.get(4)?),
        })
    })?;
    let mut sources: Vec<Source> = rows.collect::<Result<_, _>>()?;
    let mut statement = read.db.prepare_cached(
        "SELECT t.id, min(g.recorded_at) FROM target t JOIN grants g ON g.target = t.id AND g.removed_at IS NULL
         WHERE t.provider = 'sapling' AND t.listed = 0 GROUP BY t.id ORDER BY t.id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        sources.push(Source {
            target: read.target(row.get(0)?),
            problem: "grants name this team, and no team or several of the key's holder have this name or id"
                .to_owned(),
            since: values::read(row.get(1)?),
        });
    }
    for (account, since) in tables::clock::doubted(read.db)? {
        sources.push(Source {
            target: account,
            problem:
                "its clock and this machine's differ: until they agree, nothing is removed there"
                    .to_owned(),
            since,
        });
    }
    Ok(sources)
}
