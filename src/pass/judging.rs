//! What the guard and the gates go by, gathered from the store and the providers.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::SignedDuration;

use super::{Pass, span};
use crate::clock;
use crate::domain::{Action, ActionKind, Plan, Snapshot, TargetId, TargetRef};
use crate::gates::Clocks;
use crate::guard::{self, GuardPolicy, Pattern, Record, Reviewed};
use crate::store::{Holds, Ledger, Runs, StoreError, Teams};

impl Pass<'_> {
    pub(super) async fn guard(
        &self,
        plan: Plan,
        snapshot: &Snapshot,
    ) -> Result<Reviewed, StoreError> {
        let settings = &self.settings.guard;
        let policy = GuardPolicy {
            max_removals: settings.max_removals,
            max_removal_percent: settings.max_removal_percent,
            protected: settings.protected.iter().map(|p| Pattern::new(p)).collect(),
            holders: self.services.holders(),
            min_team_admins: settings.min_team_admins,
        };
        let mut planned: BTreeMap<TargetRef, u64> = BTreeMap::new();
        let mut again = HashSet::new();
        for action in &plan.actions {
            *planned.entry(action.target.clone()).or_default() += 1;
            again.insert((action.kind, action.target.id(), action.email.clone()));
        }
        let mut record = Record {
            admins: snapshot.admins.clone(),
            suspended: self.restored.clone(),
            ..Record::default()
        };
        let limits = policy.clone();
        let now = self.moment;
        let record = self
            .store
            .read(move |db| {
                let lately = Ledger::removed_lately(db, now)?;
                // What is planned again is counted with the plan.
                let unanswered = lately.unanswered.iter().filter(|a| !again.contains(*a));
                let mut unsettled: HashMap<TargetId, u64> = HashMap::new();
                for (_, target, _) in unanswered {
                    *unsettled.entry(*target).or_default() += 1;
                }
                let settled: u64 = lately.settled.values().map(|(removed, _)| removed).sum();
                record.removed_in_all = settled + unsettled.values().sum::<u64>();
                for (target, planned) in planned {
                    let id = target.id();
                    let (removed, gone) = lately.settled.get(&id).copied().unwrap_or_default();
                    let removed = removed + unsettled.get(&id).copied().unwrap_or(0);
                    let enough = guard::people_that_matter(planned + removed, &limits);
                    let people = Teams::known_people(db, &target, enough)?;
                    record.people.insert(target.clone(), people);
                    record.gone.insert(target.clone(), gone);
                    record.removed.insert(target, removed);
                }
                record.approved = Holds::approved(db)?;
                Ok(record)
            })
            .await?;
        Ok(guard::review(plan, &policy, &record))
    }

    /// Why nothing may be removed now, if the clocks disagree. Where no provider has told the time
    /// yet, as when there are whitelists alone, one from which something is to be removed is asked.
    pub(super) async fn clock_doubt(
        &self,
        reviewed: &Reviewed,
    ) -> Result<Option<String>, StoreError> {
        let mut clocks = Clocks {
            last_pass: self.store.read(Runs::last_end).await?,
            providers: self.services.skews(),
            jumped: self.jumped(),
        };
        if clocks.providers.is_empty() {
            for (name, whitelist) in &self.services.whitelists {
                let is_due = |a: &Action| {
                    a.kind == ActionKind::WhitelistRemove && a.target.account() == name.as_str()
                };
                if reviewed.approved.actions().iter().any(is_due) {
                    whitelist.look_at_clock().await;
                }
            }
            clocks.providers = self.services.skews();
        }
        Ok(clocks.doubt(clock::now(), self.max_skew()))
    }

    /// How far the clock moved more than time went by since the pass began.
    pub(super) fn jumped(&self) -> SignedDuration {
        let went_by = SignedDuration::try_from(self.begun.elapsed()).unwrap_or_default();
        clock::now().duration_since(self.started_at) - went_by
    }

    pub(super) fn max_skew(&self) -> SignedDuration {
        span(self.settings.guard.max_clock_skew)
    }
}
