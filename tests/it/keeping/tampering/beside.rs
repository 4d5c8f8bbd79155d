//! What lies beside the rows: the schema, and the mark.

use super::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_of_somebody_else_is_found_and_so_is_one_that_is_missing() {
    let scene = Scene::new().await;
    let foreign = "CREATE TRIGGER kind_one AFTER INSERT ON grants
                   BEGIN UPDATE grants SET ends_at = NULL WHERE id = new.id; END";
    scene.after(|_| ()).await;
    scene.world.sql(foreign);
    let printed = scene.verify().await;
    assert_eq!(printed.code, 1);
    assert!(
        printed
            .stderr
            .contains("the trigger kind_one is none of lapsed's"),
        "{}",
        printed.stderr
    );
    scene
        .world
        .sql("DROP TRIGGER kind_one; DROP TRIGGER event_stays");
    let printed = scene.verify().await;
    assert!(
        printed
            .stderr
            .contains("the trigger event_stays is missing"),
        "{}",
        printed.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_schema_is_found_whatever_it_is_called() {
    let scene = Scene::new().await;
    let acts =
        "AFTER INSERT ON grants BEGIN UPDATE grants SET ends_at = NULL WHERE id = new.id; END";
    // As SQLite allows with a trigger, and as it does with a writable schema alone.
    let with_a_tables_name = format!("CREATE TRIGGER refinery_schema_history {acts}");
    let directly = |kind: &str, name: &str, of: &str, sql: &str| {
        format!(
            "PRAGMA writable_schema = ON;
             INSERT INTO sqlite_schema VALUES ('{kind}', '{name}', '{of}', 0, '{sql}')"
        )
    };
    let with_sqlites_name = format!("CREATE TRIGGER sqlite_evil {acts}");
    for (sql, name) in [
        (with_a_tables_name, "trigger refinery_schema_history"),
        (
            directly("trigger", "sqlite_evil", "grants", &with_sqlites_name),
            "trigger sqlite_evil",
        ),
        (
            directly(
                "view",
                "sqlite_evil",
                "sqlite_evil",
                "CREATE VIEW sqlite_evil AS SELECT 1",
            ),
            "view sqlite_evil",
        ),
    ] {
        scene.after(|_| ()).await;
        scene.world.sql(&sql);
        let printed = scene.verify().await;
        assert_eq!(printed.code, 1, "{name}: {}", printed.stdout);
        assert!(
            printed
                .stderr
                .contains(&format!("the {name} is none of lapsed's")),
            "{}",
            printed.stderr
        );
    }
    // SQLite's own is nobody's doing.
    scene.after(|_| ()).await;
    scene.world.sql("ANALYZE; VACUUM; REINDEX");
    let printed = scene.verify().await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_ends_before_the_mark_is_told_whatever_else_is_found_and_in_either_form() {
    let scene = Scene::new().await;
    // The last event tells of nothing that a row shows.
    scene.world.forge("run.finished", None, None, "{}");
    let marked = scene
        .world
        .texts("SELECT seq || ':' || lower(hex(hash)) FROM event ORDER BY seq DESC LIMIT 1");
    scene.world.write("lapsed.db.mark", &marked[0]);
    let changed = "UPDATE grants SET ends_at = 4102444799999 WHERE email = 'jane@example.com'";
    for (sql, wanted) in [("", 4), (changed, 1)] {
        scene.after(|db| db.execute_batch(sql).unwrap()).await;
        for form in ["text", "json"] {
            let verify = ["audit", "verify", "--format", form];
            let printed = scene.world.lapsed(&verify).await;
            assert_eq!(printed.code, wanted, "{form}: {}", printed.stderr);
            assert!(
                printed.stderr.contains("it is an older copy"),
                "{form}: {}",
                printed.stderr
            );
        }
    }
}
