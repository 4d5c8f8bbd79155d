//! A whitelist grant is over: the entry goes, once, and the record says so.

use std::time::Duration;

use jiff::SignedDuration;
use lapsed_sandbox::{Fault, When};
use serde_json::json;

use crate::world::{FUTURE, PAST, World, time};

#[tokio::test(flavor = "multi_thread")]
async fn the_entry_of_a_grant_that_is_over_is_deleted_and_told_exactly_as_promised() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com", "bob@example.com"]);
    let rows = [
        format!("jane@example.com,sentius:acme,{PAST}"),
        format!("bob@example.com,sentius:acme,{FUTURE}"),
    ];
    world.grants(&[&rows[0], &rows[1]]).await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(
        run.json["actions"],
        json!([{
            "action": "whitelist.remove", "target": "sentius:acme", "email": "jane@example.com",
            "reason": "grant.ended", "state": "done", "evidence": "acknowledged", "detail": null,
        }])
    );
    assert_eq!(
        run.json["counts"],
        json!({
            "planned": 0, "done": 1, "absent": 0, "failed": 0, "unknown": 0, "held": 0, "protected": 0,
        })
    );
    assert_eq!(run.json["dry_run"], json!(false));
    assert_eq!(run.json["mails"], json!([]));
    assert_eq!(run.json["errors"], json!([]));
    let (start, end) = (&run.json["started_at"], &run.json["finished_at"]);
    assert!(time(start.as_str().unwrap()) <= time(end.as_str().unwrap()));
    assert_eq!(world.whitelisted(), ["bob@example.com"]);
    assert_eq!(world.writes(), ["DELETE /admin/whitelist 204"]);
    let calls = world.sentius.calls();
    let removal = calls.iter().find(|call| call.method == "DELETE").unwrap();
    assert_eq!(
        removal.query,
        "email=jane%40example.com&api_key=sk-sentius-0123456789"
    );
    assert_eq!(removal.body, "");
    let others = calls.iter().filter(|call| call.method != "DELETE");
    assert!(
        others.clone().all(|call| call.query.is_empty()),
        "{calls:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_comes_while_the_teams_are_read_is_acted_on_in_the_same_run() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com", "bob@example.com"]);
    world.team("Core", &["amy@example.com"]);
    let soon = lapsed::clock::now() + SignedDuration::from_secs(2);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{soon}"),
            &format!("bob@example.com,sentius:acme,{FUTURE}"),
        ])
        .await;
    let slow = Fault::Delay(Duration::from_secs(4));
    world.sapling.faults().once(When::any(), slow);

    let run = world.run().await;

    let started = time(run.json["started_at"].as_str().unwrap());
    assert!(started < soon, "it came while the run was under way");
    assert_eq!(run.json["counts"]["done"], json!(1), "{:?}", run.errors());
    assert_eq!(world.whitelisted(), ["bob@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_run_has_nothing_to_do() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world.run().await;
    world.forget_calls();

    let again = world.run().await;

    assert_eq!(again.code, 0);
    assert!(again.actions().is_empty());
    assert!(world.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_shows_when_the_access_was_removed() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world
        .import(&format!(
            "email,target,name,permissions,end,owner,reason\n\
             jane@example.com,sentius:acme,Jane Doe,can_read;can_use_api,{PAST},it@acme.example,a project\n"
        ))
        .await;
    assert_eq!(world.list().await[0]["state"], json!("ended"));

    let run = world.run().await;

    let rows = world.list().await;
    let removed_at = rows[0]["removed_at"].as_str().unwrap();
    assert!(time(removed_at) >= time(run.json["started_at"].as_str().unwrap()));
    assert_eq!(
        rows[0],
        json!({
            "email": "jane@example.com", "target": "sentius:acme", "name": "Jane Doe",
            "permissions": ["can_read", "can_use_api"], "role": null,
            "start": PAST, "end": PAST, "owner": "it@acme.example",
            "reason": "a project", "state": "removed", "removed_at": removed_at,
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_the_provider_no_longer_has_is_absent_and_over() {
    let world = World::new().await;
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world.whitelist_is_known();

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(
        run.actions(),
        ["whitelist.remove sentius:acme jane@example.com grant.ended absent acknowledged"]
    );
    assert_eq!(world.writes(), ["DELETE /admin/whitelist 404"]);
    assert_eq!(world.list().await[0]["state"], json!("removed"));
    assert!(world.run().await.actions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grace_keeps_an_entry_for_as_long_as_it_says() {
    let mut world = World::new().await;
    world.config.policy = "grace = \"1d\"".to_owned();
    world.whitelist(&["new@example.com", "old@example.com"]);
    let rows = [
        format!("old@example.com,sentius:acme,{PAST}"),
        format!(
            "new@example.com,sentius:acme,{}",
            lapsed::clock::now() - SignedDuration::from_hours(23)
        ),
    ];
    world.grants(&[&rows[0], &rows[1]]).await;

    let run = world.run().await;

    assert_eq!(
        run.actions(),
        ["whitelist.remove sentius:acme old@example.com grant.ended done acknowledged"]
    );
    assert_eq!(world.whitelisted(), ["new@example.com"]);
    let ahead = world.dry_run(Some("2h")).await;
    assert_eq!(
        ahead.actions(),
        ["whitelist.remove sentius:acme new@example.com grant.ended planned -"]
    );
}
