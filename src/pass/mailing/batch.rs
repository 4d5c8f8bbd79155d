//! From what was decided to mails for the outbox: the one way for reports, alarms and letters.

use jiff::Timestamp;
use lettre::message::Mailbox;

use super::MailError;
use crate::config::MailSettings;
use crate::domain::Email;
use crate::mail::{self, ComposeError, MailHead};
use crate::pass::PassError;
use crate::store::{Db, NewMail, Outbox, Store, StoreError};

/// A whole message, and smaller versions of it.
type Forms = Vec<Vec<u8>>;

/// The mails of one occasion.
pub(super) struct Batch<'a> {
    settings: &'a MailSettings,
    kind: &'static str,
    occasion: &'a str,
    date: Timestamp,
}

impl<'a> Batch<'a> {
    /// Of this kind, such as `report`; the occasion tells it from others, and is a run or a moment.
    pub(super) fn new(
        settings: &'a MailSettings,
        kind: &'static str,
        occasion: &'a str,
        date: Timestamp,
    ) -> Self {
        Self {
            settings,
            kind,
            occasion,
            date,
        }
    }

    /// One mail to each of `mail.to`, in the transaction in which `note` records that it was decided.
    pub(super) async fn queue_to_ours(
        &self,
        store: &Store,
        forms: impl Fn(&MailHead<'_>) -> Result<Forms, ComposeError>,
        note: impl FnOnce(&Db) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), PassError> {
        let mail = |(place, to): (usize, &Mailbox)| {
            let unique_key = format!("{}/{}/{}", self.kind, self.occasion, to.email);
            self.mail(place, to, unique_key, &forms)
        };
        let mails = self.settings.to.iter().enumerate().map(mail);
        let mails = mails.collect::<Result<_, _>>()?;
        self.put(store, mails, |db, _| note(db)).await?;
        Ok(())
    }

    /// One mail for each decision, to its person and with its unique key, in the transaction in which
    /// `note` records what was decided. Returns the rows of those that are not sent, since their
    /// address is suppressed. Owners are checked when they are recorded; one that came otherwise and
    /// is no address gets no mail.
    pub(super) async fn queue_each<D: Send + 'static>(
        &self,
        store: &Store,
        decided: Vec<D>,
        address: impl Fn(&D) -> (Email, String),
        forms: impl Fn(&D, &MailHead<'_>) -> Result<Forms, ComposeError>,
        note: impl Fn(&Db, &D, &NewMail) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Vec<i64>, PassError> {
        let (mut mailed, mut mails) = (Vec::new(), Vec::new());
        for (place, decision) in decided.into_iter().enumerate() {
            let (to, unique_key) = address(&decision);
            let Ok(address) = to.written().parse() else {
                tracing::warn!(%to, "this is no address that could be mailed");
                continue;
            };
            let to = Mailbox::new(None, address);
            let forms = |head: &MailHead<'_>| forms(&decision, head);
            mails.push(self.mail(place, &to, unique_key, forms)?);
            mailed.push(decision);
        }
        if mails.is_empty() {
            return Ok(Vec::new());
        }
        let note = move |db: &Db, mails: &[NewMail]| {
            let mut all = mailed.iter().zip(mails);
            all.try_for_each(|(decision, mail)| note(db, decision, mail))
        };
        Ok(self.put(store, mails, note).await?)
    }

    async fn put(
        &self,
        store: &Store,
        mails: Vec<NewMail>,
        note: impl FnOnce(&Db, &[NewMail]) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Vec<i64>, StoreError> {
        let at = self.date;
        let put = move |db: &Db| {
            note(db, &mails)?;
            Outbox::put_all(db, &mails, at)
        };
        store.write(put).await
    }

    fn mail(
        &self,
        place: usize,
        to: &Mailbox,
        unique_key: String,
        forms: impl FnOnce(&MailHead<'_>) -> Result<Forms, ComposeError>,
    ) -> Result<NewMail, MailError> {
        let from = &self.settings.from;
        let message_id = format!("{}-{}-{place}", self.kind, self.occasion);
        let message_id = mail::message_id(from, &message_id);
        let forms = forms(&MailHead {
            from,
            to,
            reply_to: self.settings.reply_to.as_ref(),
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
