//! `history`: all that happened to one person, oldest first, with the events that prove it.

use serde_json::Value;

use crate::world::{FUTURE, PAST, World};

async fn rows(world: &World, email: &str) -> Vec<Value> {
    world.rows(&["history", email, "--format", "json"]).await
}

fn kinds(rows: &[Value]) -> Vec<&str> {
    rows.iter()
        .map(|row| row["kind"].as_str().unwrap())
        .collect()
}

/// The texts of one kind.
fn texts<'a>(rows: &'a [Value], kind: &str) -> Vec<&'a str> {
    let of_kind = rows.iter().filter(|row| row["kind"] == kind);
    of_kind.map(|row| row["text"].as_str().unwrap()).collect()
}

/// A member whose grant is over, from the record to the proof.
async fn removed() -> World {
    let world = World::new().await;
    world.team("Core", &["jane@example.com", "bob@example.com"]);
    world.invite("Core", "bob@example.com");
    let row = |reason: &str| {
        format!(
            "email,target,start,end,owner,reason\nJane@Example.com,sapling:acme/Core,2024-01-01,{PAST},it@acme.example,{reason}\n"
        )
    };
    world.import(&row("audit")).await;
    world.import(&row("migration")).await;
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:#}", run.json);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_to_a_person_is_told_from_the_first_to_the_last() {
    let world = removed().await;
    let rows = rows(&world, "JANE@example.com").await;
    assert_eq!(
        kinds(&rows),
        [
            "grant.recorded",
            "grant.amended",
            "member.appeared",
            "action.intent",
            "action.result",
            "member.left",
            "action.verified",
            "grant.removed",
        ]
    );
    assert_eq!(
        texts(&rows, "grant.recorded"),
        [
            "granted access from 2024-01-01 00:00:00 UTC until 2025-06-30 12:00:00 UTC; owner it@acme.example; reason: audit"
        ]
    );
    assert_eq!(
        texts(&rows, "grant.amended"),
        ["grant changed: reason audit → migration"]
    );
    assert_eq!(texts(&rows, "member.left"), ["no longer in the team"]);
    assert_eq!(
        texts(&rows, "action.result"),
        ["removed from the team (grant ended)"]
    );
    assert_eq!(
        texts(&rows, "action.verified"),
        ["removed from the team: read back, and gone"]
    );
    assert!(rows.iter().all(|row| row["target"] == "sapling:acme/Core"));
    assert!(rows.is_sorted_by_key(|row| crate::world::time(row["at"].as_str().unwrap())));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_stand_with_the_number_and_the_hash_that_the_trail_has() {
    let world = removed().await;
    let exported = world.lapsed(&["audit", "export"]).await.stdout;
    let mut trail: Vec<Value> = exported
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // What changed in which row is for `audit verify`.
    for event in &mut trail {
        event["payload"].as_object_mut().unwrap().remove("rows");
    }
    for row in rows(&world, "jane@example.com").await {
        let is_reading = row["kind"].as_str().unwrap().starts_with("member.");
        assert_eq!(row["seq"].is_null(), is_reading, "{row}");
        if let Some(seq) = row["seq"].as_u64() {
            let event = &trail[usize::try_from(seq).unwrap() - 1];
            for (key, theirs) in [
                ("hash", "hash"),
                ("kind", "kind"),
                ("at", "at"),
                ("detail", "payload"),
            ] {
                assert_eq!(row[key], event[theirs], "{key}");
            }
        } else {
            assert_eq!(row["by"], "reading");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memberships_that_change_and_invites_that_go_are_told() {
    let world = removed().await;
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        team.change_member("bob@example.com", |member| member.is_manager = true);
        team.remove_invite("bob@example.com");
    });
    world.run().await;
    world.later(11);
    world.run().await;
    world.drop_member("Core", "bob@example.com");
    world.run().await;
    world.later(11);
    world.run().await;
    let rows = rows(&world, "bob@example.com").await;
    let told: Vec<String> = rows
        .iter()
        .map(|r| {
            format!(
                "{}: {}",
                r["kind"].as_str().unwrap(),
                r["text"].as_str().unwrap()
            )
        })
        .collect();
    let mut wanted = vec![
        "invite.appeared: invite seen pending for the first time",
        "member.appeared: seen in the team for the first time",
        "invite.gone: invite no longer pending",
        "member.changed: changed in the team (is_manager false → true)",
        "member.left: no longer in the team",
    ];
    let mut told: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(told.last(), wanted.last());
    told.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(told, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_of_event_that_is_not_known_is_told_by_its_fields() {
    let world = World::new().await;
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{FUTURE}")])
        .await;
    world.sql(
        r#"INSERT INTO event (seq, at, kind, payload, hash) VALUES (20, 1800000000000, 'review.asked_again', zeroblob(32), zeroblob(32));
           INSERT INTO event_payload VALUES (20, zeroblob(16), 1, 'jane@example.com',
           '{"review_id": 7, "target": "sentius:acme", "owner": "it@acme.example", "due_at": "2027-01-31T00:00:00Z",
             "times": 2, "list": ["a", "b"], "by": "ann", "nothing": null, "more": {"deep": 1}}');"#,
    );
    let rows = rows(&world, "jane@example.com").await;
    let row = &rows[1];
    assert_eq!(
        row["text"],
        "review asked again: due at 2027-01-31 00:00:00 UTC, list a, b, owner it@acme.example, times 2"
    );
    assert_eq!(
        (&row["by"], &row["target"]),
        (&"ann".into(), &"sentius:acme".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_and_the_csv_show_the_same_events() {
    let world = removed().await;
    let printed = world.lapsed(&["history", "jane@example.com"]).await;
    assert!(printed.stdout.starts_with("TIME "), "{}", printed.stdout);
    assert_eq!(printed.stdout.lines().count(), 9);
    assert_eq!(printed.stderr, "8 events; times in UTC\n");
    assert!(!printed.stdout.contains('\u{1b}'));
    world
        .import("email,target,reason\nformula@example.com,sentius:acme,\"=1+1\"\n")
        .await;
    let csv = world
        .lapsed(&["history", "formula@example.com", "--format", "csv"])
        .await
        .stdout;
    assert_eq!(
        csv.lines().next(),
        Some("at,kind,target,text,by,detail,seq,hash")
    );
    let row = csv.lines().nth(1).unwrap();
    assert!(row.contains(",grant.recorded,sentius:acme,"), "{csv}");
    let read: Vec<csv::StringRecord> = csv::Reader::from_reader(csv.as_bytes())
        .records()
        .map(Result::unwrap)
        .collect();
    let detail: Value = serde_json::from_str(&read[0][5]).unwrap();
    assert_eq!(detail["reason"], "=1+1");
}
