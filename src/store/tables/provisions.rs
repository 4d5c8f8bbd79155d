//! The ledger of provisions: what is to be given, from the decision until it is settled.

mod after;
mod attempt;
mod bound;
mod follow;
mod seen;
mod settle;
mod team;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde_json::json;

use crate::domain::event::{Planned, ProvisionOnly};
use crate::domain::{
    Email, Event, Flags, Provider, ProvisionKind, Role, Standing, TakeBack, TargetId, TargetRef,
};
use crate::store::tables::{entry, targets};
use crate::store::trail;
use crate::store::{Sources, StoreError, db::values};

pub(crate) use attempt::{Intent, Posting};
pub(crate) use settle::Next;
pub(crate) use team::Outlook;

/// The ledger's SQL.
#[derive(Debug)]
pub(crate) struct Provisions;

/// Who asked for something, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The command, such as `grant`.
    pub command: String,
    /// The person: the name they stated, or the user's.
    pub by: String,
}

impl Asked {
    /// The command word of what a removal took although a grant gives it.
    pub(in crate::store) const AFTER_REMOVAL: &str = "removal";
    /// The command word of an entry that is no more what the grants come to.
    pub(in crate::store) const RENEWAL: &str = "entry";

    /// Nobody asked for it: lapsed does it by itself.
    pub(in crate::store) fn by_lapsed(command: &str) -> Self {
        Self {
            command: command.to_owned(),
            by: "lapsed".to_owned(),
        }
    }

    /// Whether lapsed renews an entry by itself.
    pub(crate) fn is_renewal(&self) -> bool {
        self.command == Self::RENEWAL
    }

    /// Whether lapsed has just taken this access off itself, and gives it back.
    pub(crate) fn is_after_removal(&self) -> bool {
        self.command == Self::AFTER_REMOVAL
    }

    /// Whether the command gives to many people, and so in batches. See `queries::owed`.
    pub(crate) fn is_for_many(&self) -> bool {
        matches!(self.command.as_str(), "import" | "undo")
    }
}

/// What is to be given.
#[derive(Debug, Clone)]
pub(crate) struct NewProvision<'a> {
    pub(crate) kind: ProvisionKind,
    pub(crate) target: &'a TargetRef,
    pub(crate) email: &'a Email,
    pub(crate) role: Option<Role>,
    /// Flags beyond those of the grants, for a member whose access is restored.
    pub(crate) flags: Flags,
    /// Not before then.
    pub(crate) due: Timestamp,
    /// What to undo in the grants if the provider refuses permanently.
    pub(crate) take_back: Vec<TakeBack>,
    pub(crate) asked: &'a Asked,
}

/// A row of the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Provision {
    pub(crate) row: i64,
    pub(crate) kind: ProvisionKind,
    pub(crate) target: TargetRef,
    pub(crate) email: Email,
    pub(crate) role: Option<Role>,
    pub(crate) flags: Flags,
    /// Not before then.
    pub(crate) due: Timestamp,
    /// Whether it was sent before, with or without an answer.
    pub(crate) tried: bool,
    /// Whether an attempt got no answer: it may have been done.
    pub(crate) unanswered: bool,
    /// Whether an entry was removed to be replaced, and the new one is not known to be there.
    pub(crate) gap: bool,
    pub(crate) asked: Asked,
}

