//! Revoking access at a person's request: where a person may have access, and the grants that end
//! now.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use rusqlite::{Connection, named_params};
use serde::Serialize;
use strum::IntoStaticStr;

use super::Grants;
use super::moves::{Open, note, read};
use crate::domain::{Email, Event, Provider, Role, Target, TargetId, TargetRef};
use crate::store::queries::bearer::bearer;
use crate::store::queries::sql::{ALL_OF_PERSON, OPEN_OF_PERSON};
use crate::store::queries::stays::MEMBERSHIP;
use crate::store::tables::entry;
use crate::store::tables::members::OF_PERSON;
use crate::store::{Asked, Provisions, StoreError, Targets, db::values, tables::targets};

/// What a person has at a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, IntoStaticStr)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "snake_case")]
pub enum Held {
    /// A grant that is not closed.
    Grant,
    /// A membership, as last read.
    Member,
    /// An invite, as last read.
    Invite,
    /// Perhaps an entry on a whitelist, which cannot be read.
    Entry,
}

impl Held {
    /// The word in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Where a person may have access: open grants, memberships and invites as last read. A membership
/// that had the address before is theirs as long as no other has it now.
const HELD: [(Held, &str); 3] = [
    (
        Held::Grant,
        "SELECT target FROM grants WHERE email_key = :email_key AND removed_at IS NULL
         UNION SELECT g.target FROM target t CROSS JOIN grants g ON g.target = t.id
               AND g.person = :email_key AND g.removed_at IS NULL
         UNION SELECT g.target FROM member was CROSS JOIN grants g ON g.target = was.target
               AND g.member_id = was.remote_id AND g.removed_at IS NULL
         WHERE was.email_key = :email_key AND was.valid_to IS NOT NULL",
    ),
    (
        Held::Member,
        "SELECT m.target FROM member m CROSS JOIN target t ON t.id = m.target AND t.listed = 1
         WHERE m.id IN {OF_PERSON} AND m.valid_to IS NULL
         UNION SELECT m.target FROM member was CROSS JOIN target t ON t.id = was.target AND t.listed = 1
         CROSS JOIN member m ON m.target = was.target AND m.remote_id = was.remote_id AND m.valid_to IS NULL
         WHERE was.email_key = :email_key AND was.valid_to IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM member o WHERE o.target = m.target AND o.email_key = :email_key
                           AND o.valid_to IS NULL)",
    ),
    (
        Held::Invite,
        "SELECT i.target FROM invite i JOIN target t ON t.id = i.target AND t.listed = 1
         WHERE email_key = :email_key AND gone_at IS NULL",
    ),
];

/// A request to end access.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) asked: Asked,
    /// When it was made.
    pub(crate) since: Timestamp,
    /// The moment it takes effect: all access seen until then ends.
    pub(crate) at: Timestamp,
}

impl Grants {
    /// Where a person may have access, and what: grants, memberships, invites, and each of these
    /// whitelists, since they cannot be read.
    pub(crate) fn held(
        db: &Connection,
        email: &Email,
        whitelists: &[Target],
    ) -> Result<BTreeMap<TargetRef, BTreeSet<Held>>, StoreError> {
        let names = targets::names(db)?;
        let mut places: BTreeMap<TargetRef, BTreeSet<Held>> = BTreeMap::new();
        for (held, sql) in HELD {
            let mut statement = db.prepare_cached(&sql.replace("{OF_PERSON}", OF_PERSON))?;
            let mut rows = statement.query(named_params! { ":email_key": email.key() })?;
            while let Some(row) = rows.next()? {
                let Some(target) = names.get(&TargetId(row.get(0)?)) else {
                    continue;
                };
                if held != Held::Grant || Self::has_open(db, target, email)? {
                    places.entry(target.clone()).or_default().insert(held);
                }
            }
        }
        for whitelist in whitelists {
            // A whitelist without any record has no number yet.
            let target = Targets::find(db, whitelist)?
                .unwrap_or_else(|| TargetRef::new(TargetId(0), whitelist.clone()));
            places.entry(target).or_default().insert(Held::Entry);
        }
        Ok(places)
    }

    /// Whether the person that an address means has an open grant at a target.
    fn has_open(db: &Connection, target: &TargetRef, email: &Email) -> Result<bool, StoreError> {
        let person = bearer(db, target.id(), email)?;
        Ok(db
            .prepare_cached(&format!(
                "SELECT EXISTS (SELECT 1 FROM grants WHERE {OPEN_OF_PERSON})"
            ))?
            .query_row(
                named_params! { ":target": target.id().0, ":person": person.key() },
                |row| row.get(0),
            )?)
    }

    /// The whitelists where an entry or a grant of a person is on record.
    pub(crate) fn whitelisted(
        db: &Connection,
        email: &Email,
    ) -> Result<Vec<TargetRef>, StoreError> {
        let names = targets::names(db)?;
        let mut statement = db.prepare_cached(
            "SELECT t.id FROM target t WHERE t.provider = 'sentius'
                AND (EXISTS (SELECT 1 FROM entry e WHERE e.target = t.id AND e.person = :email_key)
                  OR EXISTS (SELECT 1 FROM grants g WHERE g.target = t.id AND g.person = :email_key))",
        )?;
        let rows = statement.query_map(named_params! { ":email_key": email.key() }, |row| {
            row.get(0).map(TargetId)
        })?;
        let ids: Vec<TargetId> = rows.collect::<Result<_, _>>()?;
        let named = ids.iter().filter_map(|id| names.get(id).cloned());
        Ok(named.collect())
    }

