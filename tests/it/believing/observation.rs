//! What is noticed of the teams, and kept with its history.

use serde_json::{Value, json};

use crate::world::{FUTURE, PAST, World, time, until};

async fn as_of(world: &World, at: &str) -> Vec<(String, bool)> {
    let rows = world
        .rows(&["members", "--as-of", at, "--format", "json"])
        .await;
    let row = |row: &Value| {
        (
            row["email"].as_str().unwrap().to_owned(),
            row["is_manager"].as_bool().unwrap(),
        )
    };
    rows.iter().map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_goes_or_changes_is_told_once() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    let first = world.run().await;
    assert!(
        first.found("member.appeared").is_empty(),
        "the first look is no news"
    );
    world.member("Core", "new@example.com");
    world.drop_member("Core", "bob@example.com");
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        team.change_member("amy@example.com", |amy| amy.is_manager = true);
    });

    let second = world.run().await;
    let third = world.run().await;
    let fourth = world.run().await;

    assert_eq!(second.code, 0);
    assert_eq!(
        second.found("member.appeared"),
        ["sapling:acme/Core new@example.com"]
    );
    assert_eq!(
        second.found("member.changed"),
        ["sapling:acme/Core amy@example.com"]
    );
    let findings = second.json["findings"].as_array().unwrap();
    let changed = findings
        .iter()
        .find(|f| f["finding"] == "member.changed")
        .unwrap();
    assert_eq!(changed["detail"], json!("is_manager false → true"));
    assert_eq!(
        second.found("member.left"),
        ["sapling:acme/Core bob@example.com"]
    );
    assert!(third.found("member.left").is_empty(), "told once");
    for news in ["member.appeared", "member.changed", "member.left"] {
        assert!(fourth.found(news).is_empty(), "{news}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_can_be_asked_for_as_they_were() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    let first = world.run().await;
    let then = first.json["finished_at"].as_str().unwrap();
    until("the clock moves on", || lapsed::clock::now() > time(then)).await;
    world.drop_member("Core", "bob@example.com");
    world.member("Core", "new@example.com");
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        team.change_member("amy@example.com", |amy| amy.is_manager = true);
    });
    world.run().await;
    world.later(11);
    world.run().await;

    let robot = ("robot@acme.example".to_owned(), false);
    let person = |who: &str, manager| (format!("{who}@example.com"), manager);
    assert_eq!(
        as_of(&world, then).await,
        [person("amy", false), person("bob", false), robot.clone()]
    );
    let now = lapsed::clock::now() + jiff::SignedDuration::from_mins(12);
    assert_eq!(
        as_of(&world, &now.to_string()).await,
        [person("amy", true), person("new", false), robot]
    );
    assert!(as_of(&world, "2024-01-01").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn members_tell_whether_a_grant_covers_them() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{FUTURE}")])
        .await;
    let run = world.run().await;

    let rows = world
        .rows(&[
            "members",
            "--target",
            "sapling:acme/Core",
            "--format",
            "json",
        ])
        .await;

    let bob = rows
        .iter()
        .find(|row| row["email"] == "bob@example.com")
        .unwrap();
    let seen = &run.json["started_at"];
    let seen = time(seen.as_str().unwrap());
    assert_eq!(time(bob["first_seen"].as_str().unwrap()), seen);
    assert_eq!(bob["last_seen"], bob["first_seen"]);
    let mut bob = bob.clone();
    let keys = bob.as_object_mut().unwrap();
    keys.remove("first_seen");
    keys.remove("last_seen");
    assert_eq!(
        bob,
        json!({
            "email": "bob@example.com", "target": "sapling:acme/Core", "is_admin": false,
            "is_manager": false, "edit_permission": false, "inspect_permission": false,
            "created_at": "2024-03-01T00:00:00Z", "covered": true,
        })
    );
    let covered = |row: &&Value| row["covered"] == json!(true);
    assert_eq!(rows.iter().filter(covered).count(), 1);
    assert_eq!(
        run.found("member.unmanaged"),
        ["sapling:acme/Core amy@example.com"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_that_end_soon_or_never_are_told() {
    let world = World::new().await;
    world.whitelist(&["soon@example.com", "later@example.com", "never@example.com"]);
    let rows = [
        "soon@example.com,sentius:acme,13d".to_owned(),
        "later@example.com,sentius:acme,15d".to_owned(),
        "never@example.com,sentius:acme,never".to_owned(),
    ];
    world.grants(&rows.each_ref().map(String::as_str)).await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(run.found("grant.ending"), ["sentius:acme soon@example.com"]);
    assert_eq!(
        run.found("grant.never_ends"),
        ["sentius:acme never@example.com"]
    );
    let rows = world
        .rows(&["list", "--ending-within", "14d", "--format", "json"])
        .await;
    assert_eq!(rows.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_for_a_team_that_is_not_there_waits_until_it_is() {
    let world = World::new().await;
    world.team("Core", &["amy@example.com"]);
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Later,{PAST}")])
        .await;

    let before = world.run().await;
    assert_eq!(before.code, 3, "access may be there that has ended");
    assert_eq!(before.found("target.unknown"), ["sapling:acme/Later -"]);
    assert_eq!(
        before.actions(),
        ["member.remove sapling:acme/Later bob@example.com grant.ended failed -"]
    );
    assert!(world.writes().is_empty());
    world.team("Later", &["bob@example.com", "joe@example.com"]);
    let after = world.run().await;

    assert_eq!(after.code, 0);
    assert!(after.found("target.unknown").is_empty());
    assert_eq!(
        after.actions(),
        ["member.remove sapling:acme/Later bob@example.com grant.ended done verified"]
    );
    assert_eq!(world.members("Later"), ["joe@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_by_name_and_by_id_is_the_same_target() {
    let world = World::new().await;
    let id = world.team("Core", &["bob@example.com", "amy@example.com"]);
    let rows = [
        format!("bob@example.com,sapling:acme/Core,{PAST}"),
        format!("bob@example.com,sapling:acme/{id},{FUTURE}"),
        format!("amy@example.com,sapling:acme/{id},{PAST}"),
    ];
    world.grants(&rows.each_ref().map(String::as_str)).await;

    let run = world.run().await;

    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core amy@example.com grant.ended done verified"]
    );
    assert_eq!(
        world.members("Core"),
        ["bob@example.com"],
        "the grant by id covers him"
    );
    for name in ["Core", &id] {
        let target = format!("sapling:acme/{name}");
        let rows = world
            .rows(&["list", "--target", &target, "--format", "json"])
            .await;
        assert_eq!(rows.len(), 3, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_team_keeps_its_grants() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&[
            "bob@example.com,sapling:acme/Core,12h",
            "amy@example.com,sapling:acme/Core,never",
        ])
        .await;
    world.run().await;
    world
        .sapling
        .with(|state| state.team_mut("Core").unwrap().rename("Kernel"));

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert!(run.found("target.unknown").is_empty());
    let ahead = world.dry_run(Some("1d")).await;
    assert_eq!(
        ahead.actions(),
        ["member.remove sapling:acme/Kernel bob@example.com grant.ended planned -"]
    );
    assert!(
        world
            .list()
            .await
            .iter()
            .all(|row| row["target"] == "sapling:acme/Kernel")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_teams_of_one_name_are_told_apart_by_their_ids() {
    let world = World::new().await;
    let one = world.team("Twin", &["bob@example.com", "amy@example.com"]);
    let other = world.team("Twin", &["bob@example.com", "amy@example.com"]);
    let rows = [
        format!("amy@example.com,sapling:acme/Twin,{PAST}"),
        format!("bob@example.com,sapling:acme/{other},{PAST}"),
    ];
    world.grants(&[&rows[0], &rows[1]]).await;

    let run = world.run().await;

    assert_eq!(run.code, 3);
    let mut actions = run.actions();
    actions.sort();
    let done = format!("sapling:acme/{other} bob@example.com grant.ended done verified");
    let unknown = "sapling:acme/Twin amy@example.com grant.ended failed -";
    assert_eq!(
        actions,
        [&done, unknown].map(|what| format!("member.remove {what}"))
    );
    assert_eq!(
        run.found("target.unknown"),
        ["sapling:acme/Twin -"],
        "nobody says which"
    );
    assert_eq!(world.members(&one).len(), 2);
    assert_eq!(world.members(&other), ["amy@example.com"]);
}
