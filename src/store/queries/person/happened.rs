//! A person's history: the trail's events that name them, and what readings showed.

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};
use serde_json::{Value, json};

use crate::domain::{Email, Event, FlagChange, KnownMember, ReadMember, TargetId};
use crate::explain::facts::flags;
use crate::explain::{Actions, Happened, Seen, What};
use crate::store::tables::members::OF_PERSON;
use crate::store::{StoreError, db::values, tables::targets};

/// What is on record about a person, unsorted.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) happened: Vec<Happened>,
    pub(crate) actions: Actions,
}

/// A person's whole history.
pub(crate) fn history(db: &Connection, email: &Email) -> Result<History, StoreError> {
    let names = targets::names(db)?;
    let name = |id: i64| names.get(&TargetId(id)).map(|target| target.written());
    let mut history = History::default();
    history.events(db, email, &name)?;
    history.approvals(db, email, &name)?;
    history.memberships(db, email, &name)?;
    history.invites(db, email, &name)?;
    history.suppressions(db, email)?;
    Ok(history)
}

impl History {
    fn events(
        &mut self,
        db: &Connection,
        email: &Email,
        name: &impl Fn(i64) -> Option<String>,
    ) -> Result<(), StoreError> {
        // Row changes are left out: another event tells what they were for.
        let mut statement = db.prepare_cached(
            "SELECT e.seq, e.at, e.kind, lower(hex(e.hash)), p.target, p.body
             FROM event_payload p JOIN event e USING (seq)
             WHERE p.email_key = :email AND NOT (e.kind >= 'rows.' AND e.kind < 'rows/')",
        )?;
        let mut rows = statement.query(named_params! { ":email": email.key() })?;
        while let Some(row) = rows.next()? {
            let kind: String = row.get(2)?;
            let body = row.get_ref(5)?.as_str()?;
            let mut detail: Value = serde_json::from_str(body).unwrap_or_default();
            if let Some(fields) = detail.as_object_mut() {
                fields.remove("rows");
            }
            let target = row.get::<_, Option<i64>>(4)?.and_then(name);
            // A team that was named before it was first seen had another number then.
            let written = || detail["target"].as_str().map(str::to_owned);
            self.happened.push(Happened {
                at: values::read(row.get(1)?),
                what: match Event::read(&kind, body) {
                    Some(event) => What::Event(Box::new(event)),
                    None => What::Other,
                },
                kind,
                target: target.or_else(written),
                event: Some((row.get(0)?, row.get(3)?)),
                detail,
            });
        }
        Ok(())
    }

