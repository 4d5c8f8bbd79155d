//! The rows of one person on one target, as the plan sees them.

use std::collections::BTreeSet;

use rusqlite::named_params;

use super::{Key, Loader};
use crate::domain::{Email, Grant, Invite, Member, Snapshot, TargetId};
use crate::store::queries::sql::DROPPED;
use crate::store::{StoreError, db::values, tables::grants};

impl Loader<'_> {
    /// All grants of a person on a target that gave access, also closed ones: a closed grant does
    /// not prove that nobody is there. One whose row is missing from its file is over since then: whether
    /// its end is written, the guard decides.
    pub(super) fn grants(
        &self,
        target: i64,
        person: &str,
        into: &mut Vec<Grant>,
    ) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT target, email, person, role, permissions, starts_at, iif({DROPPED}, dropped_at, ends_at) AS ends_at,
                    revoked OR {DROPPED} AS revoked, removed_at IS NOT NULL AS closed,
                    reopened_at IS NOT NULL AS reopened
             FROM grants WHERE target = :target AND person = :person AND removed_at IS NULL
             UNION ALL
             SELECT target, email, person, role, permissions, starts_at, ends_at, revoked, 1, reopened_at IS NOT NULL
             FROM grants WHERE target = :target AND person = :person AND removed_at IS NOT NULL AND NOT refused",
        ))?;
        let mut rows = statement.query(named_params! { ":target": target, ":person": person })?;
        while let Some(row) = rows.next()? {
            let email = Email::observed(row.get_ref("email")?.as_str()?);
            let person = row.get_ref("person")?.as_str()?;
            into.push(Grant {
                target: self.target(row)?,
                person: if person == email.key() {
                    email.clone()
                } else {
                    Email::observed(person)
                },
                email,
                role: row.get("role")?,
                flags: grants::flags(row.get_ref("permissions")?.as_str()?),
                start: values::read(row.get("starts_at")?),
                end: values::read_if_any(row.get("ends_at")?),
                revoked: row.get("revoked")?,
                closed: row.get("closed")?,
                reopened: row.get("reopened")?,
            });
        }
        Ok(())
    }

    pub(super) fn members(
        &self,
        target: i64,
        email: &str,
        into: &mut Vec<Member>,
    ) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT target, remote_id, email, is_admin, is_manager, edit_permission, inspect_permission,
                    created_at, first_seen, there_since, was_invite, returned_at,
                    iif(returned_at IS NULL, NULL,
                        (SELECT max(settled_at) FROM action a WHERE a.email_key = member.email_key
                         AND a.target = member.target AND a.state = 'done')) AS removed_at
             FROM member WHERE target = :target AND email_key = :email AND valid_to IS NULL
               AND missing_since IS NULL",
        )?;
        let mut rows = statement.query(named_params! { ":target": target, ":email": email })?;
        while let Some(row) = rows.next()? {
            into.push(Member {
                target: self.target(row)?,
                remote_id: row.get("remote_id")?,
                email: Email::observed(row.get_ref("email")?.as_str()?),
                flags: values::flags(row, "is_admin")?,
                created_at: values::read_if_any(row.get("created_at")?),
                first_seen: values::read(row.get("first_seen")?),
                there_since: values::read_if_any(row.get("there_since")?),
                continues: row.get("was_invite")?,
                returned_at: values::read_if_any(row.get("returned_at")?),
                removed_at: values::read_if_any(row.get("removed_at")?),
            });
        }
        Ok(())
    }

    /// A person's invite: the oldest one, with each spelling that is pending.
    pub(super) fn invites(
        &self,
        target: i64,
        email: &str,
        into: &mut Vec<Invite>,
    ) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT target, email, first_seen, there_since, returned_at,
                    iif(returned_at IS NULL, NULL,
                        (SELECT max(settled_at) FROM action a WHERE a.email_key = invite.email_key
                         AND a.target = invite.target AND a.state = 'done')) AS removed_at
             FROM invite WHERE target = :target AND email_key = :email AND gone_at IS NULL
               AND missing_since IS NULL
             ORDER BY first_seen, email",
        )?;
        let mut rows = statement.query(named_params! { ":target": target, ":email": email })?;
        let mut found: Option<Invite> = None;
        while let Some(row) = rows.next()? {
            let email = Email::observed(row.get_ref("email")?.as_str()?);
            if let Some(invite) = &mut found {
                invite.spellings.push(email);
                continue;
            }
            found = Some(Invite {
                target: self.target(row)?,
                spellings: vec![email.clone()],
                email,
                first_seen: values::read(row.get("first_seen")?),
                there_since: values::read_if_any(row.get("there_since")?),
                returned_at: values::read_if_any(row.get("returned_at")?),
                removed_at: values::read_if_any(row.get("removed_at")?),
            });
        }
        into.extend(found);
        Ok(())
    }

    /// The entries that whitelists may have of these people: a removal goes out in each spelling on
    /// record, since somebody may have put an earlier one back.
    pub(super) fn entries(
        &self,
        people: &BTreeSet<Key>,
        snapshot: &mut Snapshot,
    ) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT email, min(at) AS at FROM (
                 SELECT email, taken_at AS at FROM entry WHERE target = :target AND person = :person
                 UNION ALL SELECT email, recorded_at FROM grants
                 WHERE email_key = :person AND target = :target AND NOT refused
                   AND EXISTS (SELECT 1 FROM entry WHERE target = :target AND person = :person))
             GROUP BY email ORDER BY at, email",
        )?;
        for (id, person) in people {
            let Some(target) = self.names.get(&TargetId(*id)) else {
                continue;
            };
            if target.team().is_some() {
                continue;
            }
            let params = named_params! { ":target": id, ":person": person };
            let spellings = statement.query_map(params, |row| row.get::<_, String>(0))?;
            let spellings: Vec<Email> = spellings
                .map(|email| email.map(Email::from))
                .collect::<Result<_, _>>()?;
            if !spellings.is_empty() {
                let key = (target.clone(), Email::observed(person));
                snapshot.entries.insert(key, spellings);
            }
        }
        Ok(())
    }
}
