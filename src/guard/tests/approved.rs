//! What a person has let go ahead, and what waits for such a word.

use super::*;

/// A record in which exactly these actions were approved.
fn approving(actions: &[Action], record: Record) -> Record {
    let key = |a: &Action| (a.obligation(), a.due);
    Record {
        approved: actions.iter().map(key).collect(),
        ..record
    }
}

fn at_most(max_removals: u64) -> GuardPolicy {
    GuardPolicy {
        max_removals,
        ..policy()
    }
}

#[test]
fn exactly_the_approved_plan_goes_ahead_whatever_the_limit() {
    let plan = many(&team(), 20);
    let record = approving(&plan.actions, record(&[]));
    let reviewed = review(plan, &at_most(5), &record);
    assert_eq!(counts(&reviewed), (20, 0, 0));
}

#[test]
fn what_is_new_does_not_slip_in_with_what_was_approved() {
    let all = many(&team(), 21);
    let record = approving(&all.actions[..20], record(&[]));
    let reviewed = review(all, &at_most(0), &record);
    assert_eq!(counts(&reviewed), (20, 1, 0));
}

#[test]
fn what_was_approved_uses_up_no_limit() {
    let all = many(&team(), 21);
    let record = approving(&all.actions[..20], record(&[]));
    assert_eq!(counts(&review(all, &at_most(1), &record)), (21, 0, 0));
}

#[test]
fn an_action_due_since_another_moment_is_not_the_one_that_was_approved() {
    let mut plan = many(&team(), 6);
    let record = approving(&plan.actions, record(&[]));
    plan.actions[3].due = Timestamp::UNIX_EPOCH;
    let reviewed = review(plan, &at_most(0), &record);
    assert_eq!(counts(&reviewed), (5, 1, 0));
}

#[test]
fn approval_does_not_reach_the_protected() {
    let plan = many(&team(), 2);
    let policy = GuardPolicy {
        protected: vec![Pattern::new("*")],
        ..at_most(1)
    };
    let record = approving(&plan.actions, record(&[]));
    assert_eq!(counts(&review(plan, &policy, &record)), (0, 0, 2));
}

#[test]
fn a_restored_database_holds_a_single_removal_whatever_was_approved_in_it() {
    let plan = many(&team(), 1);
    let restored = Record {
        suspended: Some("it is an older copy".to_owned()),
        ..record(&[])
    };
    let reviewed = review(plan.clone(), &policy(), &restored);
    assert_eq!(counts(&reviewed), (0, 1, 0));
    assert_eq!(reviewed.held[0].why, "it is an older copy");
    // The approval may have come with the copy: only a database that a person has confirmed acts.
    let approved = approving(&plan.actions, restored);
    assert_eq!(
        counts(&review(plan.clone(), &policy(), &approved)),
        (0, 1, 0)
    );
    let confirmed = Record {
        suspended: None,
        ..approved
    };
    assert_eq!(counts(&review(plan, &policy(), &confirmed)), (1, 0, 0));
}
