//! Teams with rules of their own: membership that is too old, and membership that follows the
//! whitelist.

use lapsed_sandbox::TeamUser;

use crate::ending::persons::rename;
use crate::world::{FUTURE, HOLDER, Outcome, PAST, World, time};

const MAX_AGE: &str = "[[sapling.team]]\nname = \"Core\"\nmax_age = \"90d\"\n";
const FOLLOW: &str = "[[sapling.team]]\nname = \"Core\"\nfollow = \"sentius:acme\"\n";

fn joins_now(world: &World, email: &str) {
    let user = TeamUser::new(email, lapsed::clock::now());
    world
        .sapling
        .with(|state| state.team_mut("Core").unwrap().add_member(user));
}

/// The actions but for the one about the key's holder, who is too old as well.
fn of_people(run: &Outcome) -> Vec<String> {
    let mut actions = run.actions();
    actions.retain(|action| !action.contains(HOLDER));
    actions
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_memberships_of_one_address_only_the_one_that_is_too_old_goes() {
    let mut world = World::new().await;
    world.config.teams = MAX_AGE.to_owned();
    world.team("Core", &["old@example.com", "twin@example.com"]);
    joins_now(&world, "young@example.com");
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        assert!(team.readdress("young@example.com", "twin@example.com"));
    });

    let run = world.run().await;

    assert_eq!(
        of_people(&run),
        [
            "member.remove sapling:acme/Core old@example.com team.max_age done verified",
            "member.remove sapling:acme/Core twin@example.com team.max_age done verified",
        ]
    );
    assert!(
        !world.writes().concat().contains("bulk_delete"),
        "a call by address takes both: {:?}",
        world.writes()
    );
    assert_eq!(world.members("Core"), ["twin@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_older_than_the_team_allows_go_unless_a_grant_covers_them() {
    let mut world = World::new().await;
    world.config.teams = MAX_AGE.to_owned();
    world.team("Core", &["old@example.com", "granted@example.com"]);
    world.team("Docs", &["old@example.com"]);
    joins_now(&world, "new@example.com");
    world
        .grants(&[&format!("granted@example.com,sapling:acme/Core,{FUTURE}")])
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(
        of_people(&run),
        ["member.remove sapling:acme/Core old@example.com team.max_age done verified"]
    );
    assert_eq!(
        world.members("Core"),
        ["granted@example.com", "new@example.com"]
    );
    assert_eq!(world.members("Docs"), ["old@example.com"]);
    let ahead = world.dry_run(Some("91d")).await;
    assert_eq!(
        of_people(&ahead),
        ["member.remove sapling:acme/Core new@example.com team.max_age planned -"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_holder_of_the_key_is_never_too_old() {
    let mut world = World::new().await;
    world.config.teams = MAX_AGE.to_owned();
    world.team("Core", &[]);

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert!(run.actions().is_empty(), "no rule is about the holder");
    assert!(world.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_follows_the_whitelist_loses_whom_the_whitelist_lost() {
    let mut world = World::new().await;
    world.config.teams = FOLLOW.to_owned();
    world.whitelist(&["jane@example.com", "stays@example.com"]);
    world.team(
        "Core",
        &["Jane@Example.com", "stays@example.com", "never@example.com"],
    );
    world.invite("Core", "gone@example.com");
    let rows = [
        format!("jane@example.com,sentius:acme,{PAST}"),
        format!("gone@example.com,sentius:acme,{PAST}"),
        format!("stays@example.com,sentius:acme,{FUTURE}"),
    ];
    world.grants(&rows.each_ref().map(String::as_str)).await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    let mut done = run.actions();
    done.sort();
    assert_eq!(
        done,
        [
            "invite.revoke sapling:acme/Core gone@example.com whitelist.ended done verified",
            "member.remove sapling:acme/Core Jane@Example.com whitelist.ended done verified",
            "whitelist.remove sentius:acme gone@example.com grant.ended absent acknowledged",
            "whitelist.remove sentius:acme jane@example.com grant.ended done acknowledged",
        ]
    );
    assert_eq!(
        world.members("Core"),
        ["stays@example.com", "never@example.com"]
    );
    assert!(world.invited("Core").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_follows_the_whitelist_knows_a_member_by_an_earlier_address() {
    let mut world = World::new().await;
    world.config.teams = FOLLOW.to_owned();
    world.whitelist(&["jane@example.com"]);
    world.team("Core", &["jane@example.com", "never@example.com"]);
    world.grants(&["jane@example.com,sentius:acme,12h"]).await;
    assert_eq!(world.run().await.code, 0);
    rename(&world, "jane@example.com", "jane.doe@example.com");
    assert_eq!(world.run().await.code, 0);
    world.later(13 * 60);

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(world.members("Core"), ["never@example.com"]);
}

/// Jane is a member, and Jane Doe by now.
async fn jane_doe() -> World {
    let mut world = World::new().await;
    world.config.teams = FOLLOW.to_owned();
    world.team("Core", &["jane@example.com", "never@example.com"]);
    assert_eq!(world.run().await.code, 0);
    rename(&world, "jane@example.com", "jane.doe@example.com");
    assert_eq!(world.run().await.code, 0);
    world.later(60);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_grant_of_who_has_a_members_earlier_address_now_is_not_the_members() {
    for is_member in [false, true] {
        let world = jane_doe().await;
        if is_member {
            world.member("Core", "jane@example.com");
        }
        world.whitelist(&["jane@example.com"]);
        world.grants(&["jane@example.com,sentius:acme,12h"]).await;
        assert_eq!(world.run().await.code, 0);
        world.later(13 * 60);
        for _ in 0..2 {
            assert_eq!(world.run().await.code, 0);
            world.later(16);
        }
        let there = world.members("Core");
        assert!(
            there.contains(&"jane.doe@example.com".to_owned()),
            "{there:?}"
        );
        assert_eq!(there.len(), 2, "{there:?}");
    }
    // Nor does it keep the member.
    let world = jane_doe().await;
    world.whitelist(&["jane.doe@example.com", "jane@example.com"]);
    let forever = format!("jane@example.com,sentius:acme,{FUTURE}");
    world
        .grants(&["jane.doe@example.com,sentius:acme,12h", &forever])
        .await;
    assert_eq!(world.run().await.code, 0);
    world.later(13 * 60);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.members("Core"), ["never@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_catches_up_with_a_whitelist_grant_that_ended_before_it_followed() {
    let mut world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world.team("Core", &["jane@example.com", "amy@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world.run().await;
    assert_eq!(world.members("Core").len(), 2);

    world.config.teams = FOLLOW.to_owned();
    let run = world.run().await;

    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core jane@example.com whitelist.ended done verified"]
    );
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_on_the_team_itself_outweighs_the_whitelist_it_follows() {
    let mut world = World::new().await;
    world.config.teams = FOLLOW.to_owned();
    world.whitelist(&["jane@example.com"]);
    world.team("Core", &["jane@example.com"]);
    let rows = [
        format!("jane@example.com,sentius:acme,{PAST}"),
        format!("jane@example.com,sapling:acme/Core,{FUTURE}"),
    ];
    world.grants(&[&rows[0], &rows[1]]).await;

    let run = world.run().await;

    assert_eq!(
        run.actions(),
        ["whitelist.remove sentius:acme jane@example.com grant.ended done acknowledged"]
    );
    assert_eq!(world.members("Core"), ["jane@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_for_a_team_that_is_not_there_is_told() {
    let mut world = World::new().await;
    world.config.teams = MAX_AGE.replace("Core", "Croe");
    world.team("Core", &["old@example.com"]);

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(run.found("target.unknown"), ["sapling:acme/Croe -"]);
    assert_eq!(world.members("Core"), ["old@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_may_name_the_team_by_its_id() {
    let mut world = World::new().await;
    let id = world.team("Core", &["old@example.com", "amy@example.com"]);
    world.config.teams = format!("[[sapling.team]]\nid = {id:?}\nmax_age = \"90d\"\n");
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        team.change_member("amy@example.com", |amy| {
            amy.created_at = lapsed::clock::now();
        });
        team.change_member("old@example.com", |old| old.created_at = time(PAST));
    });

    assert_eq!(world.run().await.code, 0);

    assert_eq!(world.members("Core"), ["amy@example.com"]);
}
