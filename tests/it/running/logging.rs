//! What is logged of a pass: a line for each removal that was sent, with fields.

use lapsed_sandbox::{Fault, When};
use serde_json::{Value, json};

use crate::world::{PAST, World};

#[tokio::test(flavor = "multi_thread")]
async fn each_removal_is_a_line_with_fields() {
    let world = World::new().await;
    world.overdue(2).await;
    world.team("Core", &["jane@example.com", "bob@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sapling:acme/Core,{PAST}"),
            &format!("bob@example.com,sapling:acme/Core,{PAST}"),
        ])
        .await;
    let refused = When::method("DELETE").email("p1@example.com");
    world.sentius.faults().always(refused, Fault::status(500));

    let args = ["--run-now", "--format", "json", "--log-format", "json"];
    let printed = world.lapsed(&args).await;

    assert_eq!(printed.code, 3, "{}", printed.stderr);
    let outcome: Value = serde_json::from_str(&printed.stdout).unwrap();
    let lines = printed
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines
        .filter(|l: &Value| !l["fields"]["reason"].is_null())
        .collect();
    assert_eq!(lines.len(), 4, "{}", printed.stderr);
    let of = |email: &str| {
        let line = lines
            .iter()
            .find(|l| l["fields"]["email"] == email)
            .unwrap();
        assert_eq!(line["level"], "INFO");
        line["fields"].clone()
    };
    assert_eq!(
        of("p0@example.com"),
        json!({
            "message": "whitelist.remove: done", "run": outcome["run"], "target": "sentius:acme",
            "email": "p0@example.com", "reason": "grant.ended", "state": "done",
        })
    );
    assert_eq!(of("jane@example.com")["target"], "sapling:acme/Core");
    assert_eq!(of("bob@example.com")["message"], "member.remove: done");
    let failed = of("p1@example.com");
    assert!(
        failed["detail"].as_str().unwrap().contains("500"),
        "{failed}"
    );
    assert_eq!(
        failed["state"],
        outcome["actions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|a| a["email"] == "p1@example.com")
            .unwrap()["state"]
    );
}
