//! The last passes, and how a person names one of them.

use serde_json::{Value, json};

use crate::showing::schemas::Schema;
use crate::world::{FUTURE, PAST, World};

async fn runs(world: &World, more: &[&str]) -> Vec<Value> {
    let args = [&["runs", "--format", "json"], more].concat();
    let printed = world.lapsed(&args).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let json: Value = serde_json::from_str(&printed.stdout).unwrap();
    Schema::of("runs").holds(&json);
    json.as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_passes_are_listed_newest_first_and_dry_runs_are_not() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com", "bob@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            &format!("bob@example.com,sentius:acme,{FUTURE}"),
        ])
        .await;
    let first = world.run().await;
    assert_eq!(world.lapsed(&["--run-now", "--dry-run"]).await.code, 0);
    let revoked = world
        .lapsed(&["revoke", "bob@example.com", "--format", "json"])
        .await;
    let revoked: Value = serde_json::from_str(&revoked.stdout).unwrap();
    let second = world.run().await;

    let all = runs(&world, &[]).await;

    let ids: Vec<&Value> = all.iter().map(|run| &run["run"]).collect();
    assert_eq!(
        ids,
        [second.id(), revoked["run"].as_str().unwrap(), first.id()]
    );
    let reach: Vec<&Value> = all.iter().map(|run| &run["reach"]).collect();
    assert_eq!(reach, ["everything", "sentius:acme", "everything"]);
    let done: Vec<&Value> = all.iter().map(|run| &run["counts"]["done"]).collect();
    assert_eq!(done, [&json!(0), &json!(1), &json!(1)]);
    assert!(all.iter().all(|run| run["outcome"] == "converged"));
    assert_eq!(runs(&world, &["--limit", "1"]).await, all[..1]);
    let table = world.lapsed(&["runs"]).await.stdout;
    let short = &first.id()[first.id().len() - 12..];
    let line = table.lines().last().unwrap();
    assert!(
        line.starts_with(short) && line.contains("1 done"),
        "{table}"
    );
    assert!(!table.contains(first.id()), "{table}");
    let csv = world.lapsed(&["runs", "--format", "csv"]).await.stdout;
    assert!(csv.lines().nth(3).unwrap().starts_with(first.id()), "{csv}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_died_has_no_end_and_no_outcome() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world.whitelist_is_known();
    world.dies("after-intent").await;

    let all = runs(&world, &[]).await;

    assert_eq!(
        (&all[0]["finished_at"], &all[0]["outcome"]),
        (&Value::Null, &Value::Null)
    );
    let table = world.lapsed(&["runs"]).await.stdout;
    assert!(table.contains("not finished"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_named_by_its_id_a_part_of_it_or_as_the_last() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com", "bob@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            &format!("bob@example.com,sentius:acme,{PAST}"),
        ])
        .await;
    let first = world.run().await;
    let second = world.run().await;
    let undo = async |run: &str| world.lapsed(&["undo", run, "--end", "3d"]).await;

    for (named, wrong) in [
        ("nowhere", "there is no run \"nowhere\" in the database"),
        ("", "several runs"),
        (&first.id()[..4], "is in the ids of several runs"),
    ] {
        let said = undo(named).await;
        assert_eq!(said.code, 2, "{named}");
        assert!(said.stderr.contains(wrong), "{named}: {}", said.stderr);
    }
    assert!(world.whitelisted().is_empty());
    // The newest run removed nothing: last is the one before.
    assert_ne!(first.id(), second.id());
    let said = undo("last").await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(world.whitelisted().len(), 2);
    let part = first.id()[first.id().len() - 12..].to_uppercase();
    let said = undo(&part).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said = world.lapsed(&["approve", "nowhere"]).await;
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("lapsed runs"), "{}", said.stderr);
}
