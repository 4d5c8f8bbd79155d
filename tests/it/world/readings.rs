//! Teams, and what readings show of them.

use lapsed_sandbox::{Answer, Fault, When};
use serde_json::Value;

use super::World;

/// So many addresses, `p00@example.com` and so on.
pub(crate) fn people(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("p{n:02}@example.com")).collect()
}

/// Grants in Core that end then, for each of these people.
pub(crate) async fn end_in_core(world: &World, emails: &[String], end: &str) {
    let row = |email: &String| format!("{email},sapling:acme/Core,{end}");
    let rows: Vec<String> = emails.iter().map(row).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;
}

/// A team Core with these people.
pub(crate) fn core(world: &World, emails: &[String]) -> String {
    world.team(
        "Core",
        &emails.iter().map(String::as_str).collect::<Vec<_>>(),
    )
}

/// An answer with this document.
pub(crate) fn says(document: &Value) -> Fault {
    Fault::Status(Answer::new(200).body("application/json", &document.to_string()))
}

/// The next readings of a team show this, until the faults are cleared.
pub(crate) fn shows(world: &World, team: &str, document: &Value) {
    let reading = When::method("GET").path(team);
    world.sapling.faults().always(reading, says(document));
}
