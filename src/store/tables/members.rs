//! Team members; each change begins a new version of the row.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, named_params, params};

use crate::domain::presence::PROOF_AFTER;
use crate::domain::{
    Changes, Email, FlagChange, Flags, GoneBy, KnownMember, Missed, ReadMember, Shown, TargetId,
    believed_date,
};
use crate::store::ledger::{Sent, UnderWay};
use crate::store::{StoreError, db::values, queries::stays};

/// The rows of the memberships of one person, `:email_key`: current ones by team, and past ones.
pub(in crate::store) const OF_PERSON: &str = "(
    SELECT m.id FROM target t CROSS JOIN member m
        ON m.target = t.id AND m.email_key = :email_key AND m.valid_to IS NULL
    UNION ALL SELECT id FROM member WHERE email_key = :email_key AND valid_to IS NOT NULL)";

/// The members of one team who are present, or missing but not yet believed to be gone.
pub(in crate::store) fn known(
    db: &Connection,
    team: TargetId,
) -> Result<Vec<KnownMember>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, remote_id, email, is_admin, is_manager, edit_permission, inspect_permission,
                created_at, missing_since, missed, left_told
         FROM member WHERE target = :target AND valid_to IS NULL",
    )?;
    let rows = statement.query_map(named_params! { ":target": team.0 }, |row| {
        Ok(KnownMember {
            row: row.get(0)?,
            remote_id: row.get(1)?,
            email: Email::observed(row.get_ref(2)?.as_str()?),
            flags: Flags {
                is_admin: row.get(3)?,
                is_manager: row.get(4)?,
                edit_permission: row.get(5)?,
                inspect_permission: row.get(6)?,
            },
            created_at: values::read_if_any(row.get(7)?),
            missed: match values::read_if_any(row.get(8)?) {
                Some(since) => Some(Missed {
                    since,
                    readings: row.get(9)?,
                }),
                None => None,
            },
            left_told: row.get(10)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The flags of a membership, as it was last seen.
pub(in crate::store) fn flags(
    db: &Connection,
    team: TargetId,
    remote_id: &str,
) -> Result<Flags, StoreError> {
    // Each part has an index of its own; a membership that is there is the last version.
    let flags = db
        .prepare_cached(
            "SELECT is_admin, is_manager, edit_permission, inspect_permission FROM (
                 SELECT * FROM member WHERE target = :target AND remote_id = :remote_id AND valid_to IS NULL
                 UNION ALL
                 SELECT * FROM member WHERE target = :target AND remote_id = :remote_id AND valid_to IS NOT NULL)
             ORDER BY valid_from DESC, id DESC LIMIT 1",
        )?
        .query_row(
            named_params! { ":target": team.0, ":remote_id": remote_id },
            |row| {
                Ok(Flags {
                    is_admin: row.get(0)?,
                    is_manager: row.get(1)?,
                    edit_permission: row.get(2)?,
                    inspect_permission: row.get(3)?,
                })
            },
        )
        .optional()?;
    Ok(flags.unwrap_or_default())
}

/// A member without a grant that covers them.
pub(in crate::store) struct Unmanaged<'r> {
    pub(in crate::store) email: Email,
    row: &'r Row<'r>,
}

impl Unmanaged<'_> {
    /// Since when, by the provider's date where there is one.
    pub(in crate::store) fn since(&self) -> Result<Timestamp, StoreError> {
        Ok(values::read(self.row.get(1)?))
    }

    pub(in crate::store) fn is_admin(&self) -> Result<bool, StoreError> {
        Ok(self.row.get(2)?)
    }
}

/// Passes on the members of a team without a covering grant; `holder` is the key's own address,
/// which needs none. There may be very many, so their columns are read only on request. Returns the
/// people who have running grants and are not members.
pub(in crate::store) fn unmanaged(
    db: &Connection,
    team: TargetId,
    holder: Option<&Email>,
    now: Timestamp,
    mut take: impl FnMut(Unmanaged<'_>) -> Result<(), StoreError>,
) -> Result<Vec<String>, StoreError> {
    let mut covered: HashMap<String, Covered> = HashMap::new();
    let mut statement = db.prepare_cached(
        "SELECT person, ends_at IS NULL OR ends_at > ?2 FROM grants
         WHERE target = ?1 AND removed_at IS NULL AND starts_at <= ?2",
    )?;
    let mut rows = statement.query(params![team.0, values::stored(now)])?;
    while let Some(row) = rows.next()? {
        let of_person = covered.entry(row.get(0)?).or_default();
        of_person.runs |= row.get::<_, bool>(1)?;
    }
    let mut statement = db.prepare_cached(
        "SELECT email, ifnull(created_at, first_seen), is_admin FROM member
         WHERE target = ?1 AND valid_to IS NULL AND missing_since IS NULL",
    )?;
    let mut rows = statement.query(params![team.0])?;
    while let Some(row) = rows.next()? {
        let email = Email::observed(row.get_ref(0)?.as_str()?);
        match covered.get_mut(email.key()) {
            Some(of_person) => of_person.is_there = true,
            None if holder == Some(&email) => {}
            None => take(Unmanaged { email, row })?,
        }
    }
    let is_missing = |of_person: &Covered| of_person.runs && !of_person.is_there;
    let mut missing: Vec<String> = covered
        .into_iter()
        .filter(|(_, of_person)| is_missing(of_person))
        .map(|(person, _)| person)
        .collect();
    missing.sort_unstable();
    Ok(missing)
}

/// What is known of somebody who has a grant in a team.
#[derive(Default)]
struct Covered {
    runs: bool,
    is_there: bool,
}

/// A reading in relation to the known members: stores what it shows and decides about the missing.
pub(in crate::store) struct Look<'a> {
    pub(in crate::store) team: TargetId,
    /// The memberships that lapsed itself is removing, or has removed without having read that back.
    pub(in crate::store) ours: &'a UnderWay,
    /// The addresses whose invites lapsed is revoking, or has revoked.
    pub(in crate::store) revoked: &'a UnderWay,
    /// Whether an absence needs more readings than usual.
    pub(in crate::store) doubtful: bool,
    /// Whether the reading counts for absences.
    pub(in crate::store) counts: bool,
    /// When the team was last read completely before.
    pub(in crate::store) last_seen: Timestamp,
    pub(in crate::store) at: Timestamp,
}

/// What was decided about missing members.
#[derive(Default)]
pub(in crate::store) struct Absent<'a> {
    /// Gone: removed by lapsed, or believed to be gone.
    pub(in crate::store) left: Vec<&'a KnownMember>,
    /// Missing, and not believed to be gone yet.
    pub(in crate::store) awaited: Vec<&'a KnownMember>,
}

