//! The review's questions, into the outbox: one mail a recipient and round.

use super::batch::Batch;
use crate::config::MailSettings;
use crate::domain::Email;
use crate::mail;
use crate::notices::MailTurn;
use crate::pass::{Pass, PassError};
use crate::report::letter::{self, Scene};
use crate::review;
use crate::store::{Outbox, Reviews};

/// Puts the questions into the outbox that are to go out in this turn, in the transaction that
/// notes that they were asked. Returns the rows of those that are not sent.
pub(super) async fn queue(
    pass: &Pass<'_>,
    settings: &MailSettings,
    turn: MailTurn,
    scene: &Scene,
) -> Result<Vec<i64>, PassError> {
    let Some(rules) = pass.review_rules() else {
        pass.store.write(Reviews::forget).await?;
        return Ok(Vec::new());
    };
    let now = turn.now;
    if !turn.goes_out(std::iter::empty()) {
        return Ok(Vec::new());
    }
    let instead = settings.to.iter();
    let instead = instead.map(|to| Email::observed(to.email.as_ref()));
    let instead: Vec<Email> = instead.collect();
    let letters = pass
        .store
        .read(move |db| {
            let open = Reviews::due(db, &rules, now)?;
            let who = Reviews::recipients(db, &open, instead, now)?;
            Ok(review::letters(&open, &rules, &who, now))
        })
        .await?;
    let batch = Batch {
        settings,
        kind: "review",
        occasion: &pass.run,
        date: now,
    };
    let mails = batch.to_each(
        letters,
        |asked| (&asked.to, Reviews::key(&asked.to, now)),
        |asked, envelope| {
            let letter = letter::review(asked, &rules, scene);
            Ok(vec![mail::compose_letter(&letter, None, envelope)?])
        },
    )?;
    if mails.is_empty() {
        return Ok(Vec::new());
    }
    Ok(pass
        .store
        .write(move |db| {
            for (asked, mail) in &mails {
                Reviews::asked(db, asked, &rules, &mail.unique_key, now)?;
            }
            Outbox::put_all(db, mails.iter().map(|(_, mail)| mail), now)
        })
        .await?)
}
