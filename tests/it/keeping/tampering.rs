//! Who changes the database behind lapsed's back is found out, whatever is changed; or the threat model
//! says of what that is not so.

mod beside;

use std::collections::BTreeMap;
use std::path::PathBuf;

use lapsed_sandbox::{Fault, When};
use rusqlite::Connection;

use crate::world::chain::{rehash, without_triggers};
use crate::world::{FUTURE, Mail, PAST, Printed, World, trail};

/// Grants of every kind and what became of them: given, recorded, extended, revoked, ended, refused,
/// held, approved, mailed, and kept waiting.
async fn filled() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.config.guard = "max_removals = 2".to_owned();
    let people: Vec<String> = (0..4).map(|n| format!("p{n}@example.com")).collect();
    let mut names: Vec<&str> = people.iter().map(String::as_str).collect();
    names.push("jane@example.com");
    world.whitelist(&names);
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world.team("Ops", &["eve@example.com"]);
    world.invite("Core", "new@example.com");
    let mut rows: Vec<String> = people
        .iter()
        .map(|who| format!("{who},sentius:acme,{PAST},it@acme.example,Some Body,a project"))
        .collect();
    for (who, target, end) in [
        ("jane@example.com", "sentius:acme", FUTURE),
        ("bob@example.com", "sapling:acme/Core", FUTURE),
        ("eve@example.com", "sapling:acme/Ops", FUTURE),
    ] {
        rows.push(format!("{who},{target},{end},it@acme.example,,"));
    }
    let csv = format!("email,target,end,owner,name,reason\n{}\n", rows.join("\n"));
    world.import(&csv).await;
    let held = world.run().await;
    assert_eq!(held.code, 4);
    let run = held.json["run"].as_str().unwrap().to_owned();
    assert_eq!(
        world.lapsed(&["approve", &run, "--by", "ann"]).await.code,
        0
    );
    assert_eq!(world.run().await.code, 0);
    let target = ["--target", "sentius:acme"];
    for args in [
        &["grant", "tim@example.com", "--end", FUTURE, "--name", "Tim"][..],
        &["extend", "jane@example.com", "--end", "2098-12-31"],
        &["grant", "sam@example.com", "--end", FUTURE],
        &["revoke", "sam@example.com"],
    ] {
        let said = world.lapsed(&[args, &target].concat()).await;
        assert_eq!(said.code, 0, "{args:?}: {}", said.stderr);
    }
    let args = ["grant", "amy@example.com", "--target", "sapling:acme/Core"];
    let role = ["--role", "manager", "--end", FUTURE];
    assert_eq!(world.lapsed(&[&args[..], &role].concat()).await.code, 0);
    // One that is still to be given.
    let fails = When::method("POST").email("zoe@");
    world.sentius.faults().always(fails, Fault::status(503));
    let waits = ["grant", "zoe@example.com", "--end", FUTURE];
    assert_eq!(world.lapsed(&[&waits[..], &target].concat()).await.code, 3);
    world.config.mail = Mail::Nobody;
    world.lapsed(&["revoke", "eve@example.com"]).await;
    world.run().await;
    world
}

/// The database as it is before somebody comes, and put back for each that does.
struct Scene {
    world: World,
    before: PathBuf,
}

impl Scene {
    async fn new() -> Self {
        let world = filled().await;
        world.trail_is_whole().await;
        let before = world.path("before.db");
        world.sql("PRAGMA wal_checkpoint(TRUNCATE)");
        std::fs::copy(world.database(), &before).unwrap();
        Self { world, before }
    }

    /// Does something to the database, and asks whether it is whole.
    async fn after(&self, job: impl FnOnce(&Connection)) -> Printed {
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(self.world.path(&format!("lapsed.db{ending}")));
        }
        std::fs::copy(&self.before, self.world.database()).unwrap();
        let db = trail::open(&self.world);
        db.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
            .unwrap();
        without_triggers(&db, || job(&db));
        drop(db);
        self.verify().await
    }

    async fn sql(&self, sql: &str) -> Printed {
        self.after(|db| {
            db.execute_batch(sql).unwrap();
            assert!(db.total_changes() > 0, "nothing was changed: {sql}");
        })
        .await
    }

    async fn verify(&self) -> Printed {
        self.world.lapsed(&["audit", "verify"]).await
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        self.world.texts(sql)
    }

    fn tables(&self) -> Vec<String> {
        self.texts(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
        )
    }

    fn columns(&self, table: &str) -> Vec<String> {
        self.texts(&format!("SELECT name FROM pragma_table_info('{table}')"))
    }

    fn key(&self, table: &str) -> String {
        let sql = format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk");
        self.texts(&sql).join(", ")
    }

    /// What the threat model says is not compared: the columns by table.
    fn exempt(&self) -> BTreeMap<String, Vec<String>> {
        let text = include_str!("../../../docs/THREAT-MODEL.md");
        let (_, list) = text.split_once("| table | not compared |").unwrap();
        let lines = list
            .lines()
            .skip(2)
            .take_while(|line| line.starts_with('|'));
        lines
            .map(|line| {
                let cells: Vec<&str> = line.split('|').map(str::trim).collect();
                let table = cells[1].trim_matches('`').to_owned();
                let columns = match cells[2] {
                    "all" => self.columns(&table),
                    some => some
                        .split(", ")
                        .map(|column| column.trim_matches('`').to_owned())
                        .collect(),
                };
                let known = self.columns(&table);
                assert!(!known.is_empty(), "no table {table}");
                assert!(columns.iter().all(|c| known.contains(c)), "{table}");
                (table, columns)
            })
            .collect()
    }
}

