//! What holds for any plan, policy and record.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// A plan, a policy and a record in which everything collides: three targets, few people, and
/// limits about as large as the plan.
fn cases() -> impl Strategy<Value = (Vec<Action>, GuardPolicy, Record)> {
    let action = (
        0_usize..3,
        0_u64..12,
        0_usize..3,
        0_u8..8,
        prop::bool::weighted(0.3),
    );
    let actions = proptest::collection::vec(action, 0..40).prop_map(|rows| {
        let made = rows
            .into_iter()
            .map(|(target, person, kind, means, is_admin)| {
                let action = made(target, person, kind, means);
                let is_admin = is_admin && matches!(action.means, Means::Membership(_));
                Action { is_admin, ..action }
            });
        let unique: BTreeMap<_, _> = made.map(|a| ((a.due, a.obligation()), a)).collect();
        unique.into_values().collect::<Vec<_>>()
    });
    let percent = prop_oneof![Just(0.0), Just(25.0), Just(50.0), Just(100.0)];
    let protected = prop_oneof![
        3 => Just(vec![]),
        1 => Just(vec![Pattern::new("p1*@example.com")]),
    ];
    let policy = (0_u64..40, percent, protected, 0_u64..4).prop_map(
        |(max_removals, max_removal_percent, protected, min_team_admins)| GuardPolicy {
            max_removals,
            max_removal_percent,
            protected,
            min_team_admins,
        },
    );
    let record = (
        [0_u64..12, 0..12, 0..12],
        0_u64..5,
        [0_u64..80, 0..80, 0..80],
        0_u64..6,
        any::<bool>(),
    )
        .prop_map(
            |(removed, from_gone_targets, people, admins, holder)| Record {
                holders: [team(), other_team()]
                    .into_iter()
                    .filter(|_| holder)
                    .map(|team| (team, holder_p2()))
                    .collect(),
                removed_in_all: removed.iter().sum::<u64>() + from_gone_targets,
                removed: targets().into_iter().zip(removed).collect(),
                gone: targets().into_iter().zip(removed).collect(),
                people: targets().into_iter().zip(people).collect(),
                admins: targets().into_iter().skip(1).map(|t| (t, admins)).collect(),
                ..Record::default()
            },
        );
    (actions, policy, record)
}

fn holder_p2() -> Holder {
    Holder {
        email: Some(Email::observed("P2@example.com")),
        id: None,
        is_sure: true,
    }
}

fn targets() -> [TargetRef; 3] {
    [whitelist(), team(), other_team()]
}

fn made(target: usize, person: u64, kind: usize, means: u8) -> Action {
    let action = removal(&targets()[target], person);
    if target == 0 {
        return action;
    }
    let means = match means {
        0 | 1 => Means::Unreadable,
        _ if KINDS[kind + 1] == ActionKind::InviteRevoke => {
            Means::Invite(vec![action.email.clone()])
        }
        _ => action.means.clone(),
    };
    Action {
        kind: KINDS[kind + 1],
        role: (KINDS[kind + 1] == ActionKind::MemberDemote).then_some(Role::Admin),
        means,
        ..action
    }
}

/// Counted here as the documents say it, not as the guard does.
fn takes_away(action: &&Action) -> bool {
    action.means != Means::Unreadable
}

