//! What random walks have found, each as the few steps that it takes.

mod unproven;

use jiff::SignedDuration;
use lapsed_sandbox::{Answer, Fault, When};

use crate::ending::persons::rename;
use crate::world::{FUTURE, PAST, World};

/// Walk 16.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_that_a_command_met_makes_nobody_missing_for_good() {
    let mut world = World::new().await;
    world.config.sapling = String::new();
    world.team("Core", &["bob@example.com", "free@example.com"]);
    assert_eq!(world.run().await.code, 0);
    let lists = When::method("GET").path("team_user");
    world.sapling.faults().once(lists, Fault::EmptyLists);
    let target = ["--target", "sapling:acme/Core"];
    let args = [
        &["grant", "bob@example.com"],
        &target[..],
        &["--end", "20m"],
    ]
    .concat();
    world.lapsed(&args).await;
    world.later(31);

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(world.members("Core"), ["free@example.com"]);
}

/// Walks 32 and 38.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_recorded_with_an_earlier_end_is_brought_up_to_all_grants() {
    let world = World::new().await;
    let target = ["--target", "sentius:acme"];
    let args = [
        &["grant", "cy@example.com"],
        &target[..],
        &["--end", FUTURE],
    ]
    .concat();
    assert_eq!(world.lapsed(&args).await.code, 0);
    // Somebody has put another one in its place, and says so.
    world.whitelist(&["cy@example.com"]);
    world
        .import(&format!(
            "email,target,start,end\ncy@example.com,sentius:acme,2024-03-01,{PAST}\n"
        ))
        .await;

    assert_eq!(world.run().await.code, 0);

    let ends = world.sentius.with(|state| {
        let entries = state.entries.values();
        entries
            .map(|e| e.end_date.map(|end| end.to_string()))
            .collect::<Vec<_>>()
    });
    assert_eq!(ends, [Some(FUTURE.to_owned())]);
}

/// Walk 2039.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_came_after_the_last_change_of_a_team_follows_the_membership_too() {
    let world = World::new().await;
    world.team("Core", &["ann@example.com", "bob@example.com"]);
    assert_eq!(world.run().await.code, 0);
    world
        .grants(&[
            &format!("ann@example.com,sapling:acme/Core,{FUTURE}"),
            "bob@example.com,sapling:acme/Core,20m",
        ])
        .await;
    assert_eq!(world.run().await.code, 0);
    rename(&world, "ann@example.com", "ann.new@example.com");
    rename(&world, "bob@example.com", "bob.new@example.com");
    world
        .grants(&["ann.new@example.com,sapling:acme/Core,20m"])
        .await;
    world.later(31);

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(world.members("Core"), ["ann.new@example.com"]);
}

/// Found beside walk 2039.
#[tokio::test(flavor = "multi_thread")]
async fn a_membership_that_readings_missed_is_covered_again_by_all_its_grants() {
    let world = World::new().await;
    world.team("Core", &["ann@example.com", "free@example.com"]);
    world
        .grants(&[&format!("ann@example.com,sapling:acme/Core,{FUTURE}")])
        .await;
    assert_eq!(world.run().await.code, 0);
    rename(&world, "ann@example.com", "ann.new@example.com");
    assert_eq!(world.run().await.code, 0);
    world
        .grants(&["ann.new@example.com,sapling:acme/Core,1h"])
        .await;
    let away = world
        .sapling
        .with(|state| state.team("Core").unwrap().clone());
    world.drop_member("Core", "ann.new@example.com");
    for _ in 0..3 {
        world.later(11);
        world.run().await;
    }
    // Shown again under the same membership: it was never gone.
    world
        .sapling
        .with(|state| *state.team_mut("Core").unwrap() = away);
    world.run().await;
    world.later(61);

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert!(
        world
            .members("Core")
            .contains(&"ann.new@example.com".to_owned())
    );
}

/// Walk 2039 again.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_given_access_by_a_later_address_is_not_invited_by_the_earlier_one() {
    let world = World::new().await;
    world.team("Core", &["ann@example.com"]);
    world
        .grants(&[&format!("ann@example.com,sapling:acme/Core,{FUTURE}")])
        .await;
    assert_eq!(world.run().await.code, 0);
    rename(&world, "ann@example.com", "ann.new@example.com");

    let target = ["--target", "sapling:acme/Core"];
    let args = [
        &["grant", "ann.new@example.com"],
        &target[..],
        &["--end", "20m"],
    ]
    .concat();
    assert_eq!(world.lapsed(&args).await.code, 0);

    assert!(
        world.invited("Core").is_empty(),
        "{:?}",
        world.invited("Core")
    );
    assert!(world.writes().is_empty(), "{:?}", world.writes());
}

