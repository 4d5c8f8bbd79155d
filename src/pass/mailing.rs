//! The pass's mail: puts the report, alarms and letters into the outbox.

mod batch;
mod links;
mod notices;
mod reviews;

use jiff::Timestamp;
use thiserror::Error;

use self::batch::Batch;
use self::links::LinkMaker;
use super::Pass;
use crate::clock;
use crate::config::{MailSettings, Settings};
use crate::mail::{self, MailHead};
use crate::notify::MailTurn;
use crate::report::Summary;
use crate::report::letter::{self, Scene};
use crate::schedule;
use crate::store::queries::OwedAt;
use crate::store::queries::report::{self, ReportInput};
use crate::store::{Db, Holds, Outbox, Runs, Store, StoreError};

/// What a mail is that carries the report.
const REPORT: &str = "report";
/// When the last report's period ended.
const LAST_REPORT: &str = "report.last";

/// Why no mail could be made; what could not be delivered stays in the outbox.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MailError {
    /// The message could not be put together.
    #[error("the report could not be made")]
    Compose(#[from] mail::ComposeError),
}

/// What there is to report of the time from `from` until now; `run` is the pass that reports it.
pub(crate) async fn summarize(
    settings: &Settings,
    store: &Store,
    run: Option<&str>,
    from: Option<Timestamp>,
    now: Timestamp,
    unconfirmed: bool,
) -> Result<Summary, StoreError> {
    let mut owed = OwedAt::new(settings, now, unconfirmed);
    owed.import_runs = store.is_giving()?;
    let input = ReportInput {
        organization: settings.organization(),
        run: run.map(ToOwned::to_owned),
        from,
        to: now,
        timezone: settings.timezone.clone(),
        next_report: schedule::next(&settings.schedule.report, &settings.timezone, now),
        holders: settings.holders(),
        rules: settings.team_rules().cloned().collect(),
        protected: settings.guard.limits.protected.clone(),
        owed,
    };
    store.read(move |db| report::gather(db, input)).await
}

/// When the last mailed report ended. A report that ends in the future was made by a clock that was
/// ahead. Then the one before it counts, so that no event is left out.
pub(crate) async fn last_report(store: &Store) -> Result<Option<Timestamp>, StoreError> {
    let now = clock::now();
    store
        .read(move |db| match Runs::fact(db, LAST_REPORT)? {
            Some(at) if at > now => Outbox::last_of(db, REPORT, now),
            last => Ok(last),
        })
        .await
}

/// Puts the report into the outbox, one mail for each recipient, and notes its period, in one
/// transaction. `run` is the pass that it follows; without one it tells of what is known while a pass
/// goes on.
pub(crate) async fn queue_report(
    settings: &Settings,
    store: &Store,
    run: Option<&str>,
) -> Result<(), super::PassError> {
    let Some(mail_settings) = &settings.mail else {
        return Ok(());
    };
    let from = last_report(store).await?;
    let to = clock::now();
    let unconfirmed = store.looks_restored().await?.is_some();
    let summary = summarize(settings, store, run, from, to, unconfirmed).await?;
    let key = match run {
        Some(run) => run.to_owned(),
        None => to.as_millisecond().to_string(),
    };
    let batch = Batch::new(mail_settings, REPORT, &key, to);
    let forms = |head: &MailHead<'_>| mail::report_forms(&summary, head);
    let note = move |db: &Db| Runs::set_fact(db, LAST_REPORT, to);
    batch.queue_to_ours(store, forms, note).await
}

/// Puts the alarm of held actions into the outbox: once for each thing that is held, as soon as it
/// is.
pub(super) async fn queue_alarm(pass: &Pass<'_>) -> Result<(), super::PassError> {
    if !pass.store.read(Holds::is_untold).await? {
        return Ok(());
    }
    let at = clock::now();
    let note = move |db: &Db| Holds::told(db, at);
    let Some(mail_settings) = &pass.settings.mail else {
        return Ok(pass.store.write(note).await?);
    };
    let unconfirmed = pass.restored.is_some();
    let (settings, run) = (pass.settings, Some(pass.run.as_str()));
    let summary = summarize(settings, pass.store, run, Some(at), at, unconfirmed).await?;
    let letter = letter::hold(&summary, &pass.run);
    let batch = Batch::new(mail_settings, "hold", &pass.run, at);
    let forms = |head: &MailHead<'_>| Ok(vec![mail::compose_letter(&letter, None, head)?]);
    batch.queue_to_ours(pass.store, forms, note).await
}

/// What the letters of a turn are made of.
struct Occasion<'a> {
    pass: &'a Pass<'a>,
    settings: &'a MailSettings,
    turn: MailTurn,
    scene: &'a Scene,
    /// Where owners can answer by a link.
    links: Option<&'a LinkMaker>,
}

/// Puts the letters of this turn into the outbox: notices of ends, and the review's questions. Returns
/// the rows of those that are not sent, since a provider has suppressed their address.
pub(super) async fn queue_letters(pass: &Pass<'_>) -> Result<Vec<i64>, super::PassError> {
    let Some(settings) = &pass.settings.mail else {
        return Ok(Vec::new());
    };
    if !pass.may_speak_of_time() {
        return Ok(Vec::new());
    }
    let turn = pass.turn();
    let scene = Scene {
        organization: pass.settings.organization(),
        zone: pass.settings.timezone.clone(),
        now: turn.now,
        contact: settings.reply_to.as_ref().map(|to| to.email.to_string()),
    };
    let links = LinkMaker::of(pass, turn.now).await?;
    let occasion = Occasion {
        pass,
        settings,
        turn,
        scene: &scene,
        links: links.as_ref(),
    };
    let mut suppressed = notices::queue(&occasion).await?;
    suppressed.extend(reviews::queue(&occasion).await?);
    Ok(suppressed)
}
