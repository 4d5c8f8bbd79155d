//! Grants whose rows are missing from the files that they come from: their ends are written once the
//! guard lets their access go, and not before.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use super::Pass;
use super::guard_input::Asks;
use crate::clock;
use crate::config::Settings;
use crate::domain::{Action, Means, Scope, SourceHealth, TargetId, TargetRef};
use crate::guard::{self, Reviewed};
use crate::plan;
use crate::store::queries::person::policies;
use crate::store::queries::plan_input::{self, Wanted};
use crate::store::{Db, Dropped, Grants, StoreError, Targets};

impl Pass<'_> {
    /// Those that the plan made next will judge: another process may add some meanwhile.
    pub(super) async fn dropped(&self) -> Result<Vec<Dropped>, StoreError> {
        let scope = self.scope.clone();
        self.store.read(move |db| Grants::dropped(db, &scope)).await
    }

    /// Writes the ends of those that nothing is held for. What follows a grant that stands is not done
    /// either.
    pub(super) async fn end_dropped(
        &self,
        mut dropped: Vec<Dropped>,
        reviewed: &mut Reviewed,
    ) -> Result<(), StoreError> {
        if self.settings.guard.observe_only || dropped.is_empty() {
            return Ok(());
        }
        let waits = waiting(reviewed);
        reviewed.approved.retain(|action| {
            let followed = action.follows.as_ref().map(TargetRef::id);
            !followed.is_some_and(|target| waits.contains(&(target, key(action))))
        });
        dropped.retain(|dropped| !is_among(&waits, dropped));
        let at = clock::now();
        let end = move |db: &_| {
            let mut all = dropped.iter();
            all.try_for_each(|dropped| Grants::end_dropped(db, dropped, at))
        };
        self.store.write(end).await
    }
}

/// What becomes of a grant whose row is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The guard would hold the removal, and why.
    Held(String),
    /// The access stays, and why.
    Protected(String),
    /// The access is removed.
    Removed,
    /// The team could not be read, so nobody knows whether the person is there.
    Unread,
    /// Nothing is to be removed.
    Nothing,
}

/// What the next pass would do about these grants, in a rehearsal: by the last readings, and by all that
/// is due at their targets.
///
/// # Errors
/// Only of the database.
pub(crate) fn foresee(
    db: &Db,
    settings: &Settings,
    restored: Option<String>,
    targets: impl IntoIterator<Item = TargetRef>,
    now: Timestamp,
) -> Result<Vec<(Dropped, Fate)>, StoreError> {
    let scope = Scope::only(targets);
    let rules: Vec<_> = settings.team_rules().cloned().collect();
    let rules = policies(db, &rules)?;
    let mut sources = BTreeMap::new();
    let Scope::Only(within) = &scope else {
        return Ok(Vec::new());
    };
    for team in within.values().filter(|target| target.team().is_some()) {
        if Targets::is_listed(db, team.id())? {
            sources.insert(team.clone(), SourceHealth::Complete);
        }
    }
    let wanted = Wanted {
        now,
        policy: settings.policy.clone(),
        rules: rules
            .into_iter()
            .filter(|(team, _)| scope.holds(team.id()))
            .collect(),
        sources,
        scope: scope.clone(),
        holders: settings.holders(),
    };
    let snapshot = plan_input::load(db, wanted)?;
    let plan = plan::plan(&snapshot, &settings.policy, now);
    let limits = &settings.guard.limits;
    let asks = Asks::of(&plan, &snapshot, limits, restored);
    let reviewed = guard::review(plan, limits, &asks.record(db, limits, now)?);
    let dropped = Grants::dropped(db, &scope)?.into_iter();
    let judged = dropped.map(|dropped| {
        let fate = fate(&reviewed, &dropped);
        (dropped, fate)
    });
    Ok(judged.collect())
}

fn fate(reviewed: &Reviewed, dropped: &Dropped) -> Fate {
    let concerns = |action: &Action| {
        action.target == dropped.target
            && [dropped.person.as_str(), dropped.email.key()].contains(&action.email.key())
    };
    if let Some(held) = reviewed.held.iter().find(|held| concerns(&held.action)) {
        return Fate::Held(held.why.clone());
    }
    let mut protected = reviewed.protected.iter();
    if let Some(kept) = protected.find(|kept| concerns(&kept.action)) {
        return Fate::Protected(kept.why.clone());
    }
    let mut approved = reviewed.approved.actions().iter();
    match approved.find(|action| concerns(action)) {
        Some(action) if action.means == Means::Unreadable => Fate::Unread,
        Some(_) => Fate::Removed,
        None => Fate::Nothing,
    }
}

/// People by target.
type People = HashSet<(TargetId, String)>;

/// Whose access the guard holds, or has not judged since nobody knows whether they are there.
fn waiting(reviewed: &Reviewed) -> People {
    let held = reviewed.held.iter().map(|held| &held.action);
    let unjudged = reviewed.approved.actions().iter();
    let unjudged = unjudged.filter(|action| action.means == Means::Unreadable);
    let person = |action: &Action| (action.target.id(), key(action));
    held.chain(unjudged).map(person).collect()
}

fn key(action: &Action) -> String {
    action.email.key().to_owned()
}

/// A plan names a person by the present address, or by that of the grant.
fn is_among(people: &People, dropped: &Dropped) -> bool {
    let target = dropped.target.id();
    [dropped.person.as_str(), dropped.email.key()]
        .into_iter()
        .any(|key| people.contains(&(target, key.to_owned())))
}
