//! What is found out in a database that an older version has begun.

use crate::keeping::upgrading::{SEVEN, downgrade_to};
use crate::world::chain::{rehash, without_triggers};
use crate::world::{FUTURE, PAST, Printed, World, trail};

/// A database of the seventh form with some history, and what lapsed has added since.
async fn upgraded() -> World {
    let world = World::new().await;
    world.whitelist(&["jane@example.com", "over@example.com"]);
    world.team("Core", &["bob@example.com"]);
    world
        .grants(&[
            &format!("Jane@Example.com,sentius:acme,{FUTURE}"),
            &format!("over@example.com,sentius:acme,{PAST}"),
            &format!("bob@example.com,sapling:acme/Core,{FUTURE}"),
            &format!("amy@example.com,sapling:acme/Later,{FUTURE}"),
        ])
        .await;
    assert_eq!(world.run().await.code, 0);
    downgrade_to(&world, &SEVEN);
    // Another name, and a team that was named before it was there.
    world.team("Later", &["amy@example.com"]);
    world.sapling.with(|state| {
        state.team_mut("Core").unwrap().rename("Kernel");
    });
    assert_eq!(world.run().await.code, 0);
    world.trail_is_whole().await;
    let end = [
        "extend",
        "jane@example.com",
        "--target",
        "sentius:acme",
        "--end",
        "2098-12-31",
    ];
    assert_eq!(world.lapsed(&end).await.code, 0);
    world.trail_is_whole().await;
    world
}

async fn after(world: &World, sql: &str) -> Printed {
    let db = trail::open(world);
    without_triggers(&db, || {
        db.execute_batch(sql).unwrap();
        assert!(db.total_changes() > 0, "{sql}");
    });
    drop(db);
    world.lapsed(&["audit", "verify"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_and_where_an_old_event_concerns_has_to_be_what_its_payload_says() {
    let world = upgraded().await;
    assert_eq!(world.number("SELECT min(version) FROM event"), 1);
    let event = "(SELECT min(seq) FROM event WHERE kind = 'grant.recorded')";
    for (column, other, why) in [
        (
            "email_key",
            "'mallory@example.com'",
            "not the one that its payload names",
        ),
        ("email_key", "NULL", "not the one that its payload names"),
        (
            "target",
            "(SELECT max(id) FROM target WHERE provider = 'sapling')",
            "not where its payload says",
        ),
        ("target", "NULL", "is gone, and its payload names it"),
    ] {
        let was = world.texts(&format!(
            "SELECT quote({column}) FROM event_payload WHERE seq = {event}"
        ));
        let set =
            |to: &str| format!("UPDATE event_payload SET {column} = {to} WHERE seq = {event}");
        let printed = after(&world, &set(other)).await;
        assert_eq!(printed.code, 1, "{column} {other}");
        assert!(printed.stderr.contains(why), "{}", printed.stderr);
        assert_eq!(after(&world, &set(&was[0])).await.code, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_over_from_an_older_version_is_held_to_from_there() {
    let world = upgraded().await;
    for (sql, words) in [
        (
            "UPDATE grants SET ends_at = NULL WHERE email = 'bob@example.com'",
            "(bob@example.com, sapling:acme/Kernel): ends_at is nothing",
        ),
        (
            "UPDATE action SET evidence = NULL",
            "evidence is nothing, and \"acknowledged\" by the trail",
        ),
    ] {
        let printed = after(&world, sql).await;
        assert_eq!(printed.code, 1, "{sql}");
        assert!(printed.stderr.contains(words), "{}", printed.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_never_was_takes_nothing_over() {
    let world = upgraded().await;
    let sql = "UPDATE grants SET ends_at = NULL WHERE email = 'bob@example.com';
               INSERT INTO fact VALUES ('trail.take_over', 'pending')";
    let printed = after(&world, sql).await;
    assert_eq!(printed.code, 1);
    assert!(
        printed.stderr.contains("takes rows over"),
        "{}",
        printed.stderr
    );
    // Nor is there a way back to the old form.
    let world = upgraded().await;
    let db = trail::open(&world);
    without_triggers(&db, || {
        db.execute_batch(
            "UPDATE event SET version = 1 WHERE seq > (SELECT max(seq) FROM event WHERE kind = 'rows.taken_over')",
        )
        .unwrap();
        let first = db.query_row(
            "SELECT min(seq) FROM event WHERE kind = 'rows.taken_over'",
            [],
            |row| row.get(0),
        );
        let first: i64 = first.unwrap();
        rehash(&db, 1, first);
        rehash(&db, 2, first);
    });
    drop(db);
    let printed = world.lapsed(&["audit", "verify"]).await;
    assert_eq!(printed.code, 1);
    assert!(printed.stderr.contains("older form"), "{}", printed.stderr);
}
