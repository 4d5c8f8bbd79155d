//! When the last grant of a person on a target is over, the access ends.

use super::*;

#[test]
fn an_ended_whitelist_grant_is_removed_by_the_address_as_it_was_granted() {
    let plan = World::new([grant(&whitelist(), Some(10))]).plan(at(12));
    let action = only(&plan);
    assert_eq!(action.kind, ActionKind::WhitelistRemove);
    assert_eq!(action.reason, Reason::GrantEnded);
    assert_eq!(action.means, Means::Entry(vec![ann()]));
    assert_eq!(action.email.written(), "Ann@Example.com");
    assert_eq!(action.due, at(10));
    assert!(!action.is_admin && action.role.is_none() && action.follows.is_none());
}

#[test]
fn an_ended_team_grant_takes_out_the_member_by_id_and_as_the_team_shows_them() {
    let world = World::new([grant(&team(), Some(10))]).member(member());
    let plan = world.plan(at(12));
    let action = only(&plan);
    assert_eq!(action.kind, ActionKind::MemberRemove);
    assert_eq!(action.means, membership("m-1"));
    assert_eq!(action.email.written(), "ann@example.com");
    assert!(action.is_admin);
}

#[test]
fn an_ended_team_grant_takes_back_an_invite_that_nobody_took() {
    let world = World::new([grant(&team(), Some(10))]).invite(invite());
    let plan = world.plan(at(12));
    let action = only(&plan);
    assert_eq!(action.kind, ActionKind::InviteRevoke);
    assert_eq!(action.reason, Reason::GrantEnded);
    assert_eq!(action.means, Means::Invite(invite().spellings));
    assert_eq!(action.email.written(), "ANN@example.com");
    assert!(!action.is_admin);
}

#[test]
fn an_ended_team_grant_takes_out_the_member_and_takes_back_the_invite() {
    let world = World::new([grant(&team(), Some(10))])
        .member(member())
        .invite(invite());
    assert_eq!(
        world.due(12),
        ["member.remove grant.ended", "invite.revoke grant.ended"]
    );
}

#[test]
fn where_nobody_is_there_nothing_is_owed() {
    let world = World::new([grant(&team(), Some(10))]);
    assert!(world.plan(at(12)).actions.is_empty());
    let mut world = World::new([grant(&whitelist(), Some(10))]);
    world.snapshot.entries.clear();
    assert!(world.plan(at(12)).actions.is_empty());
}

#[test]
fn that_a_grant_is_closed_says_nothing_about_who_is_there() {
    let closed = Grant {
        closed: true,
        ..grant(&team(), Some(10))
    };
    let world = World::new([closed]).member(member());
    assert_eq!(world.due(12), ["member.remove grant.ended"]);
}

#[test]
fn who_came_back_after_a_proven_absence_is_told_and_removed_only_by_the_policy() {
    let back = Member {
        there_since: Some(at(11)),
        returned_at: Some(at(11)),
        ..member()
    };
    let mut world = World::new([grant(&team(), Some(10))]).member(back.clone());
    assert!(world.due(12).is_empty());
    assert_eq!(world.left(12), [Why::Returned]);
    world.policy.remove_returned = true;
    assert_eq!(world.due(12), ["member.remove grant.ended"]);
    // Never more often than once an hour.
    let removed = Member {
        removed_at: Some(at(11) + MS),
        ..back
    };
    let mut world = World::new([grant(&team(), Some(10))]).member(removed);
    world.policy.remove_returned = true;
    assert!(world.due(12).is_empty());
    assert_eq!(world.due(13), ["member.remove grant.ended"]);
}

#[test]
fn who_joined_only_after_the_end_has_come_back_unless_by_an_invite_that_ended() {
    let joined = Member {
        created_at: Some(at(11)),
        first_seen: at(11),
        there_since: Some(at(11)),
        ..member()
    };
    let world = World::new([grant(&team(), Some(10))]).member(joined.clone());
    assert_eq!(world.left(12), [Why::Returned]);
    let accepted = Member {
        continues: true,
        ..joined
    };
    let world = World::new([grant(&team(), Some(10))]).member(accepted);
    assert_eq!(world.due(12), ["member.remove grant.ended"]);
}

