//! Answers to the review: access is kept or ended.

use jiff::Timestamp;
use rusqlite::{Connection, Row, ToSql, named_params};

use super::Reviews;
use crate::domain::event::{Moved, Reviewed};
use crate::domain::{Email, Event, ReviewPolicy, Role, TargetRef, When};
use crate::notify::reviews;
use crate::store::queries::bearer::bearer;
use crate::store::queries::sql::{ALL_OF_PERSON, OPEN_OF_PERSON};
use crate::store::tables::grants::BY_LINK;
use crate::store::trail;
use crate::store::{Asked, Grants, StoreError, Word, db::values};

/// What an answer changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum ReviewAnswer {
    /// This many grants.
    Grants(usize),
    /// No grant is open there.
    NothingOpen,
    /// The end cannot be moved like this, and why.
    Refused(String),
    /// The grant was ended because nobody answered in time, and its access is being removed or is
    /// gone.
    TooLate,
}

/// The reason on a grant that was ended because nobody answered; such grants are found by it.
const UNANSWERED: &str = "nobody answered the review";

impl Reviews {
    /// Records that a person's access on a target is still needed, and with `end` until when. A
    /// whitelist's entry is not changed.
    pub(crate) fn keep(
        db: &Connection,
        email: &Email,
        target: &TargetRef,
        end: Option<When>,
        asked: &Asked,
        at: Timestamp,
    ) -> Result<ReviewAnswer, StoreError> {
        let too_late = Self::reopen(db, email, target, asked, at)?;
        let open = Self::open(db, email, target, at)?;
        if open.is_empty() {
            return Ok(match too_late {
                true => ReviewAnswer::TooLate,
                false => ReviewAnswer::NothingOpen,
            });
        }
        if let Some(end) = end
            && let Err(why) = Grants::extend(db, email, target, end.at(), asked, at)?
        {
            return Ok(ReviewAnswer::Refused(why));
        }
        for grant in &open {
            Self::confirm(db, grant.id, at)?;
            grant.note(db, &Event::ReviewKept(grant.reviewed(asked, None)), at)?;
        }
        Ok(ReviewAnswer::Grants(open.len()))
    }

    /// Restores the ends of grants that were ended because nobody answered, while their access
    /// still exists. Returns whether it is too late for any of them.
    pub(crate) fn reopen(
        db: &Connection,
        email: &Email,
        target: &TargetRef,
        asked: &Asked,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut too_late = false;
        for (grant, was, gone) in given_up(db, email, target)? {
            if gone {
                too_late = true;
            } else if was.is_none_or(|end| end > at) {
                grant.take_back(db, was, asked, at)?;
            }
        }
        Ok(too_late)
    }

    /// Records that a person has confirmed a grant, by any command: its review period starts again.
    pub(crate) fn confirm(db: &Connection, grant: i64, at: Timestamp) -> Result<(), StoreError> {
        db.prepare_cached("UPDATE grants SET confirmed_at = :at WHERE id = :id")?
            .execute(named_params! { ":id": grant, ":at": values::stored(at) })?;
        Self::forget_asked(db, grant)
    }

    /// Forgets who was asked: no answer is awaited any more.
    pub(in crate::store) fn forget_asked(db: &Connection, grant: i64) -> Result<(), StoreError> {
        db.prepare_cached("DELETE FROM review WHERE grant_id = :id")?
            .execute(named_params! { ":id": grant })?;
        Ok(())
    }

    /// Ends a person's grants on a target now; the next plan removes the access.
    pub(crate) fn end(
        db: &Connection,
        email: &Email,
        target: &TargetRef,
        asked: &Asked,
        at: Timestamp,
    ) -> Result<ReviewAnswer, StoreError> {
        let open = Self::open(db, email, target, at)?;
        if open.is_empty() {
            return Ok(ReviewAnswer::NothingOpen);
        }
        for grant in &open {
            Self::forget_asked(db, grant.id)?;
            grant.note(db, &Event::ReviewEnded(grant.reviewed(asked, None)), at)?;
        }
        let word = Word {
            asked: asked.clone(),
            since: at,
            at,
        };
        Grants::revoke(db, email, target, false, &word)?;
        Ok(ReviewAnswer::Grants(open.len()))
    }

