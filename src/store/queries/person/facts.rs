//! The facts about a person: grants, memberships, invites, actions, and the state of the teams'
//! readings.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::near;
use super::planned::{over, policies, wanted};
use crate::domain::event::About;
use crate::domain::{Email, Event, GrantState, Provider, TargetId, TargetRef};
use crate::explain::Rules;
use crate::explain::facts::{
    ActionFact, Facts, GrantFact, InviteFact, MemberFact, OnTarget, Proof, ProvisionFact,
    SourceFact,
};
use crate::store::queries::bearer::is_meant;
use crate::store::queries::plan_input;
use crate::store::queries::sql::{DROPPED, HELD, STANDS, TO_APPROVE};
use crate::store::tables::members::OF_PERSON;
use crate::store::{Runs, StoreError, db::values, tables::targets};

/// Everything on record about a person at `now`, in one consistent view.
pub(crate) fn facts(
    db: &Connection,
    email: &Email,
    rules: &Rules,
    now: Timestamp,
) -> Result<Facts, StoreError> {
    let mut reader = Reader {
        db,
        email,
        now,
        names: targets::names(db)?,
        proofs: Proofs::default(),
        places: BTreeMap::new(),
        written: None,
        recorded_as: None,
    };
    reader.events()?;
    reader.grants()?;
    reader.members()?;
    reader.invites()?;
    reader.actions()?;
    reader.provisions()?;
    let policies = policies(db, &rules.teams)?;
    for (target, on) in &mut reader.places {
        on.rule = policies.get(target).cloned().unwrap_or_default();
    }
    reader.sources()?;
    let Reader {
        places,
        written,
        recorded_as,
        ..
    } = reader;
    let wanted = wanted(&places, rules, policies, now);
    let over_from = over(db, email, &wanted, &places)?;
    let snapshot = plan_input::load_person(db, wanted, email)?;
    let near = match places.is_empty() {
        true => near(db, email)?,
        false => Vec::new(),
    };
    Ok(Facts {
        email: written.unwrap_or_else(|| email.clone()),
        recorded_as,
        now,
        places,
        snapshot,
        over_from,
        last_pass: Runs::last_end(db)?,
        near,
    })
}

/// The last event about each grant, action and provision.
#[derive(Default)]
struct Proofs {
    grants: HashMap<i64, Proof>,
    actions: HashMap<i64, Proof>,
    provisions: HashMap<i64, Proof>,
}

struct Reader<'a> {
    db: &'a Connection,
    email: &'a Email,
    now: Timestamp,
    names: HashMap<TargetId, TargetRef>,
    proofs: Proofs,
    places: BTreeMap<TargetRef, OnTarget>,
    /// The address as it was first recorded.
    written: Option<Email>,
    /// Another address by which the person was recorded.
    recorded_as: Option<Email>,
}

