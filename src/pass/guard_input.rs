//! The input of the guard, from the store and the providers.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::Pass;
use crate::clock;
use crate::domain::{
    Action, Finding, FindingKind, GuardPolicy, Means, Obligation, Place, Plan, Snapshot, TargetId,
    TargetMessage, TargetRef,
};
use crate::guard::clocks::Clocks;
use crate::guard::{self, Record, Reviewed};
use crate::observe::Observation;
use crate::store::{Db, Holds, Ledger, StoreError, Teams, tables};
use crate::text::short_run;

/// What the guard has to know about a plan.
pub(super) struct Asks {
    /// How many removals are planned at each target.
    planned: BTreeMap<TargetRef, u64>,
    again: HashSet<Obligation>,
    memberships: Vec<(TargetRef, String)>,
    /// With what the plan's input says.
    record: Record,
}

impl Asks {
    pub(super) fn of(
        plan: &Plan,
        snapshot: &Snapshot,
        limits: &GuardPolicy,
        restored: Option<String>,
    ) -> Self {
        let mut planned: BTreeMap<TargetRef, u64> = BTreeMap::new();
        let mut again = HashSet::new();
        for action in &plan.actions {
            *planned.entry(action.target.clone()).or_default() += 1;
            again.insert(action.obligation());
        }
        let is_asked =
            |a: &&Action| !limits.protected.is_empty() && matches!(a.means, Means::Membership(_));
        let memberships = plan.actions.iter().filter(is_asked);
        Self {
            planned,
            again,
            memberships: memberships
                .map(|a| (a.target.clone(), a.person.clone()))
                .collect(),
            record: Record {
                admins: snapshot.admins.clone(),
                suspended: restored,
                holders: snapshot.holders.clone(),
                ..Record::default()
            },
        }
    }

    /// Earlier removals, the people who are there, and what was approved.
    pub(super) fn record(
        self,
        db: &Db,
        limits: &GuardPolicy,
        now: Timestamp,
    ) -> Result<Record, StoreError> {
        let mut record = self.record;
        let lately = Ledger::removed_lately(db, now)?;
        // What is planned again counts as part of the plan.
        let unanswered = lately
            .unanswered
            .iter()
            .filter(|a| !self.again.contains(*a));
        let mut unsettled: HashMap<TargetId, u64> = HashMap::new();
        for obligation in unanswered {
            *unsettled.entry(obligation.target).or_default() += 1;
        }
        let settled: u64 = lately.settled.values().map(|(removed, _)| removed).sum();
        record.removed_in_all = settled + unsettled.values().sum::<u64>();
        for (target, planned) in self.planned {
            let id = target.id();
            let (removed, gone) = lately.settled.get(&id).copied().unwrap_or_default();
            let removed = removed + unsettled.get(&id).copied().unwrap_or(0);
            let enough = guard::people_that_matter(planned + removed, limits);
            let people = Teams::known_people(db, &target, enough)?;
            record.people.insert(target.clone(), people);
            record.gone.insert(target.clone(), gone);
            record.removed.insert(target, removed);
        }
        for membership in self.memberships {
            let former = Teams::addresses(db, membership.0.id(), &membership.1)?;
            record.former.insert(membership, former);
        }
        record.approved = Holds::approved(db)?;
        Ok(record)
    }
}

impl Pass<'_> {
    pub(super) async fn guard(
        &self,
        plan: Plan,
        snapshot: &Snapshot,
    ) -> Result<Reviewed, StoreError> {
        let limits = self.settings.guard.limits.clone();
        let (restored, now) = (self.restored.clone(), self.moment);
        let asks = Asks::of(&plan, snapshot, &limits, restored);
        let record = {
            let limits = limits.clone();
            let read = move |db: &_| asks.record(db, &limits, now);
            self.store.read(read).await?
        };
        Ok(guard::review(plan, &limits, &record))
    }

    /// Reports that a person has to confirm the database; the run is the one to approve.
    pub(super) async fn unconfirmed(&self) -> Result<Option<Finding>, StoreError> {
        let Some(why) = self.restored.clone() else {
            return Ok(None);
        };
        if !self.options.dry_run {
            let (run, at, why) = (self.run.clone(), self.started_at, why.clone());
            self.store
                .write(move |db| Holds::doubt(db, &run, &why, at))
                .await?;
        }
        Ok(Some(Finding {
            finding: FindingKind::DatabaseUnconfirmed,
            place: Place::Database,
            email: None,
            detail: Some(format!(
                "{why}; lapsed approve {} confirms it",
                short_run(&self.run)
            )),
        }))
    }

    /// Reports clocks that differ, and records the comparison.
    pub(super) async fn compare_clocks(&self, seen: &mut Observation) -> Result<(), StoreError> {
        let clocks = self.clocks();
        for (account, why) in clocks.differing() {
            let place = Place::of_account(account);
            seen.findings.push(Finding {
                finding: FindingKind::ClockDoubtful,
                place: place.clone(),
                email: None,
                detail: Some(why.clone()),
            });
            seen.errors.push(TargetMessage {
                place,
                message: why,
            });
        }
        let at = clock::now();
        self.store
            .write(move |db| tables::clock::compared(db, &clocks, at))
            .await
    }

    /// What the clocks say by now.
    pub(super) fn clocks(&self) -> Clocks {
        Clocks {
            accounts: self.services.skews(),
            jumped: self.jumped(),
            most: self.settings.guard.max_clock_skew,
        }
    }

    /// How far the clock moved more than time went by since the pass began.
    pub(super) fn jumped(&self) -> SignedDuration {
        clock::moved(self.started_at, self.begun.elapsed())
    }
}
