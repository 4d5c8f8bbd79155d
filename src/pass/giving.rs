//! What the pass gives: what commands left unsettled, what begins now, and what a removal took with
//! it.

use super::Pass;
use crate::clock;
use crate::domain::{Place, Provider, ProvisionState, SourceHealth, TargetMessage};
use crate::execute::provisions::{Circuits, Give, Tally};
use crate::observe::Observation;
use crate::store::{Grants, Provisions, StoreError};

impl Pass<'_> {
    /// Posts what is owed to whitelists, half-replaced entries first. This needs no reading, so a
    /// source that cannot be read does not delay it. Returns what could not be given.
    pub(super) async fn give_entries(&self) -> Result<Vec<TargetMessage>, StoreError> {
        let mut seen = Observation::default();
        self.give(Provider::Sentius, false, &mut seen).await?;
        Ok(seen.errors)
    }

    /// Posts what this pass's removals took with them: a whitelist keeps one entry for each
    /// address, so that of a later grant is removed too.
    pub(super) async fn give_again(&self) -> Result<Vec<TargetMessage>, StoreError> {
        let mut seen = Observation::default();
        self.give(Provider::Sentius, true, &mut seen).await?;
        Ok(seen.errors)
    }

    /// Gives what is owed in teams and not shown by the reading.
    pub(super) async fn give_members(&self, seen: &mut Observation) -> Result<(), StoreError> {
        self.give(Provider::Sapling, false, seen).await
    }

    async fn give(
        &self,
        provider: Provider,
        only_new: bool,
        seen: &mut Observation,
    ) -> Result<(), StoreError> {
        if self.options.dry_run || self.settings.guard.observe_only {
            return Ok(());
        }
        // What was just not tried is not tried again by the same pass.
        let respect_backoff = self.options.respect_backoff || only_new;
        let at = clock::now();
        // A long import gives its own rows, and lets passes run in between.
        let is_giving = self.store.is_giving()?;
        let (restored, scope) = (self.restored.clone(), self.scope.clone());
        let due = self
            .store
            .write(move |db| {
                Provisions::recover(db, at)?;
                if provider == Provider::Sentius && restored.is_none() && !only_new {
                    Grants::compare_entries(db, &scope, at)?;
                }
                let mut due = Provisions::due(db, provider, respect_backoff, at)?;
                due.retain(|p| !(only_new && p.tried) && scope.holds(p.target.id()));
                due.retain(|p| p.tried || !(is_giving && p.asked.is_for_many()));
                let Some(why) = restored else {
                    return Ok((due, Vec::new()));
                };
                // An older copy does not know what was removed since.
                let note = |p| Provisions::not_tried(db, p, &why, at).map(|s| (p.clone(), s));
                let waits = due.iter().map(note).collect::<Result<Vec<_>, _>>()?;
                Ok((Vec::new(), waits))
            })
            .await?;
        let (mut due, mut given) = due;
        // What is sent contains start and end, so a doubtful clock must not be used.
        let clocks = self.clocks();
        due.retain(|p| !clocks.has_told(&p.target));
        let complete = seen.sources.iter();
        let complete = complete.filter(|(_, health)| **health == SourceHealth::Complete);
        let give = Give {
            services: self.services,
            store: self.store,
            run: &self.run,
            team_ids: &seen.team_ids,
            read: complete.map(|(team, _)| team.id()).collect(),
            stop: &self.options.stop,
            progress: &self.options.progress,
            tally: Tally::default(),
            circuits: Circuits::default(),
        };
        if !due.is_empty() {
            let gave = give.all(due).await?;
            given.extend(gave.given.into_values());
            seen.findings.extend(gave.findings);
        }
        for (provision, standing) in given {
            let (email, why) = (&provision.email, standing.detail.unwrap_or_default());
            match standing.state {
                ProvisionState::Done => {
                    tracing::info!(target = %provision.target, %email, kind = provision.kind.as_str(), "given");
                }
                state if state.is_amiss() => seen.errors.push(TargetMessage {
                    place: Place::Target(provision.target.clone()),
                    message: format!(
                        "{} {email}: {}: {why}",
                        provision.kind.as_str(),
                        state.as_str()
                    ),
                }),
                _ => {}
            }
        }
        Ok(())
    }
}
