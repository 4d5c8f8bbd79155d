//! One obligation, one key: target, person and what. It has causes and a due moment that does not
//! move, and whatever could not be tried has a next try.

mod held;
mod tries;

use lapsed_sandbox::{Answer, Fault, Rule, TeamUser, When};
use serde_json::json;

use crate::world::readings::end_in_core;
use crate::world::{PAST, World};

const BOB: &str = "bob@example.com";
const NEVER: &str = "pass = \"0 0 0 1 1 *\"\nreport = \"0 0 0 1 1 *\"\n";

/// Bob, a manager who may edit, and both only until then.
async fn two_roles(end: &str) -> World {
    let world = World::new().await;
    world.team("Core", &["amy@example.com"]);
    world.sapling.with(|state| {
        let bob = TeamUser::new(BOB, "2024-03-01T00:00:00Z".parse().unwrap());
        state.team_mut("Core").unwrap().add_member(TeamUser {
            is_manager: true,
            edit_permission: true,
            ..bob
        });
    });
    world
        .import(&format!(
            "email,target,role,end\n{BOB},sapling:acme/Core,manager,{end}\n{BOB},sapling:acme/Core,edit,{end}\n"
        ))
        .await;
    world
}

fn flags(world: &World) -> (bool, bool) {
    world.sapling.with(|state| {
        let bob = state.team("Core").unwrap().member(BOB).unwrap();
        (bob.is_manager, bob.edit_permission)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_roles_that_end_together_each_ends_though_the_other_fails() {
    for skip in [0, 1] {
        let world = two_roles(PAST).await;
        let refused = Rule::new(When::method("PATCH"), Fault::status(403)).skip(skip);
        world.sapling.faults().add(refused);

        let run = world.run().await;

        assert_eq!(run.code, 3, "{skip}");
        assert_eq!(run.actions().len(), 2, "both stand in the list");
        assert_eq!(run.json["counts"]["done"], json!(1), "{:?}", run.actions());
        assert_eq!(run.json["counts"]["failed"], json!(1));
        assert_eq!(run.json["owed"]["remove"], json!(1));
        world.later(60);
        let run = world.run().await;
        assert_eq!(run.code, 0, "{skip}: {:?}", run.actions());
        assert_eq!(flags(&world), (false, false));
        world.all_settled_once().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_roles_the_one_of_the_last_admin_is_protected_and_the_other_ends() {
    let mut world = World::new().await;
    world.config.guard = "min_team_admins = 2\n".to_owned();
    world.team("Core", &["amy@example.com"]);
    world.sapling.with(|state| {
        let bob = TeamUser::new(BOB, "2024-03-01T00:00:00Z".parse().unwrap());
        state
            .team_mut("Core")
            .unwrap()
            .add_member(bob.admin().manager());
    });
    world
        .import(&format!(
            "email,target,role,end\n{BOB},sapling:acme/Core,admin,{PAST}\n{BOB},sapling:acme/Core,manager,{PAST}\n"
        ))
        .await;
    let run = world.run().await;
    let mut actions = run.actions();
    actions.sort();
    assert_eq!(
        actions,
        [
            "member.demote sapling:acme/Core bob@example.com role.ended done verified",
            "member.demote sapling:acme/Core bob@example.com role.ended protected -",
        ]
    );
    assert_eq!(run.code, 0, "what is protected is not owed");
    assert!(!flags(&world).0);
}

/// People in a team of their own, whose grants there are over.
async fn also_over(world: &World, team: &str, count: usize) {
    let more: Vec<String> = (0..count)
        .map(|n| format!("{team}{n}@example.com"))
        .collect();
    world.team(team, &more.iter().map(String::as_str).collect::<Vec<_>>());
    let rows: Vec<String> = more
        .iter()
        .map(|email| format!("{email},sapling:acme/{team},{PAST}"))
        .collect();
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_is_known_by_name_and_by_id_is_one_team() {
    let world = World::new().await;
    let id = world.team("Core", &[BOB, "amy@example.com"]);
    world
        .grants(&[
            &format!("{BOB},sapling:acme/Core,{PAST}"),
            &format!("{BOB},sapling:acme/{id},{PAST}"),
        ])
        .await;
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?} {:?}", run.actions(), run.errors());
    assert_eq!(run.actions().len(), 1, "{:?}", run.actions());
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    assert!(world.list().await.iter().all(|g| g["state"] == "removed"));
    // Also before any team was ever read, and after a rename.
    world.member("Core", "zoe@example.com");
    world
        .sapling
        .with(|s| s.team_mut("Core").unwrap().rename("Kern"));
    world
        .grants(&[
            &format!("zoe@example.com,sapling:acme/Kern,{PAST}"),
            &format!("zoe@example.com,sapling:acme/Core,{PAST}"),
            &format!("zoe@example.com,sapling:acme/{id},{PAST}"),
        ])
        .await;
    let run = world.run().await;
    assert!(run.code == 0 || run.code == 3, "{:?}", run.errors());
    assert_eq!(world.members("Kern"), ["amy@example.com"]);
    for args in [
        &["revoke", "zoe@example.com"][..],
        &["revoke", "amy@example.com"],
        &["status"],
        &["report"],
    ] {
        assert_ne!(world.lapsed(args).await.code, 1, "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_a_reading_contradicts_stays_one_obligation() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world.team("Core", &[BOB, "amy@example.com"]);
    world
        .grants(&[
            &format!("{BOB},sapling:acme/Core,{PAST}"),
            &format!("jane@example.com,sentius:acme,{PAST}"),
        ])
        .await;
    // A yes, and nothing is done.
    let lies = Fault::Status(Answer::new(200).body("application/json", "{}"));
    world.sapling.faults().always(When::method("DELETE"), lies);
    for _ in 0..3 {
        let run = world.run().await;
        assert_eq!(run.code, 3, "{:?}", run.actions());
        assert!(world.whitelisted().is_empty());
        world.later(30);
    }
    assert_ne!(world.lapsed(&["revoke", BOB]).await.code, 1);
    world.sapling.faults().clear();
    world.later(30);
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.actions());
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_in_a_deleted_team_is_given_up_by_a_persons_word_and_owed_again_when_seen() {
    let world = World::new().await;
    world.team("Core", &[BOB, "amy@example.com"]);
    world.team("Docs", &["amy@example.com"]);
    end_in_core(&world, &[BOB.to_owned()], "12h").await;
    assert_eq!(world.run().await.code, 0);
    // The team is there no more for the key's holder.
    world.drop_member("Core", crate::world::HOLDER);
    world.later(13 * 60);
    let run = world.run().await;
    assert_eq!(run.code, 3, "{:?}", run.actions());
    assert_eq!(run.json["owed"]["remove"], json!(1));
    let off = |reason: &'static str| {
        [
            "write-off",
            BOB,
            "--target",
            "sapling:acme/Core",
            "--reason",
            reason,
        ]
    };
    let nobody = [
        "write-off",
        "who@example.com",
        "--target",
        "sapling:acme/Core",
        "--reason",
        "x",
    ];
    assert_eq!(world.lapsed(&nobody).await.code, 2);
    let empty = world.lapsed(&off("")).await;
    assert_eq!(empty.code, 2, "a reason is wanted");

    let said = world.lapsed(&off("the team was deleted")).await;

    assert_eq!(said.code, 0, "{}", said.stderr);
    for _ in 0..3 {
        let run = world.run().await;
        assert_eq!(run.json["owed"]["remove"], json!(0));
        assert!(run.actions().is_empty(), "{:?}", run.actions());
        assert_eq!(run.code, 0, "{:?} {:?}", run.errors(), run.findings());
        world.later(30);
    }
    let evidence = world.texts("SELECT evidence FROM action WHERE evidence IS NOT NULL");
    assert_eq!(evidence, ["written_off"]);
    let status = world.lapsed(&["status"]).await.stdout;
    assert!(status.contains(" 0  overdue"), "{status}");
    world.trail_is_whole().await;

    // It was no more than hidden, and Bob is there still.
    world.sapling.with(|state| {
        let holder = TeamUser::new(
            crate::world::HOLDER,
            "2020-01-01T00:00:00Z".parse().unwrap(),
        );
        state.team_mut("Core").unwrap().add_member(holder.admin());
    });
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core bob@example.com grant.ended done verified"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joined_after_their_whitelist_grant_had_ended_is_no_business_of_a_team_that_follows() {
    let mut world = World::new().await;
    world.config.teams =
        "[[sapling.team]]\nname = \"Core\"\nfollow = \"sentius:acme\"\n".to_owned();
    world.team("Core", &["old@example.com"]);
    world.whitelist(&["old@example.com", "new@example.com"]);
    world.sapling.with(|state| {
        let new = TeamUser::new("new@example.com", "2026-01-01T00:00:00Z".parse().unwrap());
        state.team_mut("Core").unwrap().add_member(new);
    });
    world
        .grants(&[
            &format!("old@example.com,sentius:acme,{PAST}"),
            &format!("new@example.com,sentius:acme,{PAST}"),
        ])
        .await;
    for _ in 0..2 {
        assert_eq!(world.run().await.code, 0);
        assert_eq!(world.members("Core"), ["new@example.com"]);
        world.later(20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_in_a_file_that_is_applied_again_after_its_end_gives_access_that_ends() {
    let world = World::new().await;
    world.write(
        "one.csv",
        "email,target,end\njane@example.com,sentius:acme,14d\n",
    );
    let file = world.path("one.csv");
    let import = ["import", file.to_str().unwrap()];
    assert_eq!(world.lapsed(&import).await.code, 0);
    assert_eq!(world.whitelisted().len(), 1);
    world.later(15 * 24 * 60);
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());

    assert_eq!(world.lapsed(&import).await.code, 0);

    assert_eq!(world.whitelisted().len(), 1);
    world.later(15 * 24 * 60);
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty(), "it ends again");
}