#[test]
fn whom_a_doubtful_reading_shows_is_there() {
    let mut world = World::new([grant(&team(), Some(10))]).member(member());
    world
        .snapshot
        .sources
        .insert(team(), SourceHealth::Doubtful);
    assert_eq!(only(&world.plan(at(12))).means, membership("m-1"));
}

#[test]
fn a_grant_follows_its_membership_through_a_change_of_address() {
    let renamed = Member {
        email: address("ann.new@example.com"),
        ..member()
    };
    let bound = |end| Grant {
        person: renamed.email.clone(),
        ..grant(&team(), end)
    };
    let world = World::new([bound(Some(10))]).member(renamed.clone());
    let plan = world.plan(at(12));
    assert_eq!(only(&plan).person, "m-1");
    assert_eq!(only(&plan).email, renamed.email);
    let world = World::new([grant(&team(), Some(10)), bound(None)]).member(renamed.clone());
    assert!(world.due(12).is_empty());
}

#[test]
fn nothing_is_sent_to_a_team_that_could_not_be_read_and_the_debt_is_listed() {
    let never_read = {
        let mut world = World::new([grant(&team(), Some(10))]).unreadable();
        world.snapshot.read_before.clear();
        world
    };
    let read_before = World::new([grant(&team(), Some(10))])
        .unreadable()
        .member(member())
        .invite(invite());
    for (world, due) in [(never_read, 1), (read_before, 2)] {
        let plan = world.plan(at(12));
        assert_eq!(plan.actions.len(), due);
        for action in &plan.actions {
            assert_eq!((&action.means, action.due), (&Means::Unreadable, at(10)));
        }
        assert_eq!(world.left(12), [Why::Unreadable]);
    }
    // Nobody was there when it was read last.
    let empty = World::new([grant(&team(), Some(10))]).unreadable();
    assert!(empty.due(12).is_empty());
}

#[test]
fn a_team_that_nobody_tried_to_read_is_as_good_as_unreadable() {
    let mut world = World::new([grant(&team(), Some(10))]).member(member());
    world.snapshot.sources.clear();
    assert_eq!(only(&world.plan(at(12))).means, Means::Unreadable);
}

#[test]
fn an_end_is_acted_on_exactly_at_its_instant() {
    let world = World::new([grant(&whitelist(), Some(10))]);
    assert!(world.plan(at(10) - MS).actions.is_empty());
    assert!(world.plan(at(10) - MS).left_alone.is_empty());
    assert_eq!(world.due(10).len(), 1);
    assert_eq!(world.plan(at(10) + MS).actions.len(), 1);
}

#[test]
fn the_grace_is_over_exactly_when_it_has_passed() {
    let world = World::new([grant(&whitelist(), Some(10))]).grace(2);
    for now in [at(10), at(12) - MS] {
        let plan = world.plan(now);
        assert!(plan.actions.is_empty());
        assert_eq!(plan.left_alone[0].why, Why::WithinGrace(at(12)));
    }
    for now in [at(12), at(12) + MS] {
        let plan = world.plan(now);
        assert_eq!(only(&plan).due, at(10), "due since the end, not the grace");
        assert!(plan.left_alone.is_empty());
    }
}

#[test]
fn the_grace_is_for_time_and_not_for_who_is_revoked() {
    let revoked = Grant {
        revoked: true,
        ..grant(&whitelist(), Some(10))
    };
    let world = World::new([revoked.clone()]).grace(5);
    assert!(world.plan(at(10) - MS).actions.is_empty());
    assert_eq!(world.due(10), ["whitelist.remove grant.revoked"]);
    // A grant that ended by itself still has its grace.
    let world = World::new([revoked, grant(&whitelist(), Some(9))]).grace(5);
    assert_eq!(world.left(10), [Why::WithinGrace(at(14))]);
    assert_eq!(world.due(14), ["whitelist.remove grant.revoked"]);
}

