//! Several grants of one person on one target: the last end counts.

use serde_json::json;

use crate::world::{FUTURE, PAST, World};

#[tokio::test(flavor = "multi_thread")]
async fn the_last_end_of_overlapping_grants_counts() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world.team("Core", &["jane@example.com", "amy@example.com"]);
    let rows = [
        format!("jane@example.com,sentius:acme,{PAST}"),
        format!("JANE@example.com,sentius:acme,{FUTURE}"),
        format!("jane@example.com,sapling:acme/Core,{PAST}"),
        format!("jane@example.com,sapling:acme/Core,{FUTURE}"),
    ];
    world.grants(&rows.each_ref().map(String::as_str)).await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert!(run.actions().is_empty(), "{:?}", run.actions());
    assert!(world.writes().is_empty());
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_never_ends_keeps_the_access_and_is_told() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    let rows = [
        format!("jane@example.com,sentius:acme,{PAST}"),
        "jane@example.com,sentius:acme,never".to_owned(),
    ];
    world.grants(&[&rows[0], &rows[1]]).await;

    let run = world.run().await;

    assert!(run.actions().is_empty());
    assert_eq!(
        run.found("grant.never_ends"),
        ["sentius:acme jane@example.com"]
    );
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_that_are_all_over_end_in_one_call_and_are_all_closed() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    let rows = ["2025-01-01T00:00:00Z", "2025-03-01T00:00:00Z", PAST]
        .map(|end| format!("jane@example.com,sentius:acme,{end}"));
    world.grants(&rows.each_ref().map(String::as_str)).await;

    let run = world.run().await;

    assert_eq!(world.writes().len(), 1);
    assert_eq!(run.json["counts"]["done"], json!(1));
    let rows = world.list().await;
    assert_eq!(rows.len(), 3);
    assert!(
        rows.iter().all(|row| row["state"] == "removed"),
        "{rows:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_an_ended_grant_stays_while_another_grant_gives_it() {
    let world = World::new().await;
    world.sapling.with(|state| {
        let bob = lapsed_sandbox::TeamUser::new("bob@example.com", lapsed::clock::now());
        state.add_team("Core").add_member(bob.manager());
    });
    world
        .import(&format!(
            "email,target,role,end\n\
             bob@example.com,sapling:acme/Core,manager,{PAST}\n\
             bob@example.com,sapling:acme/Core,manager,{FUTURE}\n"
        ))
        .await;
    assert!(world.run().await.actions().is_empty());
    assert!(world.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_has_not_begun_does_not_keep_an_ended_one_alive() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world
        .import(&format!(
            "email,target,start,end\n\
             jane@example.com,sentius:acme,,{PAST}\n\
             jane@example.com,sentius:acme,2098-01-01T00:00:00Z,{FUTURE}\n"
        ))
        .await;
    assert_eq!(world.run().await.code, 0);
    // The whitelist keeps one entry an address: what is left is that of the grant to come.
    let entry = crate::world::asking::entry(&world);
    assert_eq!(entry.start_date.to_string(), "2098-01-01T00:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_person_on_two_teams_loses_only_the_one_that_is_over() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world.team("Docs", &["bob@example.com"]);
    let rows = [
        format!("bob@example.com,sapling:acme/Core,{PAST}"),
        format!("bob@example.com,sapling:acme/Docs,{FUTURE}"),
    ];
    world.grants(&[&rows[0], &rows[1]]).await;

    assert_eq!(world.run().await.code, 0);

    assert_eq!(world.members("Core"), ["amy@example.com"]);
    assert_eq!(world.members("Docs"), ["bob@example.com"]);
}
