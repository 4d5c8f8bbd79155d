//! Plans that would remove too many wait for a person, whole or for their target.

use serde_json::json;

use crate::world::{Outcome, PAST, World};

/// A whitelist with this many people whose grants are over, `p00@example.com` and so on.
async fn many_are_due(count: usize) -> World {
    let world = World::new().await;
    let people: Vec<String> = (0..count).map(|n| format!("p{n:02}@example.com")).collect();
    world.whitelist(&people.iter().map(String::as_str).collect::<Vec<_>>());
    let rows: Vec<String> = people
        .iter()
        .map(|p| format!("{p},sentius:acme,{PAST}"))
        .collect();
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_over_the_limit_is_held_whole() {
    let mut world = many_are_due(4).await;
    world.config.guard = "max_removals = 3".to_owned();
    world.team("Core", &["bob@example.com", "amy@example.com"]);

    let run = world.run().await;

    assert_eq!(run.code, 4);
    assert_eq!(run.json["outcome"], json!("held"));
    assert_eq!(run.json["counts"]["held"], json!(4));
    assert!(
        run.detail().contains("guard.max_removals = 3"),
        "{}",
        run.detail()
    );
    assert!(world.writes().is_empty());
    assert_eq!(world.whitelisted().len(), 4);
    let again = world.run().await;
    assert_eq!(again.code, 4, "it waits for a person, not for time");
    assert!(world.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn removals_of_the_last_day_count_against_the_limit() {
    let mut world = many_are_due(3).await;
    world.config.guard = "max_removals = 3".to_owned();
    assert_eq!(world.run().await.json["counts"]["done"], json!(3));
    world.whitelist(&["late@example.com"]);
    world
        .grants(&[&format!("late@example.com,sentius:acme,{PAST}")])
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 4);
    assert_eq!(world.whitelisted(), ["late@example.com"]);
}

/// Two teams: Core loses `going` of `people`, Docs loses one.
async fn two_teams(people: usize, going: usize) -> (World, Outcome) {
    let world = World::new().await;
    let core: Vec<String> = (0..people)
        .map(|n| format!("p{n:02}@example.com"))
        .collect();
    world.team("Core", &core.iter().map(String::as_str).collect::<Vec<_>>());
    world.team("Docs", &["bob@example.com", "amy@example.com"]);
    world.whitelist(&["jane@example.com"]);
    let mut rows: Vec<String> = core[..going]
        .iter()
        .map(|who| format!("{who},sapling:acme/Core,{PAST}"))
        .collect();
    rows.push(format!("bob@example.com,sapling:acme/Docs,{PAST}"));
    rows.push(format!("jane@example.com,sentius:acme,{PAST}"));
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    let run = world.run().await;
    (world, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_would_lose_too_large_a_share_is_held_alone() {
    let (world, run) = two_teams(20, 10).await;

    assert_eq!(run.code, 4);
    assert_eq!(run.json["counts"]["held"], json!(10));
    assert_eq!(run.json["counts"]["done"], json!(2));
    assert_eq!(world.members("Core").len(), 20);
    assert_eq!(world.members("Docs"), ["amy@example.com"]);
    assert!(world.whitelisted().is_empty());
    let held: Vec<String> = run
        .actions()
        .into_iter()
        .filter(|a| a.contains(" held "))
        .collect();
    assert!(
        held.iter().all(|a| a.contains("sapling:acme/Core")),
        "{held:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_less_than_ten_removals_is_not_held() {
    let (world, run) = two_teams(12, 9).await;

    assert_eq!(run.code, 0);
    assert_eq!(run.json["counts"]["done"], json!(11));
    assert_eq!(world.members("Core").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_already_does_not_count_against_the_limit() {
    let mut world = World::new().await;
    world.config.guard = "max_removals = 1".to_owned();
    world.team("Core", &["amy@example.com"]);
    let rows: Vec<String> = (0..5)
        .map(|n| format!("gone{n}@example.com,sapling:acme/Core,{PAST}"))
        .collect();
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;

    assert_eq!(world.run().await.json["counts"]["absent"], json!(0));
    world.later(11);
    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(run.json["counts"]["absent"], json!(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_removals_allowed_nothing_is_removed() {
    let mut world = many_are_due(1).await;
    world.config.guard = "max_removals = 0".to_owned();

    assert_eq!(world.run().await.code, 4);
    assert!(world.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_goes_ahead_once_and_nothing_new_slips_in() {
    let mut world = many_are_due(4).await;
    world.config.guard = "max_removals = 0".to_owned();
    let held = world.run().await;
    world.whitelist(&["late@example.com"]);
    world
        .grants(&[&format!("late@example.com,sentius:acme,{PAST}")])
        .await;

    let run = held.json["run"].as_str().unwrap();
    let approved = world.lapsed(&["approve", run]).await;
    assert_eq!(approved.code, 0, "{}", approved.stderr);
    assert!(world.writes().is_empty(), "approving calls nobody");
    let next = world.run().await;

    assert_eq!(next.code, 4);
    assert_eq!(next.json["counts"]["done"], json!(4));
    assert_eq!(next.json["counts"]["held"], json!(1));
    assert_eq!(world.whitelisted(), ["late@example.com"]);
    assert_eq!(
        world.lapsed(&["approve", run]).await.code,
        2,
        "a plan goes ahead once"
    );
    assert_eq!(world.lapsed(&["approve", "no-such-run"]).await.code, 2);
}
