//! Notices of ends, into the outbox: one mail a recipient and day.

use super::Occasion;
use super::batch::Batch;
use super::links::LinkMaker;
use crate::mail::{self, CalendarEvent, ComposeError, MailHead};
use crate::notify::links::{AnswerLink, LinkKind, notice_expires};
use crate::notify::notices::{self, Item, Notice, NoticeRules};
use crate::pass::PassError;
use crate::report::letter::{self, AnswerPage, Scene};
use crate::store::{Db, Links, NewMail, Notices, StoreError, ending};

/// A notice, and the link by which its owner answers.
type Linked = (Notice, Option<AnswerLink>);

/// Entries of one mail's calendar: some 350 bytes each, and nobody reads more.
const MOST_EVENTS: usize = 2000;

/// Every mail server takes a mail of so many bytes (RFC 5321, 4.5.3.1.7).
const TAKEN_BY_ALL: usize = 64 * 1024;

/// Puts the notices into the outbox that are to go out in this turn, in the transaction that notes
/// what was told. Returns the rows of those that are not sent, since their address is suppressed.
pub(super) async fn queue(occasion: &Occasion<'_>) -> Result<Vec<i64>, PassError> {
    let Occasion {
        pass,
        settings,
        turn,
        scene,
        links,
    } = *occasion;
    if settings.notify_before.is_empty() {
        return Ok(Vec::new());
    }
    let rules = NoticeRules {
        windows: settings.notify_before.clone(),
        people: settings.notify_people,
    };
    let (now, until) = (turn.now, rules.until(turn.next));
    let decided = pass
        .store
        .read(move |db| {
            if let Some(urgent) = turn.urgent_until()
                && ending(db, now, urgent)?.is_empty()
            {
                return Ok(Vec::new());
            }
            let ends = ending(db, now, until)?;
            let memory = Notices::memory(db, turn.day, now, until)?;
            Ok(notices::decide(&ends, &memory, &rules, &turn))
        })
        .await?;
    let linked = |notice: Notice| -> Result<Linked, StoreError> {
        let maker = links.filter(|_| !notice.answered_for.is_empty());
        let expires = notice_expires(&notice, now);
        let link = maker.map(|maker| maker.make(LinkKind::Notice, &notice.to, expires));
        Ok((notice, link.transpose()?))
    };
    let decided = decided.into_iter().map(linked);
    let decided = decided.collect::<Result<Vec<_>, _>>()?;
    let batch = Batch::new(settings, "notice", &pass.run, now);
    let address = |(notice, _): &Linked| (notice.to.clone(), Notices::key(turn.day, &notice.to));
    let forms = |(notice, link): &Linked, head: &MailHead<'_>| {
        let page = LinkMaker::page(links, link.as_ref());
        forms(notice, page.as_ref(), scene, head)
    };
    let note = move |db: &Db, (notice, link): &Linked, mail: &NewMail| {
        if let Some(link) = link {
            Links::note(
                db,
                link,
                notice.answered_for.iter().map(|item| item.end.grant),
            )?;
        }
        Notices::note(db, notice, &mail.message_id, mail.ours, now)
    };
    batch
        .queue_each(pass.store, decided, address, forms, note)
        .await
}

/// The notice with its calendar, and one without for a server that does not take it whole.
fn forms(
    notice: &Notice,
    page: Option<&AnswerPage>,
    scene: &Scene,
    head: &MailHead<'_>,
) -> Result<Vec<Vec<u8>>, ComposeError> {
    let letter = letter::notice(notice, page, scene);
    let events = notice.items().take(MOST_EVENTS);
    let events = events.map(|item| event(item, notice, head.from.email.domain()));
    let calendar = mail::calendar(events, scene.now);
    let compose = |calendar| mail::compose_letter(&letter, calendar, head);
    let mut forms = vec![compose(Some(calendar))?];
    if forms.iter().any(|whole| whole.len() > TAKEN_BY_ALL) {
        forms.push(compose(None)?);
    }
    Ok(forms)
}

fn event(item: &Item, notice: &Notice, domain: &str) -> CalendarEvent {
    let end = &item.end;
    let role = end.role.map(|role| format!(" (the role of {role})"));
    let role = role.unwrap_or_default();
    let recorded = end.recorded_at.as_millisecond();
    let title = match end.email == notice.to {
        true => format!("Your access to {} ends{role}", end.target),
        false => format!("Access of {} to {} ends{role}", end.email, end.target),
    };
    let owner = end.owner.as_ref();
    let owner = owner.map_or_else(String::new, |owner| format!("Owner: {owner}. "));
    CalendarEvent {
        // The moment tells databases apart that both have a grant of this number.
        uid: format!("grant-{}-{recorded}@{domain}", end.grant),
        sequence: item.sequence,
        at: end.end,
        title,
        text: format!("{owner}It ends by itself, unless it is extended before."),
    }
}
