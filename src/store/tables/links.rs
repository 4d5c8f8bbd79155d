//! The links by which owners answer: what each is about, and what was answered by it.

mod answers;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use crate::domain::{Email, Role, TargetId, TargetRef};
use crate::notify::links::{AnswerLink, ID_BYTES, LinkKind, LinkSecret, LinkToken, SECRET_BYTES};
use crate::store::db::{bytes, values};
use crate::store::{StoreError, tables::targets};
pub(crate) use answers::{LinkAnswer, LinkAnswered};

/// The name of the single fact that holds what signs the tokens.
const SECRET: &str = "link.secret";
/// For this long after it expired, a link is answered with when it did; then it is forgotten.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(60 * 24);

/// The tables' SQL.
#[derive(Debug)]
pub(crate) struct Links;

/// A grant that a link's mail asked about.
#[derive(Debug, Clone)]
pub(crate) struct LinkQuestion {
    pub(crate) grant: i64,
    pub(crate) email: Email,
    pub(crate) name: Option<String>,
    pub(crate) target: TargetRef,
    pub(crate) role: Option<Role>,
    pub(crate) start: Timestamp,
    pub(crate) end: Option<Timestamp>,
    pub(crate) reason: Option<String>,
    pub(crate) stands: QuestionStands,
}

/// Whether a question can still be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuestionStands {
    Open,
    /// It was kept by this link then.
    Kept(Timestamp),
    /// It was ended by this link then, and whether nothing of that is left to be done.
    Ended {
        at: Timestamp,
        is_done: bool,
    },
    /// Somebody has moved or confirmed it since the mail, by another way.
    Confirmed,
    /// It has ended.
    Over,
}

impl Links {
    /// What signs the tokens; `None` before the first link is made.
    fn secret(db: &Connection) -> Result<Option<LinkSecret>, StoreError> {
        let stored: Option<String> = db
            .prepare_cached("SELECT value FROM fact WHERE name = :name")?
            .query_row(named_params! { ":name": SECRET }, |row| row.get(0))
            .optional()?;
        let damaged = || StoreError::Corrupt("what signs the answers' links is damaged".to_owned());
        let read = |stored: String| {
            bytes::unhex(&stored)
                .map(LinkSecret::new)
                .ok_or_else(damaged)
        };
        stored.map(read).transpose()
    }

    /// The same, made when it is missing.
    pub(crate) fn secret_or_new(db: &Connection) -> Result<LinkSecret, StoreError> {
        if let Some(secret) = Self::secret(db)? {
            return Ok(secret);
        }
        let secret: [u8; SECRET_BYTES] = bytes::random()?;
        db.prepare_cached("INSERT INTO fact (name, value) VALUES (:name, :value)")?
            .execute(named_params! { ":name": SECRET, ":value": bytes::hex(&secret) })?;
        Ok(LinkSecret::new(secret))
    }

    /// A new link's number.
    pub(crate) fn new_id() -> Result<[u8; ID_BYTES], StoreError> {
        bytes::random()
    }

    /// Records a link and the grants that its mail asks about, in the transaction that puts the mail
    /// into the outbox, and forgets those that expired long ago.
    pub(crate) fn note(
        db: &Connection,
        link: &AnswerLink,
        grants: impl Iterator<Item = i64>,
    ) -> Result<(), StoreError> {
        let forgotten = link.asked_at.checked_sub(REMEMBERED);
        db.prepare_cached("DELETE FROM link WHERE expires_at < :forgotten")?
            .execute(named_params! {
                ":forgotten": values::stored(forgotten.unwrap_or(Timestamp::MIN)),
            })?;
        db.prepare_cached(
            "INSERT INTO link (id, kind, owner, asked_at, expires_at)
             VALUES (:id, :kind, :owner, :asked, :expires)",
        )?
        .execute(named_params! {
            ":id": link.id, ":kind": link.kind.as_str(), ":owner": link.owner.written(),
            ":asked": values::stored(link.asked_at), ":expires": values::stored(link.expires_at),
        })?;
        let mut insert = db.prepare_cached(
            "INSERT INTO link_grant (link, grant_id, place) VALUES (:link, :grant, :place)",
        )?;
        for (place, grant) in (0_i64..).zip(grants) {
            insert.execute(named_params! {
                ":link": link.id, ":grant": grant, ":place": place,
            })?;
        }
        Ok(())
    }