impl<'a> Absent<'a> {
    /// Those whose absence is reported: once, not while it is in doubt, and not if lapsed itself
    /// removed them.
    pub(in crate::store) fn told(&self, look: &Look<'_>) -> Vec<&'a KnownMember> {
        let left = self.left.iter().copied();
        let awaited = self.awaited.iter().copied();
        let awaited = awaited.filter(|_| look.counts && !look.doubtful);
        left.chain(awaited)
            .filter(|member| !member.left_told && !look.ours.contains_key(&member.remote_id))
            .collect()
    }
}

impl Look<'_> {
    /// Stores the changes of members that the reading shows.
    pub(in crate::store) fn shown(
        &self,
        db: &Connection,
        changes: &Changes<'_>,
    ) -> Result<(), StoreError> {
        for member in &changes.back {
            db.prepare_cached(
                "UPDATE member SET missing_since = NULL, missed = 0, left_told = 0, last_seen = NULL WHERE id = :id",
            )?
            .execute(named_params! { ":id": member.row })?;
        }
        for change in &changes.changed {
            self.change(db, change)?;
        }
        Ok(())
    }

    /// Begins a new version; the membership and its stay continue.
    fn change(&self, db: &Connection, change: &FlagChange<'_>) -> Result<(), StoreError> {
        let (was, is) = (change.was, change.is);
        db.prepare_cached("UPDATE member SET valid_to = :at, last_seen = :at WHERE id = :id")?
            .execute(named_params! { ":id": was.row, ":at": values::stored(self.at) })?;
        let mut is = is.clone();
        is.created_at = believed_date(was.created_at, is.created_at);
        insert(db, self.team, &[&is], self.at, self.at)?;
        db.prepare_cached(
            "UPDATE member SET first_seen = w.first_seen, there_since = w.there_since,
                    was_invite = w.was_invite, returned_at = w.returned_at
             FROM (SELECT first_seen, there_since, was_invite, returned_at FROM member WHERE id = :was) w
             WHERE id = :is",
        )?
        .execute(named_params! { ":was": was.row, ":is": db.last_insert_rowid() })?;
        if change.is_of_address() {
            // Grants follow the membership, whatever address they name.
            db.prepare_cached(
                "UPDATE grants SET person = :person WHERE target = :target AND member_id = :member_id",
            )?
            .execute(named_params! {
                ":target": self.team.0, ":member_id": is.remote_id, ":person": is.email.key(),
            })?;
            // So does what is owed by it.
            db.prepare_cached(
                "UPDATE action SET email = :email, email_key = :person
                 WHERE target = :target AND person = :member_id
                   AND (settled_at IS NULL OR evidence = 'acknowledged')",
            )?
            .execute(named_params! {
                ":target": self.team.0, ":member_id": is.remote_id, ":person": is.email.key(),
                ":email": is.email.written(),
            })?;
        }
        Ok(())
    }