    /// Records that one grant is still needed, whatever others the person has, since its owner said so
    /// by a link. Outside of a review, a moved end says it already.
    pub(in crate::store) fn keep_one(
        db: &Connection,
        grant: i64,
        target: &TargetRef,
        is_review: bool,
        asked: &Asked,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        Self::confirm(db, grant, at)?;
        for one in Self::one(db, grant, target, at)? {
            let kept = Event::ReviewKept(one.reviewed(asked, Some(BY_LINK)));
            if is_review {
                one.note(db, &kept, at)?;
            }
        }
        Ok(())
    }

    /// Ends one grant now, since its owner said so by a link; the next plan removes what no other grant
    /// gives.
    pub(in crate::store) fn end_one(
        db: &Connection,
        grant: i64,
        target: &TargetRef,
        is_review: bool,
        asked: &Asked,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        for one in Self::one(db, grant, target, at)? {
            let ended = Event::ReviewEnded(one.reviewed(asked, Some(BY_LINK)));
            if is_review {
                one.note(db, &ended, at)?;
            }
            one.cut(db, &asked.by, BY_LINK, at)?;
        }
        Ok(())
    }

    fn one(
        db: &Connection,
        grant: i64,
        target: &TargetRef,
        at: Timestamp,
    ) -> Result<Vec<OpenGrant>, StoreError> {
        let params = named_params! { ":id": grant, ":now": values::stored(at) };
        Self::running(db, "id = :id AND removed_at IS NULL", params, target)
    }

    /// Ends the grants whose review nobody answered in time.
    pub(crate) fn end_unanswered(
        db: &Connection,
        rules: &ReviewPolicy,
        at: Timestamp,
    ) -> Result<usize, StoreError> {
        let due = Self::due(db, rules, at)?;
        let mut ended = 0;
        for one in reviews::unanswered(&due, rules, at) {
            for grant in Self::one(db, one.grant, &one.target, at)? {
                grant.cut(db, "lapsed", UNANSWERED, at)?;
                ended += 1;
            }
        }
        Ok(ended)
    }

    fn open(
        db: &Connection,
        email: &Email,
        target: &TargetRef,
        at: Timestamp,
    ) -> Result<Vec<OpenGrant>, StoreError> {
        let person = bearer(db, target.id(), email)?;
        let params = named_params! {
            ":target": target.id().0, ":person": person.key(), ":now": values::stored(at),
        };
        let open = Self::running(db, OPEN_OF_PERSON, params, target)?;
        if !open.is_empty() {
            return Ok(open);
        }
        // The review names grants by the address they were given to, which somebody else may have now.
        let given_to = "target = :target AND email_key = :email AND removed_at IS NULL";
        let params = named_params! {
            ":target": target.id().0, ":email": email.key(), ":now": values::stored(at),
        };
        Self::running(db, given_to, params, target)
    }

