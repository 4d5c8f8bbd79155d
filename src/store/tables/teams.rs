//! Stores a complete reading of a team: judges whether to believe it, stores the changes, and
//! settles the actions that it proves or disproves.

mod told;

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use crate::domain::{
    ActionKind, Changes, Digest, Email, Finding, FlagChange, GoneBy, KnownMember, Provider, Signs,
    TargetId, TargetRef, TeamReading,
};
use crate::store::ledger::{UnderWay, absent};
use crate::store::tables::sources::{self, Complete, Doubt, SourceKind, Sources, Version};
use crate::store::{
    Ledger, Provisions, StoreError, queries::stays, tables::invites, tables::members,
};

/// The team observations' SQL.
#[derive(Debug)]
pub(crate) struct Teams;

/// The run of a reading, its time, and whether it counts where several readings must agree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) run: &'a str,
    pub(crate) at: Timestamp,
    pub(crate) counts: bool,
}

/// What is known of a team before it is read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KnownTeam {
    /// The digest of the last believed reading, if an equal one would tell nothing new: nobody is
    /// missing, and no action awaits its proof.
    pub(crate) nothing_new_if: Option<Digest>,
    /// The version of what is known.
    pub(crate) version: Version,
}

/// What became of a reading.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub(crate) enum Belief {
    /// Believed; with the changes it showed.
    Believed(Vec<Finding>),
    /// Doubtful about who is missing, and why; the people it shows were stored.
    Doubted(String, Vec<Finding>),
    /// Not a possible reading, and why: nothing of it was stored.
    Impossible(String),
}

