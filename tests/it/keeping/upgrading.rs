//! A database of an earlier version is brought to the current form with all that is in it.

use rusqlite::Connection;
use serde_json::json;

use crate::world::asking::ask;
use crate::world::chain::{rehash, without_triggers};
use crate::world::{FUTURE, PAST, World};

/// The form of the first version, as it was shipped.
const FIRST: &str = include_str!("../../../migrations/V1__initial.sql");
/// The forms up to the seventh, in which addresses were matched in lower case only.
pub(crate) const SEVEN: [&str; 7] = [
    FIRST,
    include_str!("../../../migrations/V2__provision.sql"),
    include_str!("../../../migrations/V3__run_reach.sql"),
    include_str!("../../../migrations/V4__notices_and_reviews.sql"),
    include_str!("../../../migrations/V5__cheap_checks.sql"),
    include_str!("../../../migrations/V6__members_by_team.sql"),
    include_str!("../../../migrations/V7__obligations.sql"),
];

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
    downgrade_to(world, &SEVEN[..1]);
}

/// The same of a later version.
pub(crate) fn downgrade_to(world: &World, forms: &[&str]) {
    let old = world.path("old.db");
    let db = open(&old);
    for form in forms {
        db.execute_batch(form).unwrap();
    }
    db.execute_batch("DELETE FROM fact").unwrap();
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
    // Before the tenth form, person and target were not under the hash.
    without_triggers(&db, || rehash(&db, 1, 1));
    let mark = world.path("lapsed.db.mark");
    if let Ok(text) = std::fs::read_to_string(&mark) {
        let (seq, _) = text.split_once(':').unwrap();
        let sql = format!("SELECT seq || ':' || lower(hex(hash)) FROM event WHERE seq = {seq}");
        std::fs::write(&mark, &texts(&db, &sql)[0]).unwrap();
    }
    let history = texts(
        &db,
        "SELECT sql FROM new.sqlite_schema WHERE name = 'refinery_schema_history'",
    );
    db.execute_batch(&history[0]).unwrap();
    db.execute_batch(&format!(
        "INSERT INTO main.refinery_schema_history
         SELECT * FROM new.refinery_schema_history WHERE version <= {};
         PRAGMA application_id = 0x4c505344; DETACH new;",
        forms.len()
    ))
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

/// As the seventh form had the addresses: in lower case, and otherwise as they were written.
fn in_lower_case(world: &World) {
    let keys = "CASE trim(email) WHEN 'jane@example.com' THEN email ELSE lower(email) END";
    let mut sql = String::new();
    for table in ["grants", "action", "provision", "member", "invite"] {
        sql.push_str(&format!("UPDATE {table} SET email_key = {keys};"));
    }
    world.sql(&sql);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_one_person_become_one() {
    let world = World::new().await;
    let spellings = [
        "Jane@Example.com",
        "jane@example.com ",
        "jörg@bücher.example",
        "jörg@xn--bcher-kva.example",
    ];
    world.whitelist(&["Jane@Example.com", "jörg@bücher.example"]);
    world.team(
        "Core",
        &["Jane@Example.com", "jörg@bücher.example", "bob@example.com"],
    );
    world.invite("Core", "zoë@bücher.example");
    world
        .grants(&[
            &format!("{},sentius:acme,{PAST}", spellings[0]),
            &format!("{},sentius:acme,{PAST}", spellings[2]),
            &format!("{},sapling:acme/Core,{FUTURE}", spellings[3]),
            &format!("Zoë@xn--bcher-kva.example,sapling:acme/Core,{FUTURE}"),
        ])
        .await;
    assert_eq!(world.dry_run(None).await.code, 0);
    downgrade_to(&world, &SEVEN);
    in_lower_case(&world);
    let run = "INSERT INTO run (id, started_at, dry_run) VALUES ('r', 1, 0);";
    let mut sql = run.to_owned();
    for (n, (email, tried)) in spellings.iter().zip([0, 1, 0, 0]).enumerate() {
        let key = email.to_lowercase();
        sql.push_str(&format!(
            "INSERT INTO action (kind, target, person, what, email, email_key, reason, due_at, planned_at, run, state,
                                 attempts)
             SELECT 'whitelist.remove', id, '{key}', 'access', '{email}', '{key}', 'grant.ended', 1, {n}, 'r', 'planned',
                    {tried} FROM target WHERE provider = 'sentius';
             INSERT INTO provision (kind, target, email, email_key, command, asked_by, planned_at, due_at, state, attempts)
             SELECT 'member.add', id, '{email}', '{key}', 'grant', 'ann', {n}, 1, 'planned', {tried}
             FROM target WHERE provider = 'sapling';
             INSERT INTO notice SELECT id, '{key}', 1, 1, 1, {n} FROM grants WHERE id = 1;
             INSERT OR REPLACE INTO entry SELECT target, '{key}', '{email}', 'recorded', NULL, '', 1, NULL, {n}, 0
             FROM grants WHERE id = 1;
             INSERT INTO suppressed (account, email, email_key, first_seen) VALUES ('acme', '{email}', '{key}', 1);
             INSERT INTO invite (target, email, email_key, registered, confirmed, permissions, first_seen)
             SELECT id, '{email}', '{key}', 0, 0, '', 1 FROM target WHERE provider = 'sapling';"
        ));
    }
    world.sql(&sql);

    assert_eq!(world.list().await.len(), 4);
    assert!(world.path("lapsed.db.form-7").exists());
    let odd = "SELECT json_array('%', email_key) FROM % WHERE email_key IN
               ('jane@example.com ', 'jörg@bücher.example', 'zoë@bücher.example')";
    for table in [
        "grants",
        "action",
        "provision",
        "member",
        "invite",
        "suppressed",
        "event_payload",
    ] {
        assert_eq!(world.texts(&odd.replace('%', table)), [""; 0]);
    }
    for (sql, wanted) in [
        // The one that was tried, and the oldest one.
        (
            "SELECT person || '|' || email FROM action WHERE settled_at IS NULL",
            [
                "jane@example.com|jane@example.com ",
                "jörg@xn--bcher-kva.example|jörg@bücher.example",
            ],
        ),
        (
            "SELECT email_key || '|' || email FROM provision WHERE settled_at IS NULL",
            [
                "jane@example.com|jane@example.com ",
                "jörg@xn--bcher-kva.example|jörg@bücher.example",
            ],
        ),
        (
            "SELECT recipient || '|' || told_at FROM notice",
            ["jane@example.com|1", "jörg@xn--bcher-kva.example|3"],
        ),
        (
            "SELECT DISTINCT person || '|' FROM entry",
            ["jane@example.com|", "jörg@xn--bcher-kva.example|"],
        ),
    ] {
        let mut found = world.texts(sql);
        found.sort();
        assert_eq!(found, wanted, "{sql}");
    }
    let withdrawn =
        "FROM action WHERE state = 'withdrawn' AND settled_at IS NOT NULL AND detail IS NOT NULL";
    assert_eq!(world.number(&format!("SELECT count(*) {withdrawn}")), 2);
    assert_eq!(world.number("SELECT count(*) FROM entry"), 4);
    for (table, people) in [("suppressed", 2), ("invite", 3)] {
        let open = format!("SELECT count(*) FROM {table} WHERE gone_at IS NULL");
        assert_eq!(world.number(&open), people, "{table}");
    }
    world.trail_is_whole().await;

    let run = world.run().await;
    assert!(run.errors().is_empty(), "{:?}", run.errors());
    assert!(world.whitelisted().is_empty(), "{:?}", world.whitelisted());
    let members = world.rows(&["members", "--format", "json"]).await;
    let jörg = members.iter().find(|m| m["email"] == "jörg@bücher.example");
    assert_eq!(jörg.unwrap()["covered"], true);
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_leaves_a_copy_that_an_older_program_is_told_of() {
    let world = World::new().await;
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    downgrade_to(&world, &SEVEN);
    let before = ledger(&world);
    assert_eq!(world.list().await.len(), 1);

    let copy = world.path("lapsed.db.form-7");
    assert_eq!(
        texts(&open(&copy), "SELECT email FROM grants"),
        ["jane@example.com"]
    );
    assert_eq!(ledger(&world), before);
    // As if a still newer program had been here.
    world.sql("UPDATE refinery_schema_history SET version = 9999 WHERE version = 8");
    let refused = world.lapsed(&["list"]).await;
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("a newer lapsed (form 9999"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("lapsed.db.form-7"),
        "{}",
        refused.stderr
    );
}

/// A database of the sixth form in which a grant is closed whose person is a member: as an older
/// program left it that took a missing row for a proof.
async fn closed_and_there() -> World {
    let mut world = World::new().await;
    world.config.mail = crate::world::Mail::Smtp;
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&["bob@example.com,sapling:acme/Core,12h"])
        .await;
    assert_eq!(world.run().await.code, 0);
    world.later(13 * 60);
    downgrade_to(&world, &SEVEN[..6]);
    open(&world.database())
        .execute_batch("UPDATE grants SET removed_at = ends_at + 1000")
        .unwrap();
    world.forget_calls();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_upgrade_alone_makes_due_is_held_and_mailed_once_and_never_removed_unasked() {
    let world = closed_and_there().await;
    let mut runs = Vec::new();
    for n in 0..3 {
        let run = world.run().await;
        assert_eq!(run.code, 4, "{:?}", run.actions());
        assert_eq!(
            run.actions(),
            ["member.remove sapling:acme/Core bob@example.com grant.ended held -"]
        );
        let told = run
            .mails()
            .iter()
            .filter(|m| m.starts_with("hold "))
            .count();
        assert_eq!(told, usize::from(n == 0), "mailed once");
        runs.push(run);
        world.later(20);
    }
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    let listed = ask_status(&world).await;
    assert_eq!(listed, 4);

    let said = world.lapsed(&["approve", runs[0].id()]).await;

    assert_eq!(said.code, 0, "{}", said.stderr);
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.actions());
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    world.trail_is_whole().await;
}

async fn ask_status(world: &World) -> i32 {
    world.lapsed(&["status"]).await.code
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_upgrade_makes_due_waits_though_a_look_or_a_command_comes_first() {
    let world = closed_and_there().await;
    assert_eq!(world.lapsed(&["members"]).await.code, 0);
    world.dry_run(None).await;
    let run = world.run().await;
    assert_eq!(run.code, 4, "{:?}", run.actions());
    assert!(world.writes().is_empty());
    // A person's word is a person's word.
    let revoke = ["revoke", "bob@example.com", "--target", "sapling:acme/Core"];
    assert_eq!(world.lapsed(&revoke).await.code, 0);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}