/// Another value that the column could hold.
fn other(column: &str) -> String {
    match column {
        "doubt_digest" => "zeroblob(32)".to_owned(),
        "state" => "iif(state = 'sent', 'queued', 'sent')".to_owned(),
        _ => format!(
            "CASE typeof({column}) WHEN 'integer' THEN iif({column} IN (0, 1), 1 - {column}, {column} + 1000)
             WHEN 'text' THEN {column} || 'x' WHEN 'blob' THEN zeroblob(length({column})) ELSE 5 END"
        ),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_every_table_is_watched_or_the_threat_model_names_it() {
    let scene = Scene::new().await;
    let exempt = scene.exempt();
    let mut unnoticed = Vec::new();
    for table in scene.tables() {
        let key = scene.key(&table);
        for column in scene.columns(&table) {
            if exempt.get(&table).is_some_and(|of| of.contains(&column)) {
                continue;
            }
            let printed = scene
                .sql(&format!(
                    "UPDATE {table} SET {column} = {} WHERE ({key}) =
                     (SELECT {key} FROM {table} ORDER BY {column} IS NULL, {key} LIMIT 1)",
                    other(&column)
                ))
                .await;
            if printed.code != 1 {
                unnoticed.push(format!(
                    "{table}.{column}: {} {}",
                    printed.code, printed.stdout
                ));
            }
            let names = printed.stderr.contains(&table) || table.starts_with("event");
            assert!(names, "{table}.{column}: {}", printed.stderr);
        }
    }
    assert_eq!(unnoticed, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_threat_model_names_is_no_more_than_what_is_not_compared() {
    let scene = Scene::new().await;
    let mut sql = String::new();
    for (table, columns) in scene.exempt() {
        // Its version would have the database refused.
        if table != "refinery_schema_history" {
            let all = columns
                .iter()
                .map(|column| format!("{column} = {}", other(column)));
            let all: Vec<String> = all.collect();
            sql += &format!("UPDATE OR IGNORE {table} SET {};", all.join(", "));
        }
    }
    let printed = scene.sql(&sql).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_put_in_or_taken_out_is_found() {
    let scene = Scene::new().await;
    let exempt = scene.exempt();
    for table in scene.tables() {
        let columns = scene.columns(&table);
        if exempt.get(&table).is_some_and(|of| *of == columns) {
            continue;
        }
        let changed = columns.iter().map(|column| match column.as_str() {
            "id" | "seq" => format!("(SELECT max({column}) + 1 FROM {table})"),
            "person" | "email" | "email_key" | "account" | "remote_id" | "unique_key" => {
                format!("{column} || 'y'")
            }
            other => other.to_owned(),
        });
        let changed: Vec<String> = changed.collect();
        let (columns, changed) = (columns.join(", "), changed.join(", "));
        let insert =
            format!("INSERT INTO {table} ({columns}) SELECT {changed} FROM {table} LIMIT 1");
        let printed = scene.sql(&insert).await;
        assert_eq!(printed.code, 1, "{insert}: {}", printed.stdout);
        if table == "event_payload" {
            continue;
        }
        let key = scene.key(&table);
        for order in ["ASC", "DESC"] {
            let delete = format!(
                "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} ORDER BY 1 {order} LIMIT 1)"
            );
            let printed = scene.sql(&delete).await;
            assert!(printed.code == 1, "{delete}: {}", printed.stdout);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_is_named_with_its_person_and_with_what_the_trail_tells() {
    let scene = Scene::new().await;
    let moved = "UPDATE grants SET ends_at = 4102444799999 WHERE email = 'jane@example.com'";

    let printed = scene.sql(moved).await;

    assert_eq!(printed.code, 1);
    for words in [
        "(jane@example.com, sentius:acme): ends_at is 2099-12-31T23:59:59.999Z, and 2098-12-31T23:59:59.999Z by the trail (event ",
        "changed by something else than lapsed",
        "OPERATIONS.md",
    ] {
        assert!(
            printed.stderr.contains(words),
            "{words}: {}",
            printed.stderr
        );
    }
    let verify = ["audit", "verify", "--format", "json"];
    let json = scene.world.lapsed(&verify).await;
    let found: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, &found["whole"]), (1, &false.into()));
    assert_eq!(found["differences"].as_array().unwrap().len(), 1);

    // What somebody writes there does nothing to a terminal.
    let hostile = "UPDATE grants SET owner = 'x' || char(27) || '[2J' || char(8238)";
    let printed = scene.sql(hostile).await;
    let acts = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(
        printed.code == 1 && !printed.stderr.contains(acts),
        "{:?}",
        printed.stderr
    );

    // What lapsed writes over it does not hide it.
    scene.sql(moved).await;
    let extended = [
        "extend",
        "jane@example.com",
        "--target",
        "sentius:acme",
        "--end",
        "2097-12-31",
    ];
    assert_eq!(scene.world.lapsed(&extended).await.code, 0);
    let printed = scene.verify().await;
    assert_eq!(printed.code, 1);
    assert!(
        printed.stderr.contains("found it changed"),
        "{}",
        printed.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_cannot_be_moved_into_its_salt_nor_an_event_made_one_of_the_old_form() {
    let scene = Scene::new().await;
    // The bytes under the hash stay the same.
    let moved = "UPDATE event_payload SET salt = CAST(salt || substr(body, 1, 5) AS BLOB), body = substr(body, 6)
                 WHERE seq = 3";
    let printed = scene.sql(moved).await;
    assert_eq!(printed.code, 1);
    assert!(
        printed.stderr.contains("event 3: its payload's salt"),
        "{}",
        printed.stderr
    );
    let shorter =
        "UPDATE event_payload SET salt = substr(salt, 1, 12), body = 'abcd' || body WHERE seq = 3";
    assert_eq!(scene.sql(shorter).await.code, 1);

    // The last event in the old form, with a hash that fits it, and another person beside it.
    let printed = scene
        .after(|db| {
            let last = "(SELECT max(seq) FROM event)";
            db.execute_batch(&format!(
                "UPDATE event SET version = 1 WHERE seq = {last};
                 UPDATE event_payload SET email_key = 'mallory@example.com' WHERE seq = {last};"
            ))
            .unwrap();
            let seq = db.query_row("SELECT max(seq) FROM event", [], |row| row.get(0));
            rehash(db, 1, seq.unwrap());
        })
        .await;
    assert_eq!(printed.code, 1);
    assert!(printed.stderr.contains("older form"), "{}", printed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_the_chain_can_lengthen_it_and_is_not_found_but_rewriting_it_is_by_a_head() {
    let scene = Scene::new().await;
    let head = scene.verify().await.stdout;
    let head = head.trim_end().rsplit(' ').next().unwrap().to_owned();
    let grant = "(SELECT min(id) FROM grants WHERE email = 'jane@example.com')";

    // As the threat model says.
    let rows = scene.texts(&format!(
        "SELECT json_object('rows', json_array(json_object('table', 'grants', 'key', json_array(id),
                'was', json_object('ends_at', ends_at), 'is', json_object('ends_at', NULL))))
         FROM grants WHERE id = {grant}"
    ));
    scene
        .world
        .forge("grant.extended", None, Some("jane@example.com"), &rows[0]);
    scene.world.sql(&format!(
        "UPDATE grants SET ends_at = NULL WHERE id = {grant}"
    ));
    assert_eq!(scene.verify().await.code, 0);
    let with_head = ["audit", "verify", "--head", &head];
    assert_eq!(scene.world.lapsed(&with_head).await.code, 0);

    scene
        .after(|db| {
            db.execute_batch("UPDATE event SET kind = 'team.observed' WHERE seq = 2")
                .unwrap();
            rehash(db, 2, 2);
        })
        .await;
    let printed = scene.world.lapsed(&with_head).await;
    assert_eq!(printed.code, 1);
    assert!(
        printed.stderr.contains("not on this chain"),
        "{}",
        printed.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_payload_is_no_break_and_what_cannot_be_checked_is_told() {
    let scene = Scene::new().await;
    let erase = "DELETE FROM event_payload WHERE email_key = 'jane@example.com'";
    let printed = scene.sql(erase).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert!(
        printed.stdout.contains("with their data erased"),
        "{}",
        printed.stdout
    );
    assert!(
        printed.stderr.contains("cannot be checked") && printed.stderr.contains("grants "),
        "{}",
        printed.stderr
    );
    assert!(
        !printed.stderr.contains("tim@example.com"),
        "{}",
        printed.stderr
    );
}
