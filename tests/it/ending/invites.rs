//! Invites that nobody takes: revoked when they are stale or their address bounces.

use lapsed_sandbox::{Fault, When};

use crate::world::{World, until};

/// A world with the team Core, in which invites are stale after a second.
async fn hasty() -> World {
    let mut world = World::new().await;
    world.config.policy = "invite_stale_after = \"1s\"".to_owned();
    world.team("Core", &["amy@example.com"]);
    world
}

/// Waits until what was seen before is older than a second.
async fn a_second() {
    let then = lapsed::clock::now();
    until("a second passes", || {
        lapsed::clock::now().duration_since(then) > jiff::SignedDuration::from_millis(1001)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_is_stale_a_while_after_it_was_first_seen() {
    let world = hasty().await;
    world.invite("Core", "New@example.com");

    let first = world.run().await;
    assert!(first.actions().is_empty(), "{:?}", first.actions());
    a_second().await;
    world.invite("Core", "newer@example.com");
    let second = world.run().await;

    assert_eq!(second.code, 0);
    assert_eq!(
        second.actions(),
        ["invite.revoke sapling:acme/Core New@example.com invite.stale done verified"]
    );
    assert_eq!(world.invited("Core"), ["newer@example.com"]);
    let calls = world.sapling.calls();
    let revoked = calls.iter().filter(|c| c.method == "DELETE");
    assert_eq!(
        revoked.flat_map(|c| &c.emails).collect::<Vec<_>>(),
        ["New@example.com"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_ahead_shows_when_an_invite_will_be_stale() {
    let world = World::new().await;
    world.team("Core", &["amy@example.com"]);
    world.invite("Core", "new@example.com");

    assert!(world.dry_run(Some("13d")).await.actions().is_empty());
    assert_eq!(
        world.dry_run(Some("15d")).await.actions(),
        ["invite.revoke sapling:acme/Core new@example.com invite.stale planned -"]
    );
    assert_eq!(world.invited("Core"), ["new@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_comes_back_has_a_new_clock() {
    let world = hasty().await;
    world.invite("Core", "new@example.com");
    world.run().await;
    world.sapling.with(|state| {
        state
            .team_mut("Core")
            .unwrap()
            .remove_invite("new@example.com")
    });
    world.run().await;
    a_second().await;
    world.invite("Core", "new@example.com");

    let back = world.run().await;
    assert!(back.actions().is_empty(), "{:?}", back.actions());
    a_second().await;

    assert_eq!(world.run().await.json["counts"]["done"], 1);
    assert!(world.invited("Core").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_was_taken_is_no_invite() {
    let world = hasty().await;
    world.invite("Core", "new@example.com");
    world.run().await;
    a_second().await;
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        assert!(team.accept_invite("new@example.com", lapsed::clock::now()));
    });

    let run = world.run().await;

    assert!(run.actions().is_empty());
    assert_eq!(
        run.found("member.appeared"),
        ["sapling:acme/Core new@example.com"]
    );
    assert_eq!(
        world.members("Core"),
        ["amy@example.com", "new@example.com"]
    );
}

/// A world whose organization's bouncing addresses can be read.
async fn with_suppressed(emails: &[&str]) -> World {
    let mut world = World::new().await;
    world.team("Core", &["amy@acme.example"]);
    let organization = world.sapling.with(|state| {
        state.suppressed_access = true;
        state.suppressed = emails.iter().map(|e| (*e).to_owned()).collect();
        state.organization_id.clone()
    });
    world.config.sapling += &format!("organization_id = {organization:?}\n");
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_whose_address_bounces_is_revoked_at_once() {
    let world = with_suppressed(&["Bounces@acme.example"]).await;
    world.invite("Core", "bounces@acme.example");
    world.invite("Core", "works@acme.example");

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(
        run.actions(),
        ["invite.revoke sapling:acme/Core bounces@acme.example invite.suppressed done verified"]
    );
    assert_eq!(world.invited("Core"), ["works@acme.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bouncing_invites_stay_where_the_policy_says_so_and_are_told() {
    let mut world = with_suppressed(&["bounces@acme.example"]).await;
    world.config.policy = "revoke_suppressed_invites = false".to_owned();
    world.invite("Core", "bounces@acme.example");

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert!(run.actions().is_empty());
    assert_eq!(
        run.found("email.suppressed"),
        ["sapling:acme/Core bounces@acme.example"]
    );
    assert_eq!(world.invited("Core"), ["bounces@acme.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bouncing_addresses_that_may_not_be_read_are_no_failure() {
    let world = with_suppressed(&["bounces@acme.example"]).await;
    world.sapling.with(|state| state.suppressed_access = false);
    world.invite("Core", "bounces@acme.example");

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert!(run.errors().is_empty(), "{:?}", run.errors());
    assert_eq!(world.invited("Core"), ["bounces@acme.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bouncing_addresses_that_cannot_be_read_are_an_error_and_stop_nothing_else() {
    let mut world = with_suppressed(&["bounces@acme.example"]).await;
    world.config.policy = "invite_stale_after = \"1s\"".to_owned();
    world.invite("Core", "new@acme.example");
    world.run().await;
    a_second().await;
    world
        .sapling
        .faults()
        .always(When::method("GET").path("suppressed"), Fault::status(400));

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert!(
        run.errors()[0].starts_with("sapling:acme: suppressed emails:"),
        "{:?}",
        run.errors()
    );
    assert!(world.invited("Core").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_invite_that_is_gone_by_now_is_absent() {
    let world = hasty().await;
    world.invite("Core", "new@example.com");
    world.run().await;
    a_second().await;
    // Somebody else revokes it between the reading and the call.
    world.sapling.faults().once(
        When::method("DELETE").path("team_user_invite"),
        Fault::Status(lapsed_sandbox::Answer::new(404).applied()),
    );

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(run.json["counts"]["absent"], 1, "{:?}", run.actions());
}
