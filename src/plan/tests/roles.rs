//! When a role for a time is over, the role ends and the membership stays.

use super::*;

#[test]
fn an_ended_role_demotes_and_never_removes() {
    for (ended, is_admin) in [
        (Role::Admin, true),
        (Role::Manager, false),
        (Role::Edit, false),
        (Role::Inspect, false),
    ] {
        let world = World::new([role(ended, Some(10))]).member(member());
        let plan = world.plan(at(12));
        let action = only(&plan);
        assert_eq!(action.kind, ActionKind::MemberDemote);
        assert_eq!(action.reason, Reason::RoleEnded);
        assert_eq!(action.role, Some(ended));
        assert_eq!(action.is_admin, is_admin);
        assert_eq!(action.means, membership("m-1"));
        assert_eq!(action.email.written(), "ann@example.com");
        assert_eq!(action.due, at(10));
    }
}

#[test]
fn a_role_ends_beside_a_membership_that_goes_on() {
    let world = World::new([grant(&team(), None), role(Role::Admin, Some(10))]).member(member());
    assert_eq!(world.due(12), ["member.demote role.ended"]);
    assert!(world.left(12).is_empty(), "the access was no candidate");
}

#[test]
fn a_role_that_the_member_has_no_longer_is_not_owed() {
    let demoted = Member {
        flags: Flags::default(),
        ..member()
    };
    for world in [
        World::new([role(Role::Admin, Some(10))]).member(demoted),
        World::new([role(Role::Admin, Some(10))]),
    ] {
        assert!(world.plan(at(12)).actions.is_empty());
    }
}

#[test]
fn a_role_in_a_team_that_could_not_be_read_waits() {
    let world = World::new([role(Role::Admin, Some(10))])
        .member(member())
        .unreadable();
    let plan = world.plan(at(12));
    assert_eq!(only(&plan).means, Means::Unreadable);
    assert_eq!(world.left(12), [Why::Unreadable]);
}

#[test]
fn a_role_grant_that_still_runs_keeps_the_role() {
    let world = World::new([role(Role::Admin, Some(10)), role(Role::Admin, Some(20))]);
    let world = world.member(member());
    assert!(world.due(15).is_empty());
    assert_eq!(world.left(15), [Why::CoveredUntil(Some(at(20)))]);
    assert_eq!(only(&world.plan(at(25))).due, at(20));
}

#[test]
fn another_role_does_not_keep_the_role() {
    let world = World::new([role(Role::Admin, Some(10)), role(Role::Manager, Some(20))]);
    let plan = world.member(member()).plan(at(15));
    assert_eq!(only(&plan).role, Some(Role::Admin));
}

#[test]
fn the_membership_does_not_keep_the_role_nor_a_role_that_is_yet_to_start() {
    let later = Grant {
        start: at(30),
        ..role(Role::Admin, Some(40))
    };
    let world = World::new([grant(&team(), None), role(Role::Admin, Some(10)), later]);
    let world = world.member(member());
    assert_eq!(world.due(29), ["member.demote role.ended"]);
    assert!(world.due(30).is_empty());
}

#[test]
fn a_role_that_still_runs_keeps_the_membership_whose_own_grant_is_over() {
    let world = World::new([grant(&team(), Some(10)), role(Role::Manager, Some(20))]);
    let world = world.member(member());
    assert!(world.due(15).is_empty());
    assert_eq!(world.left(15), [Why::CoveredUntil(Some(at(20)))]);
    // With the role's end both go, and the access is over since then.
    let plan = world.plan(at(25));
    assert_eq!(words(&plan), ["member.remove grant.ended"]);
    assert_eq!(only(&plan).due, at(20));
}

#[test]
fn a_membership_kept_by_one_role_still_loses_the_other() {
    let grants = [
        grant(&team(), Some(10)),
        role(Role::Admin, Some(11)),
        role(Role::Manager, Some(20)),
    ];
    let world = World::new(grants).member(member());
    assert_eq!(world.due(15), ["member.demote role.ended"]);
    assert_eq!(world.left(15), [Why::CoveredUntil(Some(at(20)))]);
}

#[test]
fn a_removal_takes_the_roles_with_it() {
    let world = World::new([grant(&team(), Some(11)), role(Role::Admin, Some(10))]);
    let world = world.member(member());
    assert_eq!(world.due(10), ["member.demote role.ended"]);
    assert_eq!(world.due(11), ["member.remove grant.ended"]);
}

#[test]
fn each_role_that_is_over_goes_with_an_action_of_its_own() {
    let ends = [Role::Inspect, Role::Edit, Role::Manager, Role::Admin].map(|r| role(r, Some(9)));
    let plan = World::new(ends).member(member()).plan(at(12));
    let roles: Vec<_> = plan.actions.iter().filter_map(|a| a.role).collect();
    assert_eq!(roles, Role::ALL);
}

/// Access until then, given with `edit`.
fn with_edit(end: i64) -> Grant {
    Grant {
        flags: Flags::only(Role::Edit),
        ..grant(&team(), Some(end))
    }
}

#[test]
fn a_role_that_a_membership_was_given_with_is_not_taken_back() {
    let world = World::new([with_edit(20), role(Role::Edit, Some(10))]).member(member());
    assert!(world.due(15).is_empty());
    assert_eq!(world.left(15), [Why::CoveredUntil(Some(at(20)))]);
    assert_eq!(world.due(20), ["member.remove grant.ended"]);
    // Another flag is no cover.
    let world = World::new([with_edit(20), role(Role::Inspect, Some(10))]).member(member());
    assert_eq!(world.due(15), ["member.demote role.ended"]);
}

#[test]
fn a_role_goes_with_the_last_grant_that_gave_its_flag_and_a_permission_alone_stays() {
    let plain = grant(&team(), Some(30));
    let world = World::new([plain.clone(), with_edit(20), role(Role::Edit, Some(10))]);
    let world = world.member(member());
    assert!(world.due(19).is_empty());
    let plan = world.plan(at(25));
    assert_eq!(words(&plan), ["member.demote role.ended"]);
    assert_eq!(
        (only(&plan).role, only(&plan).due),
        (Some(Role::Edit), at(20))
    );
    let world = World::new([plain, with_edit(20)]).member(member());
    assert!(world.due(25).is_empty());
}

#[test]
fn a_role_has_its_grace_and_a_revoked_role_has_none() {
    let world = World::new([grant(&team(), None), role(Role::Admin, Some(10))]);
    let world = world.member(member()).grace(2);
    assert_eq!(world.left(11), [Why::WithinGrace(at(12))]);
    assert!(world.plan(at(12) - MS).actions.is_empty());
    assert_eq!(only(&world.plan(at(12))).due, at(10));
    let revoked = Grant {
        revoked: true,
        ..role(Role::Admin, Some(10))
    };
    let world = World::new([revoked]).member(member()).grace(2);
    assert_eq!(world.due(10), ["member.demote role.ended"]);
}

#[test]
fn of_two_memberships_the_one_that_has_the_role_is_demoted() {
    let plain = Member {
        remote_id: "m-0".into(),
        flags: Flags::default(),
        ..member()
    };
    let world = World::new([role(Role::Admin, Some(10))]);
    let plan = world.member(plain).member(member()).plan(at(12));
    assert_eq!(only(&plan).means, membership("m-1"));
}
