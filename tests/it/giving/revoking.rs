//! Access that a person ends: at once, everywhere or on one target, and with the guard's consent.

use lapsed_sandbox::{Fault, TeamUser, When};
use serde_json::{Value, json};

use crate::world::asking::{as_documented, ask};
use crate::world::{FUTURE, HOLDER, World, time};

/// What `revoke` said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) json: Value,
    stderr: String,
}

impl Said {
    /// Each action as `action target reason state`.
    pub(crate) fn actions(&self) -> Vec<String> {
        let keys = ["action", "target", "reason", "state"];
        let line = |a: &Value| keys.map(|k| a[k].as_str().unwrap().to_owned()).join(" ");
        self.json["actions"]
            .as_array()
            .unwrap()
            .iter()
            .map(line)
            .collect()
    }

    fn detail(&self) -> &str {
        self.json["actions"][0]["detail"].as_str().unwrap_or("-")
    }
}

pub(crate) async fn revoke(world: &World, args: &[&str]) -> Said {
    let printed = world
        .lapsed(&[&["revoke"], args, &["--format", "json"]].concat())
        .await;
    let json: Value = serde_json::from_str(&printed.stdout)
        .unwrap_or_else(|_| panic!("{args:?}: {} {}", printed.code, printed.stderr));
    let said = match json["outcome"].as_str().unwrap() {
        "converged" => 0,
        "incomplete" => 3,
        _ => 4,
    };
    assert_eq!(printed.code, said, "{json:#}");
    as_documented("What was revoked", &json);
    Said {
        code: printed.code,
        json,
        stderr: printed.stderr,
    }
}

const JANE: &str = "jane@example.com";