/// Walks 46 and 84.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_invited_and_is_no_longer_shown_is_invited_again_when_given_access() {
    let world = World::new().await;
    world.team("Core", &[]);
    let give = |end| {
        let target = ["--target", "sapling:acme/Core"];
        [&["grant", "cy@example.com"], &target[..], &["--end", end]].concat()
    };
    assert_eq!(world.lapsed(&give("90m")).await.code, 0);
    assert_eq!(world.run().await.code, 0);
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        team.remove_invite("cy@example.com").unwrap();
    });

    assert_eq!(world.lapsed(&give(FUTURE)).await.code, 0);

    assert_eq!(world.invited("Core"), ["cy@example.com"]);
}

/// Walk 16 again.
#[tokio::test(flavor = "multi_thread")]
async fn who_came_back_and_was_granted_access_since_is_there_when_it_ends() {
    let world = World::new().await;
    world.team("Core", &["ann@example.com"]);
    world
        .grants(&[&format!("ann@example.com,sapling:acme/Core,{PAST}")])
        .await;
    assert_eq!(world.run().await.code, 0);
    world.later(11);
    world.run().await;
    world.member("Core", "ann@example.com");
    let run = world.run().await;
    assert_eq!(run.found("member.returned").len(), 1);
    world
        .grants(&["ann@example.com,sapling:acme/Core,30m"])
        .await;
    // Let out and in again meanwhile: the membership of before is gone, the person is not.
    world.member("Core", "ann@example.com");
    world.run().await;
    for _ in 0..3 {
        world.later(11);
        assert_eq!(world.run().await.code, 0);
    }

    assert!(world.members("Core").is_empty());
}

/// Walk 2002476.
#[tokio::test(flavor = "multi_thread")]
async fn who_came_back_after_a_removal_is_not_absent_by_what_was_read_before() {
    let mut world = World::new().await;
    world.config.policy = "invite_stale_after = \"3000d\"\n".to_owned();
    world.team("Core", &["bob@example.com"]);
    world.team("Crowd", &["free@example.com"]);
    assert_eq!(world.run().await.code, 0);
    let revoke = [
        "revoke",
        "ann@example.com",
        "--target",
        "sapling:acme/Crowd",
        "--format",
        "json",
    ];
    world.member("Crowd", "ann@example.com");
    assert_eq!(world.lapsed(&revoke).await.code, 0);
    let fails = Fault::status(500);
    world.sapling.faults().once(When::method("DELETE"), fails);
    world.later(31);
    assert_eq!(world.run().await.code, 0);
    world.member("Crowd", "ann@example.com");
    world.lapsed(&revoke).await;
    world.later(11);

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.json);
    assert_eq!(world.members("Crowd"), ["free@example.com"]);
}

/// Walk 2001160.
#[tokio::test(flavor = "multi_thread")]
async fn a_word_about_an_earlier_address_ends_all_that_the_membership_has() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "free@example.com"]);
    let target = ["--target", "sapling:acme/Core"];
    let give = |email| [&["grant", email], &target[..], &["--end", FUTURE]].concat();
    assert_eq!(world.lapsed(&give("bob@example.com")).await.code, 0);
    assert_eq!(world.run().await.code, 0);
    world.whitelist_is_known();
    rename(&world, "bob@example.com", "bob.new@example.com");
    assert_eq!(world.lapsed(&give("bob.new@example.com")).await.code, 0);

    let printed = world
        .lapsed(&["revoke", "bob@example.com", "--format", "json"])
        .await;

    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert_eq!(world.members("Core"), ["free@example.com"]);
    let said: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(said["actions"][0]["email"], "bob.new@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_revoked_by_an_address_that_the_membership_bore_before_is_removed() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com", "free@example.com"]);
    assert_eq!(world.run().await.code, 0);
    world.whitelist_is_known();
    rename(&world, "bob@example.com", "bob.new@example.com");
    assert_eq!(world.run().await.code, 0);

    let printed = world.lapsed(&["revoke", "bob@example.com"]).await;

    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert_eq!(world.members("Core"), ["free@example.com"]);
}

