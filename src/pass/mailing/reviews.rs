//! The review's questions, into the outbox: one mail a recipient and round.

use super::Occasion;
use super::batch::Batch;
use super::links::LinkMaker;
use crate::domain::Email;
use crate::mail::{self, MailHead};
use crate::notify::links::{AnswerLink, LinkKind, review_expires};
use crate::notify::reviews::{self, DueReview, ReviewRequest};
use crate::pass::PassError;
use crate::report::letter;
use crate::store::{Db, Links, NewMail, Reviews, StoreError};

/// A letter, and the link by which its owner answers.
type Linked = (ReviewRequest, Option<AnswerLink>);

/// The questions about grants that the recipient owns: the others are no link's.
fn owned(asked: &ReviewRequest) -> impl Iterator<Item = &DueReview> {
    let is_own = |one: &&DueReview| one.owner.as_ref() == Some(&asked.to);
    asked.questions.iter().filter(is_own)
}

/// Puts the questions into the outbox that are to go out in this turn, in the transaction that
/// notes that they were asked. Returns the rows of those that are not sent.
pub(super) async fn queue(occasion: &Occasion<'_>) -> Result<Vec<i64>, PassError> {
    let Occasion {
        pass,
        settings,
        turn,
        scene,
        links,
    } = *occasion;
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
    let linked = |asked: ReviewRequest| -> Result<Linked, StoreError> {
        // Who is asked instead of an owner can run commands.
        let maker = links.filter(|_| owned(&asked).next().is_some());
        let expires = review_expires(&rules, now);
        let link = maker.map(|maker| maker.make(LinkKind::Review, &asked.to, expires));
        Ok((asked, link.transpose()?))
    };
    let letters = letters.into_iter().map(linked);
    let letters = letters.collect::<Result<Vec<_>, _>>()?;
    let batch = Batch::new(settings, "review", &pass.run, now);
    let address = |(asked, _): &Linked| (asked.to.clone(), Reviews::key(&asked.to, now));
    let forms = |(asked, link): &Linked, head: &MailHead<'_>| {
        let page = LinkMaker::page(links, link.as_ref());
        let letter = letter::review(asked, &rules, page.as_ref(), scene);
        Ok(vec![mail::compose_letter(&letter, None, head)?])
    };
    let note = move |db: &Db, (asked, link): &Linked, mail: &NewMail| {
        if let Some(link) = link {
            Links::note(db, link, owned(asked).map(|one| one.grant))?;
        }
        Reviews::asked(db, asked, &rules, &mail.unique_key, now)
    };
    batch
        .queue_each(pass.store, letters, address, forms, note)
        .await
}