/// Jane has access in three places, one of them without a grant; bob too.
async fn jane() -> World {
    let world = World::new().await;
    world.whitelist(&[JANE, "bob@example.com"]);
    world.team("Core", &[JANE, "bob@example.com"]);
    world.team("Docs", &["bob@example.com"]);
    world.team("Ops", &[JANE]);
    world.invite("Docs", JANE);
    world
        .grants(&[
            &format!("{JANE},sentius:acme,{FUTURE}"),
            &format!("{JANE},sapling:acme/Core,{FUTURE}"),
            &format!("{JANE},sapling:acme/Docs,"),
            &format!("bob@example.com,sentius:acme,{FUTURE}"),
        ])
        .await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_target_it_ends_everywhere_and_at_once() {
    let world = jane().await;
    let said = revoke(&world, &["JANE@example.com", "--by", "anna"]).await;
    assert_eq!(said.code, 0, "{:#}\n{}", said.json, said.stderr);
    let mut actions = said.actions();
    actions.sort();
    assert_eq!(
        actions,
        [
            "invite.revoke sapling:acme/Docs grant.revoked done",
            "member.remove sapling:acme/Core grant.revoked done",
            "member.remove sapling:acme/Ops grant.revoked done",
            "whitelist.remove sentius:acme grant.revoked done",
        ]
    );
    assert_eq!(world.whitelisted(), ["bob@example.com"]);
    assert_eq!(world.members("Core"), ["bob@example.com"]);
    assert!(world.members("Ops").is_empty() && world.invited("Docs").is_empty());
    for row in world.list().await.iter().filter(|r| r["email"] == JANE) {
        assert_eq!(row["state"], "removed");
    }
    let events = world.events();
    let revoked = events.iter().find(|e| e.kind == "grant.revoked").unwrap();
    assert_eq!(revoked.payload["by"], "anna");
    world.all_settled_once().await;
    // Again: only the whitelist, which cannot be read, is called once more, for each spelling.
    world.forget_calls();
    let again = revoke(&world, &[JANE]).await;
    assert_eq!(
        again.actions(),
        ["whitelist.remove sentius:acme grant.revoked absent"]
    );
    assert_eq!((again.code, world.writes().len()), (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_target_it_ends_only_there() {
    let world = jane().await;
    let said = revoke(&world, &[JANE, "--target", "sapling:acme/Core"]).await;
    assert_eq!(
        said.actions(),
        ["member.remove sapling:acme/Core grant.revoked done"]
    );
    assert_eq!(said.json["targets"], json!(["sapling:acme/Core"]));
    assert!(world.whitelisted().contains(&JANE.to_owned()));
    assert_eq!(world.members("Ops"), [JANE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn grace_and_a_start_in_the_future_do_not_hold_it_up() {
    let mut world = jane().await;
    world.config.policy = "grace = \"30d\"\n".to_owned();
    let args = [
        "grant",
        "soon@example.com",
        "--target",
        "sentius:acme",
        "--start",
        "2098-01-01",
    ];
    assert_eq!(ask(&world, &args).await.code, 0);
    for who in [JANE, "soon@example.com"] {
        let said = revoke(&world, &[who, "--target", "sentius:acme"]).await;
        assert_eq!(
            said.actions(),
            ["whitelist.remove sentius:acme grant.revoked done"]
        );
    }
    assert_eq!(world.whitelisted(), ["bob@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_on_no_record_is_removed_all_the_same() {
    let world = World::new().await;
    world.whitelist(&["ghost@example.com"]);
    world.team("Core", &["ghost@example.com"]);
    let said = revoke(&world, &["ghost@example.com"]).await;
    assert_eq!(said.code, 0);
    assert_eq!(said.actions().len(), 2, "{:?}", said.actions());
    assert!(world.whitelisted().is_empty() && world.members("Core").is_empty());
    let row = &world.list().await[0];
    assert_eq!(row["reason"], "revoked without a running grant");
    // Who is in no team is told so.
    let who = ["who@example.com", "--target", "sapling:acme/Core"];
    let said = revoke(&world, &[&who[..], &["--unlisted"]].concat()).await;
    assert_eq!((said.code, &said.json["targets"]), (0, &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_be_in_a_team_that_cannot_be_read_now_is_removed_when_it_can() {
    let world = World::new().await;
    let core = world.team("Core", &["amy@example.com"]);
    world.team("Docs", &["amy@example.com"]);
    world.team("Secret", &["amy@example.com"]);
    world
        .sapling
        .with(|state| state.set_forbidden("Secret", true));
    assert_eq!(world.run().await.code, 0);
    world.whitelist_is_known();
    // They came since the last reading, to one team that cannot be read and to one that can.
    world.member("Core", "new@example.com");
    world.member("Docs", "new@example.com");
    let down = When::method("GET").path(&format!("/team/{core}/team_user"));
    world.sapling.faults().always(down, Fault::status(500));

    let said = revoke(&world, &["new@example.com"]).await;
    assert_eq!(said.code, 3);
    assert_eq!(
        said.json["targets"],
        json!(["sentius:acme", "sapling:acme/Core", "sapling:acme/Docs"])
    );
    assert_eq!(world.members("Docs"), ["amy@example.com"]);
    // Nobody knows of somebody else there.
    let args = ["who@example.com", "--target", "sapling:acme/Core"];
    let refused = world.lapsed(&[&["revoke"], &args[..]].concat()).await;
    assert_eq!(refused.code, 2);
    let unread = "could not be read now: sapling:acme/Core";
    assert!(refused.stderr.contains(unread), "{}", refused.stderr);
    let said = revoke(&world, &[&args[..], &["--unlisted"]].concat()).await;
    assert_eq!(
        (said.code, &said.json["targets"]),
        (3, &json!(["sapling:acme/Core"]))
    );

    world.sapling.faults().clear();
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    let open = "SELECT count(*) FROM grants WHERE removed_at IS NULL";
    world.later(10);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(
        world.number(open),
        0,
        "what was not there is settled as well"
    );
    assert_eq!(world.run().await.json["actions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_ends_without_the_membership_unless_everything_ends() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com"]);
    let core = ["bob@example.com", "--target", "sapling:acme/Core"];
    let grant = [
        &["grant"][..],
        &core,
        &["--role", "manager", "--end", FUTURE],
    ]
    .concat();
    assert_eq!(ask(&world, &grant).await.code, 0);
    let said = revoke(&world, &core).await;
    assert_eq!(
        said.actions(),
        ["member.demote sapling:acme/Core role.ended done"]
    );
    assert_eq!(world.members("Core"), ["bob@example.com"]);
    assert_eq!(ask(&world, &grant).await.code, 0);
    let said = revoke(&world, &["bob@example.com"]).await;
    assert!(
        said.actions()
            .contains(&"member.remove sapling:acme/Core grant.revoked done".to_owned()),
        "{:?}",
        said.actions()
    );
    assert!(world.members("Core").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_protected_the_holder_and_the_last_admin_stay_and_it_is_said_why() {
    let mut world = World::new().await;
    world.config.guard = "protected = [\"ceo@example.com\"]\n".to_owned();
    world.config.sapling = String::new();
    world.whitelist(&["ceo@example.com"]);
    world.team("Core", &[]);
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        team.add_member(TeamUser::new(
            "ceo@example.com",
            time("2024-03-01T00:00:00Z"),
        ));
    });
    for (who, why) in [
        ("ceo@example.com", "is protected by ceo@example.com"),
        (HOLDER, "keeps at least 1 admin"),
    ] {
        let said = revoke(&world, &[who, "--target", "sapling:acme/Core"]).await;
        assert_eq!(said.code, 3);
        assert_eq!(
            said.actions(),
            ["member.remove sapling:acme/Core grant.revoked protected"]
        );
        assert!(said.detail().contains(why), "{}", said.detail());
    }
    world.config.sapling = format!("self_email = {HOLDER:?}\n");
    let said = revoke(&world, &[HOLDER, "--target", "sapling:acme/Core"]).await;
    assert!(
        said.detail().contains("holder of the key"),
        "{}",
        said.detail()
    );
    assert!(world.writes().is_empty(), "{:?}", world.writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_limit_it_is_held_until_somebody_approves() {
    let mut world = jane().await;
    world.config.guard = "max_removals = 1\n".to_owned();
    let said = revoke(&world, &[JANE]).await;
    assert_eq!(said.code, 4);
    assert!(
        said.detail().contains("guard.max_removals = 1"),
        "{}",
        said.detail()
    );
    assert!(world.writes().is_empty());
    let run = said.json["run"].as_str().unwrap();
    assert_eq!(world.lapsed(&["approve", run]).await.code, 0);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), ["bob@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_by_the_next_pass() {
    let world = jane().await;
    world
        .sentius
        .faults()
        .once(When::method("DELETE"), Fault::status(500));
    let said = revoke(&world, &[JANE, "--target", "sentius:acme"]).await;
    assert_eq!(
        said.actions(),
        ["whitelist.remove sentius:acme grant.revoked unknown"]
    );
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), ["bob@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_still_to_be_given_is_taken_back() {
    let world = World::new().await;
    world
        .sentius
        .faults()
        .once(When::method("POST"), Fault::DropAfter);
    let args = ["grant", JANE, "--target", "sentius:acme"];
    assert_eq!(ask(&world, &args).await.code, 3);
    let said = revoke(&world, &[JANE]).await;
    assert_eq!((said.code, said.actions().len()), (0, 1));
    assert!(world.whitelisted().is_empty());
    world.forget_calls();
    assert_eq!(world.run().await.code, 0);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    // Whoever is let in anew is let in.
    assert_eq!(ask(&world, &args).await.code, 0);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), [JANE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_pass_runs_it_is_ended_on_record_and_the_next_removes_it() {
    let mut world = jane().await;
    world.config.http = "timeout = \"1s\"\n".to_owned();
    let lock = std::fs::File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(world.path("lapsed.db.lock"))
        .unwrap();
    lock.lock().unwrap();
    let said = revoke(&world, &[JANE, "--target", "sentius:acme"]).await;
    assert_eq!((said.code, &said.json["run"]), (3, &Value::Null));
    drop(lock);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), ["bob@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_in_a_revocation_is_settled_by_the_next_pass() {
    for place in ["after-intent", "after-call", "after-result"] {
        let world = jane().await;
        world.whitelist_is_known();
        crate::world::asking::die(&world, &["revoke", JANE], place).await;
        let mut run = world.run().await;
        if run.code != 0 {
            run = world.run().await;
        }
        assert_eq!(run.code, 0, "{place}: {:?}", run.actions());
        assert_eq!(world.whitelisted(), ["bob@example.com"]);
        assert!(world.members("Ops").is_empty() && world.invited("Docs").is_empty());
        world.all_settled_once().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_and_a_strange_address_on_record_is_not() {
    let world = World::new().await;
    world.team("Core", &["weird address"]);
    for (args, said) in [
        (&["jane"][..], "EMAIL: \"jane\" is not an address"),
        (&[JANE, "--target", "acme"], "\"acme\" is not a target"),
        (
            &[JANE, "--target", "sentius:emca"],
            "--target: there is no sentius account named \"emca\"",
        ),
        (
            &[JANE, "--target", "sapling:acme/Cor"],
            "EMAIL: jane@example.com is on no record and in no reading",
        ),
        (
            &[HOLDER, "--target", "sapling:acme/Cor"],
            "--target: sapling:acme/Cor is not on record",
        ),
    ] {
        let printed = world.lapsed(&[&["revoke"], args].concat()).await;
        assert_eq!((printed.code, printed.stdout.as_str()), (2, ""), "{args:?}");
        assert!(
            printed.stderr.contains(said),
            "{said:?} is not in {:?}",
            printed.stderr
        );
    }
    assert_eq!(world.run().await.code, 0);
    let said = revoke(&world, &["weird address", "--target", "sapling:acme/Core"]).await;
    assert_eq!(said.code, 0, "{:#}", said.json);
    assert!(world.members("Core").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_is_revoked_before_its_start_is_not_said_to_be_posted_again() {
    let world = World::new().await;
    let grant = [
        "grant",
        JANE,
        "--target",
        "sentius:acme",
        "--start",
        "7d",
        "--end",
        "30d",
    ];
    assert_eq!(ask(&world, &grant).await.code, 0);
    assert_eq!(world.whitelisted(), [JANE]);

    let said = revoke(&world, &[JANE]).await;

    assert_eq!(said.code, 0);
    assert_eq!((said.actions().len(), said.detail()), (1, "-"));
    assert!(world.whitelisted().is_empty());
}