impl Teams {
    /// What is known of every team that lapsed has tried to read before.
    pub(crate) fn known(db: &Connection) -> Result<HashMap<TargetId, KnownTeam>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT target, iif(settled = 1, digest, NULL), readings, calls FROM source
             WHERE kind = 'team'",
        )?;
        let rows = statement.query_map([], |row| {
            let version = Version {
                readings: row.get(2)?,
                calls: row.get(3)?,
            };
            let known = KnownTeam {
                nothing_new_if: row.get(1)?,
                version,
            };
            Ok((TargetId(row.get(0)?), known))
        })?;
        let mut teams: HashMap<_, _> = rows.collect::<Result<_, _>>()?;
        for team in Ledger::awaiting_proof(db)? {
            teams.entry(team).or_default().nothing_new_if = None;
        }
        Ok(teams)
    }

    /// Stores a reading: the people it shows are there. A missing person counts as gone only by the
    /// rule of [`crate::domain::Missed`].
    pub(crate) fn take(
        db: &Connection,
        team: &TargetRef,
        reading: &TeamReading,
        holder: Option<&Email>,
        look: Look<'_>,
    ) -> Result<Belief, StoreError> {
        let Look { run, at, counts } = look;
        let kind = SourceKind::Team(team.id());
        let source = Sources::get(db, team.account(), kind)?;
        let holder_id = match holder_in(reading, holder, source.holder_id.as_deref()) {
            Ok(id) => id,
            Err(why) => {
                if counts {
                    Sources::impossible(db, team.account(), kind, &why, at)?;
                }
                return Ok(Belief::Impossible(why));
            }
        };
        let ours = Ledger::under_way(db, team.id(), ActionKind::MemberRemove)?;
        let demoted = Ledger::under_way(db, team.id(), ActionKind::MemberDemote)?;
        let revoked = Ledger::under_way(db, team.id(), ActionKind::InviteRevoke)?;
        let known = members::known(db, team.id())?;
        let invited = invites::known(db, team.id())?;
        let first = source.complete_at.is_none();
        let joined: HashSet<&str> = reading.members.iter().map(|m| m.email.key()).collect();
        let signs = signs(&known, &invited, reading, &joined, (&ours, &revoked));
        // A first reading that shows nobody at all is doubtful: it does not even show the key's
        // holder.
        let nothing = first && reading.members.is_empty() && reading.invites.is_empty();
        let doubt = signs.doubt();
        let doubt = doubt.or_else(|| nothing.then(|| "the list is empty".to_owned()));
        let stays = members::Look {
            team: team.id(),
            ours: &ours,
            revoked: &revoked,
            doubtful: doubt.is_some(),
            counts,
            last_seen: source.complete_at.unwrap_or(at),
            at,
        };
        let changes = Changes::between(&known, &reading.members);
        if changes.changed.iter().any(FlagChange::is_of_address) {
            // Grants may have been recorded since the last reading that changed anything.
            stays::bind(db, team.id())?;
        }
        stays.shown(db, &changes)?;
        stays.appeared(db, &changes, first)?;
        let absent = stays.missing(db, &changes.missing)?;
        let (invites, awaited) =
            invites::take(db, &stays, invited, &reading.invites, &joined, first)?;
        told::note(db, team, &changes, &absent, &invites, &ours, first, at)?;
        Provisions::follow_members(db, team.id(), at)?;
        Ledger::settle_by_reading(db, run, team.id(), at)?;
        for gone in &absent.left {
            stays::unbind(db, team.id(), &gone.remote_id)?;
        }
        stays::bind(db, team.id())?;
        let unproven = stays.prove(db)?;
        if counts {
            Sources::counted(db, team.account(), kind, holder_id.as_deref(), at)?;
        }
        let mut found = Vec::new();
        if !first {
            found = told::findings(team, &changes, &absent.told(&stays), &demoted);
        }
        if let Some(why) = doubt {
            if counts {
                Sources::doubted(db, team.account(), kind, &why, at)?;
            }
            Sources::unsettled(db, team.account(), kind)?;
            return Ok(Belief::Doubted(why, found));
        }
        let complete = Complete {
            digest: Some(&reading.digest),
            settled: absent.awaited.is_empty() && !awaited && !unproven,
        };
        Sources::complete(db, team.account(), kind, complete, at)?;
        Ok(Belief::Believed(found))
    }

    /// Believes the last doubtful reading of a team because a person has accepted it: the people
    /// missing from it are gone. Returns why it was in doubt, and who is gone.
    pub(crate) fn accept(
        db: &Connection,
        team: &TargetRef,
        by: &str,
        at: Timestamp,
    ) -> Result<Result<(String, Vec<String>), Doubt>, StoreError> {
        let kind = SourceKind::Team(team.id());
        let doubt = match Sources::in_doubt(db, team.account(), kind)? {
            Ok(doubt) => doubt,
            Err(why) => return Ok(Err(why)),
        };
        let source = Sources::get(db, team.account(), kind)?;
        let last_seen = source.complete_at.unwrap_or(at);
        let mut gone = Vec::new();
        for member in members::known(db, team.id())? {
            if member.missed.is_some() {
                members::end_stay(db, member.row, GoneBy::Readings, true, last_seen, at)?;
                stays::unbind(db, team.id(), &member.remote_id)?;
                gone.push(member.email.written().to_owned());
            }
        }
        gone.extend(invites::end_missing(db, team.id(), at)?);
        absent::all_absent(db, team.id(), at)?;
        Sources::complete(
            db,
            team.account(),
            kind,
            Complete {
                digest: None,
                settled: false,
            },
            source.counted_at.unwrap_or(at),
        )?;
        sources::note_accepted(db, team.account(), Some(team.id()), &doubt, &gone, by, at)?;
        Ok(Ok((doubt, gone)))
    }

    /// How many people a target has: a team's members and invitees, a whitelist's open grants. Counts
    /// to `enough` and no further, since a target may have a million.
    pub(crate) fn known_people(
        db: &Connection,
        target: &TargetRef,
        enough: u64,
    ) -> Result<u64, StoreError> {
        let sql = match target.provider() {
            Provider::Sentius => {
                "SELECT count(*) FROM (
                     SELECT DISTINCT person FROM grants WHERE target = :target AND removed_at IS NULL
                     LIMIT :enough)"
            }
            Provider::Sapling => {
                "SELECT count(*) FROM (
                     SELECT email_key FROM member WHERE target = :target AND valid_to IS NULL
                     UNION SELECT email_key FROM invite WHERE target = :target AND gone_at IS NULL
                     LIMIT :enough)"
            }
        };
        let enough = i64::try_from(enough).unwrap_or(i64::MAX);
        let params = named_params! { ":target": target.id().0, ":enough": enough };
        Ok(db
            .prepare_cached(sql)?
            .query_row(params, |row| row.get(0))?)
    }

    /// The addresses that a membership has had.
    pub(crate) fn addresses(
        db: &Connection,
        team: TargetId,
        id: &str,
    ) -> Result<Vec<Email>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT DISTINCT email FROM member WHERE target = :target AND remote_id = :id",
        )?;
        let emails = statement
            .query_map(named_params! { ":target": team.0, ":id": id }, |row| {
                row.get::<_, String>(0)
            })?;
        Ok(emails
            .map(|email| email.map(Email::from))
            .collect::<Result<_, _>>()?)
    }

    /// Whether a team was ever read; if not, its members are unknown.
    pub(crate) fn was_read(db: &Connection, team: &TargetRef) -> Result<bool, StoreError> {
        let kind = SourceKind::Team(team.id());
        let source = Sources::get(db, team.account(), kind)?;
        Ok(source.complete_at.is_some() || source.counted_at.is_some())
    }

    /// How many admins a team has.
    pub(crate) fn admins(db: &Connection, team: &TargetRef) -> Result<u64, StoreError> {
        Ok(db
            .prepare_cached(
                "SELECT count(*) FROM member WHERE target = :target AND valid_to IS NULL
                 AND missing_since IS NULL AND is_admin = 1",
            )?
            .query_row(named_params! { ":target": team.id().0 }, |row| row.get(0))?)
    }
}

