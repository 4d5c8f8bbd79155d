//! Rows that are missing from a file with a name, where the guard has a word to say: what is held stays
//! as it was until a person approves it.

use lapsed_sandbox::{Fault, When};
use serde_json::json;

use super::sourced::{from, good};
use crate::world::asking::die;
use crate::world::{Printed, World, until};

const AMY: &str = "amy@example.com,sentius:acme,2099-12-31,it@acme.example";

/// So many people of a file, and Amy.
fn people(count: usize) -> Vec<String> {
    let row = |n| format!("p{n}@example.com,sentius:acme,2099-12-31,it@acme.example");
    let mut rows: Vec<String> = (0..count).map(row).collect();
    rows.push(AMY.to_owned());
    rows
}

async fn import(world: &World, rows: &[String], more: &[&str]) -> Printed {
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    from(world, "repo", &rows, more).await
}

/// A world whose guard lets two go, where a file of three people and Amy has lost the three.
async fn lost() -> (World, Printed) {
    let mut world = World::new().await;
    world.config.guard = "max_removals = 2".to_owned();
    good(import(&world, &people(3), &["--prune"]).await);
    assert_eq!(world.whitelisted().len(), 4);
    world.forget_calls();
    let printed = import(&world, &people(0), &["--prune"]).await;
    (world, printed)
}

