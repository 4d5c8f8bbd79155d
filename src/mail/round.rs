//! One round of delivery: claims what waits in the outbox, sends it, and records the result.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use thiserror::Error;
use tokio::time::sleep;

use super::{BuildError, Courier, DeliveryError, Pace, Parcel};
use crate::clock;
use crate::config::MailSettings;
use crate::domain::MailResult;
use crate::failpoint;
use crate::metrics::Metrics;
use crate::progress::Stop;
use crate::store::{Again, Lock, Outbox, Store, StoreError, Waiting};

/// A delivery that fails after at least this time counts as a server that does not answer, not one
/// that refuses.
const SLOW: Duration = Duration::from_secs(5);
/// After so many of these in a row the rest waits for the next round: each may take half a minute.
const MOST_SLOW: u32 = 2;

/// After this time no further mail is begun: the next round sends the rest, in an order of its own.
/// The mail under way may take longer, once the server has it.
const LONGEST_ROUND: Duration = Duration::from_secs(120);

/// How long a round waits for one of another process, and how often it checks.
const OTHERS: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(100);

/// Why there was no round. A mail that could not be delivered is no error: it stays in the outbox.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RoundError {
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The parameters of a round.
pub(crate) struct Round<'a> {
    pub(crate) settings: &'a MailSettings,
    pub(crate) store: &'a Store,
    /// How long is waited for the mail server.
    pub(crate) pace: Pace,
    /// Only what is due for its next try, or all that waits.
    pub(crate) due_only: bool,
    /// Once set, no further mail is begun.
    pub(crate) stop: &'a Stop,
    pub(crate) metrics: &'a Metrics,
}

/// Delivers what waits. One bad recipient does not stop the others. Returns the state of each mail.
pub(crate) async fn round(asked: &Round<'_>) -> Result<Vec<MailResult>, RoundError> {
    let store = asked.store;
    let turn = my_turn(store).await?;
    let due_only = asked.due_only;
    let now = clock::now();
    let rows = store
        .read(move |db| Outbox::waiting(db, due_only, now))
        .await?;
    if turn.is_some() && !rows.is_empty() {
        let route = &asked.settings.route;
        let courier = Courier::at_pace(route, asked.pace, asked.stop.clone());
        asked.deliver(&courier, &rows).await?;
        if let Ok(courier) = courier {
            courier.rest().await;
        }
    }
    states(store, rows).await
}

/// The states of mails, in the order in which they were made.
pub(crate) async fn states(
    store: &Store,
    mut rows: Vec<i64>,
) -> Result<Vec<MailResult>, RoundError> {
    rows.sort_unstable();
    let states = store.read(move |db| Outbox::states(db, &rows)).await?;
    let result = |(kind, recipient, message_id, state)| MailResult {
        kind,
        to: vec![recipient],
        message_id,
        state,
    };
    Ok(states.into_iter().map(result).collect())
}

/// Takes the lock for delivery: two processes would deliver a mail twice. `None` when the other
/// takes too long.
async fn my_turn(store: &Store) -> Result<Option<Lock>, StoreError> {
    let begin = Instant::now();
    loop {
        let turn = store.lock_mail()?;
        if turn.is_some() || begin.elapsed() >= OTHERS {
            return Ok(turn);
        }
        sleep(LOOK).await;
    }
}

impl Round<'_> {
    /// Without a courier, no mail can be delivered.
    async fn deliver(
        &self,
        courier: &Result<Courier, BuildError>,
        rows: &[i64],
    ) -> Result<(), StoreError> {
        let begun = Instant::now();
        let mut slow = 0;
        for row in rows {
            let row = *row;
            if self.stop.is_set() {
                break;
            }
            let is_late = begun.elapsed() >= failpoint::wait(LONGEST_ROUND);
            if slow >= MOST_SLOW || is_late {
                tracing::warn!("the mail server is slow; what is left waits for the next round");
                break;
            }
            let mail = self
                .store
                .write(move |db| Outbox::claim(db, row, clock::now()))
                .await?;
            failpoint::reach("after-claim");
            let begin = Instant::now();
            let sent = match courier {
                Ok(courier) => hand_over(courier, &mail).await,
                Err(error) => Err(DeliveryError::Transient(error.to_string())),
            };
            failpoint::reach("after-send");
            let is_slow = begin.elapsed() >= failpoint::wait(SLOW);
            slow = match &sent {
                Err(DeliveryError::Unanswered(_)) if is_slow => MOST_SLOW,
                Err(_) if is_slow => slow + 1,
                _ => 0,
            };
            self.note(mail, sent).await?;
            failpoint::reach("after-mark");
        }
        Ok(())
    }

    /// Records how a try ended.
    async fn note(
        &self,
        mail: Waiting,
        sent: Result<usize, DeliveryError>,
    ) -> Result<(), StoreError> {
        let state = match &sent {
            Ok(_) => "sent",
            Err(DeliveryError::Refused(_)) => "refused",
            Err(DeliveryError::Unanswered(_) | DeliveryError::Transient(_)) => "failed",
        };
        self.metrics.mail(&mail.kind, state);
        let warn = |to: &str, why: &str, next: &str| {
            tracing::warn!(
                to,
                why,
                "a mail to {to} could not be delivered: {why}; {next}"
            );
        };
        self.store
            .write(move |db| {
                let now = clock::now();
                let to = mail.recipient.as_str();
                match sent {
                    Ok(form) => Outbox::sent(db, &mail, form, now),
                    Err(DeliveryError::Refused(why)) => {
                        warn(to, &why, "it is refused for good, and not sent again");
                        Outbox::refused(db, &mail, &why, now)
                    }
                    Err(DeliveryError::Unanswered(why)) => {
                        let next = match Outbox::unanswered(db, &mail, &why, now)? {
                            Again::Later => "it may have arrived, and is tried again hours later",
                            Again::Never => "it may have arrived, and is not sent again",
                        };
                        warn(to, &why, next);
                        Ok(())
                    }
                    Err(DeliveryError::Transient(why)) => {
                        warn(to, &why, "it will be tried again");
                        Outbox::failed(db, &mail, &why, now)
                    }
                }
            })
            .await
    }
}

/// Delivers one mail. A fault of lapsed itself is a failure like any other: the next mail may not
/// have it.
async fn hand_over(courier: &Courier, mail: &Waiting) -> Result<usize, DeliveryError> {
    let parcel = Parcel {
        from: &mail.sender,
        to: &mail.recipient,
        message_id: &mail.message_id,
        forms: &mail.forms,
    };
    let sent = async {
        failpoint::pause("mail-hang", "mail-panic").await;
        courier.deliver(&parcel).await
    };
    AssertUnwindSafe(sent)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            let text = "lapsed panicked while it sent this mail; please report it";
            Err(DeliveryError::Transient(text.to_owned()))
        })
}
