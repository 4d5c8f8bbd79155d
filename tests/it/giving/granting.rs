//! Access that is given: what goes to the provider, what is on record, and what is not done twice.

use lapsed_sandbox::{Answer, Fault, When};
use serde_json::json;

use crate::desk::Desk;
use crate::world::asking::{as_documented, ask, entry, jane};
use crate::world::{FUTURE, PAST, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_entry_is_posted_as_documented_and_recorded() {
    let world = World::new().await;
    let said = ask(
        &world,
        &jane(&[
            "--name",
            "Jane Doe",
            "--permission",
            "can_use_api",
            "--permission",
            "can_read",
            "--start",
            "2026-03-01",
            "--end",
            FUTURE,
            "--owner",
            "it@acme.example",
            "--reason",
            "audit",
            "--by",
            "anna",
        ]),
    )
    .await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(
        said.lines(),
        ["jane@example.com sentius:acme whitelist.add done posted"]
    );
    let entry = entry(&world);
    assert_eq!(entry.name, "Jane Doe");
    assert_eq!(entry.permissions, ["can_read", "can_use_api"]);
    assert_eq!(entry.start_date.to_string(), "2026-03-01T00:00:00Z");
    assert_eq!(entry.end_date.unwrap().to_string(), FUTURE);
    let row = &world.list().await[0];
    assert_eq!(
        (&row["state"], &row["owner"]),
        (&json!("active"), &json!("it@acme.example"))
    );
    let kinds: Vec<String> = world.events().iter().map(|e| e.kind.clone()).collect();
    assert_eq!(
        kinds,
        [
            "grant.recorded",
            "provision.planned",
            "provision.intent",
            "provision.result"
        ]
    );
    assert_eq!(world.events()[2].payload["by"], "anna");
    world.trail_is_whole().await;

    // It ends as every other.
    world.sql("UPDATE grants SET ends_at = 1772600000000");
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gave_no_name_is_called_as_on_record_or_by_the_address() {
    let world = World::new().await;
    ask(&world, &jane(&[])).await;
    assert_eq!(entry(&world).name, "jane@example.com");
    assert_eq!(entry(&world).permissions, ["can_read"]);
    ask(&world, &jane(&["--end", "30d", "--name", "Jane"])).await;
    world.sentius.with(|state| state.entries.clear());
    ask(
        &world,
        &[
            "grant",
            "JANE@example.com",
            "--target",
            "sentius:acme",
            "--end",
            "3d",
            "--permission",
            "can_read",
            "--permission",
            "can_use_api",
        ],
    )
    .await;
    // Each address as it was written, the name as it was last given, the last end: none.
    let entries = world.sentius.with(|state| state.entries.clone());
    assert_eq!(
        entries.keys().collect::<Vec<_>>(),
        ["JANE@example.com", "jane@example.com"]
    );
    for entry in entries.values() {
        assert_eq!(entry.name, "Jane");
        assert_eq!((entry.permissions.len(), entry.end_date), (2, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_grant_again_calls_nobody() {
    let world = World::new().await;
    ask(&world, &jane(&["--end", "14d"])).await;
    world.forget_calls();
    let said = ask(&world, &jane(&["--end", "14d"])).await;
    assert_eq!(
        (said.code, said.lines()),
        (
            0,
            vec!["jane@example.com sentius:acme - unchanged -".to_owned()]
        )
    );
    assert!(world.writes().is_empty());
    // One that another outlasts is recorded, and nobody has to be called.
    let said = ask(&world, &jane(&["--end", "7d"])).await;
    assert_eq!(said.lines(), ["jane@example.com sentius:acme - recorded -"]);
    assert!(world.writes().is_empty());
    assert_eq!(world.list().await.len(), 2);
    let text = world.lapsed(&jane(&["--end", "14d"])).await;
    assert!(
        text.stderr.contains("has this access already, until 20"),
        "{}",
        text.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_moved_since_can_be_granted_again() {
    let world = World::new().await;
    ask(&world, &jane(&["--end", FUTURE])).await;
    let shorter = [
        "extend",
        "jane@example.com",
        "--target",
        "sentius:acme",
        "--end",
        "30d",
    ];
    assert_eq!(ask(&world, &shorter).await.code, 0);
    let said = ask(&world, &jane(&["--end", FUTURE])).await;
    assert_eq!(
        said.lines(),
        ["jane@example.com sentius:acme whitelist.renew done posted"]
    );
    assert_eq!(entry(&world).end_date.unwrap().to_string(), FUTURE);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlap_leaves_the_entry_with_the_last_end() {
    let world = World::new().await;
    ask(&world, &jane(&["--end", "2098-01-01T00:00:00Z"])).await;
    let said = ask(&world, &jane(&["--end", FUTURE])).await;
    assert_eq!(
        said.lines(),
        ["jane@example.com sentius:acme whitelist.renew done posted"]
    );
    assert_eq!(entry(&world).end_date.unwrap().to_string(), FUTURE);
}

#[tokio::test(flavor = "multi_thread")]
async fn added_invited_refused_and_already_there_are_told_apart() {
    let world = World::new().await;
    world.team("Core", &["there@example.com"]);
    world.invite("Core", "pending@example.com");
    world.sapling.with(|state| {
        state.superuser = true;
        state.register("known@example.com", true);
    });
    let body = r#"{"added":[],"invited":[],"errors":[{"email":"no@example.com","reason":"domain\n blocked"}],"already_exists":[]}"#;
    let refuses = Answer::new(200).body("application/json", body);
    world.sapling.faults().once(
        When::method("POST").email("no@example.com"),
        Fault::Status(refuses),
    );
    let mut lines = Vec::new();
    for who in ["known", "new", "there", "pending", "no"] {
        let email = format!("{who}@example.com");
        let said = ask(
            &world,
            &[
                "grant",
                &email,
                "--target",
                "sapling:acme/Core",
                "--end",
                FUTURE,
            ],
        )
        .await;
        lines.extend(said.lines());
        assert_eq!(
            said.code,
            if who == "no" { 3 } else { 0 },
            "{}",
            said.stderr
        );
        if who == "no" {
            assert_eq!(said.detail(), "the provider refused: domain blocked");
        }
    }
    assert_eq!(
        lines,
        [
            "known@example.com sapling:acme/Core member.add done added",
            "new@example.com sapling:acme/Core member.add done invited",
            "there@example.com sapling:acme/Core member.add done already_exists",
            "pending@example.com sapling:acme/Core member.add done already_invited",
            "no@example.com sapling:acme/Core member.add refused -",
        ]
    );
    assert_eq!(world.writes().len(), 3, "{:?}", world.writes());
    let open = world
        .list()
        .await
        .iter()
        .filter(|g| g["state"] == "active")
        .count();
    assert_eq!(open, 4, "what was refused does not stand as access");
    // Nobody is told of as a surprise.
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert!(
        run.found("member.appeared").is_empty(),
        "{:?}",
        run.findings()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_given_at_once_taken_back_at_its_end_and_the_member_stays() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com"]);
    for (role, flag) in [("manager", "is_manager"), ("admin", "is_admin")] {
        let args = [
            "grant",
            "bob@example.com",
            "--target",
            "sapling:acme/Core",
            "--role",
            role,
            "--end",
            FUTURE,
        ];
        let said = ask(&world, &args).await;
        assert_eq!(
            said.lines(),
            ["bob@example.com sapling:acme/Core member.promote done promoted"]
        );
        let has = |world: &World| {
            world.sapling.with(|state| {
                let bob = state
                    .team("Core")
                    .unwrap()
                    .member("bob@example.com")
                    .unwrap();
                (bob.is_admin, bob.is_manager)
            })
        };
        assert_eq!(has(&world), (role == "admin", role == "manager"), "{flag}");
        let run = world.run().await;
        assert!(
            run.found("member.changed").is_empty(),
            "{:?}",
            run.findings()
        );
        world.sql(&format!(
            "UPDATE grants SET ends_at = 1772600000000 WHERE role = '{role}'"
        ));
        assert_eq!(world.run().await.code, 0);
        assert_eq!(has(&world), (false, false));
    }
    assert_eq!(world.members("Core"), ["bob@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_in_the_future_is_posted_with_its_date_and_given_in_a_team_at_its_moment() {
    let world = World::new().await;
    world.team("Core", &[]);
    let said = ask(&world, &jane(&["--start", "2098-01-01", "--end", FUTURE])).await;
    assert_eq!(
        said.lines(),
        ["jane@example.com sentius:acme whitelist.add done posted"]
    );
    assert_eq!(entry(&world).start_date.to_string(), "2098-01-01T00:00:00Z");
    let said = ask(
        &world,
        &[
            "grant",
            "bob@example.com",
            "--target",
            "sapling:acme/Core",
            "--start",
            "2098-01-01",
        ],
    )
    .await;
    assert_eq!(
        (said.code, said.lines()),
        (
            0,
            vec!["bob@example.com sapling:acme/Core member.add scheduled -".to_owned()]
        )
    );
    assert_eq!(world.run().await.code, 0);
    assert!(
        world.invited("Core").is_empty(),
        "nobody is let in before the start"
    );
    // Its moment comes.
    world.sql("UPDATE grants SET starts_at = 1772600000000; UPDATE provision SET due_at = 1772600000000 WHERE settled_at IS NULL");
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.invited("Core"), ["bob@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn record_only_calls_nobody() {
    let world = World::new().await;
    let said = ask(&world, &jane(&["--record-only", "--end", PAST])).await;
    assert_eq!(
        (said.code, said.lines()),
        (
            0,
            vec!["jane@example.com sentius:acme - recorded -".to_owned()]
        )
    );
    let said = ask(
        &world,
        &[
            "grant",
            "a@b.cd",
            "--target",
            "sapling:acme/Later",
            "--record-only",
        ],
    )
    .await;
    assert_eq!(said.lines(), ["a@b.cd sapling:acme/Later - recorded -"]);
    assert!(world.sentius.calls().is_empty() && world.sapling.calls().is_empty());
    assert_eq!(world.list().await[0]["state"], "active");
}

#[test]
fn the_json_is_as_documented() {
    let desk = Desk::new();
    let args = [
        "grant",
        "a@b.cd",
        "--target",
        "sentius:acme",
        "--record-only",
        "--format",
        "json",
    ];
    let json = desk.json(&args);
    assert_eq!(json.as_object().unwrap().len(), 1);
    as_documented("What was given", &json["results"][0]);
}
