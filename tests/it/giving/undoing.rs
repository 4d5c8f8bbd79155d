//! Runs that were wrong: what they removed is given back, and what cannot be is said.

use jiff::SignedDuration;
use lapsed_sandbox::{Fault, TeamUser, When};
use serde_json::{Value, json};

use crate::world::asking::{Said, as_documented, ask, die, entry};
use crate::world::{FUTURE, PAST, World, time};

const JANE: &str = "jane@example.com";
const CORE: &str = "sapling:acme/Core";

async fn undo(world: &World, run: &str, more: &[&str]) -> Said {
    ask(world, &[&["undo", run], more].concat()).await
}

/// The flags of a member, as they are set.
pub(crate) fn flags(world: &World, team: &str, email: &str) -> Vec<&'static str> {
    world.sapling.with(|state| {
        let user = state.team(team).unwrap().member(email).unwrap();
        let flags = [
            ("admin", user.is_admin),
            ("manager", user.is_manager),
            ("edit", user.edit_permission),
            ("inspect", user.inspect_permission),
        ];
        flags.into_iter().filter(|f| f.1).map(|f| f.0).collect()
    })
}

/// Jane is on the whitelist, a manager of Core who may edit, and invited to Docs.
async fn jane() -> World {
    let world = World::new().await;
    world.team("Core", &[]);
    world.team("Docs", &[]);
    world.invite("Docs", JANE);
    world.sapling.with(|state| {
        state.superuser = true;
        state.register(JANE, true);
        let mut user = TeamUser::new(JANE, time("2024-03-01T00:00:00Z")).manager();
        user.edit_permission = true;
        state.team_mut("Core").unwrap().add_member(user);
    });
    let args = [
        "grant",
        JANE,
        "--target",
        "sentius:acme",
        "--end",
        FUTURE,
        "--name",
        "Jane Doe",
        "--permission",
        "can_read",
        "--permission",
        "can_delegate",
        "--owner",
        "it@acme.example",
    ];
    assert_eq!(ask(&world, &args).await.code, 0);
    world
        .grants(&[
            &format!("{JANE},{CORE},{FUTURE}"),
            &format!("{JANE},sapling:acme/Docs,"),
        ])
        .await;
    world
}

