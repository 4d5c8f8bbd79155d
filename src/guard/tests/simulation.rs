//! Many plans over days: whatever comes, no 24 hours see more removals than the limits let.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const DAY: u64 = 24;

/// What was done: at which hour, on which target.
#[derive(Default)]
struct History(Vec<(u64, TargetRef)>);

impl History {
    /// The removals of the 24 hours up to now.
    fn lately(&self, now: u64) -> BTreeMap<TargetRef, u64> {
        let mut removed = BTreeMap::new();
        for (at, target) in self.0.iter().filter(|(at, _)| at + DAY > now) {
            assert!(*at <= now);
            *removed.entry(target.clone()).or_default() += 1;
        }
        removed
    }
}

/// A pass: the hours since the last one, and what is planned: target, and whether it succeeds.
type Pass = (u64, Vec<(bool, bool)>);

fn passes() -> impl Strategy<Value = Vec<Pass>> {
    let planned = proptest::collection::vec((any::<bool>(), prop::bool::weighted(0.8)), 0..25);
    let hours = prop_oneof![3 => 0_u64..4, 1 => 4_u64..30];
    proptest::collection::vec((hours, planned), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn no_24_hours_see_more_removals_than_max_removals(
        passes in passes(), max_removals in 0_u64..40, percent in 0_u32..101, population in 0_u64..300,
    ) {
        let policy = GuardPolicy {
            max_removals,
            max_removal_percent: f64::from(percent),
            ..policy()
        };
        let mut history = History::default();
        let mut people = BTreeMap::from([(whitelist(), population), (team(), population)]);
        let mut now = 0;
        for (hours, planned) in passes {
            now += hours;
            let removed = history.lately(now);
            let record = Record {
                removed_in_all: removed.values().sum(),
                gone: removed.clone(),
                removed,
                people: people.clone(),
                ..Record::default()
            };
            let actions = planned.iter().enumerate().map(|(number, (is_team, _))| {
                let target = if *is_team { team() } else { whitelist() };
                removal(&target, number as u64)
            });
            let reviewed = review(plan(actions), &policy, &record);
            for action in reviewed.approved.actions() {
                let number = usize::try_from(action.due.as_second()).unwrap();
                if planned[number].1 {
                    history.0.push((now, action.target.clone()));
                    let left = people.get_mut(&action.target).unwrap();
                    *left = left.saturating_sub(1);
                }
            }
            let lately = history.lately(now);
            prop_assert!(lately.values().sum::<u64>() <= max_removals);
            for (target, removed) in lately {
                // Of those who were there when the 24 hours began.
                let before = people[&target] + removed;
                let share = 100.0 * removed as f64 / before as f64;
                prop_assert!(removed < 10 || share <= f64::from(percent), "{target}: {share} %");
            }
        }
    }
}
