//! Who is never touched: protected people and the keys' holders.

use super::*;

fn protecting(patterns: &[&str]) -> GuardPolicy {
    GuardPolicy {
        protected: patterns.iter().map(|p| Pattern::new(p)).collect(),
        ..policy()
    }
}

fn holding(account: &str, email: &str) -> GuardPolicy {
    GuardPolicy {
        holders: [(account.to_owned(), Email::observed(email))].into(),
        ..policy()
    }
}

#[test]
fn a_protected_person_is_spared_by_every_kind_of_action_and_means() {
    let meanses = [
        Means::Address,
        Means::Membership("m-1".into()),
        Means::AlreadyGone,
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
            &holding("acme", "P1@EXAMPLE.com"),
            &record(&[]),
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
fn the_holder_of_another_accounts_key_is_anybody() {
    let policy = holding("beta", "p1@example.com");
    let reviewed = review(many(&team(), 3), &policy, &record(&[]));
    assert_eq!(counts(&reviewed), (3, 0, 0));
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
