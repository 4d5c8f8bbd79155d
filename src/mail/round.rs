//! A round of the postman: what waits in the outbox is claimed, sent, and recorded.

use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::time::sleep;

use super::{BuildError, Courier, DeliveryError};
use crate::clock;
use crate::config::MailSettings;
use crate::domain::MailResult;
use crate::failpoint;
use crate::metrics::Metrics;
use crate::pass::Stop;
use crate::store::{Lock, Outbox, Store, StoreError};

/// A delivery that fails after so long met a server that does not answer, not one that refuses.
const SLOW: Duration = Duration::from_secs(5);
/// So many of these in a row, and the rest waits for the next round: each may take half a minute.
const MOST_SLOW: u32 = 2;

/// How long a round waits for that of another process to end, and how often it looks.
const OTHERS: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(100);

/// Why there was no round. What could not be delivered is no error: it stays in the outbox.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RoundError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The way to the mail server could not be set up.
    #[error("mail cannot be set up")]
    Courier(#[from] BuildError),
}

/// Delivers what waits: with `patient`, only what is due for its next try. One bad recipient does
/// not stop the others. Returns how each of these mails stands, and each in the rows `told`. Once
/// told to stop, it begins no further mail.
pub(crate) async fn round(
    settings: &MailSettings,
    store: &Store,
    patient: bool,
    told: Vec<i64>,
    stop: &Stop,
    metrics: &Metrics,
) -> Result<Vec<MailResult>, RoundError> {
    let turn = my_turn(store).await?;
    let due_at = patient.then(clock::now);
    let rows = store.read(move |db| Outbox::waiting(db, due_at)).await?;
    if turn.is_some() && !rows.is_empty() {
        let courier = Courier::new(&settings.route)?;
        deliver(&courier, store, &rows, stop, metrics).await?;
        courier.rest().await;
    }
    let mut told = [rows, told].concat();
    told.sort_unstable();
    let states = store.read(move |db| Outbox::states(db, &told)).await?;
    let result = |(kind, recipient, message_id, state)| MailResult {
        kind,
        to: vec![recipient],
        message_id,
        state,
    };
    Ok(states.into_iter().map(result).collect())
}

/// One postman at a time: two would deliver a mail twice. `None` when the other takes too long.
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

async fn deliver(
    courier: &Courier,
    store: &Store,
    rows: &[i64],
    stop: &Stop,
    metrics: &Metrics,
) -> Result<(), StoreError> {
    let mut slow = 0;
    for row in rows {
        let row = *row;
        if stop.is_set() {
            break;
        }
        if slow >= MOST_SLOW {
            tracing::warn!(
                "the mail server does not answer; what is left waits for the next round"
            );
            break;
        }
        let claimed = store
            .write(move |db| Outbox::claim(db, row, clock::now()))
            .await?;
        let Some(mail) = claimed else { continue };
        failpoint::reach("after-claim");
        let begin = Instant::now();
        let sent = courier
            .deliver(&mail.sender, &mail.recipient, &mail.message_id, &mail.body)
            .await;
        failpoint::reach("after-send");
        metrics.mail(&mail.kind, sent.is_ok());
        slow = match &sent {
            Err(_) if begin.elapsed() >= failpoint::wait(SLOW) => slow + 1,
            _ => 0,
        };
        store
            .write(move |db| match sent {
                Ok(()) => Outbox::sent(db, &mail, clock::now()),
                Err(DeliveryError::Permanent(why) | DeliveryError::Transient(why)) => {
                    tracing::warn!(
                        to = mail.recipient,
                        why,
                        "a mail to {} could not be delivered: {why}; it will be tried again",
                        mail.recipient
                    );
                    Outbox::failed(db, &mail, &why, clock::now())
                }
            })
            .await?;
        failpoint::reach("after-mark");
    }
    Ok(())
}