    /// Whether anything is on record about a person, or was ever read.
    pub(crate) fn is_listed(db: &Connection, email: &Email) -> Result<bool, StoreError> {
        let has_entry = db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM target t CROSS JOIN entry e
                                ON e.target = t.id AND e.person = :email_key)",
            )?
            .query_row(named_params! { ":email_key": email.key() }, |row| {
                row.get(0)
            })?;
        Ok(has_entry || Self::knows(db, email)?)
    }

    /// The addresses by which the records know a person at these targets.
    pub(crate) fn borne_by(
        db: &Connection,
        email: &Email,
        targets: &[TargetRef],
    ) -> Result<HashSet<String>, StoreError> {
        let borne = targets.iter().map(|target| bearer(db, target.id(), email));
        let mut all = HashSet::from([email.key().to_owned()]);
        for borne in borne {
            all.insert(borne?.key().to_owned());
        }
        Ok(all)
    }

    /// Ends a person's grants on a target now. If no grant is cut short by that, one is recorded
    /// that is over at once, so that plan and trail know why the access is removed. The same
    /// request counts once, unless the person was seen to have come back since.
    pub(crate) fn revoke(
        db: &Connection,
        email: &Email,
        target: &TargetRef,
        everything: bool,
        word: &Word,
    ) -> Result<(), StoreError> {
        let (asked, at) = (&word.asked, word.at);
        let person = bearer(db, target.id(), email)?;
        Provisions::withdraw(db, target.id(), &person, "revoked", at)?;
        let mut statement = db.prepare_cached(&format!(
            "SELECT id, role, starts_at, ends_at, member_id FROM grants WHERE {OPEN_OF_PERSON}"
        ))?;
        let params = named_params! { ":target": target.id().0, ":person": person.key() };
        let open: Vec<Open> = statement
            .query_map(params, read)?
            .collect::<Result<_, _>>()?;
        for grant in &open {
            let changed = db
                .prepare_cached(
                    "UPDATE grants SET revoked = 1, ends_at = min(ifnull(ends_at, :at), :at)
                     WHERE id = :id AND revoked = 0",
                )?
                .execute(named_params! { ":id": grant.id, ":at": values::stored(at) })?;
            if changed > 0 {
                note(
                    db,
                    Event::GrantRevoked,
                    target,
                    email,
                    grant,
                    Some(at),
                    asked,
                    at,
                )?;
            }
        }
        if target.provider() == Provider::Sentius {
            // A whitelist cannot be read: the address may be on it as typed now, or in any recorded
            // spelling.
            entry::may_be_there(db, target.id(), email, at)?;
            for written in spellings(db, email)? {
                entry::may_be_there(db, target.id(), &written, at)?;
            }
        }
        let access = open.is_empty() || everything || open.iter().any(|g| g.role.is_none());
        // A role alone ends without the membership.
        let roles: BTreeSet<Option<Role>> = match access {
            true => [None].into(),
            false => open.iter().map(|g| g.role).collect(),
        };
        for role in roles {
            if !is_cut(db, &person, target, role, word)? {
                record_word(db, email, &person, target, role, word)?;
            }
        }
        Ok(())
    }
}

/// The spellings of a person's address in grants.
fn spellings(db: &Connection, email: &Email) -> Result<Vec<Email>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT DISTINCT email FROM grants WHERE email_key = :email_key")?;
    let rows = statement.query_map(named_params! { ":email_key": email.key() }, |row| {
        row.get::<_, String>(0)
    })?;
    Ok(rows
        .map(|row| row.map(Email::from))
        .collect::<Result<_, _>>()?)
}

/// Whether this request has ended a grant already, and the person has not come back since.
fn is_cut(
    db: &Connection,
    person: &Email,
    target: &TargetRef,
    role: Option<Role>,
    word: &Word,
) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            &format!("SELECT EXISTS (
                 SELECT 1 FROM grants g WHERE g.id IN {ALL_OF_PERSON}
                    AND g.role IS :role AND g.revoked = 1 AND g.ends_at BETWEEN :since AND :at
                    AND NOT EXISTS (SELECT 1 FROM member m WHERE m.target = g.target AND m.email_key = g.person
                                    AND m.valid_to IS NULL AND m.returned_at > g.ends_at)
                    AND NOT EXISTS (SELECT 1 FROM invite i WHERE i.target = g.target AND i.email_key = g.person
                                    AND i.gone_at IS NULL AND i.returned_at > g.ends_at))"),
        )?
        .query_row(
            named_params! {
                ":person": person.key(), ":target": target.id().0,
                ":role": role.map(Role::as_str), ":since": values::stored(word.since),
                ":at": values::stored(word.at),
            },
            |row| row.get(0),
        )?)
}

/// Records a grant that begins and ends at once.
fn record_word(
    db: &Connection,
    email: &Email,
    person: &Email,
    target: &TargetRef,
    role: Option<Role>,
    word: &Word,
) -> Result<(), StoreError> {
    let at = word.at;
    db.prepare_cached(&format!(
        "INSERT INTO grants (target, email, email_key, person, member_id, role, starts_at, ends_at, revoked,
                             reason, recorded_at)
         VALUES (:target, :email, :email_key, :person, {MEMBERSHIP}, :role, :at, :at, 1,
                 'revoked without a running grant', :at)",
    ))?
    .execute(named_params! {
        ":target": target.id().0, ":email": email.written(), ":email_key": email.key(),
        ":person": person.key(), ":role": role.map(Role::as_str), ":at": values::stored(at),
    })?;
    let grant = Open {
        id: db.last_insert_rowid(),
        role,
        start: at,
        end: None,
        member_id: None,
    };
    note(
        db,
        Event::GrantRevoked,
        target,
        email,
        &grant,
        Some(at),
        &word.asked,
        at,
    )
}
