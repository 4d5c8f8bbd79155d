//! The audit trail after runs of every kind: whole, and with an intent before each result.

use std::collections::HashSet;

use lapsed_sandbox::{Answer, Fault, When};
use serde_json::Value;

use crate::world::{Mail, PAST, SENTIUS_KEY, World, time};

/// Runs that did, failed, were left unanswered, held, looked ahead and mailed in vain.
async fn eventful() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.whitelist(&["jane@example.com", "joe@example.com", "eve@example.com"]);
    world.team(
        "Core",
        &[
            "a@example.com",
            "b@example.com",
            "c@example.com",
            "amy@example.com",
        ],
    );
    world.invite("Core", "new@example.com");
    let mut rows: Vec<String> = ["a", "b", "c", "new"]
        .map(|who| format!("{who}@example.com,sapling:acme/Core,{PAST}"))
        .to_vec();
    rows.extend(["jane", "joe", "eve"].map(|who| format!("{who}@example.com,sentius:acme,{PAST}")));
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    world.config.guard = "max_removals = 1".to_owned();
    assert_eq!(world.run().await.code, 4);
    world.config.guard = "protected = [\"eve@*\"]".to_owned();
    world.dry_run(Some("30d")).await;
    world
        .sentius
        .faults()
        .once(When::method("DELETE").email("joe@"), Fault::DropAfter);
    world
        .sapling
        .with(|state| state.refuse.insert("b@example.com".to_owned()));
    world.config.mail = Mail::Nobody;
    assert_eq!(world.run().await.code, 3);
    world
        .sapling
        .faults()
        .once(When::method("GET").path("team_user"), Fault::Html);
    assert_eq!(world.run().await.code, 3);
    world.config.mail = Mail::Smtp;
    assert_eq!(world.run().await.code, 0);
    world
}

async fn events(world: &World) -> Vec<Value> {
    let export = world.lapsed(&["audit", "export"]).await;
    assert_eq!(export.code, 0);
    let lines = export.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_is_whole_after_runs_of_every_kind() {
    let world = eventful().await;

    let verified = world.lapsed(&["audit", "verify"]).await;

    assert_eq!(verified.code, 0, "{}", verified.stderr);
    let count = events(&world).await.len();
    assert!(
        verified
            .stdout
            .starts_with(&format!("whole: {count} events; head {count}:")),
        "{}",
        verified.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_result_has_an_intent_before_it_and_every_call_was_intended() {
    let world = eventful().await;

    let events = events(&world).await;

    let mut intended = HashSet::new();
    let mut results = 0;
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], place + 1);
        let action = &event["payload"]["action_id"];
        match event["kind"].as_str().unwrap() {
            "action.intent" => assert!(intended.insert(action.clone()), "twice open: {event}"),
            "action.result" => {
                results += 1;
                assert!(intended.remove(action), "no intent: {event}");
            }
            _ => {}
        }
    }
    assert!(results >= 8, "{results}");
    assert!(intended.is_empty(), "{intended:?}");
    let calls = [world.sentius.calls(), world.sapling.calls()].concat();
    for call in calls.iter().filter(|call| call.method != "GET") {
        for email in &call.emails {
            let before = events.iter().any(|event| {
                event["kind"] == "action.intent"
                    && event["payload"]["email"] == email.as_str()
                    && time(event["at"].as_str().unwrap()) <= call.at
            });
            assert!(before, "{} {email}", call.path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_stands_in_the_trail_the_database_the_mail_or_the_log() {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.whitelist(&["jane@example.com"]);
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    let rows = [
        format!("jane@example.com,sentius:acme,{PAST}"),
        format!("bob@example.com,sapling:acme/Core,{PAST}"),
    ];
    world.grants(&[&rows[0], &rows[1]]).await;
    // Answers that quote what they were sent, as error pages do.
    let quoting = |key: &str| {
        let body = format!("{{\"error\": \"bad key {key}\"}}");
        Fault::Status(Answer::new(403).body("application/json", &body))
    };
    let keys = [SENTIUS_KEY.to_owned(), world.sapling_key()];
    world
        .sentius
        .faults()
        .once(When::method("DELETE"), quoting(&keys[0]));
    world
        .sapling
        .faults()
        .once(When::method("DELETE"), quoting(&keys[1]));

    let args = ["--log-level", "trace", "--run-now", "--format", "json"];
    let printed = world.lapsed(&args).await;

    assert_eq!(printed.code, 3);
    let mut places = vec![("stdout", printed.stdout), ("the log", printed.stderr)];
    places.push(("the trail", world.lapsed(&["audit", "export"]).await.stdout));
    places.push(("the mail", world.mail.mails()[0].text().into_owned()));
    for name in ["lapsed.db", "lapsed.db-wal"] {
        let bytes = std::fs::read(world.path(name)).unwrap_or_default();
        places.push((name, String::from_utf8_lossy(&bytes).into_owned()));
    }
    assert!(places[0].1.contains("bad key [key]"), "{}", places[0].1);
    for (place, text) in places {
        assert!(keys.iter().all(|key| !text.contains(key)), "in {place}");
    }
}
