//! Permissions of a team: given with the membership, or as roles for a time.

use lapsed_sandbox::{Fault, When};
use serde_json::{Value, json};

use crate::giving::undoing::flags;
use crate::world::asking::{Said, ask, die};
use crate::world::{FUTURE, World};

const BOB: &str = "bob@example.com";
const CORE: &str = "sapling:acme/Core";

async fn world(members: &[&str]) -> World {
    let world = World::new().await;
    world.team("Core", members);
    world
}

async fn grant(world: &World, more: &[&str]) -> Said {
    let args = ["grant", BOB, "--target", CORE];
    ask(world, &[&args, more].concat()).await
}

fn may_add(world: &World) {
    world.sapling.with(|state| {
        state.superuser = true;
        state.register(BOB, true);
    });
}

fn bobs(world: &World) -> Vec<&'static str> {
    flags(world, "Core", BOB)
}

/// The bodies of the PATCHes, without the key.
fn patches(world: &World) -> Vec<Value> {
    let calls = world.sapling.calls();
    let patches = calls.iter().filter(|call| call.method == "PATCH");
    let body = |call: &lapsed_sandbox::Call| {
        let mut body: Value = serde_json::from_str(&call.body).unwrap();
        body.as_object_mut().unwrap().remove("key");
        body
    };
    patches.map(body).collect()
}

const EDIT: [&str; 2] = ["--permission", "edit"];
const BOTH: [&str; 4] = ["--permission", "edit", "--permission", "inspect"];

