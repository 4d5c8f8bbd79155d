//! What systemd hears, and what it tells: ready, status, reload, watchdog, stop; a pass that panics or
//! hangs.

use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use lapsed_sandbox::{Fault, When};

use crate::world::{Daemon, FUTURE, PAST, World, until};

/// Stands in for systemd at the socket that it would listen at.
struct Manager {
    heard: Receiver<String>,
    path: String,
}

impl Manager {
    fn new(world: &World) -> Self {
        let path = world.path("notify").to_str().unwrap().to_owned();
        let socket = UnixDatagram::bind(&path).unwrap();
        let (sender, heard) = mpsc::channel();
        // As systemd does, it listens all the time: the queue of such a socket is short.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if sender.send(text).is_err() {
                    break;
                }
            }
        });
        Self { heard, path }
    }

    fn start(&self, world: &World, more: &[(&str, &str)]) -> Daemon {
        let mut env = vec![("NOTIFY_SOCKET", self.path.as_str())];
        env.extend(more);
        Daemon::start_with(world, &env)
    }

    /// The messages up to the one that holds this text.
    fn until(&self, text: &str) -> Vec<String> {
        let mut heard = Vec::new();
        while !heard
            .last()
            .is_some_and(|last: &String| last.contains(text))
        {
            let next = self.heard.recv_timeout(Duration::from_secs(20));
            heard.push(next.unwrap_or_else(|_| panic!("never {text}: {heard:?}")));
        }
        heard
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_before_its_backlog_tells_what_comes_next_and_that_it_stops() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com", "bob@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            &format!("bob@example.com,sentius:acme,{FUTURE}"),
        ])
        .await;
    let slow = Fault::Delay(Duration::from_secs(2));
    world.sapling.faults().once(When::any(), slow);
    let manager = Manager::new(&world);
    let daemon = manager.start(&world, &[]);

    manager.until("READY=1");
    assert!(world.writes().is_empty(), "the backlog is still to come");

    let status = manager.until("STATUS=last pass").pop().unwrap();
    assert!(
        status.contains("converged; next end 2099-12-31 00:00:00 UTC"),
        "{status}"
    );
    assert_eq!(world.whitelisted(), ["bob@example.com"]);

    let stopping = tokio::spawn(daemon.stop());
    let manager = tokio::task::spawn_blocking(move || {
        manager.until("STOPPING=1");
        manager
    })
    .await
    .unwrap();
    assert_eq!(stopping.await.unwrap(), 0);

    // The next one knows what the last one did.
    let daemon = manager.start(&world, &[]);
    let again = manager.until("STATUS=").pop().unwrap();
    assert_eq!(again, status);
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_over_a_good_configuration_and_keeps_the_old_one_when_it_is_broken() {
    let mut world = World::new().await;
    world.config.guard = "protected = [\"jane@example.com\"]\n".to_owned();
    world.whitelist(&["jane@example.com", "bob@example.com", "amy@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    let manager = Manager::new(&world);
    let mut daemon = manager.start(&world, &[]);
    manager.until("STATUS=last pass");
    assert_eq!(world.whitelisted().len(), 3);

    // Broken: a word about it, and all goes on as before.
    let good = std::fs::read_to_string(world.path("lapsed.toml")).unwrap();
    world.write("lapsed.toml", "[guard]\nprotectd = []\n");
    daemon.signal("HUP");
    let heard = manager.until("READY=1");
    assert!(
        heard
            .iter()
            .any(|h| h.contains("RELOADING=1") && h.contains("MONOTONIC_USEC="))
    );
    let log = daemon.log();
    assert!(log.contains("the one in use stays"), "{log}");
    assert!(
        log.contains("protectd") && log.contains("protected"),
        "{log}"
    );
    world.write("lapsed.toml", &good);
    world
        .grants(&[&format!("bob@example.com,sentius:acme,{PAST}")])
        .await;
    until("what ends is still ended", || {
        world.whitelisted() == ["amy@example.com", "jane@example.com"]
    })
    .await;

    // Good: nobody is protected any more. The next end on the whitelist takes Jane along.
    world.config.guard = String::new();
    let _ = world.command(&[]);
    daemon.signal("HUP");
    manager.until("READY=1");
    assert!(daemon.log().contains("the configuration was read anew"));
    world
        .grants(&[&format!("amy@example.com,sentius:acme,{PAST}")])
        .await;
    until("both are gone", || world.whitelisted().is_empty()).await;
    assert!(daemon.is_running());
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_database_needs_a_restart_and_a_reload_says_so() {
    let mut world = World::new().await;
    let manager = Manager::new(&world);
    let daemon = manager.start(&world, &[]);
    manager.until("STATUS=last pass");

    world.config.database = "other.db";
    let _ = world.command(&[]);
    daemon.signal("HUP");
    manager.until("READY=1");

    let log = daemon.log();
    assert!(log.contains("state.path"), "{log}");
    assert!(!world.path("other.db").exists());
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watchdog_is_fed_while_all_is_well() {
    let world = World::new().await;
    let manager = Manager::new(&world);
    let daemon = manager.start(&world, &[("WATCHDOG_USEC", "200000")]);
    manager.until("STATUS=last pass");
    for _ in 0..5 {
        manager.until("WATCHDOG=1");
    }
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_hangs_is_told_and_the_watchdog_goes_hungry() {
    let mut world = World::new().await;
    world.config.http = "timeout = \"1s\"\nrequests_per_second = 1000\n".to_owned();
    let manager = Manager::new(&world);
    let env = [
        ("WATCHDOG_USEC", "200000"),
        ("LAPSED_FAILPOINT", "hang"),
        // Some minutes of patience are some seconds here.
        ("LAPSED_HURRY", "1"),
    ];
    let daemon = manager.start(&world, &env);
    manager.until("WATCHDOG=1");
    until("it is told", || daemon.log().contains("has not got on")).await;
    while manager.heard.try_recv().is_ok() {}
    let hears = manager.heard.recv_timeout(Duration::from_secs(1));
    assert!(hears.is_err(), "it is fed all the same: {hears:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_panics_is_told_and_the_next_one_does_its_work() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    let env = [("LAPSED_FAILPOINT", "panic"), ("LAPSED_HURRY", "1")];
    let mut daemon = Daemon::start_with(&world, &env);
    until("it is told", || daemon.log().contains("the pass panicked")).await;
    until("it is done", || world.whitelisted().is_empty()).await;
    assert!(daemon.is_running());
    assert_eq!(daemon.stop().await, 0);
}
