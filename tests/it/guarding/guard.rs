//! Who is never removed: protected people, the key's holder, a team's last admin.

use lapsed_sandbox::TeamUser;
use serde_json::json;

use crate::world::{HOLDER, PAST, World};

#[tokio::test(flavor = "multi_thread")]
async fn protected_addresses_and_patterns_are_never_removed() {
    let mut world = World::new().await;
    world.config.guard = "protected = [\"ceo@acme.example\", \"*@board.acme.example\"]".to_owned();
    world.whitelist(&[
        "CEO@acme.example",
        "eve@board.acme.example",
        "jane@acme.example",
    ]);
    world.team("Core", &["eve@board.acme.example", "amy@example.com"]);
    let rows = [
        format!("CEO@acme.example,sentius:acme,{PAST}"),
        format!("eve@board.acme.example,sentius:acme,{PAST}"),
        format!("jane@acme.example,sentius:acme,{PAST}"),
        format!("eve@board.acme.example,sapling:acme/Core,{PAST}"),
    ];
    world.grants(&rows.each_ref().map(String::as_str)).await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    let mut actions = run.actions();
    actions.sort();
    assert_eq!(
        actions,
        [
            "member.remove sapling:acme/Core eve@board.acme.example grant.ended protected -",
            "whitelist.remove sentius:acme CEO@acme.example grant.ended protected -",
            "whitelist.remove sentius:acme eve@board.acme.example grant.ended protected -",
            "whitelist.remove sentius:acme jane@acme.example grant.ended done acknowledged",
        ]
    );
    assert_eq!(world.writes().len(), 1);
    assert_eq!(
        world.whitelisted(),
        ["CEO@acme.example", "eve@board.acme.example"]
    );
    assert_eq!(world.members("Core").len(), 2);
    let again = world.run().await;
    assert_eq!(again.code, 0);
    assert_eq!(
        again.json["counts"]["protected"],
        json!(3),
        "told as long as it is due"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_person_is_known_with_the_roots_dot_and_in_quotes_too() {
    let mut world = World::new().await;
    world.config.guard = "protected = [\"ceo@acme.example\", \"*@board.acme.example\"]".to_owned();
    world.config.teams = "[[sapling.team]]\nname = \"Core\"\nmax_age = \"30d\"\n".to_owned();
    let spelled = [
        "ceo@acme.example.",
        "\"eve\"@board.acme.example",
        "tim@board.acme.example.",
    ];
    world.team("Core", &[&spelled[..], &["amy@example.com"]].concat());
    world.team("Labs", &["\"Ceo\"@acme.example", "amy@example.com"]);
    let labs = format!("ceo@acme.example,sapling:acme/Labs,{PAST}");
    world.grants(&[&labs]).await;

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.actions());
    assert_eq!(run.json["counts"]["protected"], json!(4));
    assert_eq!(world.members("Core"), spelled);
    assert_eq!(world.members("Labs").len(), 2);
    let refused = world
        .lapsed(&["grant", "ceo@acme.example.", "--target", "sentius:acme"])
        .await;
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    let said = "\"ceo@acme.example.\" is not an address such as jane@example.com";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_longer_protected_goes_with_the_next_run() {
    let mut world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world.config.guard = "protected = [\"*\"]".to_owned();
    world.run().await;
    world.config.guard.clear();

    let run = world.run().await;

    assert_eq!(run.json["counts"]["done"], json!(1));
    assert!(world.whitelisted().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_holder_of_the_key_is_never_removed() {
    let world = World::new().await;
    world.team("Core", &["amy@example.com"]);
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        team.change_member("amy@example.com", |amy| amy.is_admin = true);
    });
    let holder = HOLDER.to_uppercase();
    world
        .grants(&[&format!("{holder},sapling:acme/Core,{PAST}")])
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core robot@acme.example grant.ended protected -"]
    );
    assert!(world.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_who_is_not_configured_is_refused_by_the_provider_and_stays() {
    let mut world = World::new().await;
    world.config.sapling.clear();
    world.team("Core", &["amy@example.com"]);
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        team.change_member("amy@example.com", |amy| amy.is_admin = true);
    });
    world
        .grants(&[&format!("{HOLDER},sapling:acme/Core,{PAST}")])
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert!(
        run.detail().contains("you cannot delete yourself"),
        "{}",
        run.detail()
    );
    assert!(
        world.writes()[0].contains("bulk_delete"),
        "by id it would have gone"
    );
    let there = world
        .sapling
        .with(|state| state.team("Core").unwrap().member(HOLDER).is_some());
    assert!(there);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_admins_with_one_address_none_goes_where_each_may_hold_the_key() {
    let mut world = World::new().await;
    world.config.sapling.clear();
    world.team("Core", &["amy@example.com"]);
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        for who in ["boss@example.com", "chief@example.com"] {
            team.add_member(TeamUser::new(who, crate::world::time("2024-03-01T00:00:00Z")).admin());
        }
        assert!(team.readdress("chief@example.com", "boss@example.com"));
    });
    world
        .grants(&[
            &format!("boss@example.com,sapling:acme/Core,{PAST}"),
            &format!("amy@example.com,sapling:acme/Core,{PAST}"),
        ])
        .await;

    let run = world.run().await;

    assert_eq!(
        run.actions(),
        [
            "member.remove sapling:acme/Core amy@example.com grant.ended done verified",
            "member.remove sapling:acme/Core boss@example.com grant.ended protected -",
            "member.remove sapling:acme/Core boss@example.com grant.ended protected -",
        ]
    );
    assert_eq!(world.writes().len(), 1, "{:?}", world.writes());
    let why = run.json["actions"].to_string();
    assert!(why.contains("the team has its address twice"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_keeps_its_last_admin() {
    let mut world = World::new().await;
    world.config.guard = "min_team_admins = 2".to_owned();
    world.team("Core", &["amy@example.com"]);
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        for who in ["boss@example.com", "chief@example.com"] {
            team.add_member(TeamUser::new(who, crate::world::time("2024-03-01T00:00:00Z")).admin());
        }
    });
    let rows = [
        format!("boss@example.com,sapling:acme/Core,{PAST}"),
        "chief@example.com,sapling:acme/Core,2025-01-01T00:00:00Z".to_owned(),
    ];
    world.grants(&[&rows[0], &rows[1]]).await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(
        run.actions(),
        [
            "member.remove sapling:acme/Core chief@example.com grant.ended done verified",
            "member.remove sapling:acme/Core boss@example.com grant.ended protected -",
        ]
    );
    assert_eq!(
        world.members("Core"),
        ["amy@example.com", "boss@example.com"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_protected_is_not_said_to_have_ended_and_status_says_who_keeps_access() {
    let mut world = World::new().await;
    world.config.guard = "protected = [\"*@board.example.com\"]\n".to_owned();
    world.team("Core", &["eve@board.example.com"]);
    world
        .grants(&["eve@board.example.com,sapling:acme/Core,2099-01-01"])
        .await;
    assert_eq!(world.run().await.code, 0);
    let args = ["revoke", "eve@board.example.com", "--target"];
    let args = [&args[..], &["sapling:acme/Core"]].concat();
    let revoked = world.lapsed(&args).await;
    assert_eq!(revoked.code, 3, "{}", revoked.stderr);
    let said = revoked.stdout;
    assert!(
        said.contains("eve@board.example.com was not ended (incomplete)"),
        "{said}"
    );
    let why = "not ended in sapling:acme/Core: is protected by *@board.example.com";
    assert!(said.contains(why), "{said}");
    assert!(!said.contains(" ended in sapling:acme/Core (incomplete)"));
    let status = world.lapsed(&["status", "--no-daemon"]).await;
    assert_eq!(status.code, 0, "{}", status.stdout);
    assert!(
        status.stdout.starts_with(
            "well: all that may be removed is removed; 1 is protected and keeps access that is over\n"
        ),
        "{}",
        status.stdout
    );
}
