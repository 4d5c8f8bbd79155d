//! Closes grants that are over in a team and whose people readings do not show: each becomes an
//! action that found nothing to do.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::closing::{self, access, is_there};
use crate::domain::event::Tried;
use crate::domain::{
    ActionKind, ActionState, Email, Event, Evidence, Missed, Reason, Role, TargetId,
};
use crate::store::queries::sql;
use crate::store::trail;
use crate::store::{Runs, StoreError, db::values};

/// A grant in a team that is over, and whose person a reading did not show.
struct Ended {
    person: String,
    email: String,
    revoked: bool,
    due: i64,
    role: Option<Role>,
}

impl Ended {
    fn reason(&self) -> Reason {
        match (self.role, self.revoked) {
            (Some(_), _) => Reason::RoleEnded,
            (None, true) => Reason::GrantRevoked,
            (None, false) => Reason::GrantEnded,
        }
    }

    fn found(&self, kind: ActionKind) -> FoundAbsent {
        FoundAbsent {
            kind,
            reason: self.reason(),
            due: values::read(self.due),
        }
    }
}

/// A team that was read in this pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadTeam {
    pub(crate) team: TargetId,
    /// Whether its reading is doubtful about who is missing.
    pub(crate) doubtful: bool,
}

/// Closes the grants that are over and whose people are believed to be gone: absent in two readings
/// that count, ten minutes apart, or known to have left. Each becomes an action of this run that
/// found nothing to do. Ends before `cutoff` are acted on.
pub(crate) fn believe(
    db: &Connection,
    run: &str,
    teams: &[ReadTeam],
    cutoff: Timestamp,
    at: Timestamp,
) -> Result<Vec<FoundAbsent>, StoreError> {
    let mut found = Vec::new();
    for read in teams {
        for ended in ended(db, read.team, cutoff, at)? {
            found.extend(believe_one(db, run, *read, &ended, at)?);
        }
    }
    Ok(found)
}

/// A removal that found nothing to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoundAbsent {
    pub(crate) kind: ActionKind,
    pub(crate) reason: Reason,
    /// Since when it was due.
    pub(crate) due: Timestamp,
}

fn believe_one(
    db: &Connection,
    run: &str,
    read: ReadTeam,
    ended: &Ended,
    at: Timestamp,
) -> Result<Option<FoundAbsent>, StoreError> {
    let key = (read.team, ended.person.as_str());
    if let Some(role) = ended.role {
        // A reading shows the flags of members only; for others the access decides.
        if is_member(db, key)? && !is_open(db, key, role.as_str())? {
            let kind = ActionKind::MemberDemote;
            let row = found_absent(db, run, key, ended, kind, at)?;
            closing::role(db, key.0, key.1, role, row, at)?;
            return Ok(Some(ended.found(kind)));
        }
        return Ok(None);
    }
    if is_there(db, key.0, key.1)? {
        db.prepare_cached("DELETE FROM absence WHERE target = :target AND person = :person")?
            .execute(named_params! { ":target": key.0.0, ":person": key.1 })?;
        return Ok(None);
    }
    if is_open(db, key, "access")? {
        return Ok(None);
    }
    if !has_left(db, key)? && !is_missed_long_enough(db, read, ended, at)? {
        return Ok(None);
    }
    let kind = match was_invite(db, key)? {
        true => ActionKind::InviteRevoke,
        false => ActionKind::MemberRemove,
    };
    let row = found_absent(db, run, key, ended, kind, at)?;
    access(db, key.0, key.1, row, at)?;
    db.prepare_cached("DELETE FROM absence WHERE target = :target AND person = :person")?
        .execute(named_params! { ":target": key.0.0, ":person": key.1 })?;
    Ok(Some(ended.found(kind)))
}

/// The people whose access or role in a team is over: no grant covers it, and the last one is not
/// closed.
fn ended(
    db: &Connection,
    team: TargetId,
    cutoff: Timestamp,
    at: Timestamp,
) -> Result<Vec<Ended>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT g.person, g.email, max(g.revoked), max(g.ends_at), g.role
         FROM grants g INDEXED BY grants_due
         WHERE g.target = :target AND g.removed_at IS NULL
           AND g.ends_at <= :now AND g.ends_at <= iif(g.revoked, :now, :cutoff)
           AND {}
         GROUP BY g.person, g.role",
        sql::uncovered()
    ))?;
    let rows = statement.query_map(
        named_params! {
            ":target": team.0, ":now": values::stored(at), ":cutoff": values::stored(cutoff),
        },
        |row| {
            Ok(Ended {
                person: row.get(0)?,
                email: row.get(1)?,
                revoked: row.get(2)?,
                due: row.get(3)?,
                role: row.get(4)?,
            })
        },
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn is_member(db: &Connection, (team, person): (TargetId, &str)) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM member WHERE target = :target AND email_key = :person
                            AND valid_to IS NULL AND missing_since IS NULL)",
        )?
        .query_row(
            named_params! { ":target": team.0, ":person": person },
            |row| row.get(0),
        )?)
}

/// Whether the person is there with this role, or a removal of it is under way or not yet proven.
fn is_open(
    db: &Connection,
    (team, person): (TargetId, &str),
    what: &str,
) -> Result<bool, StoreError> {
    let flag = match what {
        "admin" => "is_admin",
        "manager" => "is_manager",
        "edit" => "edit_permission",
        "inspect" => "inspect_permission",
        _ => "0",
    };
    Ok(db
        .prepare_cached(&format!(
            "SELECT EXISTS (SELECT 1 FROM member WHERE target = :target AND email_key = :person
                            AND valid_to IS NULL AND missing_since IS NULL AND {flag})
                 OR EXISTS (SELECT 1 FROM action WHERE email_key = :person AND target = :target
                            AND iif(:what = 'access', what IN ('access', 'invite'), what = :what)
                            AND (state IN ('intent', 'unknown')
                                 OR (settled_at IS NOT NULL AND state IN ('done', 'absent')
                                     AND evidence = 'acknowledged')))"
        ))?
        .query_row(
            named_params! { ":target": team.0, ":person": person, ":what": what },
            |row| row.get(0),
        )?)
}