impl Provisions {
    /// Records that something is to be given. An open row for the same person, target and role is
    /// reused, and is due at the earlier moment.
    pub(crate) fn plan(
        db: &Connection,
        new: &NewProvision<'_>,
        at: Timestamp,
    ) -> Result<i64, StoreError> {
        let key = named_params! {
            ":target": new.target.id().0, ":email_key": new.email.key(),
            ":role": new.role.map(Role::as_str),
        };
        let open: Option<(i64, String)> = db
            .prepare_cached(
                "SELECT id, take_back FROM provision
                 WHERE target = :target AND email_key = :email_key AND ifnull(role, '') = ifnull(:role, '')
                   AND settled_at IS NULL",
            )?
            .query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let earlier = open.as_ref().map_or("[]", |(_, back)| back.as_str());
        let mut take_back: Vec<TakeBack> = serde_json::from_str(earlier)
            .map_err(|e| StoreError::Corrupt(format!("a provision: {e}")))?;
        take_back.extend(new.take_back.iter().cloned());
        let take_back = json!(take_back).to_string();
        let row = match open {
            Some((row, _)) => {
                // Only two kinds replace the row's: a renewal, which knows that an entry was there,
                // and a membership, which is more than its flags.
                db.prepare_cached(
                    "UPDATE provision SET take_back = :take_back, due_at = min(due_at, :due),
                            flags = iif(:flags = '', flags, :flags), command = :command, asked_by = :by,
                            kind = iif(:kind IN ('whitelist.renew', 'member.add'), :kind, kind)
                     WHERE id = :id",
                )?
                .execute(named_params! {
                    ":id": row, ":take_back": take_back, ":due": values::stored(new.due),
                    ":flags": words(new.flags), ":command": new.asked.command,
                    ":by": new.asked.by, ":kind": new.kind.as_str(),
                })?;
                row
            }
            None => {
                db.prepare_cached(
                    "INSERT INTO provision (kind, target, email, email_key, member_id, role, flags, command,
                                            asked_by, take_back, planned_at, due_at, state)
                     VALUES (:kind, :target, :email, :email_key,
                             (SELECT remote_id FROM member WHERE target = :target AND email_key = :email_key
                              AND valid_to IS NULL ORDER BY missing_since IS NOT NULL, id LIMIT 1),
                             :role, :flags, :command, :by, :take_back, :at, :due, 'planned')",
                )?
                .execute(named_params! {
                    ":kind": new.kind.as_str(), ":target": new.target.id().0,
                    ":email": new.email.written(), ":email_key": new.email.key(),
                    ":role": new.role.map(Role::as_str), ":flags": words(new.flags),
                    ":command": new.asked.command, ":by": new.asked.by,
                    ":take_back": take_back, ":at": values::stored(at), ":due": values::stored(new.due),
                })?;
                db.last_insert_rowid()
            }
        };
        let event = Event::ProvisionPlanned(Planned {
            by: new.asked.by.clone(),
            command: new.asked.command.clone(),
            due: new.due,
            email: new.email.clone(),
            flags: Some(words(new.flags)),
            provision: new.kind,
            provision_id: row,
            role: new.role,
            target: new.target.to_target(),
        });
        trail::append_event(db, at, Some(new.target.id()), Some(new.email), &event)?;
        Ok(row)
    }

    /// Marks intents without a result as unknown: the process died before it recorded the result.
    /// Returns how many there were.
    pub(crate) fn recover(db: &Connection, at: Timestamp) -> Result<usize, StoreError> {
        let mut statement = db.prepare_cached(
            "UPDATE provision SET state = 'unknown', unanswered = 1, due_at = :at,
                    detail = 'interrupted between the call and its result'
             WHERE settled_at IS NULL AND state = 'intent' RETURNING id, target, email, tried_at",
        )?;
        let rows: Vec<(i64, i64, String, Option<i64>)> = statement
            .query_map(named_params! { ":at": values::stored(at) }, |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?
            .collect::<Result<_, _>>()?;
        if rows.is_empty() {
            return Ok(0);
        }
        let names = targets::names(db)?;
        for (row, target, email, sent) in &rows {
            let email = Email::observed(email);
            if let Some(target) = names.get(&TargetId(*target)) {
                Sources::called(db, target)?;
            }
            if let Some(sent) = values::read_if_any(*sent) {
                entry::got_no_answer(db, TargetId(*target), &email, sent)?;
            }
            let event = Event::ProvisionInterrupted(ProvisionOnly { provision_id: *row });
            trail::append_event(db, at, Some(TargetId(*target)), Some(&email), &event)?;
        }
        Ok(rows.len())
    }

    /// What is to be given now; also what waited for a person to join who is now a member.
    /// `respect_backoff` leaves failed rows until their next attempt.
    ///
    /// What was tried least often comes first, so that nothing that always fails takes the one call
    /// after each rest of its account; half-replaced entries have five tries before that counts.
    pub(crate) fn due(
        db: &Connection,
        provider: Provider,
        respect_backoff: bool,
        now: Timestamp,
    ) -> Result<Vec<Provision>, StoreError> {
        select(
            db,
            "WHERE p.settled_at IS NULL AND t.provider = :provider
               AND (p.due_at <= :now OR p.gap_since IS NOT NULL OR (NOT :respect_backoff AND (p.attempts > 0 OR p.state = 'failed'))
                    OR (p.state = 'planned' AND p.result = 'invited' AND EXISTS (
                        SELECT 1 FROM member m WHERE m.target = p.target AND m.email_key = p.email_key
                        AND m.valid_to IS NULL AND m.missing_since IS NULL)))
             ORDER BY p.attempts - iif(p.gap_since IS NULL, 0, 5), p.due_at, p.role IS NOT NULL, p.id",
            named_params! {
                ":provider": provider.as_str(), ":now": values::stored(now), ":respect_backoff": respect_backoff,
            },
        )
    }

    /// The row as it is now; or its standing, once it is settled.
    pub(crate) fn current(
        db: &Connection,
        row: i64,
    ) -> Result<Result<Provision, Standing>, StoreError> {
        let open = select(
            db,
            "WHERE p.id = :id AND p.settled_at IS NULL",
            named_params! { ":id": row },
        )?;
        match open.into_iter().next() {
            Some(provision) => Ok(Ok(provision)),
            None => Ok(Err(Self::standing(db, row)?)),
        }
    }

    fn standing(db: &Connection, row: i64) -> Result<Standing, StoreError> {
        Ok(db
            .prepare_cached("SELECT state, result, detail FROM provision WHERE id = :id")?
            .query_row(named_params! { ":id": row }, |row| {
                Ok(Standing {
                    state: row.get(0)?,
                    result: row.get(1)?,
                    detail: row.get(2)?,
                })
            })?)
    }

    /// The open row of a person, target and role.
    pub(crate) fn open(
        db: &Connection,
        target: TargetId,
        email: &Email,
        role: Option<Role>,
    ) -> Result<Option<Provision>, StoreError> {
        let found = select(
            db,
            "WHERE p.target = :target AND p.email_key = :email_key AND ifnull(p.role, '') = ifnull(:role, '')
               AND p.settled_at IS NULL",
            named_params! {
                ":target": target.0, ":email_key": email.key(), ":role": role.map(Role::as_str),
            },
        )?;
        Ok(found.into_iter().next())
    }
}

