//! Teams that are shown in part, or with flags and dates that are missing.

use lapsed_sandbox::{Answer, Fault, When};
use serde_json::{Value, json};

use crate::world::{HOLDER, PAST, World};

/// Core, with Bob whose grant is over and Amy; its next readings show this instead.
async fn core_shows(world: &World, answer: Value) {
    let answer = Answer::new(200).body("application/json", &answer.to_string());
    core_answers(world, answer).await;
}

/// The same, with headers of its own. Returns the team's id.
async fn core_answers(world: &World, answer: Answer) -> String {
    let core = world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
        .await;
    world
        .sapling
        .faults()
        .always(When::method("GET").path(&core), Fault::Status(answer));
    core
}

fn only_the_holder() -> Value {
    let holder = json!({"id": "h", "login_email": HOLDER, "is_admin": true});
    json!({"users": [holder], "pending_users": []})
}

/// A pass that takes the answer for a part of a longer list, for this reason.
async fn is_a_part(world: &World, why: &str) {
    let run = world.run().await;

    assert_eq!(run.code, 3, "{why}");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_team_is_no_reading_of_it() {
    for (sign, why) in [
        (json!({"has_more": true}), "has_more is true"),
        (json!({"more": true}), "more is true"),
        (json!({"truncated": true}), "truncated is true"),
        (json!({"Is-Truncated": "true"}), "Is-Truncated is true"),
        (json!({"partial": true}), "partial is true"),
        (json!({"incomplete": true}), "incomplete is true"),
        (json!({"next": "/team_user?page=2"}), "next is set"),
        (json!({"next_token": "x"}), "next_token is set"),
        (json!({"cursor": "x"}), "cursor is set"),
        (
            json!({"pagination": {"next_cursor": "x"}}),
            "next_cursor is set",
        ),
        (
            json!({"page": 1, "total_pages": 2}),
            "total_pages is 2, and this is page 1",
        ),
        (json!({"total": 3}), "total is 3, and it has 1"),
        (
            json!({"limit": 1, "offset": 0}),
            "it has as many rows as its page size of 1 (limit), so there may be more",
        ),
    ] {
        let world = World::new().await;
        let mut team = only_the_holder();
        let sign = sign.as_object().unwrap().clone();
        team.as_object_mut().unwrap().extend(sign);
        core_shows(&world, team).await;
        is_a_part(&world, why).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_tells_of_more_makes_a_team_a_page() {
    for (name, value, why) in [
        (
            "X-Total-Count",
            "16",
            "the header x-total-count is 16, and it has 1",
        ),
        ("X-Next-Page", "2", "the header x-next-page is set"),
        ("X-Has-More", "true", "the header x-has-more is true"),
        (
            "Link",
            "</team_user?page=2>; rel=\"next\"",
            "a Link header names the next page",
        ),
    ] {
        let world = World::new().await;
        let team = only_the_holder().to_string();
        let answer = Answer::new(200).body("application/json", &team);
        core_answers(&world, answer.header(name, value)).await;
        is_a_part(&world, why).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_before_are_a_page_once_a_header_tells_of_more() {
    let world = World::new().await;
    let team = only_the_holder().to_string();
    let answer = Answer::new(200).body("application/json", &team);
    let id = core_answers(&world, answer.clone()).await;
    world.run().await;
    assert_eq!(world.run().await.found("observation.doubtful"), [""; 0]);
    world.sapling.faults().clear();
    let more = answer.header("X-Has-More", "true");
    let shown = When::method("GET").path(&id);
    world.sapling.faults().always(shown, Fault::Status(more));
    assert_eq!(
        world.run().await.found("observation.doubtful"),
        ["sapling:acme/Core -"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_is_told_to_be_whole_is_read() {
    let world = World::new().await;
    let mut team = only_the_holder();
    let told = json!({
        "page": 1, "total_pages": 1, "total": 1, "has_more": false, "truncated": false,
        "next": null, "next_token": "", "cursor": null, "partial": false,
    });
    let told = told.as_object().unwrap().clone();
    team.as_object_mut().unwrap().extend(told);
    let answer = Answer::new(200)
        .body("application/json", &team.to_string())
        .header("X-Total-Count", "1")
        .header("X-Next-Page", "")
        .header("X-Has-More", "false")
        .header("X-Page", "1")
        .header("X-Total-Pages", "1");
    core_answers(&world, answer).await;
    let run = world.run().await;
    assert_eq!(run.found("observation.doubtful"), [""; 0]);
    assert_eq!(run.json["errors"], json!([]));
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
