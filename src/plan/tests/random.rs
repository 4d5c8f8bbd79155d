//! What holds for any plan, tried on small random worlds whose people and times collide.

mod oracle;
mod worlds;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use oracle::Oracle;
use worlds::{Raw, extreme_span, extreme_time, raw};

/// Whether the reason is a matter of invites, which no grant keeps.
fn is_of_invites(action: &Action) -> bool {
    matches!(
        action.reason,
        Reason::InviteStale | Reason::InviteSuppressed
    )
}

fn world(raw: &Raw) -> World {
    raw.world(at, hours)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn nobody_whom_a_grant_covers_loses_it(raw in raw(), now in 0_i64..12) {
        let world = world(&raw);
        let oracle = Oracle::new(&world, at(now));
        for action in world.plan(at(now)).actions.iter().filter(|a| !is_of_invites(a)) {
            let covered = oracle.covered(&action.target, &action.email, action.role);
            prop_assert!(!covered, "{action:#?}");
        }
    }

    #[test]
    fn whoever_is_due_gets_the_action_and_no_other(raw in raw(), now in 0_i64..12) {
        let world = world(&raw);
        let oracle = Oracle::new(&world, at(now));
        let plan = world.plan(at(now));
        let planned: BTreeSet<_> = plan
            .actions
            .iter()
            .map(|a| (a.target.clone(), a.email.clone(), a.kind))
            .collect();
        prop_assert_eq!(planned, oracle.due());
    }

    #[test]
    fn whoever_a_grant_has_ended_for_is_acted_on_or_told_of(raw in raw(), now in 0_i64..12) {
        let world = world(&raw);
        let plan = world.plan(at(now));
        let is_there = |g: &Grant| {
            let is = |t: &TargetRef, e: &Email| (t, e) == (&g.target, &g.person);
            g.target.team().is_none()
                || world.snapshot.members.iter().any(|m| is(&m.target, &m.email))
        };
        let over = world.snapshot.grants.iter().filter(|g| g.is_over(at(now)) && g.start <= at(now));
        for grant in over.filter(|g| g.role.is_none() && is_there(g)) {
            let acted = plan.actions.iter().any(|a| (&a.target, &a.email) == (&grant.target, &grant.email));
            let left = plan.left_alone.iter().any(|l| (&l.target, &l.email) == (&grant.target, &grant.email));
            prop_assert!(acted || left, "{grant:#?}");
        }
    }

    #[test]
    fn the_order_of_the_rows_makes_no_difference(
        raw in raw(), now in 0_i64..12, turn in 0_usize..8, reversed in any::<bool>(),
    ) {
        let mut world = world(&raw);
        let plan = world.plan(at(now));
        let Snapshot { grants, members, invites, .. } = &mut world.snapshot;
        stir(grants, turn, reversed);
        stir(members, turn, reversed);
        stir(invites, turn, reversed);
        // Addresses are equal without case; as text they are not.
        prop_assert_eq!(format!("{plan:#?}"), format!("{:#?}", world.plan(at(now))));
    }

    #[test]
    fn a_plan_is_in_order_past_and_without_repetition(raw in raw(), now in 0_i64..12) {
        let plan = world(&raw).plan(at(now));
        let keys: BTreeSet<_> = plan.actions.iter().map(Action::obligation).collect();
        prop_assert_eq!(keys.len(), plan.actions.len());
        prop_assert!(plan.actions.is_sorted_by_key(|a| (a.due, &a.target, &a.email, a.kind, a.role)));
        prop_assert!(plan.actions.iter().all(|a| a.due <= at(now)));
        let left: BTreeSet<_> = plan.left_alone.iter().map(|l| (&l.target, &l.email, l.why)).collect();
        prop_assert_eq!(left.len(), plan.left_alone.len());
    }

    #[test]
    fn what_is_due_stays_due_until_a_grant_covers_it(raw in raw(), now in 0_i64..12, later in 0_i64..6) {
        let world = world(&raw);
        let later = at(now + later);
        let oracle = Oracle::new(&world, later);
        let then = world.plan(later).actions;
        for was in world.plan(at(now)).actions {
            // A removal takes the role with it.
            let still = then.iter().any(|is| {
                (&is.target, &is.email) == (&was.target, &was.email)
                    && ((is.kind, is.role) == (was.kind, was.role)
                        || (was.kind, is.kind) == (ActionKind::MemberDemote, ActionKind::MemberRemove)
                        || (was.kind, is.kind) == (ActionKind::MemberDemote, ActionKind::InviteRevoke))
            });
            let covered = !is_of_invites(&was) && oracle.covered(&was.target, &was.email, was.role);
            let returned = world.plan(later).left_alone.iter().any(|l| {
                (&l.target, &l.email) == (&was.target, &was.email) && l.why == Why::Returned
            });
            prop_assert!(still || covered || returned, "{was:#?}");
        }
    }

    #[test]
    fn nothing_is_sent_on_the_word_of_a_team_that_was_not_read_completely(raw in raw(), now in 0_i64..12) {
        let world = world(&raw);
        for action in world.plan(at(now)).actions {
            let complete = world.snapshot.sources.get(&action.target) == Some(&SourceHealth::Complete);
            let is_team = action.target.team().is_some();
            prop_assert_eq!(action.means == Means::Unreadable, is_team && !complete, "{:#?}", action);
        }
    }

    #[test]
    fn sapling_is_sent_the_address_it_shows_and_sentius_the_one_granted(raw in raw(), now in 0_i64..12) {
        let world = world(&raw);
        for action in world.plan(at(now)).actions {
            let written = |(target, email): (&TargetRef, &Email)| {
                *target == action.target && email.written() == action.email.written()
            };
            let shown = match (action.kind, &action.means) {
                (ActionKind::InviteRevoke, _) => world.snapshot.invites.iter().any(|i| written((&i.target, &i.email))),
                (_, Means::Membership(id)) => {
                    let member = world.snapshot.members.iter().find(|m| m.remote_id == *id);
                    member.is_some_and(|m| written((&m.target, &m.email)))
                }
                _ => world.snapshot.grants.iter().any(|g| written((&g.target, &g.email)))
                    || world.snapshot.members.iter().any(|m| written((&m.target, &m.email))),
            };
            prop_assert!(shown, "{action:#?}");
        }
    }

    #[test]
    fn no_time_and_no_span_is_too_extreme(raw in raw(), now in 0_i64..12) {
        let world = raw.world(extreme_time, extreme_span);
        let plan = world.plan(extreme_time(now));
        prop_assert!(plan.actions.iter().all(|a| a.due <= extreme_time(now)));
    }
}

fn stir<T>(rows: &mut [T], turn: usize, reversed: bool) {
    if reversed {
        rows.reverse();
    }
    if !rows.is_empty() {
        rows.rotate_left(turn % rows.len());
    }
}
