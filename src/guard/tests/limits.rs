//! The limits, in number and in percent, at and around their bounds.

use super::*;

#[test]
fn a_plan_that_passes_max_removals_is_held_whole_however_it_splits_with_the_past() {
    for max in [0_u64, 1, 2, 5, 100] {
        for total in [0, 1, max.saturating_sub(1), max, max + 1, 2 * max + 3] {
            for past in 0..=total {
                let planned = total - past;
                let policy = GuardPolicy {
                    max_removals: max,
                    ..policy()
                };
                let record = record(&[(whitelist(), past)]);
                let reviewed = review(many(&team(), planned), &policy, &record);
                let expected = if total > max && planned > 0 {
                    (0, planned as usize, 0)
                } else {
                    (planned as usize, 0, 0)
                };
                assert_eq!(counts(&reviewed), expected, "{past} + {planned} of {max}");
            }
        }
    }
}

#[test]
fn the_past_counts_also_from_targets_that_are_gone() {
    let policy = GuardPolicy {
        max_removals: 5,
        ..policy()
    };
    let record = Record {
        removed_in_all: 5,
        ..record(&[])
    };
    let reviewed = review(many(&team(), 1), &policy, &record);
    assert_eq!(counts(&reviewed), (0, 1, 0));
    let why = &reviewed.held[0].why;
    assert_eq!(
        why,
        "6 removals in 24 hours would pass guard.max_removals = 5"
    );
}

#[test]
fn max_removals_of_zero_holds_a_single_removal_of_any_kind() {
    for kind in KINDS {
        let policy = GuardPolicy {
            max_removals: 0,
            ..policy()
        };
        let reviewed = review(plan([of_kind(kind, 1)]), &policy, &record(&[]));
        assert_eq!(counts(&reviewed), (0, 1, 0), "{kind:?}");
    }
}

#[test]
fn every_kind_of_removal_counts_together() {
    let mixed = || plan(KINDS.map(|kind| of_kind(kind, kind as u64)));
    for (max, expected) in [(4, (4, 0, 0)), (3, (0, 4, 0))] {
        let policy = GuardPolicy {
            max_removals: max,
            ..policy()
        };
        assert_eq!(
            counts(&review(mixed(), &policy, &record(&[]))),
            expected,
            "{max}"
        );
    }
}

#[test]
fn an_empty_plan_is_approved_whatever_went_before() {
    for max in [0, 5] {
        let policy = GuardPolicy {
            max_removals: max,
            max_removal_percent: 0.0,
            ..policy()
        };
        let record = record(&[(team(), 1000)]);
        assert_eq!(counts(&review(plan([]), &policy, &record)), (0, 0, 0));
    }
}

#[test]
fn what_cannot_be_tried_neither_counts_nor_is_held() {
    let with = |means: Means, number| Action {
        means,
        ..removal(&team(), number)
    };
    let policy = GuardPolicy {
        max_removals: 1,
        max_removal_percent: 0.0,
        ..policy()
    };
    let idle = || (10..90).map(|n| with(Means::Unreadable, n));
    let one = plan(idle().chain([removal(&team(), 1)]));
    assert_eq!(counts(&review(one, &policy, &record(&[]))), (81, 0, 0));
    // Where the rest is held, it still goes on.
    let two = plan(idle().chain([removal(&team(), 1), removal(&team(), 2)]));
    assert_eq!(counts(&review(two, &policy, &record(&[]))), (80, 2, 0));
    // Nothing to remove, nothing to hold, even over the limit.
    let none = review(plan(idle()), &policy, &record(&[(team(), 9)]));
    assert_eq!(counts(&none), (80, 0, 0));
}