/// The membership of the key's holder: always present, since only an admin can read a team. Its
/// address may have changed since it was first seen.
fn holder_in(
    reading: &TeamReading,
    holder: Option<&Email>,
    known: Option<&str>,
) -> Result<Option<String>, String> {
    let Some(holder) = holder else {
        return Ok(known.map(str::to_owned));
    };
    let by_address = reading.members.iter().find(|m| m.email == *holder);
    let by_id = reading
        .members
        .iter()
        .find(|m| Some(m.remote_id.as_str()) == known);
    by_address
        .or(by_id)
        .map(|member| Some(member.remote_id.clone()))
        .ok_or_else(|| {
            format!(
                "the key's own holder is not among the members: is self_email = \"{holder}\" right?"
            )
        })
}

/// The signs for or against the reading; what lapsed itself removed does not count.
fn signs(
    known: &[KnownMember],
    invited: &[invites::Known],
    reading: &TeamReading,
    joined: &HashSet<&str>,
    (ours, revoked): (&UnderWay, &UnderWay),
) -> Signs {
    let ids: HashSet<&str> = reading
        .members
        .iter()
        .map(|m| m.remote_id.as_str())
        .collect();
    let pending: HashSet<&str> = reading.invites.iter().map(|i| i.email.key()).collect();
    let shown = |key: &str| joined.contains(key) || pending.contains(key);
    let (mut count, mut still_there) = (0, 0);
    for member in known.iter().filter(|m| !ours.contains_key(&m.remote_id)) {
        count += 1;
        still_there +=
            usize::from(ids.contains(member.remote_id.as_str()) || shown(member.email.key()));
    }
    for invite in invited
        .iter()
        .filter(|i| !revoked.contains_key(i.email.key()))
    {
        count += 1;
        still_there += usize::from(shown(invite.email.key()));
    }
    Signs {
        known: count,
        still_there,
        // A team with invitees only has no members to show.
        read: reading.members.len()
            + if known.is_empty() {
                reading.invites.len()
            } else {
                0
            },
    }
}
