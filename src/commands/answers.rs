//! Answers of owners by the link in a mail: what a link asks, and what is recorded. Nobody is called:
//! the next pass acts on it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::clock;
use crate::notify::links::{AnswerLink, LinkToken};
use crate::store::{LinkAnswer, LinkAnswered, LinkQuestion, Links, Store, StoreError};

/// What a token opens.
#[derive(Debug)]
pub(crate) enum Opened {
    /// Nothing: lapsed never made it, or forgot it long after it expired.
    Nothing,
    /// Nothing any more, since then.
    Expired(Timestamp),
    /// What the mail asked about, as it stands at `at`.
    Questions {
        link: AnswerLink,
        questions: Vec<LinkQuestion>,
        at: Timestamp,
    },
}

/// Looks at what a token opens; changes nothing.
pub(crate) async fn open(store: &Store, token: LinkToken) -> Result<Opened, StoreError> {
    let at = clock::now();
    let read = move |db: &_| {
        let Some(link) = Links::proven(db, &token)? else {
            return Ok(Opened::Nothing);
        };
        if link.expires_at <= at {
            return Ok(Opened::Expired(link.expires_at));
        }
        let questions = Links::questions(db, &link, at)?;
        Ok(Opened::Questions {
            link,
            questions,
            at,
        })
    };
    store.read(read).await
}

/// Records all answers, or none. The link may have expired since it was opened.
///
/// # Errors
/// Only of the database.
pub(crate) async fn answer(
    store: &Store,
    link: AnswerLink,
    answers: BTreeMap<i64, LinkAnswer>,
) -> Result<LinkAnswered, StoreError> {
    let restored = store.looks_restored().await?;
    let (owner, number) = (link.owner.clone(), answers.len());
    let at = clock::now();
    let write = move |db: &_| Links::answer(db, &link, &answers, at);
    let answered = store.write(write).await?;
    if answered == LinkAnswered::Recorded {
        store.set_mark_unless(restored.as_ref()).await;
        tracing::info!(%owner, number, "an owner answered by a link");
    }
    Ok(answered)
}