/// Each grant's end, as `list` has it.
async fn ends(world: &World) -> Vec<String> {
    let rows = world.list().await;
    let mut ends: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {} {}", row["email"], row["state"], row["end"]))
        .collect();
    ends.sort();
    ends
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_lost_most_rows_ends_nothing_until_it_is_approved() {
    let (world, held) = lost().await;
    assert_eq!(held.code, 4, "{}{}", held.stdout, held.stderr);
    let said = &held.stdout;
    assert!(
        said.contains("3 grants no longer in repo: 3 removals held by the guard"),
        "{said}"
    );
    assert!(said.contains("max_removals = 2"), "{said}");
    let (_, run) = said.split_once("lapsed approve ").unwrap();
    let run = run.trim().to_owned();
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    let before = ends(&world).await;
    assert!(
        before.iter().all(|end| end.contains("active")),
        "{before:?}"
    );
    assert!(
        before.iter().all(|end| end.contains("2099-12-31")),
        "{before:?}"
    );
    assert_eq!(world.lapsed(&["status"]).await.code, 4);

    // Nothing of it is done by passes, nor by the same file again, however often.
    for _ in 0..2 {
        assert_eq!(world.run().await.code, 4);
        assert_eq!(import(&world, &people(0), &["--prune"]).await.code, 4);
        world.later(20);
    }
    assert_eq!(ends(&world).await, before);
    assert!(world.writes().is_empty(), "{:?}", world.writes());

    good(world.lapsed(&["approve", &run]).await);
    let done = world.run().await;
    assert_eq!(done.code, 0, "{:?}", done.actions());
    assert_eq!(done.json["counts"]["done"], json!(3));
    assert_eq!(world.whitelisted(), ["amy@example.com"]);
    good(import(&world, &people(0), &["--prune", "--dry-run"]).await);
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_the_guard_would_hold_and_marks_nothing() {
    let mut world = World::new().await;
    world.config.guard = "max_removals = 2".to_owned();
    good(import(&world, &people(3), &["--prune"]).await);
    for more in [
        &["--prune", "--dry-run"][..],
        &["--prune", "--dry-run", "--record-only"],
    ] {
        let dry = import(&world, &people(0), more).await;
        assert_eq!(dry.code, 6, "{}", dry.stderr);
        let said = &dry.stdout;
        assert!(
            said.contains("- p0@example.com sentius:acme: the guard would hold it"),
            "{said}"
        );
        let why = "the guard would hold 3 removals: 3 removals in 24 hours would pass guard.max_removals = 2";
        assert!(said.contains(why), "{said}");
        assert!(
            said.contains("dry run: 3 differences from what repo gave before"),
            "{said}"
        );
    }
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_come_back_before_the_approval_take_the_hold_with_them() {
    let (world, held) = lost().await;
    assert_eq!(held.code, 4);
    let why = good(world.lapsed(&["why", "p0@example.com"]).await);
    assert!(why.contains("its row is missing there since"), "{why}");

    let said = good(import(&world, &people(3), &["--prune"]).await);
    assert!(
        said.contains("0 recorded, 0 amended, 4 unchanged"),
        "{said}"
    );
    let run = world.run().await;
    assert_eq!(
        (run.code, run.actions().len()),
        (0, 0),
        "{:?}",
        run.actions()
    );
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    let history = good(world.lapsed(&["history", "p0@example.com"]).await);
    assert!(history.contains("its row is in repo again"), "{history}");
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn protected_people_stay_though_their_row_goes() {
    let mut world = World::new().await;
    world.team("Core", &["ceo@acme.example"]);
    world.config.guard = "protected = [\"ceo@acme.example\"]".to_owned();
    let ceo = "ceo@acme.example,sapling:acme/Core,2099-12-31,it@acme.example".to_owned();
    good(import(&world, &[ceo, AMY.to_owned()], &["--prune"]).await);
    world.forget_calls();
    let dry = import(&world, &people(0), &["--prune", "--dry-run"]).await;
    assert_eq!(dry.code, 6);
    assert!(
        dry.stdout
            .contains("- ceo@acme.example sapling:acme/Core: the access stays: is protected by"),
        "{}",
        dry.stdout
    );
    let said = good(import(&world, &people(0), &["--prune"]).await);
    assert!(said.contains("protected"), "{said}");
    assert_eq!(world.members("Core"), ["ceo@acme.example"]);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_target_over_its_percentage_is_held_and_the_others_go_on() {
    let mut world = World::new().await;
    world.config.guard = "max_removal_percent = 25".to_owned();
    let team: Vec<String> = (0..20).map(|n| format!("t{n}@example.com")).collect();
    let emails: Vec<&str> = team.iter().map(String::as_str).collect();
    world.team("Core", &emails);
    let of_team = |who: &String| format!("{who},sapling:acme/Core,2099-12-31,it@acme.example");
    let mut rows = people(1);
    rows.extend(team.iter().map(of_team));
    good(import(&world, &rows, &["--prune"]).await);
    let held = import(&world, &people(0), &["--prune"]).await;
    assert_eq!(held.code, 4, "{}{}", held.stdout, held.stderr);
    assert_eq!(world.whitelisted(), ["amy@example.com"]);
    assert_eq!(world.members("Core").len(), 20);
    let active = ends(&world).await;
    assert_eq!(
        active.iter().filter(|end| end.contains("active")).count(),
        21,
        "{active:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_cannot_be_read_ends_nothing_until_it_can() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com"]);
    let bob = "bob@example.com,sapling:acme/Core,2099-12-31,it@acme.example".to_owned();
    good(import(&world, &[bob, AMY.to_owned()], &["--prune"]).await);
    let reads = When::method("GET");
    world.sapling.faults().always(reads, Fault::status(503));
    let said = import(&world, &people(0), &["--prune"]).await;
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    let before = ends(&world).await;
    assert!(
        before.iter().all(|end| end.contains("active")),
        "{before:?}"
    );
    world.sapling.faults().clear();
    world.later(20);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.members("Core"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_recorded_or_cut_short_is_ended_by_the_next_pass() {
    let world = World::new().await;
    good(import(&world, &people(2), &["--prune"]).await);
    let said = good(import(&world, &people(1), &["--prune", "--record-only"]).await);
    assert!(
        said.contains("1 grant no longer in repo: to be ended by the next pass"),
        "{said}"
    );
    assert_eq!(world.whitelisted().len(), 3);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), ["amy@example.com", "p0@example.com"]);

    // The process dies at the removal's call: what is on record is acted on later.
    let path = world.path("access.csv");
    world.write("access.csv", &format!("email,target,end,owner\n{AMY}\n"));
    let args = [
        "import",
        path.to_str().unwrap(),
        "--source",
        "repo",
        "--prune",
    ];
    die(&world, &args, "after-intent").await;
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.actions());
    assert_eq!(world.whitelisted(), ["amy@example.com"]);
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_another_pass_runs_nothing_of_the_file_is_recorded() {
    let mut world = World::new().await;
    world.config.http = "timeout = \"1s\"\n".to_owned();
    good(import(&world, &people(1), &["--prune"]).await);
    let before = ends(&world).await;
    let mut command = world.command(&["--run-now"]);
    command.env("LAPSED_FAILPOINT", "hang");
    let passes = || world.number("SELECT count(*) FROM run");
    let so_far = passes();
    let mut hanging = command.spawn().unwrap();
    until("the pass has the lock", || passes() > so_far).await;
    let busy = import(&world, &people(0), &["--prune"]).await;
    hanging.kill().unwrap();
    hanging.wait().unwrap();
    assert_eq!(busy.code, 5, "{}{}", busy.stdout, busy.stderr);
    assert_eq!(ends(&world).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_gives_back_what_the_file_took_and_the_file_leaves_it() {
    let world = World::new().await;
    good(import(&world, &people(1), &["--prune"]).await);
    good(import(&world, &people(0), &["--prune"]).await);
    assert_eq!(world.whitelisted(), ["amy@example.com"]);
    good(world.lapsed(&["undo", "last"]).await);
    assert_eq!(world.whitelisted(), ["amy@example.com", "p0@example.com"]);
    good(import(&world, &people(0), &["--prune"]).await);
    assert_eq!(world.whitelisted(), ["amy@example.com", "p0@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_of_an_earlier_version_are_of_no_source_and_stay() {
    let world = World::new().await;
    world.whitelist(&["old@example.com"]);
    world
        .grants(&["old@example.com,sentius:acme,2099-12-31"])
        .await;
    assert_eq!(world.run().await.code, 0);
    // As the sixteenth form had it.
    world.sql(
        "DROP INDEX grants_source; DROP INDEX grants_dropped;
         ALTER TABLE grants DROP COLUMN source; ALTER TABLE grants DROP COLUMN dropped_at;
         ALTER TABLE grants DROP COLUMN dropped_by; ALTER TABLE entry DROP COLUMN silent_before;
         DELETE FROM refinery_schema_history WHERE version >= 17",
    );
    let old = "old@example.com,sentius:acme,2099-12-31,".to_owned();
    let rows = [old, AMY.to_owned()];
    let said = good(import(&world, &rows, &["--prune"]).await);
    assert!(said.starts_with("2 recorded"), "{said}");
    let dry = import(&world, &people(0), &["--prune", "--dry-run"]).await;
    let kept =
        "- old@example.com sentius:acme: another grant keeps the access until 2099-12-31 23:59";
    assert!(dry.stdout.contains(kept), "{}", dry.stdout);
    good(import(&world, &people(0), &["--prune"]).await);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), ["amy@example.com", "old@example.com"]);
    world.trail_is_whole().await;
}
