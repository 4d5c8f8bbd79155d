//! Takes over a complete reading of a team: judges it, stores what changed, and settles the actions
//! that it proves or disproves.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::{Connection, named_params};
use serde::Serialize;

use super::sources::{Complete, SourceKind, SourceState, Sources};
use super::trail::{self, Entry};
use super::{Ledger, StoreError, invites, members};
use crate::domain::{
    ActionKind, Changes, Digest, Email, Finding, FindingKind, FlagChange, KnownMember, Place,
    Provider, Signs, TargetId, TargetRef, TeamReading,
};

/// The team observations' SQL.
#[derive(Debug)]
pub(crate) struct Teams;

/// For which run a reading is, when, and whether it counts where several must agree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) run: &'a str,
    pub(crate) at: Timestamp,
    pub(crate) counts: bool,
}

/// What became of a reading.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub(crate) enum Taken {
    /// Believed; with what it showed to have changed.
    Believed(Vec<Finding>),
    /// Not believed, and why.
    Doubtful(String),
}

impl Teams {
    /// The digests of the last believed readings, where an equal one would teach nothing: no member
    /// awaits a second reading, and no action awaits its proof.
    pub(crate) fn nothing_new_if(db: &Connection) -> Result<HashMap<TargetId, Digest>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT target, digest FROM source
             WHERE kind = 'team' AND settled = 1 AND digest IS NOT NULL",
        )?;
        let rows = statement.query_map([], |row| Ok((TargetId(row.get(0)?), row.get(1)?)))?;
        let mut digests: HashMap<_, _> = rows.collect::<Result<_, _>>()?;
        for team in Ledger::awaiting_proof(db)? {
            digests.remove(&team);
        }
        Ok(digests)
    }

    /// Takes a reading over, all of it or, when it is doubtful, nothing of it.
    pub(crate) fn take(
        db: &Connection,
        team: &TargetRef,
        reading: &TeamReading,
        holder: Option<&Email>,
        look: Look<'_>,
    ) -> Result<Taken, StoreError> {
        let Look { run, at, .. } = look;
        let kind = SourceKind::Team(team.id());
        let source = Sources::get(db, team.account(), kind)?;
        let ours = Ledger::under_way(db, team.id(), ActionKind::MemberRemove)?;
        let demoted = Ledger::under_way(db, team.id(), ActionKind::MemberDemote)?;
        let known = members::known(db, team.id())?;
        let mut changes = Changes::between(&known, &reading.members);
        // What lapsed itself removed is no sign of anything.
        let not_ours = |k: &&KnownMember| !k.missing && !ours.contains(k.email.key());
        let still_known = known.iter().filter(not_ours).count();
        let missing = changes.missing.iter().copied().filter(not_ours).count();
        let signs = Signs {
            known: still_known,
            still_there: still_known - missing,
            read: reading.members.len(),
            holder_there: match holder {
                Some(holder) => Some(reading.members.iter().any(|m| m.email == *holder)),
                // Whoever the holder is, a first look at nothing at all does not show them.
                None => (source.complete_at.is_none()
                    && reading.members.is_empty()
                    && reading.invites.is_empty())
                .then_some(false),
            },
        };
        let (account, digest) = (team.account(), &reading.digest);
        if let Some(doubt) = Sources::doubt(db, account, kind, &signs, digest, look.counts)? {
            if look.counts {
                let state = SourceState::Doubtful;
                Sources::problem(db, account, kind, state, &doubt, Some(digest), at)?;
            }
            return Ok(Taken::Doubtful(doubt));
        }

        let first = source.complete_at.is_none();
        let last_seen = source.complete_at.unwrap_or(at);
        let awaited = changes.left.len();
        if !look.counts {
            // Gone only after a second reading that counts; what lapsed removed is gone at once.
            changes
                .left
                .retain(|member| ours.contains(member.email.key()));
        }
        let awaited = awaited > changes.left.len();
        let waiting = members::apply(db, team.id(), &changes, &ours, last_seen, at)?;
        let invites = invites::take(db, team.id(), &reading.invites, at)?;
        note(db, team, &changes, &invites, &ours, first, at)?;
        Ledger::settle_by_reading(db, run, team.id(), at)?;
        let complete = Complete {
            digest: Some(&reading.digest),
            settled: !waiting && !awaited,
        };
        Sources::complete(db, team.account(), kind, complete, at)?;
        let mut found = Vec::new();
        if !first {
            found = findings(team, &changes, &ours, &demoted);
        }
        Ok(Taken::Believed(found))
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
                     SELECT DISTINCT email_key FROM grants WHERE target = :target AND removed_at IS NULL
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

/// One event for one reading that changed anything: who appeared, left, changed.
fn note(
    db: &Connection,
    team: &TargetRef,
    changes: &Changes<'_>,
    invites: &invites::Changed,
    ours: &HashSet<String>,
    first: bool,
    at: Timestamp,
) -> Result<(), StoreError> {
    if changes.is_empty() && invites.is_empty() {
        return Ok(());
    }
    let names = |members: &[&'_ KnownMember], by_us: bool| -> Vec<String> {
        let of = |m: &&&KnownMember| ours.contains(m.email.key()) == by_us;
        let members = members.iter().filter(of);
        members.map(|m| m.email.written().to_owned()).collect()
    };
    let mut removed = names(&changes.missing, true);
    removed.extend(names(&changes.left, true));
    let what = |c: &FlagChange<'_>| What {
        email: c.is.email.written().to_owned(),
        what: c.describe(),
    };
    let payload = Observed {
        appeared: changes.appeared.iter().map(|m| m.email.written()).collect(),
        missing: names(&changes.missing, false),
        left: names(&changes.left, false),
        removed,
        changed: changes.changed.iter().map(what).collect(),
        invited: &invites.appeared,
        invites_gone: &invites.gone,
        invites_changed: &invites.changed,
        first: first.then_some(true),
    };
    trail::append(
        db,
        &Entry {
            at,
            kind: "team.observed",
            target: Some(team.id()),
            email: None,
            payload: &payload,
        },
    )
}

/// The payload of `team.observed`: what is empty is left out.
#[derive(Serialize)]
struct Observed<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    appeared: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    removed: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changed: Vec<What>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    invited: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    invites_gone: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    invites_changed: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<bool>,
}

#[derive(Serialize)]
struct What {
    email: String,
    what: String,
}

/// What a person should hear of: not what lapsed itself did.
fn findings(
    team: &TargetRef,
    changes: &Changes<'_>,
    ours: &HashSet<String>,
    demoted: &HashSet<String>,
) -> Vec<Finding> {
    let finding = |finding, email: &Email, detail| Finding {
        finding,
        place: Place::Target(team.clone()),
        email: Some(email.clone()),
        detail,
    };
    let appeared = changes
        .appeared
        .iter()
        .map(|m| finding(FindingKind::MemberAppeared, &m.email, None));
    let left = changes
        .left
        .iter()
        .filter(|m| !ours.contains(m.email.key()))
        .map(|m| finding(FindingKind::MemberLeft, &m.email, None));
    let changed = changes
        .changed
        .iter()
        .filter(|c| !demoted.contains(c.is.email.key()))
        .map(|c| finding(FindingKind::MemberChanged, &c.is.email, Some(c.describe())));
    appeared.chain(left).chain(changed).collect()
}
