//! Files with a name: what they are called, and what is told of them afterwards.

use serde_json::{Value, json};

use super::sourced::{AMY, BOB, HEADER, JANE, file, from, good, grants, told, world};
use crate::world::Printed;
use crate::world::asking::as_documented;

#[tokio::test(flavor = "multi_thread")]
async fn without_prune_a_source_only_marks_its_rows() {
    let world = world().await;
    good(from(&world, "repo", &[JANE, AMY], &[]).await);
    good(from(&world, "repo", &[AMY], &[]).await);
    assert_eq!(world.whitelisted(), ["amy@example.com", "jane@example.com"]);
    let exported = told(&world).concat();
    assert!(exported.contains("\"source\":\"repo\""), "{exported}");
    // And so it can be pruned later.
    good(from(&world, "repo", &[AMY], &["--prune"]).await);
    assert_eq!(world.whitelisted(), ["amy@example.com"]);
    let history = good(world.lapsed(&["history", "jane@example.com"]).await);
    for said in ["from repo", "its row is no longer in repo"] {
        assert!(history.contains(said), "{said}: {history}");
    }
    let why: Value = serde_json::from_str(&good(
        world
            .lapsed(&["why", "amy@example.com", "--format", "json"])
            .await,
    ))
    .unwrap();
    assert_eq!(
        why["targets"][0]["grants"][0]["source"],
        json!("repo"),
        "{why:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_sources_are_of_a_small_alphabet_and_prune_needs_one() {
    let world = world().await;
    for name in ["HR", "", "a b", "../x", "jörg"] {
        let refused = from(&world, name, &[JANE], &["--prune"]).await;
        assert_eq!(refused.code, 2, "{name}");
        assert!(
            refused.stderr.contains("such as access-repo"),
            "{}",
            refused.stderr
        );
    }
    let csv = format!("{HEADER}\n{JANE}\n");
    let refused = file(&world, &csv, &["--prune"]).await;
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("--source <NAME>"),
        "{}",
        refused.stderr
    );
    assert!(grants(&world).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn json_tells_each_difference_and_what_was_done() {
    let world = world().await;
    good(from(&world, "repo", &[JANE, BOB], &["--prune"]).await);
    let json = |printed: Printed| -> Value { serde_json::from_str(&printed.stdout).unwrap() };
    let more = ["--prune", "--dry-run", "--format", "json"];
    let dry = json(from(&world, "repo", &[BOB, AMY], &more).await);
    assert_eq!(
        dry["difference"],
        json!([
            {"change": "+", "line": 3, "email": "amy@example.com", "target": "sentius:acme",
             "role": null, "detail": "until 2099-12-31 23:59:59 UTC"},
            {"change": "-", "line": null, "email": "jane@example.com", "target": "sentius:acme",
             "role": null, "detail": null},
        ])
    );
    assert_eq!(
        (&dry["source"], &dry["run"]),
        (&json!("repo"), &Value::Null)
    );
    let done = json(
        from(
            &world,
            "repo",
            &[BOB, AMY],
            &["--prune", "--format", "json"],
        )
        .await,
    );
    assert_eq!(done["actions"][0]["state"], json!("done"), "{done:#}");
    assert_eq!(done["actions"][0]["reason"], json!("grant.revoked"));
    let runs = world.rows(&["runs", "--format", "json"]).await;
    assert_eq!(runs[0]["run"], done["run"]);
    as_documented(
        "What a file with a name is different in",
        &done["difference"][0],
    );
}
