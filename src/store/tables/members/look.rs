//! A reading of a team against the members on record: who changed, who is missing, who appeared.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::insert;
use crate::domain::presence::PROOF_AFTER;
use crate::domain::{
    Changes, FlagChange, GoneBy, KnownMember, Missed, ReadMember, Shown, TargetId, believed_date,
};
use crate::store::ledger::{Sent, UnderWay};
use crate::store::{StoreError, db::values, queries::stays};

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
        Changes {
            appeared, missing, ..
        }: &Changes<'_>,
        first: bool,
    ) -> Result<(), StoreError> {
        insert(db, self.team, appeared, self.at, self.at)?;
        // In a first reading, only people with a grant matter.
        let granted = match first {
            true => Some(stays::granted(db, self.team)?),
            false => None,
        };
        let missing = missing.iter().map(|member| member.remote_id.as_str());
        let missing: HashSet<&str> = missing.collect();
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
            let stay = stays::before(db, self.team, member.email.key(), shown, &missing)?;
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
