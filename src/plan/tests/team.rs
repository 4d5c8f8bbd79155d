//! Membership that is too old, and membership that follows a whitelist.

use super::*;

#[test]
fn a_member_goes_exactly_at_the_teams_max_age() {
    let world = World::new([]).member(member()).max_age(10);
    assert!(world.plan(at(10) - MS).actions.is_empty());
    for now in [at(10), at(10) + MS] {
        let plan = world.plan(now);
        let action = only(&plan);
        assert_eq!(action.kind, ActionKind::MemberRemove);
        assert_eq!(action.reason, Reason::TeamMaxAge);
        assert_eq!(action.due, at(10));
        assert_eq!(action.means, membership("m-1"));
        assert!(action.is_admin);
    }
}

#[test]
fn a_member_is_as_old_as_it_was_first_seen_whatever_later_date_the_provider_gives() {
    let moved = Member {
        created_at: Some(at(9)),
        ..member()
    };
    let world = World::new([]).member(moved).max_age(10);
    assert!(world.plan(at(10) - MS).actions.is_empty());
    assert_eq!(world.due(10), ["member.remove team.max_age"]);
}

#[test]
fn a_grant_keeps_an_old_member_until_its_own_end() {
    let world = World::new([grant(&team(), Some(20))]);
    let world = world.member(member()).max_age(10);
    assert_eq!(world.left(15), [Why::CoveredUntil(Some(at(20)))]);
    assert!(world.due(15).is_empty());
    assert_eq!(world.due(20), ["member.remove grant.ended"]);
    let world = World::new([role(Role::Manager, None)]);
    let world = world.member(member()).max_age(10);
    assert_eq!(world.left(15), [Why::CoveredUntil(None)]);
}

#[test]
fn a_grant_on_the_whitelist_does_not_keep_an_old_member_of_a_team() {
    let world = World::new([grant(&whitelist(), None)]);
    let world = world.member(member()).max_age(10);
    assert_eq!(world.due(15), ["member.remove team.max_age"]);
}

#[test]
fn a_team_without_the_rule_keeps_its_members() {
    assert!(World::new([]).member(member()).due(10_000).is_empty());
    let mut world = World::new([]).member(member());
    let other = target(3, "sapling:acme/Other");
    let rule = TeamPolicy {
        max_age: Some(hours(1)),
        follow: None,
    };
    world.snapshot.rules.insert(other, rule);
    assert!(world.due(10_000).is_empty());
}

#[test]
fn an_invite_that_is_left_over_goes_with_the_member() {
    let world = World::new([]).member(member()).invite(invite()).max_age(10);
    assert_eq!(
        world.due(10),
        ["member.remove team.max_age", "invite.revoke team.max_age"]
    );
    // An invite alone has no membership that could be too old.
    let world = World::new([]).invite(invite()).max_age(10);
    assert!(world.due(10).is_empty());
}

#[test]
fn who_never_had_a_whitelist_grant_is_no_business_of_the_team_that_follows() {
    let world = World::new([]).member(member()).invite(invite()).follow();
    assert!(world.due(100).is_empty());
    assert!(world.left(100).is_empty());
}

#[test]
fn a_member_goes_when_the_followed_whitelists_access_is_over() {
    let world = World::new([]).member(member()).follow().whitelist_over(10);
    let plan = world.plan(at(12));
    let action = only(&plan);
    assert_eq!(action.kind, ActionKind::MemberRemove);
    assert_eq!(action.reason, Reason::WhitelistEnded);
    assert_eq!(action.follows, Some(whitelist()));
    assert_eq!(action.due, at(10));
    assert_eq!(action.email.written(), "ann@example.com");
    assert!(world.plan(at(10) - MS).actions.is_empty(), "as with --at");
}

#[test]
fn an_invite_follows_the_whitelist_too() {
    let world = World::new([]).invite(invite()).follow().whitelist_over(10);
    let plan = world.plan(at(12));
    let action = only(&plan);
    assert_eq!(action.kind, ActionKind::InviteRevoke);
    assert_eq!(action.reason, Reason::WhitelistEnded);
    assert_eq!(action.follows, Some(whitelist()));
    let both = world.member(member());
    assert_eq!(
        both.due(12),
        [
            "member.remove whitelist.ended",
            "invite.revoke whitelist.ended"
        ]
    );
}

#[test]
fn a_grant_on_the_team_itself_keeps_who_would_follow() {
    let world = World::new([grant(&team(), Some(20))])
        .member(member())
        .invite(invite())
        .follow()
        .whitelist_over(10);
    assert!(world.due(15).is_empty());
    assert_eq!(world.left(15), [Why::CoveredUntil(Some(at(20)))]);
}

#[test]
fn a_team_follows_only_the_whitelist_it_names() {
    let mut world = World::new([]).member(member()).whitelist_over(10);
    assert!(world.due(12).is_empty(), "follows none");
    let rule = TeamPolicy {
        max_age: None,
        follow: Some(target(9, "sentius:other")),
    };
    world.snapshot.rules.insert(team(), rule);
    assert!(world.due(12).is_empty(), "follows another");
}

#[test]
fn members_of_a_team_that_could_not_be_read_are_left_alone_and_listed() {
    for world in [
        World::new([]).member(member()).max_age(10),
        World::new([]).member(member()).follow().whitelist_over(10),
        World::new([]).invite(invite()).follow().whitelist_over(10),
    ] {
        let world = world.unreadable();
        assert!(world.due(12).is_empty());
        assert_eq!(world.left(12), [Why::Unreadable]);
    }
    // Who is covered would stay anyway.
    let covered = World::new([grant(&team(), None)]).member(member());
    let covered = covered.max_age(10).unreadable();
    assert_eq!(covered.left(12), [Why::CoveredUntil(None)]);
}
