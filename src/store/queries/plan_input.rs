//! Loads the plan's input: only candidates found by index, never the whole database.

mod rows;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};

use crate::domain::{
    Email, Holder, Policy, Scope, Snapshot, SourceHealth, TargetId, TargetRef, TeamPolicy,
};
use crate::store::queries::bearer::is_meant;
use crate::store::queries::sql::{COVERS, DROPPED, EARLIER};
use crate::store::tables::members::OF_PERSON;
use crate::store::{SourceKind, Sources, StoreError, Teams, db::values, tables::targets};

/// What a snapshot is of.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The moment for which the plan is made.
    pub now: Timestamp,
    /// The waiting times of the plan.
    pub policy: Policy,
    /// The rules of teams.
    pub rules: BTreeMap<TargetRef, TeamPolicy>,
    /// The state of the teams' readings.
    pub sources: BTreeMap<TargetRef, SourceHealth>,
    /// What it is about.
    pub scope: Scope,
    /// The keys' holders, by account.
    pub holders: BTreeMap<String, Email>,
}

/// A person on a target: number and lower-case address.
type Key = (i64, String);

/// Everything that `wanted.now` may have made due.
pub(crate) fn load(db: &Connection, wanted: Wanted) -> Result<Snapshot, StoreError> {
    let loader = Loader {
        db,
        names: targets::names(db)?,
    };
    let mut snapshot = Snapshot::default();
    let mut people: BTreeSet<Key> = loader.with_ended_grants(wanted.now)?;
    let mut invites = loader.old_invites(&wanted)?;
    for (team, rule) in &wanted.rules {
        if let Some(followed) = &rule.follow {
            loader.over_on(followed, team, &wanted, None, &mut snapshot.whitelist_over)?;
            let over = snapshot.whitelist_over.keys();
            let over = over.filter(|(target, _)| target == followed);
            people.extend(over.map(|(_, email)| (team.id().0, email.key().to_owned())));
        }
        if let Some(max_age) = rule.max_age {
            let born = wanted.now.checked_sub(max_age).unwrap_or(Timestamp::MIN);
            people.extend(loader.older_than(team, born)?);
        }
    }
    people.append(&mut invites);
    people.extend(loader.with_entries(wanted.now)?);
    if wanted.policy.remove_returned {
        people.extend(loader.returned()?);
    }
    people.retain(|(target, _)| wanted.scope.holds(TargetId(*target)));
    loader.fill(&people, wanted, snapshot)
}

/// One person on all targets, whether time has made anything due or not.
pub(crate) fn load_person(
    db: &Connection,
    wanted: Wanted,
    email: &Email,
) -> Result<Snapshot, StoreError> {
    let loader = Loader {
        db,
        names: targets::names(db)?,
    };
    let snapshot = Snapshot {
        whitelist_over: whitelist_over(db, &wanted, email)?,
        ..Snapshot::default()
    };
    let people = loader.places_of(email)?;
    loader.fill(&people, wanted, snapshot)
}

/// The followed whitelists on which one person's access is over, and since when.
pub(crate) fn whitelist_over(
    db: &Connection,
    wanted: &Wanted,
    email: &Email,
) -> Result<BTreeMap<(TargetRef, Email), Timestamp>, StoreError> {
    let loader = Loader {
        db,
        names: HashMap::new(),
    };
    let mut over = BTreeMap::new();
    for (team, rule) in &wanted.rules {
        if let Some(followed) = &rule.follow {
            loader.over_on(followed, team, wanted, Some(email), &mut over)?;
        }
    }
    Ok(over)
}

struct Loader<'a> {
    db: &'a Connection,
    names: HashMap<TargetId, TargetRef>,
}