/// Walk 5005296.
#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_may_have_come_before_the_end_is_not_one_that_came_after_it() {
    let mut world = World::new().await;
    world.config.policy = "invite_stale_after = \"3000d\"\n".to_owned();
    world.team("Crowd", &["free@example.com"]);
    world.invite("Crowd", "ann@example.com");
    assert_eq!(world.run().await.code, 0);
    let revoke = ["revoke", "ann@example.com"];
    let target = ["--target", "sapling:acme/Crowd"];
    let printed = world.lapsed(&[&revoke[..], &target].concat()).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    world.later(31);
    assert_eq!(world.run().await.code, 0);
    world.invite("Crowd", "ann@example.com");
    let end = world.now() + SignedDuration::from_mins(5);
    let row = format!("ann@example.com,sapling:acme/Crowd,{end}");
    world.import(&format!("email,target,end\n{row}\n")).await;
    world.later(31);

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.json);
    assert_eq!(world.invited("Crowd"), [""; 0]);
}

/// Walk 6000118.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_goes_over_to_a_new_membership_before_its_address_changes() {
    let mut world = World::new().await;
    world.config.sapling = String::new();
    world.team("Core", &["bob@example.com", "free@example.com"]);
    assert_eq!(world.run().await.code, 0);
    world.drop_member("Core", "bob@example.com");
    world.member("Core", "BOB@EXAMPLE.COM");
    let end = world.now() + SignedDuration::from_mins(5);
    let row = format!("bob@example.com,sapling:acme/Core,{end}");
    world.import(&format!("email,target,end\n{row}\n")).await;
    assert_eq!(world.run().await.code, 0);
    rename(&world, "BOB@EXAMPLE.COM", "bob.new@example.com");
    world.later(11);

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.json);
    assert_eq!(world.members("Core"), ["free@example.com"]);
}

/// Walk 7008070.
#[tokio::test(flavor = "multi_thread")]
async fn a_word_follows_a_membership_that_a_reading_missed_and_that_has_another_address_then() {
    let mut world = World::new().await;
    world.config.sapling = String::new();
    let others = ["a", "b", "c", "d"].map(|name| format!("{name}@example.com"));
    let mut names: Vec<&str> = others.iter().map(String::as_str).collect();
    names.push("bob@example.com");
    world.team("Core", &names);
    assert_eq!(world.run().await.code, 0);
    rename(&world, "bob@example.com", "bob.new@example.com");
    let id = world
        .sapling
        .with(|state| state.team("Core").unwrap().id().to_owned());
    let members: Vec<serde_json::Value> = world.sapling.with(|state| {
        let users = state.team("Core").unwrap().members();
        let stay = users.filter(|user| user.login_email != "bob.new@example.com");
        stay.map(|user| serde_json::json!(user)).collect()
    });
    let body = serde_json::json!({ "users": members, "pending_users": [] }).to_string();
    let without = Answer::new(200).body("application/json", &body);
    let lists = When::method("GET").path(&id);
    world.sapling.faults().once(lists, Fault::Status(without));
    let target = ["--target", "sapling:acme/Core"];
    let args = [&["revoke", "bob@example.com"][..], &target].concat();
    world.lapsed(&args).await;
    world.later(11);

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.json);
    assert_eq!(world.members("Core").len(), 4);
}

/// Walk 7002791.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_moved_after_an_invite_was_taken_for_it_invites_again() {
    let mut world = World::new().await;
    world.config.sapling = String::new();
    world.team("Crowd", &["bob@example.com", "free@example.com"]);
    assert_eq!(world.run().await.code, 0);
    world.drop_member("Crowd", "bob@example.com");
    let args = ["grant", "bob@example.com", "--target"];
    let args = [&args[..], &["sapling:acme/Crowd", "--end", "90m"]].concat();
    assert_eq!(world.lapsed(&args).await.code, 0);
    assert_eq!(world.invited("Crowd"), ["bob@example.com"]);
    world.later(1500);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.invited("Crowd"), [""; 0]);

    let said = world.lapsed(&unproven::extend("sapling:acme/Crowd")).await;

    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(world.invited("Crowd"), ["bob@example.com"]);
}
