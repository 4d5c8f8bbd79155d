//! Moves the end of access. It is recorded first, so that a pass that is running sees it. Then the
//! entry is posted to the whitelist again, or a person who was removed for the old end is added to
//! the team again.

use jiff::Timestamp;

use super::requests::{GiveError, Given, Requests, clocks};
use crate::clock;
use crate::domain::{Email, Target, When};
use crate::store::queries::person::nearly_the_same;
use crate::store::{Grants, Provisions, Recorded, StoreError};
use crate::text::minute;

/// The end that access is to have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewEnd {
    /// When; absent: never.
    pub(crate) at: Option<Timestamp>,
    /// Whether it was counted from now.
    pub(crate) is_from_now: bool,
}

impl NewEnd {
    /// An end as it was written, and what that means.
    pub(crate) fn written(text: &str, at: When) -> Self {
        Self {
            at: at.at(),
            is_from_now: When::is_from_now(text),
        }
    }
}

impl Requests<'_> {
    /// Moves the end of a person's access on a target. `tell` hears of a wait for another process;
    /// when that is not done in time, the next pass posts the entry.
    ///
    /// # Errors
    /// When there is no grant whose end could be moved so. What the provider refused is in the
    /// result.
    pub(crate) async fn extend(
        &self,
        email: Email,
        target: Target,
        end: NewEnd,
        tell: impl FnOnce(std::time::Duration),
    ) -> Result<Vec<Given>, GiveError> {
        self.may_end(&target, end).await?;
        let (end, place) = (end.at, target.clone());
        let restored = self.store.looks_restored().await?;
        let (asked, at) = (self.asked.clone(), clock::now());
        if let Some(past) = end.filter(|end| *end <= at) {
            let past = minute(past, &self.settings.timezone);
            let why = format!("end: {past} is past; revoke ends access at once");
            return Err(GiveError::Faults(vec![(0, why)]));
        }
        let recorded = self
            .store
            .write(move |db| {
                let moved = Grants::extend(db, &email, &target, end, &asked, at)?;
                match moved {
                    Err(why) if !Grants::is_listed(db, &email)? => {
                        Ok(Err(why + &nearly_the_same(db, &email)?))
                    }
                    moved => Ok(moved),
                }
            })
            .await?
            .map_err(|why| GiveError::Faults(vec![(0, why)]))?;
        self.store.set_mark_unless(restored.as_ref()).await;
        if recorded.iter().all(|r| r.open.is_none()) {
            return Ok(self.untried(recorded));
        }
        let mut given = match self.lock(tell).await {
            Err(GiveError::Busy(_)) => return Ok(self.untried(recorded)),
            Err(error) => return Err(error),
            Ok(lock) => {
                let given = recorded.iter().filter(|r| r.open.is_some());
                let teams: Vec<Target> = given.map(|r| (*r.target).clone()).collect();
                let seen = self.look_at(&teams).await?;
                let recorded = self.as_seen(recorded).await?;
                self.settle(&mut Some(lock), recorded, &seen).await?
            }
        };
        self.store.set_mark_unless(restored.as_ref()).await;
        clocks::mark(&mut given, &self.doubts(&[place]).await?);
        Ok(given)
    }

    /// Whether such an end can be told: a span is counted by a clock that may be in doubt. Nobody is
    /// asked for the time: where none has told it yet, the answer does, and the result says so.
    ///
    /// # Errors
    /// When it is.
    pub(crate) async fn may_end(&self, target: &Target, end: NewEnd) -> Result<(), GiveError> {
        match end.is_from_now {
            true => clocks::refuse_span(target, &self.doubts(std::slice::from_ref(target)).await?),
            false => Ok(()),
        }
    }

    /// What is to be given, as it stands after a look: a membership may have another address by now.
    async fn as_seen(&self, mut recorded: Vec<Recorded>) -> Result<Vec<Recorded>, StoreError> {
        self.store
            .read(move |db| {
                for open in recorded.iter_mut().filter_map(|r| r.open.as_mut()) {
                    if let Ok(now) = Provisions::current(db, open.row)? {
                        *open = now;
                    }
                }
                Ok(recorded)
            })
            .await
    }
}
