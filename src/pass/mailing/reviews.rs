//! The review's questions, into the outbox: one mail a recipient and round.

use super::{MailError, is_ours, mailbox};
use crate::config::MailSettings;
use crate::domain::Email;
use crate::mail;
use crate::notices::Turn;
use crate::pass::{Pass, PassError};
use crate::report::letter::{self, Scene};
use crate::review;
use crate::store::{NewMail, Outbox, Reviews};

/// Puts the questions into the outbox that are to go out in this turn, in the transaction that
/// notes that they were asked. Returns the rows of those that are not sent.
pub(super) async fn queue(
    pass: &Pass<'_>,
    settings: &MailSettings,
    turn: Turn,
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
    let from = &settings.from;
    let mut mails = Vec::with_capacity(letters.len());
    for (place, asked) in letters.into_iter().enumerate() {
        let Some(to) = mailbox(&asked.to) else {
            continue;
        };
        let message_id = mail::message_id(from, &format!("review-{}-{place}", pass.run));
        let letter = letter::review(&asked, &rules, scene);
        let body = mail::compose_letter(&letter, None, from, &to, &message_id, now);
        let mail = NewMail {
            kind: "review",
            ours: is_ours(settings, &to),
            unique_key: Reviews::key(&asked.to, now),
            sender: from.email.to_string(),
            recipient: to.email.to_string(),
            forms: vec![body.map_err(MailError::from)?],
            message_id,
        };
        mails.push((asked, mail));
    }
    if mails.is_empty() {
        return Ok(Vec::new());
    }
    Ok(pass
        .store
        .write(move |db| {
            for (asked, mail) in &mails {
                Reviews::asked(db, asked, &rules, &mail.unique_key, now)?;
            }
            let mails: Vec<NewMail> = mails.into_iter().map(|(_, mail)| mail).collect();
            Outbox::put_all(db, &mails, now)
        })
        .await?)
}