#[test]
fn of_overlapping_grants_the_last_end_counts() {
    let world = World::new([grant(&team(), Some(20)), grant(&team(), Some(10))]).member(member());
    assert_eq!(world.left(15), [Why::CoveredUntil(Some(at(20)))]);
    assert!(world.due(15).is_empty());
    assert_eq!(only(&world.plan(at(25))).due, at(20));
}

#[test]
fn of_several_grants_that_still_run_the_longest_is_told() {
    let ends = [Some(10), Some(20), Some(30)].map(|end| grant(&team(), end));
    let world = World::new(ends.clone());
    assert_eq!(world.left(15), [Why::CoveredUntil(Some(at(30)))]);
    let world = World::new(ends.into_iter().chain([grant(&team(), None)]));
    assert_eq!(world.left(15), [Why::CoveredUntil(None)]);
    let world = World::new([grant(&team(), Some(10)), grant(&team(), Some(14))]).grace(5);
    assert_eq!(world.left(12), [Why::CoveredUntil(Some(at(14)))]);
    assert_eq!(world.left(14), [Why::WithinGrace(at(19))]);
}

#[test]
fn a_grant_without_an_end_keeps_the_access() {
    let world = World::new([grant(&whitelist(), Some(10)), grant(&whitelist(), None)]);
    assert!(world.due(100).is_empty());
    assert_eq!(world.left(100), [Why::CoveredUntil(None)]);
}

#[test]
fn a_grant_that_is_yet_to_start_keeps_nothing() {
    let later = Grant {
        start: at(30),
        ..grant(&whitelist(), Some(40))
    };
    let world = World::new([grant(&whitelist(), Some(10)), later]);
    assert_eq!(world.due(29), ["whitelist.remove grant.ended"]);
    assert_eq!(world.left(30), [Why::CoveredUntil(Some(at(40)))]);
    assert!(world.due(30).is_empty());
}

#[test]
fn a_grant_on_another_target_or_of_another_person_keeps_nothing() {
    let other = Grant {
        email: address("bob@example.com"),
        person: address("bob@example.com"),
        ..grant(&team(), None)
    };
    let world = World::new([grant(&team(), Some(10)), grant(&whitelist(), None), other]);
    assert_eq!(
        world.member(member()).due(12),
        ["member.remove grant.ended"]
    );
}

#[test]
fn the_reason_is_that_of_the_grant_that_ended_last() {
    let revoked = |end| Grant {
        revoked: true,
        ..grant(&whitelist(), Some(end))
    };
    for (grants, reason) in [
        (vec![revoked(10)], Reason::GrantRevoked),
        (
            vec![revoked(10), grant(&whitelist(), Some(11))],
            Reason::GrantEnded,
        ),
        (
            vec![revoked(11), grant(&whitelist(), Some(10))],
            Reason::GrantRevoked,
        ),
        (
            vec![revoked(10), grant(&whitelist(), Some(10))],
            Reason::GrantRevoked,
        ),
        (
            vec![
                revoked(10),
                Grant {
                    start: at(5),
                    ..grant(&whitelist(), Some(10))
                },
            ],
            Reason::GrantRevoked,
        ),
    ] {
        assert_eq!(only(&World::new(grants).plan(at(12))).reason, reason);
    }
}

#[test]
fn addresses_that_differ_in_case_are_one_person() {
    let upper = Grant {
        email: address("ANN@EXAMPLE.COM"),
        person: address("ANN@EXAMPLE.COM"),
        ..grant(&whitelist(), Some(20))
    };
    let world = World::new([grant(&whitelist(), Some(10)), upper]);
    assert!(world.due(15).is_empty());
    let plan = world.plan(at(25));
    assert_eq!(only(&plan).email.written(), "ANN@EXAMPLE.COM");
    let Means::Entry(spellings) = &only(&plan).means else {
        panic!("{plan:?}");
    };
    let written: Vec<&str> = spellings.iter().map(Email::written).collect();
    assert_eq!(written, ["Ann@Example.com", "ANN@EXAMPLE.COM"]);
}

