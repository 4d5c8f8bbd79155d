//! The review's questions, into the outbox: one mail a recipient and round.

use super::batch::Batch;
use crate::config::MailSettings;
use crate::domain::Email;
use crate::mail::{self, MailHead};
use crate::notify::MailTurn;
use crate::notify::reviews::{self, ReviewRequest};
use crate::pass::{Pass, PassError};
use crate::report::letter::{self, Scene};
use crate::store::{Db, NewMail, Reviews};

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
            Ok(reviews::letters(&open, &rules, &who, now))
        })
        .await?;
    let batch = Batch::new(settings, "review", &pass.run, now);
    let address = |asked: &ReviewRequest| (asked.to.clone(), Reviews::key(&asked.to, now));
    let forms = |asked: &ReviewRequest, head: &MailHead<'_>| {
        let letter = letter::review(asked, &rules, scene);
        Ok(vec![mail::compose_letter(&letter, None, head)?])
    };
    let note = move |db: &Db, asked: &ReviewRequest, mail: &NewMail| {
        Reviews::asked(db, asked, &rules, &mail.unique_key, now)
    };
    batch
        .queue_each(pass.store, letters, address, forms, note)
        .await
}