    /// The link that a token proves, be it expired or not.
    pub(crate) fn proven(
        db: &Connection,
        token: &LinkToken,
    ) -> Result<Option<AnswerLink>, StoreError> {
        let read = |row: &Row<'_>| {
            let kind: String = row.get("kind")?;
            Ok(AnswerLink {
                id: token.id,
                kind: match kind == LinkKind::Notice.as_str() {
                    true => LinkKind::Notice,
                    false => LinkKind::Review,
                },
                owner: Email::observed(row.get_ref("owner")?.as_str()?),
                asked_at: values::read(row.get("asked_at")?),
                expires_at: values::read(row.get("expires_at")?),
            })
        };
        let link = db
            .prepare_cached("SELECT kind, owner, asked_at, expires_at FROM link WHERE id = :id")?
            .query_row(named_params! { ":id": token.id }, read)
            .optional()?;
        let Some(secret) = Self::secret(db)? else {
            return Ok(None);
        };
        Ok(link.filter(|link| link.is_proven_by(token, &secret)))
    }

    /// What the link's mail asked about, in its order, as it stands now. Grants that have another owner
    /// by now are left out: they are none of this one's.
    pub(crate) fn questions(
        db: &Connection,
        link: &AnswerLink,
        now: Timestamp,
    ) -> Result<Vec<LinkQuestion>, StoreError> {
        let names = targets::names(db)?;
        let mut statement = db.prepare_cached(
            "SELECT g.id, g.target, g.email, g.name, g.role, g.starts_at, g.ends_at, g.owner, g.reason,
                    g.revoked OR g.removed_at IS NOT NULL OR ifnull(g.ends_at <= :now, 0) AS over,
                    ifnull(g.confirmed_at, g.recorded_at) > :asked AS confirmed,
                    g.removed_at IS NOT NULL AS closed, l.answer, l.answered_at
             FROM link_grant l CROSS JOIN grants g ON g.id = l.grant_id
             WHERE l.link = :link ORDER BY l.place",
        )?;
        let mut rows = statement.query(named_params! {
            ":link": link.id, ":now": values::stored(now), ":asked": values::stored(link.asked_at),
        })?;
        let mut questions = Vec::new();
        while let Some(row) = rows.next()? {
            let owner: Option<String> = row.get("owner")?;
            if owner.is_none_or(|owner| Email::observed(&owner) != link.owner) {
                continue;
            }
            let target = targets::named(&names, TargetId(row.get("target")?))?;
            questions.push(question(row, target.clone())?);
        }
        Ok(questions)
    }
}

fn question(row: &Row<'_>, target: TargetRef) -> rusqlite::Result<LinkQuestion> {
    let answer: Option<String> = row.get("answer")?;
    let answered = values::read_if_any(row.get("answered_at")?);
    let stands = match (answer.as_deref(), answered) {
        (Some("kept"), Some(at)) => QuestionStands::Kept(at),
        (Some(_), Some(at)) => QuestionStands::Ended {
            at,
            is_done: row.get("closed")?,
        },
        _ if row.get("over")? => QuestionStands::Over,
        _ if row.get("confirmed")? => QuestionStands::Confirmed,
        _ => QuestionStands::Open,
    };
    Ok(LinkQuestion {
        grant: row.get("id")?,
        email: Email::observed(row.get_ref("email")?.as_str()?),
        name: row.get("name")?,
        target,
        role: row.get("role")?,
        start: values::read(row.get("starts_at")?),
        end: values::read_if_any(row.get("ends_at")?),
        reason: row.get("reason")?,
        stands,
    })
}
