//! Answers by a link: each acts on one grant of the owner's, and counts once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::{LinkQuestion, Links, QuestionStands};
use crate::notify::links::{AnswerLink, LinkKind};
use crate::store::{Asked, Grants, Reviews, StoreError, db::values};

/// What the owner says of one grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkAnswer {
    /// It is still needed, and until then where a moment is named.
    Keep(Option<Timestamp>),
    /// It ends now.
    End,
}

/// What came of the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkAnswered {
    /// All are on record.
    Recorded,
    /// None is: these grants cannot be answered like this, and why.
    Refused(BTreeMap<i64, String>),
    /// None is: one is not among what the link asks about.
    NotAsked,
}

impl Links {
    /// Records all answers, or none. Whatever keeps one from being recorded is found before anything
    /// is changed.
    pub(crate) fn answer(
        db: &Connection,
        link: &AnswerLink,
        answers: &BTreeMap<i64, LinkAnswer>,
        at: Timestamp,
    ) -> Result<LinkAnswered, StoreError> {
        let questions = Self::questions(db, link, at)?;
        let mut asked = Vec::new();
        let mut refused = BTreeMap::new();
        for (grant, answer) in answers {
            let Some(question) = questions.iter().find(|one| one.grant == *grant) else {
                return Ok(LinkAnswered::NotAsked);
            };
            if let Some(why) = refusal(link, question, *answer, at) {
                refused.insert(*grant, why.to_owned());
            }
            asked.push((question, *answer));
        }
        if !refused.is_empty() {
            return Ok(LinkAnswered::Refused(refused));
        }
        let by = Asked {
            command: "review".to_owned(),
            by: link.owner.written().to_owned(),
        };
        for (question, answer) in asked {
            record(db, link, question, answer, &by, at)?;
        }
        Ok(LinkAnswered::Recorded)
    }
}

fn record(
    db: &Connection,
    link: &AnswerLink,
    question: &LinkQuestion,
    answer: LinkAnswer,
    by: &Asked,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (grant, target) = (question.grant, &question.target);
    let is_review = link.kind == LinkKind::Review;
    let word = match answer {
        LinkAnswer::Keep(end) => {
            if let Some(end) = end.filter(|end| question.end != Some(*end)) {
                Grants::extend_one(db, grant, target, end, by, at)?;
            }
            Reviews::keep_one(db, grant, target, is_review, by, at)?;
            "kept"
        }
        LinkAnswer::End => {
            Reviews::end_one(db, grant, target, is_review, by, at)?;
            "ended"
        }
    };
    db.prepare_cached(
        "UPDATE link_grant SET answer = :answer, answered_at = :at
         WHERE link = :link AND grant_id = :grant",
    )?
    .execute(named_params! {
        ":link": link.id, ":grant": grant, ":answer": word, ":at": values::stored(at),
    })?;
    Ok(())
}

/// Why a grant cannot be answered like this.
fn refusal(
    link: &AnswerLink,
    question: &LinkQuestion,
    answer: LinkAnswer,
    at: Timestamp,
) -> Option<&'static str> {
    match question.stands {
        QuestionStands::Open => match answer {
            LinkAnswer::Keep(Some(end)) if end <= at => {
                Some("that day is past; choose a later one, or end the access now")
            }
            LinkAnswer::Keep(Some(end)) if end <= question.start => {
                Some("the access begins only after that day; choose a later one")
            }
            LinkAnswer::Keep(None) if link.kind == LinkKind::Notice => {
                Some("it ends by itself; choose the last day until which it is kept")
            }
            LinkAnswer::Keep(_) | LinkAnswer::End => None,
        },
        QuestionStands::Kept(_) | QuestionStands::Ended { .. } => {
            Some("this was answered by the same link before, and each answer counts once")
        }
        QuestionStands::Confirmed => Some("somebody has answered for it since, by another way"),
        QuestionStands::Over => Some("it has ended since"),
    }
}