    /// Grants that are not over and that nobody has ended, of those that a condition holds for.
    fn running(
        db: &Connection,
        condition: &str,
        params: &[(&str, &dyn ToSql)],
        target: &TargetRef,
    ) -> Result<Vec<OpenGrant>, StoreError> {
        let mut statement = db.prepare_cached(&format!(
            "SELECT id, email, role, ends_at FROM grants
             WHERE {condition} AND revoked = 0 AND ifnull(ends_at > :now, 1) ORDER BY id",
        ))?;
        let rows = statement.query_map(params, |row| OpenGrant::read(row, target))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The grants that were ended because nobody answered, and not by anything later: each with the end
/// it had, and whether its access is being removed or is gone.
fn given_up(
    db: &Connection,
    email: &Email,
    target: &TargetRef,
) -> Result<Vec<(OpenGrant, Option<Timestamp>, bool)>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT g.id, g.email, g.role, g.ends_at, p.body ->> 'was' AS was,
                g.removed_at IS NOT NULL OR EXISTS (
                    SELECT 1 FROM action a WHERE a.target = g.target AND a.email_key = g.person
                    AND a.role IS g.role AND a.tried_at >= g.ends_at
                    AND (a.state = 'intent' OR a.state = 'unknown' OR a.state = 'done' OR a.state = 'absent')
                ) AS gone
         FROM grants g
         JOIN event_payload p ON p.seq = (
             SELECT max(e.seq) FROM event_payload o JOIN event e USING (seq)
             WHERE o.email_key = g.email_key AND e.kind = 'grant.revoked' AND o.body ->> 'grant_id' = g.id)
         WHERE g.id IN {ALL_OF_PERSON} AND g.revoked = 1
           AND p.body ->> 'why' = :why
         ORDER BY g.id",
    ))?;
    let person = bearer(db, target.id(), email)?;
    let params = named_params! {
        ":target": target.id().0, ":person": person.key(), ":why": UNANSWERED,
    };
    let rows = statement.query_map(params, |row| {
        let was: Option<String> = row.get("was")?;
        let grant = OpenGrant::read(row, target)?;
        Ok((
            grant,
            was.and_then(|was| was.parse().ok()),
            row.get("gone")?,
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// An open grant under review.
struct OpenGrant {
    id: i64,
    target: TargetRef,
    email: Email,
    role: Option<Role>,
    end: Option<Timestamp>,
}

impl OpenGrant {
    fn read(row: &Row<'_>, target: &TargetRef) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            target: target.clone(),
            email: Email::observed(row.get_ref("email")?.as_str()?),
            role: row.get("role")?,
            end: values::read_if_any(row.get("ends_at")?),
        })
    }

    /// Restores the end it had before it was ended.
    fn take_back(
        &self,
        db: &Connection,
        end: Option<Timestamp>,
        asked: &Asked,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        db.prepare_cached("UPDATE grants SET revoked = 0, ends_at = :end WHERE id = :id")?
            .execute(named_params! { ":id": self.id, ":end": end.map(values::stored) })?;
        let why = "the review was answered before the access was removed";
        let moved = self.moved(end, &asked.by, why);
        self.note(db, &Event::GrantExtended(moved), at)
    }

    /// Ends it now.
    fn cut(&self, db: &Connection, by: &str, why: &str, at: Timestamp) -> Result<(), StoreError> {
        db.prepare_cached("UPDATE grants SET revoked = 1, ends_at = :at WHERE id = :id")?
            .execute(named_params! { ":id": self.id, ":at": values::stored(at) })?;
        Reviews::forget_asked(db, self.id)?;
        let moved = self.moved(Some(at), by, why);
        self.note(db, &Event::GrantRevoked(moved), at)
    }

    fn moved(&self, end: Option<Timestamp>, by: &str, why: &str) -> Moved {
        Moved {
            by: by.to_owned(),
            email: self.email.clone(),
            end,
            grant_id: self.id,
            role: self.role,
            source: None,
            target: self.target.to_target(),
            was: self.end,
            why: Some(why.to_owned()),
        }
    }

    fn reviewed(&self, asked: &Asked, why: Option<&str>) -> Reviewed {
        Reviewed {
            by: asked.by.clone(),
            email: self.email.clone(),
            grant_id: self.id,
            role: self.role,
            target: self.target.to_target(),
            why: why.map(str::to_owned),
        }
    }

    fn note(&self, db: &Connection, event: &Event, at: Timestamp) -> Result<(), StoreError> {
        trail::append_event(db, at, Some(self.target.id()), Some(&self.email), event)
    }
}
