//! What random walks have found, each as the few steps that it takes.

use lapsed::sandbox::{Fault, When};

use crate::world::{FUTURE, PAST, World};

/// Walk 16.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_that_a_command_met_makes_nobody_missing_for_good() {
    let mut world = World::new().await;
    world.config.sapling = String::new();
    world.team("Core", &["bob@example.com", "free@example.com"]);
    assert_eq!(world.run().await.code, 0);
    let lists = When::method("GET").path("team_user");
    world.sapling.faults().once(lists, Fault::EmptyLists);
    let target = ["--target", "sapling:acme/Core"];
    let args = [
        &["grant", "bob@example.com"],
        &target[..],
        &["--end", "20m"],
    ]
    .concat();
    world.lapsed(&args).await;
    world.later(31);

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(world.members("Core"), ["free@example.com"]);
}

/// Walks 32 and 38.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_recorded_with_an_earlier_end_is_brought_up_to_all_grants() {
    let world = World::new().await;
    let target = ["--target", "sentius:acme"];
    let args = [
        &["grant", "cy@example.com"],
        &target[..],
        &["--end", FUTURE],
    ]
    .concat();
    assert_eq!(world.lapsed(&args).await.code, 0);
    // Somebody has put another one in its place, and says so.
    world.whitelist(&["cy@example.com"]);
    world
        .import(&format!(
            "email,target,start,end\ncy@example.com,sentius:acme,2024-03-01,{PAST}\n"
        ))
        .await;

    assert_eq!(world.run().await.code, 0);

    let ends = world.sentius.with(|state| {
        let entries = state.entries.values();
        entries
            .map(|e| e.end_date.map(|end| end.to_string()))
            .collect::<Vec<_>>()
    });
    assert_eq!(ends, [Some(FUTURE.to_owned())]);
}
