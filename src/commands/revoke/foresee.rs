//! What a revocation would end, before anything is changed.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::Revocation;
use crate::clock;
use crate::commands::requests::{GiveError, Requests};
use crate::domain::{TargetMessage, TargetRef, When};
use crate::store::{Grants, Held, StoreError, Targets};

/// What a revocation would end.
#[derive(Debug, Serialize)]
pub(crate) struct Foreseen {
    pub email: String,
    /// Where, and what.
    pub targets: Vec<WouldEnd>,
    /// What could not be looked at.
    pub errors: Vec<TargetMessage>,
}

/// What a revocation would end at one target.
#[derive(Debug, Serialize)]
pub(crate) struct WouldEnd {
    pub target: TargetRef,
    pub what: Vec<Held>,
    /// Until when grants give access there; absent: none does.
    #[serde(skip)]
    pub until: Option<When>,
    /// Whether nothing is on record there: a whitelist cannot be read, and is called all the same.
    #[serde(skip)]
    pub is_unseen: bool,
}

impl Requests<'_> {
    /// What `revoke` would end: reads, and changes neither provider nor records.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn foresee(
        &self,
        what: Revocation,
        tell: impl FnOnce(Duration),
    ) -> Result<Foreseen, GiveError> {
        let known = what.unlisted || self.is_listed(&what.email).await?;
        let _lock = self.lock(tell).await?;
        let seen = self.survey(&what, known).await?;
        let targets = self.would_end(&what).await?;
        if let Some(target) = what.target.as_ref().filter(|_| targets.is_empty()) {
            self.must_be_listed(target, &seen).await?;
        }
        Ok(Foreseen {
            email: what.email.written().to_owned(),
            targets,
            errors: seen.errors,
        })
    }

    /// The same by the records alone, where they know the person: calls nobody, and waits for nobody.
    ///
    /// # Errors
    /// Only of the database.
    pub(crate) async fn foresee_on_record(
        &self,
        what: &Revocation,
    ) -> Result<Option<Vec<WouldEnd>>, StoreError> {
        match what.unlisted || self.is_listed(&what.email).await? {
            true => Ok(Some(self.would_end(what).await?)),
            false => Ok(None),
        }
    }

    async fn would_end(&self, what: &Revocation) -> Result<Vec<WouldEnd>, StoreError> {
        let (email, only, whitelists) =
            (what.email.clone(), what.target.clone(), self.whitelists());
        let at = clock::now();
        self.store
            .read(move |db| {
                let seen = Grants::whitelisted(db, &email)?;
                let is_seen = |place: &TargetRef| seen.iter().any(|seen| **seen == **place);
                let mut places = Grants::held(db, &email, &whitelists)?;
                if let Some(only) = &only {
                    let wanted = Targets::on_record(db, only)?;
                    places.retain(|place, _| Some(place) == wanted.as_ref() || **place == *only);
                }
                let would_end = |(target, what): (TargetRef, BTreeSet<Held>)| {
                    Ok(WouldEnd {
                        until: Grants::last_end(db, &target, &email, None, at)?,
                        is_unseen: what.iter().eq([&Held::Entry]) && !is_seen(&target),
                        what: what.into_iter().collect(),
                        target,
                    })
                };
                places.into_iter().map(would_end).collect()
            })
            .await
    }
}