/// Revokes everything of jane's; returns the run.
async fn revoke(world: &World) -> String {
    let printed = world.lapsed(&["revoke", JANE, "--format", "json"]).await;
    assert_eq!(printed.code, 0, "{}", printed.stdout);
    let json: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert!(
        world.whitelisted().is_empty()
            && world.members("Core").is_empty()
            && world.invited("Docs").is_empty()
    );
    json["run"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_comes_back_with_permissions_flags_and_ends() {
    let world = jane().await;
    let run = revoke(&world).await;
    let said = undo(&world, &run, &["--by", "anna"]).await;
    assert_eq!(said.code, 0, "{:?} {}", said.results, said.stderr);
    let mut lines = said.lines();
    lines.sort();
    assert_eq!(
        lines,
        [
            "jane@example.com sapling:acme/Core member.add done added",
            "jane@example.com sapling:acme/Docs member.add done added",
            "jane@example.com sentius:acme whitelist.add done posted",
        ]
    );
    let entry = entry(&world);
    assert_eq!(
        (entry.name.as_str(), entry.permissions),
        (
            "Jane Doe",
            vec!["can_read".to_owned(), "can_delegate".to_owned()]
        )
    );
    assert_eq!(entry.end_date.unwrap().to_string(), FUTURE);
    assert_eq!(flags(&world, "Core", JANE), ["manager", "edit"]);
    let list = world.list().await;
    let active: Vec<&Value> = list.iter().filter(|g| g["state"] == "active").collect();
    assert_eq!(active.len(), 3);
    let on = |target: &str| *active.iter().find(|g| g["target"] == target).unwrap();
    assert_eq!(on("sentius:acme")["owner"], "it@acme.example");
    assert_eq!(
        (&on(CORE)["end"], &on("sapling:acme/Docs")["end"]),
        (&json!(FUTURE), &Value::Null)
    );
    assert_eq!(world.run().await.code, 0);
    // Again, nothing is left to do.
    world.forget_calls();
    let said = undo(&world, &run, &[]).await;
    assert_eq!(said.code, 0);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(world.list().await.len(), list.len());
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_can_only_be_invited_is_told_so_with_the_flags_that_do_not_come_along() {
    let world = jane().await;
    let run = revoke(&world).await;
    world.sapling.with(|state| state.superuser = false);
    let said = undo(&world, &run, &[]).await;
    assert_eq!(said.code, 0);
    let core = said.results.iter().find(|r| r["target"] == CORE).unwrap();
    assert_eq!(core["result"], "invited");
    let detail = core["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("was a member, and is invited now"),
        "{detail}"
    );
    assert!(detail.contains("manager and edit are set once"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_has_passed_needs_another_one() {
    let world = World::new().await;
    world.whitelist(&[JANE]);
    world.team("Core", &["bob@example.com"]);
    world
        .grants(&[
            &format!("{JANE},sentius:acme,{PAST}"),
            &format!("bob@example.com,{CORE},{PAST}"),
        ])
        .await;
    let run = world.run().await;
    assert_eq!(run.code, 0);
    let printed = world.lapsed(&["undo", run.id()]).await;
    assert_eq!((printed.code, printed.stdout.as_str()), (2, ""));
    assert!(
        printed.stderr.contains("--end: these have no end in the future; say when access ends with --end WHEN (or --end never): jane@example.com on sentius:acme, bob@example.com on sapling:acme/Core"),
        "{}", printed.stderr
    );
    assert!(world.whitelisted().is_empty());
    let said = undo(&world, run.id(), &["--end", FUTURE]).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(entry(&world).end_date.unwrap().to_string(), FUTURE);
    assert_eq!(world.invited("Core"), ["bob@example.com"]);
    assert_eq!(world.run().await.json["actions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_teams_own_rule_removed_comes_back_with_a_grant_and_stays() {
    let mut world = World::new().await;
    world.config.teams = "[[sapling.team]]\nname = \"Core\"\nmax_age = \"90d\"\n".to_owned();
    world.team("Core", &["old@example.com"]);
    world.sapling.with(|state| {
        state.superuser = true;
        state.register("old@example.com", true);
    });
    let run = world.run().await;
    let removed = "member.remove sapling:acme/Core old@example.com team.max_age done verified";
    assert!(run.actions().contains(&removed.to_owned()));
    assert_eq!(world.lapsed(&["undo", run.id()]).await.code, 2);
    assert_eq!(undo(&world, run.id(), &["--end", "never"]).await.code, 0);
    world.sapling.with(|state| {
        state
            .team_mut("Core")
            .unwrap()
            .change_member("old@example.com", |user| {
                user.created_at -= SignedDuration::from_hours(24 * 200);
            });
    });
    let next = world.run().await.actions();
    assert!(!next.iter().any(|a| a.contains("old@")), "{next:?}");
    assert_eq!(world.members("Core"), ["old@example.com"]);
    let row = &world.list().await[0];
    assert!(
        row["reason"].as_str().unwrap().contains("team.max_age"),
        "{row}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_was_taken_back_is_given_again() {
    let world = jane().await;
    world
        .import(&format!(
            "email,target,end,role\n{JANE},{CORE},{PAST},manager\n"
        ))
        .await;
    let run = world.run().await;
    assert_eq!(
        run.actions(),
        ["member.demote sapling:acme/Core jane@example.com role.ended done verified"]
    );
    assert_eq!(flags(&world, "Core", JANE), ["edit"]);
    let said = undo(&world, run.id(), &["--end", "30d"]).await;
    assert_eq!(
        said.lines(),
        ["jane@example.com sapling:acme/Core member.promote done promoted"]
    );
    assert_eq!(flags(&world, "Core", JANE), ["manager", "edit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_membership_and_its_role_come_back_in_one_call() {
    let world = jane().await;
    for role in [&[][..], &["--role", "manager"]] {
        let args = [
            &["grant", JANE, "--target", CORE, "--end", FUTURE][..],
            role,
        ]
        .concat();
        assert_eq!(ask(&world, &args).await.code, 0);
    }
    let run = revoke(&world).await;
    assert!(world.members("Core").is_empty());
    world.forget_calls();

    let said = undo(&world, &run, &[]).await;

    assert_eq!(said.code, 0, "{}", said.stderr);
    let lines = said.lines();
    assert!(
        lines.contains(
            &"jane@example.com sapling:acme/Core member.promote done promoted".to_owned()
        ),
        "{lines:?}"
    );
    assert_eq!(flags(&world, "Core", JANE), ["manager", "edit"]);
    let run = world.run().await;
    assert_eq!((run.code, &run.json["actions"]), (0, &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_invite_of_somebody_with_a_grant_is_sent_again_without_another_grant() {
    let world = jane().await;
    assert_eq!(world.run().await.code, 0);
    world.sql("UPDATE invite SET first_seen = 1772600000000");
    let run = world.run().await;
    assert_eq!(
        run.actions(),
        ["invite.revoke sapling:acme/Docs jane@example.com invite.stale done verified"]
    );
    world.sapling.with(|state| state.superuser = false);
    let said = undo(&world, run.id(), &[]).await;
    assert_eq!(
        said.lines(),
        ["jane@example.com sapling:acme/Docs member.add done invited"]
    );
    assert_eq!(world.list().await.len(), 3);
    assert_eq!(world.invited("Docs"), [JANE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_no_record_is_not_guessed() {
    let world = World::new().await;
    world.whitelist(&["ghost@example.com"]);
    let printed = world
        .lapsed(&[
            "revoke",
            "ghost@example.com",
            "--unlisted",
            "--format",
            "json",
        ])
        .await;
    let json: Value = serde_json::from_str(&printed.stdout).unwrap();
    let run = json["run"].as_str().unwrap();
    let printed = world
        .lapsed(&["undo", run, "--end", FUTURE, "--format", "json"])
        .await;
    assert_eq!(printed.code, 3);
    let json: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(json["results"], json!([]));
    as_documented("What was not given back", &json["not_given"][0]);
    assert!(world.whitelisted().is_empty());
    let text = world.lapsed(&["undo", run]).await.stdout;
    assert!(
        text.contains("not given back: ghost@example.com on sentius:acme: no grant is on record"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_takes_nobody_in_any_more_does_not_keep_the_rest() {
    let world = jane().await;
    let run = revoke(&world).await;
    world
        .sapling
        .with(|state| state.set_forbidden("Core", true));
    let printed = world.lapsed(&["undo", &run, "--format", "json"]).await;
    assert_eq!(printed.code, 3, "{}", printed.stderr);
    let json: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(json["results"].as_array().unwrap().len(), 2);
    assert_eq!(json["not_given"][0]["target"], CORE);
    assert_eq!(
        (world.whitelisted(), world.members("Docs")),
        (vec![JANE.to_owned()], vec![JANE.to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_access_again_is_left_as_is() {
    let world = jane().await;
    let run = revoke(&world).await;
    let args = ["grant", JANE, "--target", "sentius:acme", "--end", "30d"];
    assert_eq!(ask(&world, &args).await.code, 0);
    world.forget_calls();
    let said = undo(&world, &run, &[]).await;
    assert!(
        said.lines()
            .contains(&"jane@example.com sentius:acme - unchanged -".to_owned()),
        "{:?}",
        said.lines()
    );
    assert!(world.sentius.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_or_dies_is_given_back_by_the_next_pass() {
    for place in [
        "",
        "give-after-intent",
        "give-after-call",
        "give-after-result",
    ] {
        let world = jane().await;
        let run = revoke(&world).await;
        if place.is_empty() {
            world
                .sentius
                .faults()
                .once(When::method("POST"), Fault::status(500));
            assert_eq!(undo(&world, &run, &[]).await.code, 3);
        } else {
            die(&world, &["undo", &run], place).await;
        }
        let pass = world.run().await;
        assert_eq!(pass.code, 0, "{place}: {:?}", pass.errors());
        assert_eq!(world.whitelisted(), [JANE]);
        assert_eq!(flags(&world, "Core", JANE), ["manager", "edit"], "{place}");
        assert_eq!(world.members("Docs"), [JANE]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused() {
    let world = World::new().await;
    let idle = world.run().await;
    for (args, said) in [
        (
            &["nothing"][..],
            "RUN: there is no run \"nothing\" in the database",
        ),
        (&[idle.id()], "RUN: nothing was removed in "),
        (
            &[idle.id(), "--end", "soon"],
            "--end: \"soon\" is not a time",
        ),
        (
            &[idle.id(), "--end", PAST],
            "--end: 2025-06-30 12:00 is past",
        ),
    ] {
        let printed = world.lapsed(&[&["undo"], args].concat()).await;
        assert_eq!((printed.code, printed.stdout.as_str()), (2, ""), "{args:?}");
        assert!(
            printed.stderr.contains(said),
            "{said:?} is not in {:?}",
            printed.stderr
        );
    }
}