#[test]
fn a_target_is_held_from_ten_removals_on_that_pass_its_percentage() {
    for (percent, removed, planned, people, held) in [
        (25.0, 0, 9, 9, false),
        (25.0, 0, 10, 41, false),
        (25.0, 0, 10, 40, false),
        (25.0, 0, 10, 39, true),
        (25.0, 0, 11, 44, false),
        (25.0, 0, 11, 43, true),
        // The people before the first removal: those that are left and those that went.
        (25.0, 9, 1, 31, false),
        (25.0, 9, 1, 30, true),
        (25.0, 8, 1, 1, false),
        (25.0, 30, 1, 93, true),
        (25.0, 30, 1, 94, false),
        // Nobody known.
        (25.0, 0, 9, 0, false),
        (25.0, 0, 10, 0, true),
        // All, and none.
        (100.0, 0, 10, 10, false),
        (100.0, 0, 10, 9, true),
        (0.0, 0, 9, 1000, false),
        (0.0, 0, 10, 1000, true),
        (0.0, 9, 1, 1000, true),
        (12.5, 0, 10, 80, false),
        (12.5, 0, 10, 79, true),
    ] {
        let policy = GuardPolicy {
            max_removal_percent: percent,
            ..policy()
        };
        let mut record = record(&[(team(), removed)]);
        record.people.insert(team(), people);
        let reviewed = review(many(&team(), planned), &policy, &record);
        let expected = if held {
            (0, planned as usize, 0)
        } else {
            (planned as usize, 0, 0)
        };
        let case = format!("{removed} + {planned} of {people}, {percent} %");
        assert_eq!(counts(&reviewed), expected, "{case}");
    }
}

#[test]
fn a_target_of_which_nothing_is_on_record_is_held_from_ten_removals_on() {
    for (planned, held) in [(9, 0), (10, 10)] {
        let reviewed = review(many(&team(), planned), &policy(), &Record::default());
        assert_eq!(reviewed.held.len(), held);
    }
}

#[test]
fn a_percentage_holds_its_own_target_and_no_other() {
    let policy = GuardPolicy {
        max_removal_percent: 25.0,
        ..policy()
    };
    let mut record = record(&[(other_team(), 3)]);
    record.people.insert(team(), 20);
    let both = plan((0..10).flat_map(|n| [removal(&team(), n), removal(&other_team(), n)]));
    let reviewed = review(both, &policy, &record);
    assert_eq!(counts(&reviewed), (10, 10, 0));
    assert!(reviewed.held.iter().all(|r| r.action.target == team()));
    let why = &reviewed.held[0].why;
    assert_eq!(
        why,
        "10 removals in 24 hours of 20 known people would pass guard.max_removal_percent = 25"
    );
}

#[test]
fn counts_as_large_as_numbers_get_hold_rather_than_overflow() {
    let record = Record {
        removed: [(team(), u64::MAX)].into(),
        gone: [(team(), u64::MAX)].into(),
        removed_in_all: u64::MAX,
        people: [(team(), u64::MAX)].into(),
        admins: [(team(), u64::MAX)].into(),
        ..Record::default()
    };
    let reviewed = review(many(&team(), 3), &policy(), &record);
    assert_eq!(counts(&reviewed), (0, 3, 0));
    let unlimited = GuardPolicy {
        max_removals: u64::MAX,
        ..policy()
    };
    assert_eq!(
        counts(&review(many(&team(), 3), &unlimited, &record)),
        (3, 0, 0)
    );
}

#[test]
fn no_more_people_are_counted_than_decide_whether_a_target_is_held() {
    for (percent, planned) in [(25.0, 10), (12.5, 10), (100.0, 10), (33.0, 17)] {
        let policy = GuardPolicy {
            max_removal_percent: percent,
            ..policy()
        };
        let enough = people_that_matter(planned, &policy);
        for (people, held) in [(enough, false), (enough - 1, true)] {
            let mut record = record(&[]);
            record.people.insert(team(), people);
            let reviewed = review(many(&team(), planned), &policy, &record);
            assert_eq!(
                !reviewed.held.is_empty(),
                held,
                "{planned} of {people}, {percent} %"
            );
        }
    }
}