#[tokio::test(flavor = "multi_thread")]
async fn a_membership_is_given_with_its_permissions_and_they_are_listed() {
    let world = world(&[]).await;
    may_add(&world);
    let said = grant(&world, &[&BOTH[..], &["--end", FUTURE]].concat()).await;
    assert_eq!(
        said.lines(),
        [format!("{BOB} {CORE} member.add done added")]
    );
    assert_eq!(bobs(&world), ["edit", "inspect"]);
    assert_eq!(world.writes().len(), 1, "{:?}", world.writes());
    assert_eq!(
        world.list().await[0]["permissions"],
        json!(["edit", "inspect"])
    );
    let csv = world.lapsed(&["list", "--format", "csv"]).await.stdout;
    assert!(csv.contains("edit;inspect"), "{csv}");
    // They end with the membership.
    world.sql("UPDATE grants SET ends_at = unixepoch() * 1000");
    let run = world.run().await;
    assert_eq!(run.code, 0);
    assert!(world.members("Core").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_given_what_is_missing_and_keeps_what_no_role_gave() {
    let world = world(&[BOB]).await;
    let said = grant(&world, &[&EDIT[..], &["--end", FUTURE]].concat()).await;
    assert_eq!(
        said.lines(),
        [format!("{BOB} {CORE} member.add done promoted")]
    );
    assert_eq!(said.detail(), "was a member already, and has edit now");
    assert_eq!(patches(&world), [json!({ "edit_permission": true })]);
    // A second grant adds to it, and only what is missing is sent.
    world.forget_calls();
    let said = grant(&world, &[&BOTH[..], &["--end", "30d"]].concat()).await;
    assert_eq!((said.code, bobs(&world)), (0, vec!["edit", "inspect"]));
    assert_eq!(patches(&world), [json!({ "inspect_permission": true })]);
    let run = world.run().await;
    assert!(
        run.found("member.changed").is_empty(),
        "{:?}",
        run.findings()
    );
    // The shorter one ends: the membership goes on, and so do its permissions.
    world.sql("UPDATE grants SET ends_at = unixepoch() * 1000 WHERE ends_at < 4000000000000");
    world.forget_calls();
    let run = world.run().await;
    assert_eq!((run.code, run.actions().len()), (0, 0));
    assert_eq!(bobs(&world), ["edit", "inspect"]);
    assert!(world.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_that_a_file_adds_are_given_to_the_member() {
    let world = world(&[BOB]).await;
    let csv = |permissions| {
        format!("email,target,end,permissions\n{BOB},{CORE},{FUTURE},{permissions}\n")
    };
    let path = world.path("people.csv");
    let file = path.to_str().unwrap();
    world.write("people.csv", &csv(""));
    assert_eq!(ask(&world, &["import", file]).await.code, 0);
    assert!(bobs(&world).is_empty());
    world.write("people.csv", &csv("inspect"));
    let said = ask(&world, &["import", file]).await;
    assert_eq!(
        said.lines(),
        [format!("{BOB} {CORE} member.promote done promoted")]
    );
    assert_eq!(bobs(&world), ["inspect"]);
    world.forget_calls();
    let said = ask(&world, &["import", file]).await;
    assert_eq!(said.lines(), [format!("{BOB} {CORE} - unchanged -")]);
    assert!(world.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_is_invited_gets_the_flags_once_the_invite_is_accepted() {
    let world = world(&[]).await;
    let said = grant(&world, &[&EDIT[..], &["--end", FUTURE]].concat()).await;
    assert_eq!(
        said.lines(),
        [format!("{BOB} {CORE} member.add done invited")]
    );
    assert_eq!(
        said.detail(),
        "invited; edit is set once the invite is accepted"
    );
    let file = world.path("people.csv");
    world.write(
        "people.csv",
        &format!("email,target,end,permissions\n{BOB},{CORE},30d,edit\n"),
    );
    let text = world.lapsed(&["import", file.to_str().unwrap()]).await;
    let told = text
        .stdout
        .matches("edit is set once the invite is accepted")
        .count();
    assert_eq!((text.code, told), (0, 1), "{}", text.stdout);
    // A pending invite is no fault, and nobody is called for it.
    world.forget_calls();
    let run = world.run().await;
    assert_eq!((run.code, run.errors().len()), (0, 0));
    assert!(world.writes().is_empty());
    let why = world.lapsed(&["why", BOB]).await.stdout;
    assert!(
        why.contains("flags to be set: invited; edit is set once"),
        "{why}"
    );
    world.sapling.with(|state| {
        state
            .team_mut("Core")
            .unwrap()
            .accept_invite(BOB, lapsed::clock::now());
    });
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(bobs(&world), ["edit"]);
    assert_eq!(patches(&world), [json!({ "edit_permission": true })]);
    assert_eq!(
        world.number("SELECT count(*) FROM provision WHERE settled_at IS NULL"),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_that_wait_for_an_invite_go_with_the_grant() {
    let world = world(&[]).await;
    grant(&world, &[&EDIT[..], &["--end", FUTURE]].concat()).await;
    world.whitelist_is_known();
    let revoked = world.lapsed(&["revoke", BOB]).await;
    assert_eq!(revoked.code, 0, "{}", revoked.stderr);
    assert_eq!(
        world.number("SELECT count(*) FROM provision WHERE settled_at IS NULL"),
        0
    );
    // A second list must show the absence before a membership counts as a new one.
    world.later(11);
    assert_eq!(world.run().await.code, 0);
    world.member("Core", BOB);
    world.run().await;
    assert!(bobs(&world).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_that_did_not_come_with_the_membership_are_set_by_a_call_of_their_own() {
    for (fault, code) in [(None, 0), (Some(Fault::status(503)), 3)] {
        let world = world(&[]).await;
        may_add(&world);
        world.sapling.with(|state| state.ignores_flags = true);
        let fails = fault.is_some();
        if let Some(fault) = fault {
            world.sapling.faults().once(When::method("PATCH"), fault);
        }
        let said = grant(&world, &[&BOTH[..], &["--end", FUTURE]].concat()).await;
        assert_eq!(said.code, code, "{}", said.detail());
        assert_eq!(said.results.len(), 1);
        if fails {
            assert!(
                said.detail().starts_with("the flags are not set yet"),
                "{}",
                said.detail()
            );
            assert_eq!(world.run().await.code, 0);
        } else {
            assert_eq!(
                said.lines(),
                [format!("{BOB} {CORE} member.add done added")]
            );
        }
        assert_eq!(bobs(&world), ["edit", "inspect"]);
        world.forget_calls();
        assert_eq!(world.run().await.code, 0);
        assert!(world.writes().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_flags_are_set_is_settled_by_the_next_pass() {
    for place in ["give-after-intent", "give-after-call", "give-after-result"] {
        let world = world(&[BOB]).await;
        let args = ["grant", BOB, "--target", CORE, "--permission", "edit"];
        die(&world, &args, place).await;
        assert_eq!(world.run().await.code, 0, "{place}");
        assert_eq!(bobs(&world), ["edit"], "{place}");
        let results = world.texts("SELECT result FROM provision");
        assert_eq!(results, ["promoted"], "{place}");
        assert_eq!(
            world.number("SELECT count(*) FROM provision WHERE settled_at IS NULL"),
            0
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_that_the_provider_refuses_leave_the_grant_of_the_member() {
    let world = world(&[BOB]).await;
    world
        .sapling
        .faults()
        .once(When::method("PATCH"), Fault::status(400));
    let said = grant(&world, &[&EDIT[..], &["--end", FUTURE]].concat()).await;
    assert_eq!(
        (said.code, &said.results[0]["state"]),
        (3, &json!("failed"))
    );
    assert_eq!(world.list().await[0]["state"], "active");
    assert_eq!(world.run().await.code, 0);
    assert_eq!(bobs(&world), ["edit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_flag_is_a_role_for_a_time_and_two_end_in_one_pass() {
    let world = world(&[BOB]).await;
    for role in ["edit", "inspect"] {
        let said = grant(&world, &["--role", role, "--end", FUTURE]).await;
        assert_eq!(
            said.lines(),
            [format!("{BOB} {CORE} member.promote done promoted")]
        );
        assert_eq!(said.results[0]["role"], role);
    }
    assert_eq!(bobs(&world), ["edit", "inspect"]);
    let run = world.run().await;
    assert!(run.found("member.changed").is_empty());
    world.sql("UPDATE grants SET ends_at = unixepoch() * 1000");
    world.forget_calls();
    let run = world.run().await;
    let demoted = format!("member.demote {CORE} {BOB} role.ended done verified");
    assert_eq!(run.actions(), [demoted.clone(), demoted]);
    let mut sent = patches(&world);
    sent.sort_by_key(Value::to_string);
    assert_eq!(
        sent,
        [
            json!({ "edit_permission": false }),
            json!({ "inspect_permission": false })
        ]
    );
    assert_eq!(world.members("Core"), [BOB]);
    let states: Vec<Value> = world
        .list()
        .await
        .iter()
        .map(|g| g["state"].clone())
        .collect();
    assert_eq!(states, ["removed", "removed"]);
    let run_id = run.id().to_owned();
    let said = ask(&world, &["undo", &run_id, "--end", FUTURE]).await;
    assert_eq!(said.code, 0, "{:?}", said.results);
    assert_eq!(bobs(&world), ["edit", "inspect"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_role_leaves_what_the_membership_was_given_with() {
    let world = world(&[BOB]).await;
    grant(&world, &[&EDIT[..], &["--end", FUTURE]].concat()).await;
    let said = grant(&world, &["--role", "edit", "--end", "2098-01-01"]).await;
    assert_eq!(
        said.lines(),
        [format!("{BOB} {CORE} member.promote done already_exists")]
    );
    world.sql("UPDATE grants SET ends_at = unixepoch() * 1000 WHERE role = 'edit'");
    world.forget_calls();
    let run = world.run().await;
    assert_eq!(
        (run.code, run.actions().len()),
        (0, 0),
        "{:?}",
        run.actions()
    );
    assert_eq!(bobs(&world), ["edit"]);
    assert!(world.writes().is_empty());
    let status = world.lapsed(&["status", "--format", "json"]).await.stdout;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["overdue"]["count"], 0, "{status:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_begins_later_brings_its_flags_then() {
    let world = world(&[BOB]).await;
    world.write(
        "people.csv",
        &format!(
            "email,target,start,end,permissions\n{BOB},{CORE},,{FUTURE},\n{BOB},{CORE},2098-01-01,{FUTURE},edit\n"
        ),
    );
    let path = world.path("people.csv");
    let file = path.to_str().unwrap();
    assert_eq!(ask(&world, &["import", file]).await.code, 0);
    assert!(bobs(&world).is_empty());
    world.sql("UPDATE grants SET starts_at = 1772600000000; UPDATE provision SET due_at = 1772600000000 WHERE settled_at IS NULL");
    assert_eq!(world.run().await.code, 0);
    assert_eq!(bobs(&world), ["edit"]);
}