    /// Records who is missing, and ends the stay of those who are gone.
    pub(in crate::store) fn missing<'k>(
        &self,
        db: &Connection,
        missing: &[&'k KnownMember],
    ) -> Result<Absent<'k>, StoreError> {
        let mut absent = Absent::default();
        for &member in missing {
            let ours = self.ours.get(&member.remote_id);
            let missed = missed_again(member.missed, self.counts, self.at);
            if let Some(sent) = ours {
                let proven = self.proves(*sent);
                end_stay(
                    db,
                    member.row,
                    sent.gone_by(),
                    proven,
                    self.last_seen,
                    self.at,
                )?;
                absent.left.push(member);
            } else if self.counts && missed.is_believed(self.doubtful, self.at) {
                end_stay(
                    db,
                    member.row,
                    GoneBy::Readings,
                    true,
                    self.last_seen,
                    self.at,
                )?;
                absent.left.push(member);
            } else {
                db.prepare_cached(
                    "UPDATE member SET missing_since = :since, missed = :missed, left_told = left_told OR :told,
                            last_seen = ifnull(last_seen, :last_seen) WHERE id = :id",
                )?
                .execute(named_params! {
                    ":id": member.row, ":since": values::stored(missed.since),
                    ":missed": missed.readings, ":last_seen": values::stored(self.last_seen),
                    ":told": self.counts && !self.doubtful,
                })?;
                absent.awaited.push(member);
            }
        }
        Ok(absent)
    }

    /// Whether this reading can prove that an earlier call of lapsed had its effect.
    pub(in crate::store) fn proves(&self, sent: Sent) -> bool {
        self.counts && self.at.duration_since(sent.at) >= PROOF_AFTER
    }

    /// Stores new members. In a team that was read before, each may be a person who was never gone.
    pub(in crate::store) fn appeared(
        &self,
        db: &Connection,
        appeared: &[&ReadMember],
        first: bool,
    ) -> Result<(), StoreError> {
        insert(db, self.team, appeared, self.at, self.at)?;
        // In a first reading, only people with a grant matter.
        let granted = match first {
            true => Some(stays::granted(db, self.team)?),
            false => None,
        };
        let matters = |member: &&&ReadMember| {
            granted
                .as_ref()
                .is_none_or(|g| g.contains(member.email.key()))
        };
        for member in appeared.iter().filter(matters) {
            let shown = Shown {
                id: Some(&member.remote_id),
                created_at: member.created_at,
                absent_at: self.last_seen,
                at: self.at,
            };
            let stay = stays::before(db, self.team, member.email.key(), shown)?;
            stays::begin(db, self.team, &member.email, shown, stay.as_ref())?;
        }
        Ok(())
    }

    /// Marks what lapsed removed as proven gone, if this reading is at least ten minutes later.
    /// Returns whether some proof is still awaited.
    pub(in crate::store) fn prove(&self, db: &Connection) -> Result<bool, StoreError> {
        let late = self.at.checked_sub(PROOF_AFTER).unwrap_or(Timestamp::MIN);
        let params = named_params! {
            ":target": self.team.0, ":at": values::stored(self.at), ":late": values::stored(late),
        };
        let mut waiting = false;
        for (table, gone_at) in [("member", "valid_to"), ("invite", "gone_at")] {
            if self.counts {
                db.prepare_cached(&format!(
                    "UPDATE {table} SET proven_at = :at
                     WHERE target = :target AND gone_by = 'ours' AND proven_at IS NULL AND {gone_at} <= :late"
                ))?
                .execute(params)?;
            }
            waiting |= db
                .prepare_cached(&format!(
                    "SELECT EXISTS (SELECT 1 FROM {table}
                     WHERE target = :target AND gone_by = 'ours' AND proven_at IS NULL)"
                ))?
                .query_row(named_params! { ":target": self.team.0 }, |row| {
                    row.get::<_, bool>(0)
                })?;
        }
        Ok(waiting)
    }
}

/// How often a person has been missing, including this reading; the time runs from the first
/// reading that counts.
pub(in crate::store) fn missed_again(
    before: Option<Missed>,
    counts: bool,
    at: Timestamp,
) -> Missed {
    let before = before.filter(|missed| missed.readings > 0 || !counts);
    Missed {
        since: before.map_or(at, |missed| missed.since),
        readings: before.map_or(0, |missed| missed.readings) + u32::from(counts),
    }
}

