//! The pass's mail: puts the report, alarms and letters into the outbox.

mod alarm;
mod notices;
mod reviews;

use jiff::Timestamp;
use lettre::message::Mailbox;
use thiserror::Error;

use super::Pass;
use crate::clock;
use crate::config::{MailSettings, Settings};
use crate::domain::Email;
use crate::mail;
use crate::report::letter::Scene;
use crate::report::{ReportList, Summary};
use crate::schedule;
use crate::store::queries::OwedAt;
use crate::store::queries::report::{self, ReportInput};
use crate::store::{Holds, NewMail, Outbox, Runs, Store, StoreError};

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

/// What a report covers, from `from` until now.
pub(crate) fn report_input(
    settings: &Settings,
    from: Option<Timestamp>,
    to: Timestamp,
    unconfirmed: bool,
) -> ReportInput {
    ReportInput {
        organization: settings.organization(),
        run: None,
        from,
        to,
        timezone: settings.timezone.clone(),
        next_report: schedule::next(&settings.schedule.report, &settings.timezone, to),
        holders: settings.holders(),
        owed: OwedAt::new(settings, to, unconfirmed),
    }
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
    let Some(mail) = &settings.mail else {
        return Ok(());
    };
    let from = last_report(store).await?;
    let to = clock::now();
    let unconfirmed = store.looks_restored().await?.is_some();
    let mut input = report_input(settings, from, to, unconfirmed);
    input.owed.import_runs = store.is_giving()?;
    input.run = run.map(ToOwned::to_owned);
    let summary = store.read(move |db| report::gather(db, input)).await?;
    let key = match run {
        Some(run) => run.to_owned(),
        None => to.as_millisecond().to_string(),
    };
    let mails = reports(mail, &summary, &key).map_err(MailError::from)?;
    store
        .write(move |db| {
            Runs::set_fact(db, LAST_REPORT, to)?;
            Outbox::put_all(db, &mails, to)
        })
        .await?;
    Ok(())
}

/// Puts the alarm of held actions into the outbox: once for each thing that is held, as soon as it
/// is.
pub(super) async fn queue_alarm(pass: &Pass<'_>) -> Result<(), super::PassError> {
    if !pass.store.read(Holds::is_untold).await? {
        return Ok(());
    }
    let at = clock::now();
    let mut input = report_input(pass.settings, Some(at), at, pass.restored.is_some());
    input.owed.import_runs = pass.store.is_giving()?;
    input.run = Some(pass.run.clone());
    let summary = pass.store.read(move |db| report::gather(db, input)).await?;
    let mails = match &pass.settings.mail {
        Some(settings) => alarms(settings, &summary, &pass.run).map_err(MailError::from)?,
        None => Vec::new(),
    };
    pass.store
        .write(move |db| {
            Holds::told(db, at)?;
            Outbox::put_all(db, &mails, at)
        })
        .await?;
    Ok(())
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
    };
    let mut suppressed = notices::queue(pass, settings, turn, &scene).await?;
    suppressed.extend(reviews::queue(pass, settings, turn, &scene).await?);
    Ok(suppressed)
}

/// Whether an address is one of `mail.to`.
fn is_ours(settings: &MailSettings, address: &Mailbox) -> bool {
    let address = Email::observed(address.email.as_ref());
    let mut ours = settings.to.iter();
    ours.any(|to| Email::observed(to.email.as_ref()) == address)
}

/// The address as a mail can be sent to it. Owners are checked when they are recorded; one that
/// came otherwise and is no address gets no mail.
fn mailbox(email: &Email) -> Option<Mailbox> {
    let address = email.written().parse().ok();
    if address.is_none() {
        tracing::warn!(to = %email, "this is no address that could be mailed");
    }
    Some(Mailbox::new(None, address?))
}

fn alarms(
    settings: &MailSettings,
    summary: &Summary,
    run: &str,
) -> Result<Vec<NewMail>, mail::ComposeError> {
    let subject = format!(
        "lapsed holds {} removals — {}",
        summary[ReportList::Held].len(),
        summary.organization
    );
    let text = alarm::text(summary, run);
    let alarm = |(place, to): (usize, &Mailbox)| {
        let message_id = mail::message_id(&settings.from, &format!("hold-{run}-{place}"));
        let (from, date) = (&settings.from, summary.generated_at);
        Ok(NewMail {
            kind: "hold",
            ours: true,
            unique_key: format!("hold/{run}/{}", to.email),
            sender: settings.from.email.to_string(),
            recipient: to.email.to_string(),
            forms: vec![mail::compose_plain(
                &subject,
                &text,
                from,
                to,
                &message_id,
                date,
            )?],
            message_id,
        })
    };
    settings.to.iter().enumerate().map(alarm).collect()
}

fn reports(
    settings: &MailSettings,
    summary: &Summary,
    key: &str,
) -> Result<Vec<NewMail>, mail::ComposeError> {
    let report = |(place, to): (usize, &Mailbox)| {
        let message_id = mail::message_id(&settings.from, &format!("report-{key}-{place}"));
        Ok(NewMail {
            kind: REPORT,
            ours: true,
            unique_key: format!("report/{key}/{}", to.email),
            sender: settings.from.email.to_string(),
            recipient: to.email.to_string(),
            forms: mail::report_forms(summary, &settings.from, to, &message_id)?,
            message_id,
        })
    };
    settings.to.iter().enumerate().map(report).collect()
}
