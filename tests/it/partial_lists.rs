//! Teams that are shown in part, or with flags and dates that are missing.

use lapsed::sandbox::{Answer, Fault, When};
use serde_json::{Value, json};

use crate::world::{HOLDER, PAST, World};

/// Core, with Bob whose grant is over and Amy; its next readings show this instead.
async fn core_shows(world: &World, answer: Value) {
    let core = world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
        .await;
    let answer = Answer::new(200).body("application/json", &answer.to_string());
    world
        .sapling
        .faults()
        .always(When::method("GET").path(&core), Fault::Status(answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_team_is_no_reading_of_it() {
    let holder = json!({"id": "h", "login_email": HOLDER, "is_admin": true});
    for (sign, value, why) in [
        ("has_more", json!(true), "has_more is true"),
        ("next", json!("/team_user?page=2"), "next is set"),
        (
            "pagination",
            json!({"next_cursor": "x"}),
            "next_cursor is set",
        ),
        ("total", json!(3), "total is 3, and it has 1"),
    ] {
        let world = World::new().await;
        core_shows(
            &world,
            json!({"users": [holder], "pending_users": [], sign: value}),
        )
        .await;

        let run = world.run().await;

        assert_eq!(run.code, 3, "{sign}");
        assert_eq!(run.found("observation.doubtful"), ["sapling:acme/Core -"]);
        let doubt = run.json["findings"].as_array().unwrap();
        let doubt = doubt
            .iter()
            .find(|f| f["finding"] == "observation.doubtful");
        let detail = doubt.unwrap()["detail"].as_str().unwrap();
        assert!(
            detail.ends_with(&format!("a page of a longer list: {why}")),
            "{detail}"
        );
        // Bob is not in the part that was shown, and is not taken for gone.
        assert_eq!(run.json["counts"]["absent"], json!(0));
        assert_eq!(world.list().await[0]["state"], json!("ended"));
        assert!(world.writes().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_teams_is_no_list_of_them() {
    let world = World::new().await;
    world.team("Core", &["amy@example.com"]);
    let page = r#"{"teams": [], "has_more": true}"#;
    let page = Fault::Status(Answer::new(200).body("application/json", page));
    world
        .sapling
        .faults()
        .always(When::method("GET").path("/api/v1/team"), page);

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(run.found("observation.doubtful"), ["sapling:acme -"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_that_stands_for_unknown_makes_nobody_old() {
    let mut world = World::new().await;
    world.config.teams = "[[sapling.team]]\nname = \"Core\"\nmax_age = \"90d\"\n".to_owned();
    let users = json!([
        {"id": "h", "login_email": HOLDER, "is_admin": true},
        {"id": "a", "login_email": "epoch@example.com", "created_at": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"id": "b", "login_email": "one@example.com", "created_at": "0001-01-01T00:00:00Z"},
        {"id": "c", "login_email": "ahead@example.com", "created_at": "9999-12-31T23:59:59Z"},
        {"id": "d", "login_email": "null@example.com", "created_at": null, "is_manager": null},
        {"id": "e", "login_email": "old@example.com", "created_at": "Wed, 07 Oct 2020 21:15:47 GMT"},
    ]);
    let team = json!({"users": users, "pending_users": []});
    core_shows(&world, team).await;

    let run = world.dry_run(None).await;

    let mut old = run.actions();
    old.retain(|action| action.contains("team.max_age"));
    assert_eq!(
        old,
        ["member.remove sapling:acme/Core old@example.com team.max_age planned -"]
    );
}