/// Ends a member's stay. If readings showed the absence, the stay ended with the first of them.
pub(in crate::store) fn end_stay(
    db: &Connection,
    row: i64,
    by: GoneBy,
    proven: bool,
    last_seen: Timestamp,
    at: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE member SET valid_to = ifnull(missing_since, :at), missing_since = NULL, gone_by = :by,
                unanswered = :unanswered, proven_at = iif(:proven, :at, NULL),
                last_seen = ifnull(last_seen, min(:last_seen, ifnull(missing_since, :at)))
         WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": row, ":at": values::stored(at), ":last_seen": values::stored(last_seen),
        ":by": stays::word(by), ":unanswered": by == GoneBy::Unanswered, ":proven": proven,
    })?;
    Ok(())
}

/// Rows per statement: with more, the fixed cost of a statement no longer matters.
const ROWS_AT_ONCE: usize = 64;

/// Begins new versions. The parameters are positional, because names would be looked up each time.
fn insert(
    db: &Connection,
    team: TargetId,
    mut members: &[&ReadMember],
    first_seen: Timestamp,
    at: Timestamp,
) -> Result<(), StoreError> {
    while !members.is_empty() {
        // A power of two, so that a few prepared statements serve any number of members.
        let (some, rest) = members.split_at(1 << members.len().min(ROWS_AT_ONCE).ilog2());
        let rows = vec!["(?1, ?2, ?3, ?, ?, ?, ?, ?, ?, ?, ?, ?)"; some.len()].join(",");
        let mut statement = db.prepare_cached(&format!(
            "INSERT INTO member (target, first_seen, valid_from, remote_id, email, email_key, is_admin,
             is_manager, edit_permission, inspect_permission, created_at, updated_at) VALUES {rows}"
        ))?;
        let mut place = 0;
        let mut bind = |value: &dyn ToSql| {
            place += 1;
            statement.raw_bind_parameter(place, value)
        };
        bind(&team.0)?;
        bind(&values::stored(first_seen))?;
        bind(&values::stored(at))?;
        for member in some {
            bind(&member.remote_id)?;
            bind(&member.email.written())?;
            bind(&member.email.key())?;
            bind(&member.flags.is_admin)?;
            bind(&member.flags.is_manager)?;
            bind(&member.flags.edit_permission)?;
            bind(&member.flags.inspect_permission)?;
            bind(&member.created_at.map(values::stored))?;
            bind(&member.updated_at.map(values::stored))?;
        }
        statement.raw_execute()?;
        members = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, steps_of};

    #[tokio::test]
    async fn each_of_many_members_is_stored_as_they_were_read() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("l.db")).unwrap();
        let read: Vec<ReadMember> = (0..2 * ROWS_AT_ONCE + 3)
            .map(|number| ReadMember {
                remote_id: format!("id {number}"),
                email: Email::observed(&format!("Person.{number}@example.com")),
                flags: Flags {
                    is_admin: number % 2 == 0,
                    is_manager: number % 3 == 0,
                    edit_permission: number % 5 == 0,
                    inspect_permission: number % 7 == 0,
                },
                created_at: (number % 4 > 0).then_some(crate::clock::millis(Timestamp::UNIX_EPOCH)),
                updated_at: None,
            })
            .collect();
        let team = TargetId(1);
        let mut stored = store
            .write({
                let read = read.clone();
                move |db| {
                    db.execute_batch(
                        "INSERT INTO target (id, provider, account, name) VALUES (1, 'sapling', 'acme', 'Core')",
                    )?;
                    let read: Vec<&ReadMember> = read.iter().collect();
                    let at = crate::clock::now();
                    insert(db, team, &read, at, at)?;
                    known(db, team)
                }
            })
            .await
            .unwrap();
        assert_eq!(stored.len(), read.len());
        stored.sort_by_key(|member| member.row);
        for (is, was) in stored.iter().zip(&read) {
            assert_eq!(is.remote_id, was.remote_id);
            assert_eq!(is.email.written(), was.email.written());
            assert_eq!((is.flags, is.created_at), (was.flags, was.created_at));
        }
    }

    #[tokio::test]
    async fn no_question_about_one_person_walks_all_members() {
        let sql = format!("SELECT * FROM member WHERE id IN {OF_PERSON}");
        let plan = steps_of(&sql).await;
        for index in ["member_team (target=? AND email_key=?)", "member_past"] {
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:?}");
        }
        let walked = |step: &String| step.starts_with("SCAN m");
        assert!(!plan.iter().any(walked), "{plan:?}");
    }
}
