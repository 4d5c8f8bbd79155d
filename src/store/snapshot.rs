//! Loads what the plan looks at: candidates found by index, never all that is kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};

use super::members::OF_PERSON;
use super::{StoreError, Teams, targets, time};
use crate::domain::{
    Email, Grant, Invite, Member, Reach, Role, Snapshot, SourceHealth, TargetId, TargetRef,
    TeamPolicy,
};
use crate::plan::Policy;

/// What a snapshot is of.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The moment for which the plan is made.
    pub now: Timestamp,
    /// How patient the plan is.
    pub policy: Policy,
    /// The rules of teams.
    pub rules: BTreeMap<TargetRef, TeamPolicy>,
    /// How the teams' readings fared.
    pub sources: BTreeMap<TargetRef, SourceHealth>,
    /// What it is about.
    pub reach: Reach,
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
    people.retain(|(target, _)| wanted.reach.holds(TargetId(*target)));
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
        for member in snapshot.members.iter().filter(|m| m.is_admin) {
            if !snapshot.admins.contains_key(&member.target) {
                let admins = Teams::admins(self.db, &member.target)?;
                snapshot.admins.insert(member.target.clone(), admins);
            }
        }
        snapshot.sources = wanted.sources;
        snapshot.rules = wanted.rules;
        Ok(snapshot)
    }

    /// Wherever a person has an open grant, is a member or is invited.
    fn places_of(&self, email: &Email) -> Result<BTreeSet<Key>, StoreError> {
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT target, email_key FROM grants WHERE email_key = :email_key AND removed_at IS NULL
             UNION SELECT target, email_key FROM member WHERE id IN {OF_PERSON} AND valid_to IS NULL
             UNION SELECT target, email_key FROM invite WHERE email_key = :email_key AND gone_at IS NULL",
        ))?;
        let rows = statement.query_map(named_params! { ":email_key": email.key() }, key)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whoever has an open grant that is over.
    fn with_ended_grants(&self, now: Timestamp) -> Result<BTreeSet<Key>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT target, email_key FROM grants WHERE removed_at IS NULL AND ends_at <= :now",
        )?;
        let rows = statement.query_map(named_params! { ":now": time::stored(now) }, key)?;
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
        let rows = statement.query_map(named_params! { ":seen": time::stored(seen) }, key)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn older_than(&self, team: &TargetRef, born: Timestamp) -> Result<Vec<Key>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT target, email_key FROM member
             WHERE target = :target AND valid_to IS NULL AND ifnull(created_at, first_seen) <= :born",
        )?;
        let params = named_params! { ":target": team.id().0, ":born": time::stored(born) };
        let rows = statement.query_map(params, key)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Members and invitees of `team` who had grants on `followed`, none of which gives access: all
    /// of them, or one `person`.
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
        // Either is found by the team's index.
        let who = match person {
            Some(_) => "email_key = :person",
            None => ":person IS NULL",
        };
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT p.email, max(ifnull(g.removed_at, 0), max(g.ends_at))
             FROM (SELECT email, email_key FROM member WHERE target = :team AND valid_to IS NULL AND {who}
                   UNION SELECT email, email_key FROM invite WHERE target = :team AND gone_at IS NULL AND {who}) p
             JOIN grants g ON g.email_key = p.email_key AND g.target = :followed AND g.starts_at <= :now
                               AND NOT g.refused
             GROUP BY p.email_key
             HAVING sum(g.removed_at IS NULL AND (g.ends_at IS NULL OR g.ends_at > iif(g.revoked, :now, :cutoff))) = 0",
        ))?;
        let mut rows = statement.query(named_params! {
            ":team": team.id().0, ":followed": followed.id().0, ":person": person.map(Email::key),
            ":now": time::stored(wanted.now), ":cutoff": time::stored(cutoff),
        })?;
        while let Some(row) = rows.next()? {
            let email = Email::observed(row.get_ref(0)?.as_str()?);
            let since = time::read_if_any(row.get(1)?).unwrap_or(wanted.now);
            over.insert((followed.clone(), email), since);
        }
        Ok(())
    }

    fn target(&self, row: &Row<'_>) -> Result<TargetRef, StoreError> {
        let id = TargetId(row.get("target")?);
        let known = self.names.get(&id).cloned();
        known.ok_or_else(|| StoreError::Corrupt(format!("target {} is missing", id.0)))
    }

    fn grants(&self, target: i64, email: &str, into: &mut Vec<Grant>) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT target, email, role, permissions, starts_at, ends_at, revoked FROM grants
             WHERE target = :target AND email_key = :email AND removed_at IS NULL",
        )?;
        let mut rows = statement.query(named_params! { ":target": target, ":email": email })?;
        while let Some(row) = rows.next()? {
            let role: Option<String> = row.get("role")?;
            into.push(Grant {
                target: self.target(row)?,
                email: Email::observed(row.get_ref("email")?.as_str()?),
                role: role.and_then(|r| r.parse::<Role>().ok()),
                flags: super::grants::flags(row.get_ref("permissions")?.as_str()?),
                start: time::read(row.get("starts_at")?),
                end: time::read_if_any(row.get("ends_at")?),
                revoked: row.get("revoked")?,
            });
        }
        Ok(())
    }

    fn members(&self, target: i64, email: &str, into: &mut Vec<Member>) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT target, remote_id, email, is_admin, is_manager, edit_permission, inspect_permission,
                    ifnull(created_at, first_seen) AS since
             FROM member WHERE target = :target AND email_key = :email AND valid_to IS NULL",
        )?;
        let mut rows = statement.query(named_params! { ":target": target, ":email": email })?;
        while let Some(row) = rows.next()? {
            into.push(Member {
                target: self.target(row)?,
                remote_id: row.get("remote_id")?,
                email: Email::observed(row.get_ref("email")?.as_str()?),
                is_admin: row.get("is_admin")?,
                is_manager: row.get("is_manager")?,
                edit_permission: row.get("edit_permission")?,
                inspect_permission: row.get("inspect_permission")?,
                since: time::read(row.get("since")?),
            });
        }
        Ok(())
    }

    fn invites(&self, target: i64, email: &str, into: &mut Vec<Invite>) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT target, email, first_seen FROM invite
             WHERE target = :target AND email_key = :email AND gone_at IS NULL",
        )?;
        let mut rows = statement.query(named_params! { ":target": target, ":email": email })?;
        while let Some(row) = rows.next()? {
            into.push(Invite {
                target: self.target(row)?,
                email: Email::observed(row.get_ref("email")?.as_str()?),
                first_seen: time::read(row.get("first_seen")?),
            });
        }
        Ok(())
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
                snapshot.suppressed.insert(key, time::read(row.get(0)?));
            }
        }
        Ok(())
    }
}

fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    Ok((row.get(0)?, row.get(1)?))
}
