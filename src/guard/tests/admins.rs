//! A team keeps its last admins.

use super::*;

fn admin(number: u64) -> Action {
    Action {
        is_admin: true,
        ..removal(&team(), number)
    }
}

fn demotion(number: u64) -> Action {
    Action {
        kind: ActionKind::MemberDemote,
        role: Some(Role::Admin),
        reason: Reason::RoleEnded,
        ..admin(number)
    }
}

fn keeping(min_team_admins: u64) -> GuardPolicy {
    GuardPolicy {
        min_team_admins,
        ..policy()
    }
}

fn with_admins(admins: u64) -> Record {
    Record {
        admins: [(team(), admins)].into(),
        ..record(&[])
    }
}

#[test]
fn of_many_admins_that_are_due_those_due_longest_go_and_the_last_stay() {
    for make in [admin, demotion] {
        for min in 0..=3 {
            for admins in 0..=4_u64 {
                for due in 0..=admins {
                    let goes = due.min(admins.saturating_sub(min));
                    let reviewed = review(
                        plan((0..due).map(make)),
                        &keeping(min),
                        &with_admins(admins),
                    );
                    let case = format!("{due} of {admins}, keeping {min}");
                    let gone: Vec<u64> = numbers(reviewed.approved.actions().iter());
                    assert_eq!(gone, (0..goes).collect::<Vec<_>>(), "{case}");
                    let kept = numbers(reviewed.protected.iter().map(|r| &r.action));
                    assert_eq!(kept, (goes..due).collect::<Vec<_>>(), "{case}");
                }
            }
        }
    }
}

fn numbers<'a>(actions: impl Iterator<Item = &'a Action>) -> Vec<u64> {
    actions
        .map(|a| u64::try_from(a.due.as_second()).unwrap())
        .collect()
}

#[test]
fn who_is_kept_as_an_admin_is_told_the_reason() {
    let reviewed = review(plan([admin(1)]), &keeping(1), &with_admins(1));
    let why = &reviewed.protected[0].why;
    assert_eq!(
        why,
        "the team keeps at least 1 admin(s) (guard.min_team_admins)"
    );
}

#[test]
fn a_team_whose_admins_are_not_on_record_loses_none() {
    let reviewed = review(plan([admin(1), demotion(2)]), &keeping(1), &record(&[]));
    assert_eq!(counts(&reviewed), (0, 0, 2));
}

#[test]
fn an_admin_who_is_demoted_and_removed_is_one_admin_less() {
    let twice = || plan([demotion(1), admin(1)]);
    assert_eq!(
        counts(&review(twice(), &keeping(1), &with_admins(2))),
        (2, 0, 0)
    );
    assert_eq!(
        counts(&review(twice(), &keeping(1), &with_admins(1))),
        (0, 0, 2)
    );
    let and_another = plan([demotion(1), admin(1), admin(2)]);
    assert_eq!(
        counts(&review(and_another, &keeping(1), &with_admins(2))),
        (2, 0, 1)
    );
}

#[test]
fn an_admin_who_is_protected_stays_and_lets_the_others_go() {
    let policy = GuardPolicy {
        protected: vec![Pattern::new("p0@example.com")],
        ..keeping(1)
    };
    let reviewed = review(plan([admin(0), admin(1)]), &policy, &with_admins(2));
    assert_eq!(counts(&reviewed), (1, 0, 1));
    assert_eq!(reviewed.protected[0].action.email.key(), "p0@example.com");
}

#[test]
fn each_team_keeps_admins_of_its_own_and_members_are_no_admins() {
    let other = Action {
        target: other_team(),
        ..admin(2)
    };
    let mut record = with_admins(1);
    record.admins.insert(other_team(), 2);
    let plan = plan([admin(1), other, removal(&team(), 3)]);
    let reviewed = review(plan, &keeping(1), &record);
    assert_eq!(counts(&reviewed), (2, 0, 1));
    assert_eq!(reviewed.protected[0].action.target, team());
}

#[test]
fn an_admin_who_is_kept_does_not_count_against_the_limits() {
    let policy = GuardPolicy {
        max_removals: 1,
        ..keeping(1)
    };
    let reviewed = review(plan([admin(1), admin(2)]), &policy, &with_admins(2));
    assert_eq!(counts(&reviewed), (1, 0, 1));
}
