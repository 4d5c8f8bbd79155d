//! Where several rules speak for one person, and the order of what is due.

use super::*;

/// A person for whom every rule speaks, from hour 20 on.
fn everything() -> World {
    World::new([grant(&team(), Some(20)), role(Role::Admin, Some(10))])
        .member(member())
        .invite(invite())
        .follow()
        .whitelist_over(1)
        .max_age(1)
        .suppressed(1)
        .stale_after(1)
}

#[test]
fn the_first_rule_that_speaks_gives_the_reason() {
    let mut world = everything();
    let member_and_invite = |world: &World, reason: &str| {
        let due = world.due(30);
        let expected = ["member.remove", "invite.revoke"].map(|kind| format!("{kind} {reason}"));
        assert_eq!(due, expected);
    };
    member_and_invite(&world, "grant.ended");
    world.snapshot.grants.clear();
    member_and_invite(&world, "whitelist.ended");
    world.snapshot.whitelist_over.clear();
    member_and_invite(&world, "team.max_age");
    world.snapshot.rules.clear();
    assert_eq!(world.due(30), ["invite.revoke invite.suppressed"]);
    world.snapshot.suppressed.clear();
    assert_eq!(world.due(30), ["invite.revoke invite.stale"]);
}

#[test]
fn while_a_grant_covers_only_the_role_and_the_invite_go() {
    assert_eq!(
        everything().due(15),
        [
            "invite.revoke invite.suppressed",
            "member.demote role.ended"
        ]
    );
    assert_eq!(
        everything().left(15),
        [Why::CoveredUntil(Some(at(20)))],
        "told once, whatever the number of rules"
    );
}

#[test]
fn an_ended_role_and_a_team_rule_give_an_action_of_either_kind() {
    let world = World::new([role(Role::Admin, Some(10))]);
    let world = world.member(member()).max_age(5);
    assert_eq!(
        world.due(12),
        ["member.remove team.max_age", "member.demote role.ended"]
    );
}

#[test]
fn the_oldest_is_first_then_target_then_person() {
    let of = |target: &TargetRef, name: &str, end| Grant {
        email: address(name),
        person: address(name),
        ..grant(target, Some(end))
    };
    let z = Member {
        email: address("z@x.example"),
        ..member()
    };
    let world = World::new([
        of(&whitelist(), "b@x.example", 5),
        of(&team(), "z@x.example", 5),
        of(&whitelist(), "A@x.example", 5),
        of(&whitelist(), "y@x.example", 4),
    ])
    .member(z);
    let plan = world.plan(at(10));
    let order: Vec<&str> = plan.actions.iter().map(|a| a.email.written()).collect();
    assert_eq!(
        order,
        ["y@x.example", "A@x.example", "b@x.example", "z@x.example"]
    );
}

#[test]
fn one_person_or_team_never_stands_in_the_way_of_the_rest() {
    let unread = target(3, "sapling:acme/Unread");
    let world = World::new([
        grant(&unread, Some(5)),
        grant(&whitelist(), Some(6)),
        grant(&team(), Some(7)),
    ]);
    let plan = world.member(member()).plan(at(10));
    let means: Vec<&Means> = plan.actions.iter().map(|a| &a.means).collect();
    assert_eq!(
        means,
        [
            &Means::Unreadable,
            &Means::Entry(vec![ann()]),
            &membership("m-1")
        ]
    );
}

#[test]
fn nothing_known_makes_nothing_due() {
    let world = World::new([]);
    for now in [Timestamp::MIN, at(0), Timestamp::MAX] {
        assert_eq!(world.plan(now), Plan::default());
    }
}