    /// The kinds of the actions, and when a person approved those that were held.
    fn approvals(
        &mut self,
        db: &Connection,
        email: &Email,
        name: &impl Fn(i64) -> Option<String>,
    ) -> Result<(), StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT id, kind, reason, target, approved_at,
                    (SELECT approved_by FROM hold h WHERE h.approved_at = a.approved_at) AS by
             FROM action a WHERE email_key = :email",
        )?;
        let mut rows = statement.query(named_params! { ":email": email.key() })?;
        while let Some(row) = rows.next()? {
            let (id, action, reason): (i64, String, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            if let Some(at) = values::read_if_any(row.get(4)?) {
                let by: Option<String> = row.get(5)?;
                let detail =
                    json!({ "action_id": id, "action": action, "reason": reason, "by": by });
                self.seen(Seen::HoldApproved(by), at, name(row.get(3)?), detail);
            }
            self.actions.insert(id, (action, reason));
        }
        Ok(())
    }

    fn memberships(
        &mut self,
        db: &Connection,
        email: &Email,
        name: &impl Fn(i64) -> Option<String>,
    ) -> Result<(), StoreError> {
        let mut statement = db.prepare_cached(&format!(
            "SELECT id, target, remote_id, email, is_admin, is_manager, edit_permission, inspect_permission,
                    created_at, first_seen, valid_from, valid_to, last_seen
             FROM member WHERE id IN {OF_PERSON} ORDER BY target, remote_id, valid_from, id",
        ))?;
        let mut rows = statement.query(named_params! { ":email_key": email.key() })?;
        let mut versions = Vec::new();
        while let Some(row) = rows.next()? {
            versions.push(Version::read(row)?);
        }
        for (place, version) in versions.iter().enumerate() {
            let before = place.checked_sub(1).map(|place| &versions[place]);
            let (kind, what): (fn(String) -> Seen, _) =
                match before.filter(|was| was.goes_on_as(version)) {
                    Some(was) => (Seen::MemberChanged, was.change_to(version)),
                    None => (Seen::MemberAppeared, flags(version.member.flags)),
                };
            let member = &version.member;
            let detail = json!({
                "email": member.email.written(), "what": what, "flags": member.flags,
                "created_at": member.created_at,
            });
            self.seen(kind(what), version.from, name(version.target), detail);
            let goes_on = versions
                .get(place + 1)
                .is_some_and(|next| version.goes_on_as(next));
            if let Some(to) = version.to.filter(|_| !goes_on) {
                let detail = json!({ "last_seen": version.last_seen, "flags": member.flags });
                self.seen(Seen::MemberLeft, to, name(version.target), detail);
            }
        }
        Ok(())
    }

    fn invites(
        &mut self,
        db: &Connection,
        email: &Email,
        name: &impl Fn(i64) -> Option<String>,
    ) -> Result<(), StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT target, first_seen, gone_at, registered, confirmed FROM invite WHERE email_key = :email",
        )?;
        let mut rows = statement.query(named_params! { ":email": email.key() })?;
        while let Some(row) = rows.next()? {
            let (registered, confirmed): (bool, bool) = (row.get(3)?, row.get(4)?);
            let detail = json!({ "registered": registered, "confirmed": confirmed });
            let target = name(row.get(0)?);
            let first_seen = values::read(row.get(1)?);
            self.seen(
                Seen::InviteAppeared,
                first_seen,
                target.clone(),
                detail.clone(),
            );
            if let Some(gone) = values::read_if_any(row.get(2)?) {
                self.seen(Seen::InviteGone, gone, target, detail);
            }
        }
        Ok(())
    }

    fn suppressions(&mut self, db: &Connection, email: &Email) -> Result<(), StoreError> {
        // The index covers open rows only; closed ones are rare, and the table is small.
        let mut statement = db.prepare_cached(
            "SELECT account, first_seen, gone_at FROM suppressed WHERE email_key = :email",
        )?;
        let mut rows = statement.query(named_params! { ":email": email.key() })?;
        while let Some(row) = rows.next()? {
            let account: String = row.get(0)?;
            let target = Some(format!("sapling:{account}"));
            let detail = json!({ "account": account });
            let first_seen = values::read(row.get(1)?);
            self.seen(
                Seen::EmailSuppressed,
                first_seen,
                target.clone(),
                detail.clone(),
            );
            if let Some(gone) = values::read_if_any(row.get(2)?) {
                self.seen(Seen::EmailRestored, gone, target, detail);
            }
        }
        Ok(())
    }

    fn seen(&mut self, seen: Seen, at: Timestamp, target: Option<String>, detail: Value) {
        self.happened.push(Happened {
            at,
            kind: seen.kind().to_owned(),
            what: What::Seen(seen),
            target,
            detail,
            event: None,
        });
    }
}

/// A version of a membership.
struct Version {
    target: i64,
    member: KnownMember,
    first_seen: Timestamp,
    from: Timestamp,
    to: Option<Timestamp>,
    last_seen: Option<Timestamp>,
}

impl Version {
    fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            target: row.get("target")?,
            member: KnownMember {
                row: row.get("id")?,
                remote_id: row.get("remote_id")?,
                email: Email::observed(row.get_ref("email")?.as_str()?),
                flags: values::flags(row, "is_admin")?,
                created_at: values::read_if_any(row.get("created_at")?),
                missed: None,
                left_told: false,
            },
            first_seen: values::read(row.get("first_seen")?),
            from: values::read(row.get("valid_from")?),
            to: values::read_if_any(row.get("valid_to")?),
            last_seen: values::read_if_any(row.get("last_seen")?),
        })
    }

    /// Whether the next version continues the same membership, and is not a new one.
    fn goes_on_as(&self, next: &Self) -> bool {
        let same = |v: &Self| (v.target, v.member.remote_id.clone(), v.first_seen);
        same(self) == same(next) && self.to == Some(next.from)
    }

    /// What changed, in words.
    fn change_to(&self, next: &Self) -> String {
        let is = ReadMember {
            remote_id: next.member.remote_id.clone(),
            email: next.member.email.clone(),
            flags: next.member.flags,
            created_at: next.member.created_at,
            updated_at: None,
        };
        FlagChange {
            was: &self.member,
            is: &is,
        }
        .describe()
    }
}
