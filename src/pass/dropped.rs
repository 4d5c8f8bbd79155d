//! Grants whose rows are missing from the files that they come from: their ends are written once the
//! guard lets their access go, and not before.

use std::collections::{BTreeMap, HashMap, HashSet};

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
            let person = |target| (target, action.email.key().to_owned());
            !followed.is_some_and(|target| waits.contains(&person(target)))
        });
        dropped.retain(|dropped| !names_of(dropped).any(|name| waits.contains(&name)));
        let at = clock::now();
        let end = move |db: &_| {
            let mut all = dropped.iter();
            all.try_for_each(|dropped| Grants::end_dropped(db, dropped, at))
        };
        self.store.write(end).await
    }
}

/// What becomes of a grant whose row is missing. Of several of a person, the first counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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
    let fates = fates(&reviewed);
    let dropped = Grants::dropped(db, &scope)?.into_iter();
    let judged = dropped.map(|dropped| {
        let fates = names_of(&dropped).filter_map(|name| fates.get(&name));
        let fate = fates.min().cloned().unwrap_or(Fate::Nothing);
        (dropped, fate)
    });
    Ok(judged.collect())
}

/// What becomes of each person of a plan: what is held comes first, then what is protected.
fn fates(reviewed: &Reviewed) -> HashMap<Person, Fate> {
    let held = reviewed.held.iter();
    let held = held.map(|held| (&held.action, Fate::Held(held.why.clone())));
    let kept = reviewed.protected.iter();
    let kept = kept.map(|kept| (&kept.action, Fate::Protected(kept.why.clone())));
    let approved = reviewed.approved.actions().iter().map(|action| {
        let fate = match action.means {
            Means::Unreadable => Fate::Unread,
            _ => Fate::Removed,
        };
        (action, fate)
    });
    let mut fates = HashMap::new();
    for (action, fate) in held.chain(kept).chain(approved) {
        fates.entry(person(action)).or_insert(fate);
    }
    fates
}

/// A person on a target.
type Person = (TargetId, String);

/// Whose access the guard holds, or has not judged since nobody knows whether they are there.
fn waiting(reviewed: &Reviewed) -> HashSet<Person> {
    let held = reviewed.held.iter().map(|held| &held.action);
    let unjudged = reviewed.approved.actions().iter();
    let unjudged = unjudged.filter(|action| action.means == Means::Unreadable);
    held.chain(unjudged).map(person).collect()
}

fn person(action: &Action) -> Person {
    (action.target.id(), action.email.key().to_owned())
}

/// A plan names a person by the present address, or by that of the grant.
fn names_of(dropped: &Dropped) -> impl Iterator<Item = Person> {
    let target = dropped.target.id();
    let names = [dropped.person.as_str(), dropped.email.key()];
    names.map(|name| (target, name.to_owned())).into_iter()
}