#[test]
fn two_memberships_of_one_address_are_both_due_and_each_knows_of_the_other() {
    let second = Member {
        remote_id: "m-0".into(),
        flags: Flags::default(),
        ..member()
    };
    let world = World::new([grant(&team(), Some(10))])
        .member(member())
        .member(second);
    let plan = world.plan(at(12));
    let means: Vec<&Means> = plan.actions.iter().map(|a| &a.means).collect();
    assert_eq!(means, [&membership("m-0"), &membership("m-1")]);
    assert!(plan.actions.iter().all(|a| a.shares_address));
    let admins: Vec<bool> = plan.actions.iter().map(|a| a.is_admin).collect();
    assert_eq!(admins, [false, true]);
}

#[test]
fn who_came_back_while_a_role_kept_the_access_has_not_come_back_after_it() {
    let back = Member {
        returned_at: Some(at(6)),
        ..member()
    };
    let ended = Grant {
        closed: true,
        ..role(Role::Admin, Some(10))
    };
    let world = World::new([grant(&team(), Some(5)), ended]).member(back);
    let plan = world.plan(at(11));
    let action = only(&plan);
    assert_eq!(
        (action.kind, action.due),
        (ActionKind::MemberRemove, at(10))
    );
}

#[test]
fn a_removal_tells_which_later_grant_is_posted_again_after_it() {
    let later = |start: i64, end: Option<i64>| Grant {
        start: at(start),
        ..grant(&whitelist(), end)
    };
    let note = |others: &[Grant]| {
        let ended = grant(&whitelist(), Some(10));
        let world = World::new([ended].into_iter().chain(others.iter().cloned()));
        only(&world.plan(at(12))).note.clone()
    };
    assert_eq!(note(&[]), None);
    let told = |start: i64| {
        Some(format!(
            "a grant from {} on is posted again after it: the whitelist keeps one entry an address",
            at(start)
        ))
    };
    assert_eq!(
        note(&[later(20, Some(30)), later(14, None), later(16, None)]),
        told(14)
    );
    let revoked_before = later(14, Some(13));
    assert_eq!(note(&[revoked_before, later(20, None)]), told(20));
    let revoked_at_once = later(14, Some(14));
    assert_eq!(note(&[revoked_at_once]), None);
    let closed = Grant {
        closed: true,
        ..later(14, None)
    };
    assert_eq!(note(&[closed]), None);
}

#[test]
fn where_all_that_is_over_is_closed_the_entry_is_that_of_a_later_grant() {
    let closed = Grant {
        closed: true,
        ..grant(&whitelist(), Some(10))
    };
    let later = Grant {
        start: at(20),
        ..grant(&whitelist(), None)
    };
    assert!(
        World::new([closed.clone(), later.clone()])
            .plan(at(12))
            .actions
            .is_empty()
    );
    assert_eq!(
        World::new([closed]).due(12),
        ["whitelist.remove grant.ended"]
    );
    let open = grant(&whitelist(), Some(10));
    assert_eq!(
        World::new([open, later]).due(12),
        ["whitelist.remove grant.ended"]
    );
}

#[test]
fn who_came_back_goes_again_only_if_access_had_ended_and_never_the_keys_holder() {
    let back = Member {
        returned_at: Some(at(11)),
        ..member()
    };
    let mut world = World::new([]).member(back.clone());
    world.policy.remove_returned = true;
    assert!(world.due(12).is_empty(), "there was no access on record");
    let ended = Grant {
        closed: true,
        ..grant(&team(), Some(10))
    };
    let mut world = World::new([ended]).member(back);
    world.policy.remove_returned = true;
    assert_eq!(world.due(12), ["member.remove grant.ended"]);
    let holder = Holder {
        email: None,
        id: Some("m-1".to_owned()),
        is_sure: true,
    };
    world.snapshot.holders.insert(team(), holder);
    assert!(world.due(12).is_empty());
}