/// Whether lapsed knows that the person has left since access was last given.
fn has_left(db: &Connection, (team, person): (TargetId, &str)) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT EXISTS (
                 SELECT 1 FROM (
                     SELECT max(gone) AS gone FROM (
                         SELECT max(valid_to) AS gone FROM member WHERE email_key = :person AND target = :target
                           AND valid_to IS NOT NULL AND gone_by IS NOT NULL AND proven_at IS NOT NULL
                         UNION ALL SELECT max(gone_at) FROM invite WHERE email_key = :person AND target = :target
                           AND gone_by IS NOT NULL AND proven_at IS NOT NULL))
                 WHERE gone >= ifnull((SELECT max(settled_at) FROM provision WHERE email_key = :person
                                       AND target = :target AND state = 'done'), 0)
                   AND gone >= ifnull((SELECT max(recorded_at) FROM grants WHERE target = :target
                                       AND person = :person AND removed_at IS NULL), 0))",
        )?
        .query_row(
            named_params! { ":target": team.0, ":person": person },
            |row| row.get(0),
        )?)
}

/// Counts this reading, and returns whether the absence is now believed.
fn is_missed_long_enough(
    db: &Connection,
    read: ReadTeam,
    ended: &Ended,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let (since, readings): (i64, u32) = db
        .prepare_cached(
            "INSERT INTO absence (target, person, since, readings, read_at)
             VALUES (:target, :person, :at, 1, :at)
             ON CONFLICT (target, person) DO UPDATE SET
                readings = readings + (read_at < :at), read_at = max(read_at, :at)
             RETURNING since, readings",
        )?
        .query_row(
            named_params! {
                ":target": read.team.0, ":person": ended.person, ":at": values::stored(at),
            },
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
    let missed = Missed {
        since: values::read(since),
        readings,
    };
    Ok(missed.is_believed(read.doubtful, at))
}

fn was_invite(db: &Connection, (team, person): (TargetId, &str)) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT ifnull((SELECT max(gone_at) FROM invite WHERE email_key = :person AND target = :target), 0)
                  > ifnull((SELECT max(valid_to) FROM member WHERE email_key = :person AND target = :target
                            AND valid_to IS NOT NULL), 0)",
        )?
        .query_row(
            named_params! { ":target": team.0, ":person": person },
            |row| row.get(0),
        )?)
}

/// Records an action that found nothing to do.
fn found_absent(
    db: &Connection,
    run: &str,
    (team, person): (TargetId, &str),
    ended: &Ended,
    kind: ActionKind,
    at: Timestamp,
) -> Result<i64, StoreError> {
    let reason = ended.reason();
    const DETAIL: &str = "readings that count do not show it";
    let what = match (ended.role, kind) {
        (Some(role), _) => role.as_str(),
        (None, ActionKind::InviteRevoke) => "invite",
        (None, _) => "access",
    };
    // An open row that could not be tried until now is the same obligation.
    let open: Option<i64> = db
        .prepare_cached(
            "SELECT id FROM action WHERE target = :target AND email_key = :person AND what = :what
             AND settled_at IS NULL ORDER BY id LIMIT 1",
        )?
        .query_row(
            named_params! { ":target": team.0, ":person": person, ":what": what },
            |row| row.get(0),
        )
        .optional()?;
    let row = match open {
        Some(row) => row,
        None => {
            db.prepare_cached(
                "INSERT INTO action (kind, target, person, what, email, email_key, reason, role, due_at,
                                     planned_at, run, state)
                 VALUES (:kind, :target, :person, :what, :email, :person, :reason, :role, :due, :at, :run, 'planned')",
            )?
            .execute(named_params! {
                ":kind": kind.as_str(), ":target": team.0, ":person": person, ":what": what,
                ":email": ended.email, ":reason": reason.as_str(), ":role": ended.role.map(Role::as_str),
                ":due": ended.due, ":at": values::stored(at), ":run": run,
            })?;
            db.last_insert_rowid()
        }
    };
    db.prepare_cached(
        "UPDATE action SET state = 'absent', evidence = 'verified', detail = :detail, settled_at = :at,
                next_try_at = NULL, run = :run WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": row, ":detail": DETAIL, ":at": values::stored(at), ":run": run,
    })?;
    let email = Email::observed(&ended.email);
    let event = Event::ActionResult(Tried {
        action: kind,
        action_id: row,
        attempt: 0,
        detail: Some(DETAIL.to_owned()),
        email: email.clone(),
        evidence: Some(Evidence::Verified),
        reason,
        run: run.to_owned(),
        state: ActionState::Absent,
        target: None,
    });
    trail::append_event(db, at, Some(team), Some(&email), &event)?;
    Ok(row)
}

/// Closes the grants that are over and whose people a doubtful reading did not show, because a
/// person accepted it.
pub(in crate::store) fn all_absent(
    db: &Connection,
    team: TargetId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let run = Runs::newest(db)?;
    for ended in ended(db, team, at, at)? {
        let key = (team, ended.person.as_str());
        if ended.role.is_none() && !is_there(db, team, key.1)? && !is_open(db, key, "access")? {
            let row = found_absent(db, &run, key, &ended, ActionKind::MemberRemove, at)?;
            access(db, team, key.1, row, at)?;
        }
    }
    Ok(())
}
