//! Who is never touched: protected people and the keys' holders.

use super::*;

fn protecting(patterns: &[&str]) -> GuardPolicy {
    GuardPolicy {
        protected: patterns.iter().map(|p| Pattern::new(p)).collect(),
        ..policy()
    }
}

fn holding(team: &TargetRef, email: Option<&str>, id: Option<&str>) -> Record {
    let holder = Holder {
        email: email.map(Email::observed),
        id: id.map(str::to_owned),
        is_sure: email.is_some(),
    };
    Record {
        holders: [(team.clone(), holder)].into(),
        ..record(&[])
    }
}

#[test]
fn a_protected_person_is_spared_by_every_kind_of_action_and_means() {
    let meanses = [
        Means::Entry(Vec::new()),
        Means::Membership("m-1".into()),
        Means::Unreadable,
    ];
    for kind in KINDS {
        for means in meanses.clone() {
            let action = Action {
                means,
                ..of_kind(kind, 1)
            };
            for pattern in ["P1@Example.com", "*@example.com", "p1@*", "*"] {
                let plan = plan([action.clone()]);
                let reviewed = review(plan, &protecting(&[pattern]), &record(&[]));
                assert_eq!(counts(&reviewed), (0, 0, 1), "{kind:?} {pattern}");
                let why = &reviewed.protected[0].why;
                let expected = format!(
                    "is protected by {} (guard.protected)",
                    pattern.to_lowercase()
                );
                assert_eq!(*why, expected);
            }
        }
    }
}

#[test]
fn the_keys_holder_is_spared_in_every_team_of_the_account_and_whatever_the_case() {
    for kind in KINDS {
        let reviewed = review(
            plan([of_kind(kind, 1)]),
            &policy(),
            &holding(&team(), Some("P1@EXAMPLE.com"), None),
        );
        let expected = match kind {
            // Sapling's key says nothing of the whitelist.
            ActionKind::WhitelistRemove => (1, 0, 0),
            _ => (0, 0, 1),
        };
        assert_eq!(counts(&reviewed), expected, "{kind:?}");
    }
}

#[test]
fn the_holder_of_another_teams_key_is_anybody() {
    let record = holding(&other_team(), Some("p1@example.com"), None);
    let reviewed = review(many(&team(), 3), &policy(), &record);
    assert_eq!(counts(&reviewed), (3, 0, 0));
}

#[test]
fn the_keys_holder_is_spared_by_the_membership_whatever_the_address_is_now() {
    let record = holding(&team(), Some("robot@example.com"), Some("m-1"));
    let reviewed = review(many(&team(), 3), &policy(), &record);
    assert_eq!(counts(&reviewed), (2, 0, 1));
}

#[test]
fn without_a_known_holder_no_rule_removes_an_admin() {
    for (reason, spared) in [
        (Reason::TeamMaxAge, true),
        (Reason::WhitelistEnded, true),
        (Reason::GrantEnded, false),
    ] {
        let action = Action {
            reason,
            is_admin: true,
            ..removal(&team(), 1)
        };
        let admins = |record: Record| Record {
            admins: [(team(), 5)].into(),
            ..record
        };
        let unknown = review(plan([action.clone()]), &policy(), &admins(record(&[])));
        assert_eq!(unknown.protected.len(), usize::from(spared), "{reason:?}");
        let known = admins(holding(&team(), Some("robot@example.com"), None));
        let reviewed = review(plan([action]), &policy(), &known);
        assert_eq!(counts(&reviewed), (1, 0, 0), "{reason:?}");
    }
}

#[test]
fn who_was_protected_under_the_same_membership_is_held_and_not_removed() {
    let mut record = record(&[]);
    let key = (team(), "m-1".to_owned());
    record
        .former
        .insert(key, vec![Email::observed("ceo@example.com")]);
    let policy = protecting(&["ceo@example.com"]);
    let reviewed = review(many(&team(), 3), &policy, &record);
    assert_eq!(counts(&reviewed), (2, 1, 0));
    assert!(reviewed.held[0].why.contains("was ceo@example.com"));
    // A person may let it go ahead.
    let action = removal(&team(), 1);
    record.approved.insert(action.obligation(), action.due);
    assert_eq!(counts(&review(plan([action]), &policy, &record)), (1, 0, 0));
}

#[test]
fn what_an_upgrade_opened_again_is_held_alone() {
    let reopened = Action {
        reopened: true,
        ..removal(&team(), 1)
    };
    let all = plan([reopened, removal(&team(), 2)]);
    let at_most_one = GuardPolicy {
        max_removals: 1,
        ..policy()
    };
    assert_eq!(counts(&review(all, &at_most_one, &record(&[]))), (1, 1, 0));
}

#[test]
fn who_is_protected_does_not_count_against_the_limits() {
    let policy = GuardPolicy {
        max_removals: 2,
        ..protecting(&["p0@example.com"])
    };
    let reviewed = review(many(&team(), 3), &policy, &record(&[]));
    assert_eq!(counts(&reviewed), (2, 0, 1));
    let percent = GuardPolicy {
        max_removal_percent: 0.0,
        ..protecting(&["p0@example.com"])
    };
    let reviewed = review(many(&team(), 10), &percent, &record(&[]));
    assert_eq!(counts(&reviewed), (9, 0, 1));
}

#[test]
fn who_is_protected_is_not_held_and_so_never_approved_by_a_person() {
    let policy = GuardPolicy {
        max_removals: 0,
        ..protecting(&["p0@example.com"])
    };
    let reviewed = review(many(&team(), 3), &policy, &record(&[]));
    assert_eq!(counts(&reviewed), (0, 2, 1));
}
