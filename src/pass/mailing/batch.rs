//! From what was decided to mails for the outbox: the one way for reports, alarms and letters.

use jiff::Timestamp;
use lettre::message::Mailbox;

use super::MailError;
use crate::config::MailSettings;
use crate::domain::Email;
use crate::mail::{self, ComposeError, Envelope};
use crate::store::NewMail;

/// The mails of one occasion.
pub(super) struct Batch<'a> {
    pub(super) settings: &'a MailSettings,
    /// `report`, …
    pub(super) kind: &'static str,
    /// Tells it from others of its kind: a run, or a moment.
    pub(super) occasion: &'a str,
    pub(super) date: Timestamp,
}

impl Batch<'_> {
    /// One mail to each of `mail.to`.
    pub(super) fn to_ours(
        &self,
        forms: impl Fn(&Envelope<'_>) -> Result<Vec<Vec<u8>>, ComposeError>,
    ) -> Result<Vec<NewMail>, MailError> {
        let mail = |(place, to): (usize, &Mailbox)| {
            let unique_key = format!("{}/{}/{}", self.kind, self.occasion, to.email);
            self.mail(place, to, unique_key, &forms)
        };
        self.settings.to.iter().enumerate().map(mail).collect()
    }

    /// One mail for each decision, to its person and with its unique key. Owners are checked when
    /// they are recorded; one that came otherwise and is no address gets no mail.
    pub(super) fn to_each<D>(
        &self,
        decided: Vec<D>,
        address: impl Fn(&D) -> (&Email, String),
        forms: impl Fn(&D, &Envelope<'_>) -> Result<Vec<Vec<u8>>, ComposeError>,
    ) -> Result<Vec<(D, NewMail)>, MailError> {
        let mut mails = Vec::with_capacity(decided.len());
        for (place, decision) in decided.into_iter().enumerate() {
            let (to, unique_key) = address(&decision);
            let Ok(address) = to.written().parse() else {
                tracing::warn!(%to, "this is no address that could be mailed");
                continue;
            };
            let to = Mailbox::new(None, address);
            let mail = self.mail(place, &to, unique_key, |envelope| {
                forms(&decision, envelope)
            })?;
            mails.push((decision, mail));
        }
        Ok(mails)
    }

    fn mail(
        &self,
        place: usize,
        to: &Mailbox,
        unique_key: String,
        forms: impl FnOnce(&Envelope<'_>) -> Result<Vec<Vec<u8>>, ComposeError>,
    ) -> Result<NewMail, MailError> {
        let from = &self.settings.from;
        let message_id = format!("{}-{}-{place}", self.kind, self.occasion);
        let message_id = mail::message_id(from, &message_id);
        let forms = forms(&Envelope {
            from,
            to,
            message_id: &message_id,
            date: self.date,
        })?;
        Ok(NewMail {
            kind: self.kind,
            ours: self.is_ours(to),
            unique_key,
            sender: from.email.to_string(),
            recipient: to.email.to_string(),
            forms,
            message_id,
        })
    }

    /// Whether an address is one of `mail.to`.
    fn is_ours(&self, address: &Mailbox) -> bool {
        let key = |mailbox: &Mailbox| Email::observed(mailbox.email.as_ref());
        let mut ours = self.settings.to.iter();
        ours.any(|to| key(to) == key(address))
    }
}
