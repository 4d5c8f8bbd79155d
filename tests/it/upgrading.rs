//! A database of an earlier version is brought to the current form with all that is in it.

use rusqlite::Connection;
use serde_json::json;

use crate::granting::ask;
use crate::world::{FUTURE, PAST, World};

/// The form of the first version, as it was shipped.
const FIRST: &str = include_str!("../../migrations/V1__initial.sql");

#[expect(
    clippy::disallowed_methods,
    reason = "a test makes a database of an earlier version from outside"
)]
fn open(path: &std::path::Path) -> Connection {
    Connection::open(path).unwrap()
}

fn texts(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// The ledger's rows, whole.
fn ledger(world: &World) -> Vec<String> {
    texts(
        &open(&world.database()),
        "SELECT json_array(id, kind, target, email, email_key, reason, remote_id, role, due_at, planned_at, run,
                state, evidence, attempts, tried_at, next_try_at, detail, approved_at, settled_at)
         FROM action ORDER BY id",
    )
}

/// How the tables and indexes are made.
fn forms(world: &World) -> Vec<String> {
    texts(
        &open(&world.database()),
        "SELECT ifnull(sql, name) FROM sqlite_schema ORDER BY type, name",
    )
}

/// Puts a database of the first version in the place of the world's, with the same rows.
fn downgrade(world: &World) {
    let old = world.path("old.db");
    let db = open(&old);
    db.execute_batch(FIRST).unwrap();
    let tables = texts(&db, "SELECT name FROM sqlite_schema WHERE type = 'table'");
    let now = world.database();
    db.execute("ATTACH ?1 AS new", [now.to_str().unwrap()])
        .unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    for table in tables {
        let columns = texts(
            &db,
            &format!("SELECT name FROM pragma_table_info('{table}', 'main')"),
        );
        let columns = columns.join(", ");
        db.execute_batch(&format!(
            "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}"
        ))
        .unwrap();
    }
    let history = texts(
        &db,
        "SELECT sql FROM new.sqlite_schema WHERE name = 'refinery_schema_history'",
    );
    db.execute_batch(&history[0]).unwrap();
    db.execute_batch(
        "INSERT INTO main.refinery_schema_history SELECT * FROM new.refinery_schema_history WHERE version = 1;
         PRAGMA application_id = 0x4c505344; DETACH new;",
    )
    .unwrap();
    drop(db);
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(world.path(&format!("lapsed.db{ending}")));
    }
    std::fs::rename(old, now).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filled_database_of_the_first_version_goes_on() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com", "over@example.com"]);
    world.team("Core", &["bob@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{FUTURE}"),
            &format!("over@example.com,sentius:acme,{PAST}"),
            &format!("bob@example.com,sapling:acme/Core,{FUTURE}"),
        ])
        .await;
    assert_eq!(world.run().await.code, 0);
    let before = world.list().await;
    let removals = ledger(&world);
    assert!(removals[0].contains("over@example.com"), "{removals:?}");
    let new = forms(&world);
    downgrade(&world);
    assert_ne!(forms(&world), new);
    assert_eq!(
        world.number("SELECT max(version) FROM refinery_schema_history"),
        1
    );

    assert_eq!(world.list().await, before);
    assert_eq!(ledger(&world), removals);
    assert_eq!(forms(&world), new);
    let odd = open(&world.database()).execute("UPDATE action SET state = 'odd'", []);
    assert!(odd.unwrap_err().to_string().contains("CHECK"));
    world.trail_is_whole().await;
    let run = world.run().await;
    assert_eq!(
        (run.code, &run.json["actions"]),
        (0, &json!([])),
        "{:?}",
        run.errors()
    );
    let said = ask(
        &world,
        &["grant", "new@example.com", "--target", "sentius:acme"],
    )
    .await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(world.whitelisted(), ["jane@example.com", "new@example.com"]);
}