fn select(
    db: &Connection,
    filter: &str,
    params: &[(&str, &dyn rusqlite::ToSql)],
) -> Result<Vec<Provision>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT p.id, kind, p.target, email, role, flags, due_at, attempts, unanswered, gap_since IS NOT NULL AS gap, command, asked_by
         FROM provision p JOIN target t ON t.id = p.target {filter}"
    ))?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let target = targets::shown(db, TargetId(row.get("target")?))?;
        found.push(read(row, target)?);
    }
    Ok(found)
}

fn read(row: &Row<'_>, target: TargetRef) -> Result<Provision, StoreError> {
    Ok(Provision {
        row: row.get("id")?,
        kind: row.get("kind")?,
        target,
        email: Email::observed(row.get_ref("email")?.as_str()?),
        role: row.get("role")?,
        flags: flags(row.get_ref("flags")?.as_str()?),
        due: values::read(row.get("due_at")?),
        tried: row.get::<_, u32>("attempts")? > 0,
        unanswered: row.get("unanswered")?,
        gap: row.get("gap")?,
        asked: Asked {
            command: row.get("command")?,
            by: row.get("asked_by")?,
        },
    })
}

/// Flags as they are stored: the provider's names, joined by `;`.
pub(in crate::store) fn words(flags: Flags) -> String {
    let set = flags.named().into_iter().filter(|(_, is)| *is);
    set.map(|(name, _)| name).collect::<Vec<_>>().join(";")
}

fn flags(words: &str) -> Flags {
    let has = |role: &Role| words.split(';').any(|word| word == role.flag());
    let set = Role::ALL.into_iter().filter(has).map(Flags::only);
    set.fold(Flags::default(), Flags::or)
}