impl Reader<'_> {
    fn on(&mut self, row: &Row<'_>) -> Result<&mut OnTarget, StoreError> {
        let target = targets::named(&self.names, TargetId(row.get("target")?))?.clone();
        let written = Email::observed(row.get_ref("email")?.as_str()?);
        // A grant may have been given to the address that the membership bore then.
        let place = match written.key() == self.email.key() {
            true => &mut self.written,
            false => &mut self.recorded_as,
        };
        place.get_or_insert(written);
        Ok(self.places.entry(target).or_default())
    }

    fn events(&mut self) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT e.seq, e.at, lower(hex(e.hash)), e.kind, p.body
             FROM event_payload p JOIN event e USING (seq) WHERE p.email_key = :email ORDER BY e.seq",
        )?;
        let mut rows = statement.query(named_params! { ":email": self.email.key() })?;
        while let Some(row) = rows.next()? {
            let kind = row.get_ref(3)?.as_str()?;
            let about = Event::read(kind, row.get_ref(4)?.as_str()?).and_then(|e| e.about());
            let Some(about) = about else {
                continue;
            };
            let proof = Proof {
                seq: row.get(0)?,
                at: values::read(row.get(1)?),
                hash: row.get(2)?,
            };
            match about {
                About::Grant(grant) => self.proofs.grants.insert(grant, proof),
                About::Action(action) => self.proofs.actions.insert(action, proof),
                About::Provision(provision) => self.proofs.provisions.insert(provision, proof),
            };
        }
        Ok(())
    }

    fn grants(&mut self) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT id, target, email, person, name, permissions, role, starts_at, ends_at, revoked, refused, owner,
                    reason, recorded_at, removed_at, source, iif({DROPPED}, dropped_at, NULL) AS dropped_at
             FROM grants WHERE id IN (
                 SELECT id FROM grants WHERE email_key = :email
                 UNION SELECT g.id FROM target t CROSS JOIN grants g
                     ON g.target = t.id AND g.person = :email AND g.removed_at IS NULL)
             ORDER BY starts_at, id",
        ))?;
        let mut rows = statement.query(named_params! { ":email": self.email.key() })?;
        while let Some(row) = rows.next()? {
            let id = row.get("id")?;
            let target = TargetId(row.get("target")?);
            let person = row.get_ref("person")?.as_str()?;
            let is_open = row.get::<_, Option<i64>>("removed_at")?.is_none();
            if is_open && !is_meant(self.db, target, self.email, person)? {
                continue;
            }
            let permissions: String = row.get("permissions")?;
            let start = values::read(row.get("starts_at")?);
            let end = values::read_if_any(row.get("ends_at")?);
            let removed_at = values::read_if_any(row.get("removed_at")?);
            let grant = GrantFact {
                id,
                state: GrantState::at(self.now, start, end, removed_at),
                name: row.get("name")?,
                permissions: crate::store::queries::list::words(&permissions),
                role: row.get("role")?,
                start,
                end,
                revoked: row.get("revoked")?,
                refused: row.get("refused")?,
                owner: row.get("owner")?,
                reason: row.get("reason")?,
                source: row.get("source")?,
                dropped_at: values::read_if_any(row.get("dropped_at")?),
                recorded_at: values::read(row.get("recorded_at")?),
                removed_at,
                event: self.proofs.grants.get(&id).cloned(),
            };
            self.on(row)?.grants.push(grant);
        }
        Ok(())
    }

    fn members(&mut self) -> Result<(), StoreError> {
        // The last version wins; a current one comes last.
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT m.target, m.email, is_admin, is_manager, edit_permission, inspect_permission, created_at,
                    m.first_seen, valid_to, missing_since, last_seen,
                    (SELECT o.email FROM member o
                     WHERE m.valid_to IS NOT NULL AND o.target = m.target AND o.remote_id = m.remote_id
                       AND o.email_key <> m.email_key AND o.valid_to IS NULL AND o.missing_since IS NULL) AS now
             FROM member m WHERE id IN {OF_PERSON} ORDER BY valid_to IS NULL, valid_to, id",
        ))?;
        let mut rows = statement.query(named_params! { ":email_key": self.email.key() })?;
        while let Some(row) = rows.next()? {
            let first_seen = values::read(row.get("first_seen")?);
            let member = MemberFact {
                flags: values::flags(row, "is_admin")?,
                created_at: values::read_if_any(row.get("created_at")?),
                first_seen,
                last_seen: values::read_if_any(row.get("last_seen")?).unwrap_or(first_seen),
                missing_since: values::read_if_any(row.get("missing_since")?),
                gone_at: values::read_if_any(row.get("valid_to")?),
                now: row.get("now")?,
            };
            self.on(row)?.member = Some(member);
        }
        Ok(())
    }

    fn invites(&mut self) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT target, email, first_seen, gone_at, registered, confirmed
             FROM invite WHERE email_key = :email ORDER BY gone_at IS NULL, gone_at, id",
        )?;
        let mut rows = statement.query(named_params! { ":email": self.email.key() })?;
        while let Some(row) = rows.next()? {
            let invite = InviteFact {
                first_seen: values::read(row.get("first_seen")?),
                registered: row.get("registered")?,
                confirmed: row.get("confirmed")?,
                gone_at: values::read_if_any(row.get("gone_at")?),
            };
            self.on(row)?.invite = Some(invite);
        }
        Ok(())
    }

    fn actions(&mut self) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT id, target, email, kind, reason, role, due_at, {STANDS} AS state, evidence, detail, attempts,
                    tried_at, next_try_at, settled_at, CASE WHEN {HELD} THEN {TO_APPROVE} ELSE run END AS run
             FROM action WHERE email_key = :email ORDER BY id",
        ))?;
        let mut rows = statement.query(named_params! { ":email": self.email.key() })?;
        while let Some(row) = rows.next()? {
            let event = self.proofs.actions.get(&row.get("id")?).cloned();
            let action = ActionFact {
                action: row.get("kind")?,
                reason: row.get("reason")?,
                role: row.get("role")?,
                due: values::read(row.get("due_at")?),
                state: row.get("state")?,
                evidence: row.get("evidence")?,
                detail: row.get("detail")?,
                attempts: row.get("attempts")?,
                tried_at: values::read_if_any(row.get("tried_at")?),
                next_try_at: values::read_if_any(row.get("next_try_at")?),
                settled_at: values::read_if_any(row.get("settled_at")?),
                run: row.get("run")?,
                event,
            };
            self.on(row)?.actions.push(action);
        }
        Ok(())
    }

    fn provisions(&mut self) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT id, target, email, kind, role, command, asked_by, planned_at, due_at, state, result, detail,
                    attempts, tried_at, gap_since, settled_at
             FROM provision WHERE email_key = :email ORDER BY id",
        )?;
        let mut rows = statement.query(named_params! { ":email": self.email.key() })?;
        while let Some(row) = rows.next()? {
            let event = self.proofs.provisions.get(&row.get("id")?).cloned();
            let provision = ProvisionFact {
                provision: row.get("kind")?,
                role: row.get("role")?,
                command: row.get("command")?,
                by: row.get("asked_by")?,
                planned_at: values::read(row.get("planned_at")?),
                due: values::read(row.get("due_at")?),
                state: row.get("state")?,
                result: row.get("result")?,
                detail: row.get("detail")?,
                attempts: row.get("attempts")?,
                tried_at: values::read_if_any(row.get("tried_at")?),
                gap_since: values::read_if_any(row.get("gap_since")?),
                settled_at: values::read_if_any(row.get("settled_at")?),
                event,
            };
            self.on(row)?.provisions.push(provision);
        }
        Ok(())
    }

    /// How each team was read, and whether its account knows the address as one that bounces.
    fn sources(&mut self) -> Result<(), StoreError> {
        let mut read = self.db.prepare_cached(
            "SELECT state, since, complete_at, detail FROM source
             WHERE kind = :kind AND account = :account AND target = :target",
        )?;
        let mut listed = self
            .db
            .prepare_cached("SELECT listed FROM target WHERE id = :target")?;
        let mut bounces = self.db.prepare_cached(
            "SELECT first_seen FROM suppressed
             WHERE email_key = :email AND account = :account AND gone_at IS NULL",
        )?;
        for (target, on) in &mut self.places {
            if target.provider() == Provider::Sentius {
                continue;
            }
            let (account, id) = (target.account(), target.id().0);
            on.listed = listed.query_row(named_params! { ":target": id }, |row| row.get(0))?;
            let source = |row: &Row<'_>| {
                Ok(SourceFact {
                    state: row.get(0)?,
                    since: values::read(row.get(1)?),
                    complete_at: values::read_if_any(row.get(2)?),
                    detail: row.get(3)?,
                })
            };
            let params = named_params! { ":kind": "team", ":account": account, ":target": id };
            on.source = read.query_row(params, source).optional()?;
            // Without the account's list, none of its teams is read.
            let params = named_params! { ":kind": "teams", ":account": account, ":target": 0 };
            let list: Option<SourceFact> = read.query_row(params, source).optional()?;
            if let Some(list) = list.filter(|list| list.state != "complete") {
                let complete_at = on.source.as_ref().and_then(|s| s.complete_at);
                let detail = list.detail.map(|why| format!("the list of teams: {why}"));
                on.source = Some(SourceFact {
                    complete_at,
                    detail,
                    ..list
                });
            }
            let params = named_params! { ":email": self.email.key(), ":account": account };
            let since = bounces.query_row(params, |row| row.get(0)).optional()?;
            on.suppressed_since = values::read_if_any(since);
            let complete_at = on.source.as_ref().and_then(|s| s.complete_at);
            if let (Some(member), Some(at)) = (&mut on.member, complete_at)
                && member.gone_at.is_none()
            {
                // A member who is not missing was seen in the last reading; for others the time is
                // on record.
                if member.missing_since.is_none() {
                    member.last_seen = at;
                }
            }
        }
        Ok(())
    }
}