fn texts<'a>(actions: impl IntoIterator<Item = &'a Action>) -> Vec<String> {
    let mut texts: Vec<String> = actions.into_iter().map(|a| format!("{a:?}")).collect();
    texts.sort();
    texts
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn every_action_is_approved_held_or_protected_and_only_one_of_them((actions, policy, record) in cases()) {
        let reviewed = review(plan(actions.clone()), &policy, &record);
        let refused = reviewed.held.iter().chain(&reviewed.protected).map(|r| &r.action);
        prop_assert_eq!(texts(reviewed.approved.actions().iter().chain(refused)), texts(&actions));
        prop_assert!(reviewed.approved.actions().is_sorted_by_key(|a| a.due));
    }

    #[test]
    fn what_is_approved_keeps_within_every_limit((actions, policy, record) in cases()) {
        let reviewed = review(plan(actions), &policy, &record);
        let approved: Vec<&Action> = reviewed.approved.actions().iter().filter(takes_away).collect();
        let in_all = record.removed_in_all + approved.len() as u64;
        prop_assert!(approved.is_empty() || in_all <= policy.max_removals);
        for target in targets() {
            let planned = approved.iter().filter(|a| a.target == target).count() as u64;
            let going = record.removed[&target] + planned;
            let people = record.people[&target] + record.removed[&target];
            let within = 100.0 * going as f64 <= people as f64 * policy.max_removal_percent;
            prop_assert!(planned == 0 || going < 10 || within, "{target}");
        }
    }

    #[test]
    fn what_is_held_is_held_whole_and_only_over_a_limit((actions, policy, record) in cases()) {
        let reviewed = review(plan(actions), &policy, &record);
        let approved: Vec<&Action> = reviewed.approved.actions().iter().filter(takes_away).collect();
        let held: Vec<&Action> = reviewed.held.iter().map(|r| &r.action).collect();
        prop_assert!(held.iter().all(takes_away));
        let planned = (approved.len() + held.len()) as u64;
        if record.removed_in_all + planned > policy.max_removals {
            prop_assert!(approved.is_empty());
            return Ok(());
        }
        for target in targets() {
            let of = |actions: &[&Action]| actions.iter().filter(|a| a.target == target).count() as u64;
            prop_assert!(of(&held) == 0 || of(&approved) == 0, "{target}");
            let going = record.removed[&target] + of(&held);
            let people = record.people[&target] + record.removed[&target];
            let over = 100.0 * going as f64 > people as f64 * policy.max_removal_percent;
            prop_assert!(of(&held) == 0 || (going >= 10 && over), "{target}");
        }
    }

    #[test]
    fn nobody_who_must_stay_is_approved_or_held((actions, policy, record) in cases()) {
        let reviewed = review(plan(actions), &policy, &record);
        let may_go: Vec<&Action> =
            reviewed.approved.actions().iter().chain(reviewed.held.iter().map(|r| &r.action)).collect();
        for action in &may_go {
            prop_assert!(!policy.protected.iter().any(|p| p.matches(&action.email)));
            let holder = record.holders.get(&action.target);
            prop_assert!(!holder.is_some_and(|holder| holder.is(&action.person, &action.email)));
        }
        for team in [team(), other_team()] {
            let going: BTreeSet<&Email> =
                may_go.iter().filter(|a| a.is_admin && a.target == team).map(|a| &a.email).collect();
            let spare = record.admins[&team].saturating_sub(policy.min_team_admins);
            prop_assert!(going.len() as u64 <= spare);
        }
    }

    #[test]
    fn the_order_of_the_actions_decides_nothing_but_which_admins_stay(
        (actions, policy, record) in cases(), turn in 0_usize..40, spare in any::<bool>(),
    ) {
        // Without admins among them, or with admins enough for all.
        let record = Record {
            admins: targets().map(|t| (t, 100)).into(),
            ..record
        };
        let mut actions = actions;
        actions.iter_mut().for_each(|a| a.is_admin &= spare);
        let reviewed = review(plan(actions.clone()), &policy, &record);
        let middle = turn.min(actions.len());
        actions.rotate_left(middle);
        actions[middle / 2..].reverse();
        let again = review(plan(actions), &policy, &record);
        prop_assert_eq!(texts(reviewed.approved.actions()), texts(again.approved.actions()));
        let held = |r: &Reviewed| texts(r.held.iter().map(|r| &r.action));
        prop_assert_eq!(held(&reviewed), held(&again));
    }

    #[test]
    fn a_stricter_limit_never_lets_more_through((actions, policy, record) in cases(), less in 1_u64..10) {
        let stricter = GuardPolicy {
            max_removals: policy.max_removals.saturating_sub(less),
            max_removal_percent: policy.max_removal_percent / 2.0,
            ..policy.clone()
        };
        let approved = review(plan(actions.clone()), &policy, &record).approved;
        let fewer = review(plan(actions), &stricter, &record).approved;
        prop_assert!(fewer.actions().iter().all(|a| approved.actions().contains(a)));
    }
}
