//! Invites that nobody took in time, or whose address bounces.

use super::*;

#[test]
fn an_invite_gets_stale_exactly_after_its_time() {
    let world = World::new([]).invite(invite()).stale_after(10);
    assert!(world.plan(at(10) - MS).actions.is_empty());
    for now in [at(10), at(10) + MS] {
        let plan = world.plan(now);
        let action = only(&plan);
        assert_eq!(action.kind, ActionKind::InviteRevoke);
        assert_eq!(action.reason, Reason::InviteStale);
        assert_eq!(action.due, at(10));
        assert_eq!(action.means, Means::Invite(invite().spellings));
        assert_eq!(action.email.written(), "ANN@example.com");
    }
}

#[test]
fn a_grant_does_not_keep_an_invite_that_is_stale_or_bounces() {
    let world = World::new([grant(&team(), None)]).invite(invite());
    let world = world.stale_after(10);
    assert_eq!(world.due(12), ["invite.revoke invite.stale"]);
    let world = world.suppressed(5);
    assert_eq!(world.due(6), ["invite.revoke invite.suppressed"]);
}

#[test]
fn an_invite_to_an_address_that_bounces_is_taken_back_where_the_policy_says_so() {
    let mut world = World::new([]).invite(invite()).suppressed(5);
    assert_eq!(world.due(6), ["invite.revoke invite.suppressed"]);
    world.policy.revoke_suppressed_invites = false;
    assert!(world.due(6).is_empty());
    world.policy.invite_stale_after = hours(5);
    assert_eq!(world.due(6), ["invite.revoke invite.stale"]);
}

#[test]
fn a_bouncing_invite_is_due_since_both_the_invite_and_the_bounce_are_known() {
    let world = World::new([]).invite(invite()).suppressed(5);
    assert_eq!(only(&world.plan(at(9))).due, at(5));
    assert!(world.plan(at(5) - MS).actions.is_empty(), "as with --at");
    let younger = Invite {
        first_seen: at(7),
        ..invite()
    };
    let world = World::new([]).invite(younger).suppressed(5);
    assert_eq!(only(&world.plan(at(9))).due, at(7));
}

#[test]
fn an_address_that_bounces_elsewhere_is_no_reason() {
    let mut world = World::new([]).invite(invite());
    for (account, email) in [("other", ann()), ("acme", address("bob@example.com"))] {
        let address = (account.to_owned(), email);
        world.snapshot.suppressed.insert(address, at(0));
    }
    assert!(world.due(12).is_empty());
}

#[test]
fn a_member_whose_address_bounces_stays() {
    let world = World::new([]).member(member()).suppressed(5);
    assert!(world.due(100).is_empty());
}

#[test]
fn invites_of_a_team_that_could_not_be_read_are_left_alone_and_listed() {
    let world = World::new([]).invite(invite()).suppressed(5).unreadable();
    let world = world.stale_after(10);
    assert!(world.due(12).is_empty());
    assert_eq!(world.left(12), [Why::Unreadable]);
}

#[test]
fn of_two_invites_to_one_address_the_older_counts() {
    let younger = Invite {
        first_seen: at(3),
        ..invite()
    };
    let world = World::new([]).invite(younger).invite(invite());
    assert_eq!(only(&world.stale_after(10).plan(at(20))).due, at(10));
}