impl Loader<'_> {
    /// Loads all that concerns these people.
    fn fill(
        &self,
        people: &BTreeSet<Key>,
        wanted: Wanted,
        mut snapshot: Snapshot,
    ) -> Result<Snapshot, StoreError> {
        for (target, email_key) in people {
            self.grants(*target, email_key, &mut snapshot.grants)?;
            self.members(*target, email_key, &mut snapshot.members)?;
            self.invites(*target, email_key, &mut snapshot.invites)?;
        }
        self.suppressed(&mut snapshot)?;
        self.entries(people, &mut snapshot)?;
        self.holders(&wanted, &mut snapshot)?;
        self.read_before(people, &mut snapshot)?;
        for member in snapshot.members.iter().filter(|m| m.flags.is_admin) {
            if !snapshot.admins.contains_key(&member.target) {
                let admins = Teams::admins(self.db, &member.target)?;
                snapshot.admins.insert(member.target.clone(), admins);
            }
        }
        snapshot.sources = wanted.sources;
        snapshot.rules = wanted.rules;
        Ok(snapshot)
    }

    /// The targets where a person has an open grant, is a member or is invited.
    fn places_of(&self, email: &Email) -> Result<BTreeSet<Key>, StoreError> {
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT target, person FROM grants WHERE email_key = :email_key
             UNION SELECT target, email_key FROM member WHERE id IN {OF_PERSON} AND valid_to IS NULL
             UNION SELECT target, email_key FROM invite WHERE email_key = :email_key AND gone_at IS NULL",
        ))?;
        let rows = statement.query_map(named_params! { ":email_key": email.key() }, key)?;
        let mut places = BTreeSet::new();
        for row in rows {
            let (target, person) = row?;
            if is_meant(self.db, TargetId(target), email, &person)? {
                places.insert((target, person));
            }
        }
        Ok(places)
    }

    /// The people who have an open grant that is over, or whose row is missing from its file.
    fn with_ended_grants(&self, now: Timestamp) -> Result<BTreeSet<Key>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT target, person FROM grants WHERE removed_at IS NULL AND ends_at <= :now
             UNION ALL SELECT target, person FROM grants INDEXED BY grants_dropped
             WHERE dropped_at IS NOT NULL AND revoked = 0 AND removed_at IS NULL",
        )?;
        let rows = statement.query_map(named_params! { ":now": values::stored(now) }, key)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The people whose entry on a whitelist may have to be removed or changed.
    fn with_entries(&self, now: Timestamp) -> Result<Vec<Key>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT DISTINCT target, person FROM entry INDEXED BY entry_look WHERE look_at <= :now",
        )?;
        let rows = statement.query_map(named_params! { ":now": values::stored(now) }, key)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The people who came back after a proven absence.
    fn returned(&self) -> Result<Vec<Key>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT target, email_key FROM member WHERE valid_to IS NULL AND returned_at IS NOT NULL
             UNION SELECT target, email_key FROM invite WHERE gone_at IS NULL AND returned_at IS NOT NULL",
        )?;
        let rows = statement.query_map([], key)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Invites first seen long enough ago, and those whose address bounces.
    fn old_invites(&self, wanted: &Wanted) -> Result<BTreeSet<Key>, StoreError> {
        let seen = wanted
            .now
            .checked_sub(wanted.policy.invite_stale_after)
            .unwrap_or(Timestamp::MIN);
        let mut statement = self.db.prepare_cached(
            "SELECT target, email_key FROM invite WHERE gone_at IS NULL AND first_seen <= :seen
             UNION
             SELECT i.target, i.email_key FROM suppressed s
             JOIN invite i ON i.email_key = s.email_key AND i.gone_at IS NULL
             JOIN target t ON t.id = i.target AND t.account = s.account
             WHERE s.gone_at IS NULL",
        )?;
        let rows = statement.query_map(named_params! { ":seen": values::stored(seen) }, key)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn older_than(&self, team: &TargetRef, born: Timestamp) -> Result<Vec<Key>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT target, email_key FROM member
             WHERE target = :target AND valid_to IS NULL AND min(ifnull(created_at, first_seen), first_seen) <= :born",
        )?;
        let params = named_params! { ":target": team.id().0, ":born": values::stored(born) };
        let rows = statement.query_map(params, key)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Members and invitees of `team` who had grants on `followed`, by their present address or an
    /// earlier one, none of which gives access: all of them, or one `person`.
    fn over_on(
        &self,
        followed: &TargetRef,
        team: &TargetRef,
        wanted: &Wanted,
        person: Option<&Email>,
        over: &mut BTreeMap<(TargetRef, Email), Timestamp>,
    ) -> Result<(), StoreError> {
        let cutoff = wanted
            .now
            .checked_sub(wanted.policy.grace)
            .unwrap_or(Timestamp::MIN);
        // Both are found through the team's index.
        let (who, who_m) = match person {
            Some(_) => ("email_key = :person", "m.email_key = :person"),
            None => (":person IS NULL", ":person IS NULL"),
        };
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT p.email, max(iif({DROPPED}, o.dropped_at, o.ends_at))
             FROM (SELECT email, email_key, email_key AS known, :now AS until FROM member
                   WHERE target = :team AND valid_to IS NULL AND {who}
                   UNION SELECT email, email_key, email_key, :now FROM invite
                   WHERE target = :team AND gone_at IS NULL AND {who}
                   UNION SELECT m.email, m.email_key, e.email_key, max(e.valid_to) FROM {EARLIER}
                   WHERE m.target = :team AND m.valid_to IS NULL AND {who_m} AND e.email_key <> m.email_key
                   GROUP BY m.id, e.email_key) p
             JOIN grants o ON o.email_key = p.known AND o.target = :followed AND o.starts_at <= min(p.until, :now)
                               AND NOT o.refused AND o.role IS NULL
             GROUP BY p.email_key HAVING sum({COVERS} AND NOT {DROPPED}) = 0",
        ))?;
        let mut rows = statement.query(named_params! {
            ":team": team.id().0, ":followed": followed.id().0, ":person": person.map(Email::key),
            ":now": values::stored(wanted.now), ":cutoff": values::stored(cutoff),
        })?;
        while let Some(row) = rows.next()? {
            let email = Email::observed(row.get_ref(0)?.as_str()?);
            let since = values::read_if_any(row.get(1)?).unwrap_or(wanted.now);
            over.insert((followed.clone(), email), since);
        }
        Ok(())
    }

    fn target(&self, row: &Row<'_>) -> Result<TargetRef, StoreError> {
        targets::named(&self.names, TargetId(row.get("target")?)).cloned()
    }

    /// The teams of these people that were ever read.
    fn read_before(
        &self,
        people: &BTreeSet<Key>,
        snapshot: &mut Snapshot,
    ) -> Result<(), StoreError> {
        let targets: BTreeSet<i64> = people.iter().map(|(target, _)| *target).collect();
        for id in targets {
            let Some(team) = self.names.get(&TargetId(id)).filter(|t| t.team().is_some()) else {
                continue;
            };
            let source = Sources::get(self.db, team.account(), SourceKind::Team(team.id()))?;
            if source.complete_at.is_some() {
                snapshot.read_before.insert(team.clone());
            }
        }
        Ok(())
    }

    /// The holders of the keys of the teams that have candidates.
    fn holders(&self, wanted: &Wanted, snapshot: &mut Snapshot) -> Result<(), StoreError> {
        for member in &snapshot.members {
            let team = &member.target;
            if !snapshot.holders.contains_key(team) {
                let email = wanted.holders.get(team.account()).cloned();
                let id = Sources::holder_id(self.db, team.account(), team.id())?;
                let is_admin = self.is_admin(team, email.as_ref(), id.as_deref())?;
                let holder = Holder {
                    is_sure: email.is_some() && is_admin,
                    email,
                    id,
                };
                snapshot.holders.insert(team.clone(), holder);
            }
        }
        Ok(())
    }

    /// Whether one of the memberships of this address, or the one with this id, is an admin's.
    fn is_admin(
        &self,
        team: &TargetRef,
        email: Option<&Email>,
        id: Option<&str>,
    ) -> Result<bool, StoreError> {
        Ok(self
            .db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM member WHERE target = :team AND email_key = :email
                                AND valid_to IS NULL AND is_admin)
                     OR EXISTS (SELECT 1 FROM member WHERE target = :team AND remote_id = :id
                                AND valid_to IS NULL AND is_admin)",
            )?
            .query_row(
                named_params! { ":team": team.id().0, ":email": email.map(Email::key), ":id": id },
                |row| row.get(0),
            )?)
    }

    fn suppressed(&self, snapshot: &mut Snapshot) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT first_seen FROM suppressed
             WHERE email_key = :email AND account = :account AND gone_at IS NULL",
        )?;
        for invite in &snapshot.invites {
            let account = invite.target.account();
            let params = named_params! { ":email": invite.email.key(), ":account": account };
            let mut rows = statement.query(params)?;
            if let Some(row) = rows.next()? {
                let key = (account.to_owned(), invite.email.clone());
                snapshot.suppressed.insert(key, values::read(row.get(0)?));
            }
        }
        Ok(())
    }
}

fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    Ok((row.get(0)?, row.get(1)?))
}
