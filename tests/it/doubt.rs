//! Absence is not evidence: a list that lost too many is believed after three equal readings, a
//! member is gone after two.

use lapsed::sandbox::{Fault, When};
use serde_json::json;

use crate::world::{PAST, World, time};

fn only_the_holder_was(world: &mut World) {
    world.config.sapling.clear();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_shrinks_to_nothing_is_believed_after_three_readings() {
    let mut world = World::new().await;
    only_the_holder_was(&mut world);
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world.run().await;
    world
        .sapling
        .faults()
        .always(When::method("GET").path("team_user"), Fault::EmptyLists);

    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run.code, 3);
        assert_eq!(run.found("observation.doubtful"), ["sapling:acme/Core -"]);
        assert!(run.found("member.left").is_empty());
    }
    let third = world.run().await;
    assert_eq!(third.code, 0);
    assert!(third.found("observation.doubtful").is_empty());
    assert!(
        third.found("member.left").is_empty(),
        "missing for the first time"
    );
    let fourth = world.run().await;

    assert_eq!(
        fourth.code, 0,
        "what was believed once is not doubted again"
    );
    let mut left = fourth.found("member.left");
    left.sort();
    assert_eq!(
        left,
        [
            "sapling:acme/Core amy@example.com",
            "sapling:acme/Core bob@example.com",
            "sapling:acme/Core robot@acme.example",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_reading_that_shows_nobody_proves_nothing() {
    let mut world = World::new().await;
    only_the_holder_was(&mut world);
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
        .await;
    world
        .sapling
        .faults()
        .once(When::method("GET").path("team_user"), Fault::EmptyLists);

    let run = world.run().await;

    assert_eq!(run.code, 3, "{:?}", run.actions());
    assert_eq!(run.found("observation.doubtful"), ["sapling:acme/Core -"]);
    assert_eq!(run.json["counts"]["absent"], json!(0));
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_without_the_holder_of_the_key_is_doubtful() {
    let mut world = World::new().await;
    world.config.sapling = "self_email = \"somebody-else@acme.example\"\n".to_owned();
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(run.found("observation.doubtful"), ["sapling:acme/Core -"]);
    assert_eq!(world.members("Core").len(), 2);
    world.run().await;
    let third = world.run().await;
    assert_eq!(
        third.code, 0,
        "three agree: the holder is not the one configured"
    );
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_lost_more_than_half_of_ten_is_doubtful_until_it_says_so_three_times() {
    let world = World::new().await;
    let people: Vec<String> = (0..12).map(|n| format!("p{n:02}@example.com")).collect();
    let emails: Vec<&str> = people.iter().map(String::as_str).collect();
    world.team("Core", &emails);
    world
        .grants(&["p11@example.com,sapling:acme/Core,12h"])
        .await;
    world.run().await;
    for email in &emails[..8] {
        world.drop_member("Core", email);
    }

    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run.code, 3);
        assert_eq!(run.found("observation.doubtful"), ["sapling:acme/Core -"]);
    }
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.run().await.found("member.left").len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubtful_reading_that_differs_each_time_is_never_believed() {
    let world = World::new().await;
    let people: Vec<String> = (0..16).map(|n| format!("p{n:02}@example.com")).collect();
    let emails: Vec<&str> = people.iter().map(String::as_str).collect();
    world.team("Core", &emails);
    world.run().await;
    for email in &emails[..9] {
        world.drop_member("Core", email);
    }
    for email in &emails[9..13] {
        world.drop_member("Core", email);
        assert_eq!(world.run().await.code, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lapsed_removed_itself_is_no_reason_for_doubt() {
    let mut world = World::new().await;
    world.config.guard = "max_removal_percent = 100".to_owned();
    let people: Vec<String> = (0..12).map(|n| format!("p{n:02}@example.com")).collect();
    let emails: Vec<&str> = people.iter().map(String::as_str).collect();
    world.team("Core", &emails);
    let rows: Vec<String> = emails[..11]
        .iter()
        .map(|email| format!("{email},sapling:acme/Core,{PAST}"))
        .collect();
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(run.json["counts"]["done"], json!(11));
    assert!(run.actions().iter().all(|a| a.ends_with("verified")));
    assert_eq!(world.members("Core"), ["p11@example.com"]);
    assert_eq!(world.run().await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_has_left_after_two_readings_without_them() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world.run().await;
    world.drop_member("Core", "bob@example.com");

    let with_them = world.number("SELECT max(complete_at) FROM source WHERE kind = 'team'");
    let last_seen =
        || world.number("SELECT last_seen FROM member WHERE email_key = 'bob@example.com'");
    assert!(world.run().await.found("member.left").is_empty());
    let listed = world.rows(&["members", "--format", "json"]).await;
    let bob = listed.iter().find(|m| m["email"] == "bob@example.com");
    let seen = time(bob.unwrap()["last_seen"].as_str().unwrap());
    assert_eq!(
        seen.as_millisecond(),
        with_them,
        "not when they were missing"
    );
    assert_eq!(
        world.run().await.found("member.left"),
        ["sapling:acme/Core bob@example.com"]
    );
    assert_eq!(last_seen(), with_them);
    assert!(
        world.run().await.found("member.left").is_empty(),
        "told once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_is_missing_once_and_back_has_not_left() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world.run().await;
    let bob = world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        let bob = team.member("bob@example.com").cloned();
        // One answer without bob, made by hand: the membership itself is not touched.
        let users: Vec<_> = team
            .members()
            .filter(|m| m.login_email != "bob@example.com")
            .collect();
        (
            bob,
            json!({ "users": users, "pending_users": [] }).to_string(),
        )
    });
    assert!(bob.0.is_some());
    let without = lapsed::sandbox::Answer::new(200).body("application/json", &bob.1);
    world.sapling.faults().once(
        When::method("GET").path("team_user"),
        Fault::Status(without),
    );

    for _ in 0..3 {
        let run = world.run().await;
        assert_eq!(run.code, 0);
        assert!(run.found("member.left").is_empty());
        assert!(run.found("member.appeared").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_teams_that_shrinks_to_nothing_is_believed_after_three_readings() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&["bob@example.com,sapling:acme/Core,12h"])
        .await;
    world.run().await;
    let list = Fault::Status(
        lapsed::sandbox::Answer::new(200).body("application/json", "{\"teams\": []}"),
    );
    world
        .sapling
        .faults()
        .always(When::method("GET").path("/api/v1/team"), list);

    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run.code, 3);
        assert_eq!(run.found("observation.doubtful"), ["sapling:acme -"]);
    }
    let third = world.run().await;
    assert_eq!(third.code, 0);
    assert_eq!(third.found("target.unknown"), ["sapling:acme/Core -"]);
}
