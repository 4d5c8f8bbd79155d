//! Absence is not evidence: it is believed from two readings ten minutes apart, in doubt from three
//! over half an hour, and from an impossible one never.

use lapsed_sandbox::{Fault, When};
use serde_json::json;

use crate::world::{PAST, World};

fn only_the_holder_was(world: &mut World) {
    world.config.sapling.clear();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_shrinks_to_nothing_is_believed_after_half_an_hour() {
    let mut world = World::new().await;
    only_the_holder_was(&mut world);
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world.run().await;
    world
        .sapling
        .faults()
        .always(When::method("GET").path("team_user"), Fault::EmptyLists);

    for _ in 0..3 {
        let run = world.run().await;
        assert_eq!(run.code, 3);
        assert_eq!(run.json["owed"]["doubt"], json!(1));
        assert_eq!(run.found("observation.doubtful"), ["sapling:acme/Core -"]);
        assert!(run.found("member.left").is_empty());
        world.later(10);
    }
    let fourth = world.run().await;
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
    let fifth = world.run().await;
    assert_eq!(fifth.code, 0, "what was believed once is not doubted again");
    assert!(fifth.found("member.left").is_empty(), "told once");
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
async fn a_team_without_the_holder_of_the_key_is_no_reading() {
    let mut world = World::new().await;
    world.config.sapling = "self_email = \"somebody-else@acme.example\"\n".to_owned();
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(run.found("observation.doubtful"), ["sapling:acme/Core -"]);
    for _ in 0..4 {
        world.later(20);
        assert_eq!(world.run().await.code, 3);
    }
    assert_eq!(world.members("Core").len(), 2, "never believed");
    let mistyped = world.lapsed(&["accept", "sapling:acme/Coer"]).await;
    let nearest = "the nearest on record is sapling:acme/Core";
    assert!(mistyped.stderr.contains(nearest), "{}", mistyped.stderr);
    let accepted = world.lapsed(&["accept", "sapling:acme/Core"]).await;
    assert_eq!(accepted.code, 2, "nor by a person's word");
    assert!(
        accepted.stderr.contains("self_email"),
        "{}",
        accepted.stderr
    );
    world.config.sapling = format!("self_email = {:?}\n", crate::world::HOLDER);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_lost_more_than_half_of_ten_is_doubtful_for_half_an_hour() {
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

    for _ in 0..3 {
        let run = world.run().await;
        assert_eq!(run.code, 3);
        assert_eq!(run.found("observation.doubtful"), ["sapling:acme/Core -"]);
        world.later(10);
    }
    assert_eq!(world.run().await.found("member.left").len(), 8);
    assert_eq!(world.run().await.code, 0);
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
async fn a_member_is_gone_after_two_readings_ten_minutes_apart() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world.run().await;
    world.drop_member("Core", "bob@example.com");

    let with_them = world.number("SELECT max(complete_at) FROM source WHERE kind = 'team'");
    let last_seen =
        || world.number("SELECT last_seen FROM member WHERE email_key = 'bob@example.com'");
    // The last reading tells who is there; that somebody is gone is believed later.
    assert_eq!(
        world.run().await.found("member.left"),
        ["sapling:acme/Core bob@example.com"]
    );
    let listed = world.rows(&["members", "--format", "json"]).await;
    assert!(listed.iter().all(|m| m["email"] != "bob@example.com"));
    assert_eq!(last_seen(), with_them, "not when they were missing");
    let gone = || world.number("SELECT count(*) FROM member WHERE gone_by IS NOT NULL");
    assert_eq!((world.run().await.code, gone()), (0, 0));
    world.later(10);
    assert_eq!((world.run().await.code, gone()), (0, 1));
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
    let without = lapsed_sandbox::Answer::new(200).body("application/json", &bob.1);
    world.sapling.faults().once(
        When::method("GET").path("team_user"),
        Fault::Status(without),
    );

    for n in 0..3 {
        let run = world.run().await;
        assert_eq!(run.code, 0);
        // What the last reading shows is told; nothing follows from it.
        assert_eq!(run.found("member.left").len(), usize::from(n == 0));
        assert!(run.found("member.appeared").is_empty());
        world.later(11);
    }
    assert_eq!(
        world.number("SELECT count(*) FROM member WHERE gone_by IS NOT NULL"),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_teams_that_shrinks_to_nothing_is_believed_after_half_an_hour() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&["bob@example.com,sapling:acme/Core,12h"])
        .await;
    world.run().await;
    let list =
        Fault::Status(lapsed_sandbox::Answer::new(200).body("application/json", "{\"teams\": []}"));
    world
        .sapling
        .faults()
        .always(When::method("GET").path("/api/v1/team"), list);

    for _ in 0..3 {
        let run = world.run().await;
        assert_eq!(run.code, 3);
        assert_eq!(run.found("observation.doubtful"), ["sapling:acme -"]);
        world.later(10);
    }
    let fourth = world.run().await;
    assert_eq!(fourth.code, 0);
    assert_eq!(fourth.found("target.unknown"), ["sapling:acme/Core -"]);
}
