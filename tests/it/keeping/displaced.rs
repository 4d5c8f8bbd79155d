//! Files that change under a process: a database that was replaced decides nothing any more, a log
//! that was deleted loses nothing, and a lock that was deleted lets nobody do anything twice.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use lapsed_sandbox::{Fault, When};

use crate::world::{Daemon, FUTURE, PAST, Printed, World, until};

async fn end(child: Child) -> Printed {
    let output = tokio::task::spawn_blocking(move || child.wait_with_output());
    Printed::of(&output.await.unwrap().unwrap())
}

/// Waits until the daemon has ended by itself; its log.
async fn ended(mut daemon: Daemon) -> String {
    let begin = Instant::now();
    while daemon.is_running() {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "{}",
            daemon.log()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let log = daemon.log();
    assert_eq!(daemon.code(), Some(1), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    log
}

/// Jane has access for long; a copy of the database does not know that.
async fn with_an_older_copy() -> World {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    copy(&world).await;
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{FUTURE}")])
        .await;
    world
}

async fn copy(world: &World) {
    let file = world.path("copy.db");
    let printed = world.lapsed(&["backup", file.to_str().unwrap()]).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
}

/// Puts the copy in the place of the database, as `install` and `mv` do.
fn install(world: &World) {
    fs::rename(world.path("copy.db"), world.database()).unwrap();
}

async fn extend(world: &World) -> Printed {
    let target = ["--target", "sentius:acme", "--end", "2099-01-01"];
    let args = [&["extend", "jane@example.com"][..], &target].concat();
    world.lapsed(&args).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_database_was_replaced_says_so_and_stops_and_the_next_one_doubts() {
    let world = with_an_older_copy().await;
    let daemon = Daemon::past_first_pass(&world).await;
    stop_at_rest(&world, &daemon).await;
    install(&world);
    let refused = extend(&world).await;
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let said = "was replaced while another process of lapsed";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);

    daemon.signal("CONT");
    let log = ended(daemon).await;

    let said = "lapsed.db was replaced while lapsed had it open";
    assert!(log.contains(said), "{log}");
    let run = world.run().await;
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(run.detail().contains("older copy"), "{}", run.detail());
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
    let verified = world.lapsed(&["audit", "verify"]).await;
    assert!(verified.stdout.starts_with("whole"), "{}", verified.stderr);
    // The log of the one that was there before did not come into this one, and is not lost either.
    assert!(world.path("lapsed.db.earlier-wal").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_moved_together_with_its_log_keeps_what_the_log_holds() {
    let world = World::new().await;
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world.whitelist(&["jane@example.com"]);
    // Killed, it leaves what it wrote in the log.
    world.dies("after-intent").await;
    let intents = || {
        world
            .events()
            .iter()
            .filter(|e| e.kind == "action.intent")
            .count()
    };
    for name in [
        "lapsed.db",
        "lapsed.db-wal",
        "lapsed.db-shm",
        "lapsed.db.open",
    ] {
        let (from, copy) = (world.path(name), world.path(&format!("copied-{name}")));
        fs::copy(&from, &copy).unwrap();
        fs::rename(&copy, &from).unwrap();
    }
    let run = world.run().await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!world.path("lapsed.db.earlier-wal").exists());
    let events = world.events();
    assert!(events.iter().any(|e| e.kind == "action.interrupted"));
    assert_eq!(intents(), 2, "the first one came with the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_database_is_gone_says_so_and_makes_no_other() {
    let world = with_an_older_copy().await;
    let daemon = Daemon::past_first_pass(&world).await;
    fs::rename(world.database(), world.path("away.db")).unwrap();
    let log = ended(daemon).await;
    let said = "lapsed.db was deleted or moved away while lapsed had it open";
    assert!(log.contains(said), "{log}");
    assert!(!world.database().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_deleted_under_a_daemon_loses_nothing_that_was_acknowledged() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    let soon = (world.now() + jiff::SignedDuration::from_secs(600)).to_string();
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{soon}")])
        .await;
    let daemon = Daemon::past_first_pass(&world).await;
    stop_at_rest(&world, &daemon).await;
    let extended = extend(&world).await;
    assert_eq!(extended.code, 0, "{}", extended.stderr);

    fs::remove_file(world.path("lapsed.db-wal")).unwrap();

    let refused = world.lapsed(&["list"]).await;
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let said = "lapsed.db-wal was deleted while another process of lapsed";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    daemon.signal("CONT");
    let log = ended(daemon).await;
    assert!(log.contains("lapsed.db-wal was deleted"), "{log}");
    let rows = world.list().await;
    assert!(
        rows[0]["end"].as_str().unwrap().starts_with("2099"),
        "{rows:?}"
    );
    let run = world.run().await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
    world.trail_is_whole().await;
}

/// Stops the daemon's process for a while, at a moment in which it does not write.
async fn stop_at_rest(world: &World, daemon: &Daemon) {
    for _ in 0..100 {
        daemon.signal("STOP");
        // A signal arrives a moment later.
        tokio::time::sleep(Duration::from_millis(20)).await;
        if world.is_free() {
            return;
        }
        daemon.signal("CONT");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the daemon writes all the time");
}

/// So many are due, one call at a time, and the first one takes long.
async fn due(count: usize) -> World {
    let mut world = World::new().await;
    world.config.guard = "max_removals = 1000\nmax_removal_percent = 100\n".to_owned();
    world.config.http.push_str("concurrency = 1\n");
    world.overdue(count).await;
    world
}

/// A pass whose first removal is under way for a while.
async fn removing(world: &World) -> Child {
    let slowly = Fault::Delay(Duration::from_millis(2500));
    world.sentius.faults().once(When::method("DELETE"), slowly);
    let pass = world.start();
    until("the first removal is under way", || deletes(world) > 0).await;
    pass
}

fn deletes(world: &World) -> usize {
    let calls = world.sentius.calls();
    calls.iter().filter(|c| c.method == "DELETE").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_whose_database_was_replaced_calls_nobody_any_more() {
    let world = due(20).await;
    copy(&world).await;
    let pass = removing(&world).await;

    install(&world);

    let pass = end(pass).await;
    assert_eq!(pass.code, 1, "{}", pass.stdout);
    let said = "lapsed.db was replaced while lapsed had it open";
    assert!(pass.stderr.contains(said), "{}", pass.stderr);
    assert_eq!(deletes(&world), 1, "{:?}", world.writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_database_is_replaced_in_the_middle_of_a_pass_calls_nobody_any_more() {
    let world = due(20).await;
    copy(&world).await;
    let slowly = Fault::Delay(Duration::from_millis(2500));
    world.sentius.faults().once(When::method("DELETE"), slowly);
    let daemon = Daemon::start(&world);
    until("the first removal is under way", || deletes(&world) > 0).await;

    install(&world);

    let log = ended(daemon).await;
    let said = "lapsed.db was replaced while lapsed had it open";
    assert!(log.contains(said), "{log}");
    assert_eq!(deletes(&world), 1, "{:?}", world.writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_lock_does_not_let_two_passes_act() {
    for locks in [&["lock"][..], &["pass"], &["lock", "pass"]] {
        let world = due(20).await;
        let pass = removing(&world).await;
        for ending in locks {
            fs::remove_file(world.path(&format!("lapsed.db.{ending}"))).unwrap();
        }

        let second = world.lapsed(&["--run-now"]).await;

        let pass = end(pass).await;
        assert_eq!(pass.code, 1, "{locks:?}: {}", pass.stdout);
        let said = "while lapsed had it open";
        assert!(pass.stderr.contains(said), "{locks:?}: {}", pass.stderr);
        // The one that was under way is settled by calling once more.
        let most = if second.code == 5 { 1 } else { 21 };
        assert!(deletes(&world) <= most, "{locks:?}: {:?}", world.writes());
        let run = world.run().await;
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(world.whitelisted().is_empty());
        world.all_settled_once().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_lock_was_deleted_stops() {
    let world = due(1).await;
    let daemon = Daemon::past_first_pass(&world).await;
    fs::remove_file(world.path("lapsed.db.daemon")).unwrap();
    let log = ended(daemon).await;
    assert!(log.contains("lapsed.db.daemon was deleted"), "{log}");
    let daemon = Daemon::start(&world);
    until("the next one is there", || {
        daemon.log().contains("started on")
    })
    .await;
    assert_eq!(daemon.stop().await, 0);
}
