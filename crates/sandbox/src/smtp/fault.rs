//! What goes wrong with mail on purpose.

use std::time::Duration;

use super::Shared;

/// A point of a session at which the sink can fall silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MailStage {
    /// Before the greeting.
    Greeting,
    /// Before the answer to EHLO.
    Hello,
    /// Before the answer to MAIL.
    Mail,
    /// Before the answer to RCPT.
    Recipient,
    /// Before the answer to the mail itself, which is not kept yet.
    Data,
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MailFault {
    /// The greeting is this code, and the connection closes.
    RefuseConnection(u16),
    /// The login is refused with this code.
    RefuseLogin(u16),
    /// MAIL is refused with this code.
    RefuseSender(u16),
    /// RCPT is refused with this code for this address, without case.
    RefuseRecipient {
        /// The address.
        address: String,
        /// 5xx for ever, 4xx for now.
        code: u16,
    },
    /// The mail is refused with this code after it was sent whole.
    RefuseData(u16),
    /// The connection closes after the mail was sent whole; it is not kept.
    CloseAfterData,
    /// The mail is kept, and the connection closes instead of the answer.
    CloseUnanswered,
    /// The sink does what it does, and says so in these words, of any bytes.
    Words {
        /// Where.
        stage: MailStage,
        /// Without the last line's end.
        words: Vec<u8>,
    },
    /// The sink falls silent for this long, then goes on.
    Hang {
        /// Where.
        stage: MailStage,
        /// How long.
        time: Duration,
    },
}

impl Shared {
    /// The first scripted fault that `pick` makes something of, counted as happened.
    pub(super) fn meets<T>(&self, pick: impl Fn(&MailFault) -> Option<T>) -> Option<T> {
        let mut faults = self.faults();
        let mut found = None;
        for (times, fault) in faults.iter_mut() {
            if let Some(picked) = pick(fault)
                && times.take()
            {
                found = Some(picked);
                break;
            }
        }
        found
    }

    /// What is said at this stage: the scripted words, or these.
    pub(super) fn words(&self, at: MailStage, usual: &str) -> Vec<u8> {
        let scripted = self.meets(|fault| match fault {
            MailFault::Words { stage, words } if *stage == at => Some(words.clone()),
            _ => None,
        });
        scripted.unwrap_or_else(|| usual.as_bytes().to_vec())
    }

    /// Waits as scripted for this stage.
    pub(super) async fn hang(&self, at: MailStage) {
        let time = self.meets(|fault| match fault {
            MailFault::Hang { stage, time } if *stage == at => Some(*time),
            _ => None,
        });
        if let Some(time) = time {
            tokio::time::sleep(time).await;
        }
    }
}
