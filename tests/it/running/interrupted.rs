//! Ctrl-C during a pass: what is under way comes to its end, nothing new is begun, and what is left is
//! told.

use std::process::{Child, Command, Output};
use std::time::Duration;

use lapsed_sandbox::{Fault, When};

use crate::world::{World, until};

fn press(child: &Child, signal: &str) {
    let kill = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
}

async fn ended(child: Child) -> (Output, String) {
    let output = tokio::task::spawn_blocking(move || child.wait_with_output());
    let output = output.await.unwrap().unwrap();
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    (output, stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_pass_ends_its_calls_and_says_what_is_left() {
    let mut world = World::new().await;
    world.config.http = "timeout = \"20s\"\nconcurrency = 1\nrequests_per_second = 20\n".to_owned();
    world.config.guard = "max_removal_percent = 100".to_owned();
    world.overdue(80).await;
    let child = world.command(&["--run-now"]).spawn().unwrap();
    until("the first removal", || world.whitelisted().len() < 80).await;

    press(&child, "-INT");

    let (output, stderr) = ended(child).await;
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    let left = world.whitelisted().len();
    assert!((1..80).contains(&left), "{left}");
    let told = format!("interrupted: {left} removals and 0 gifts left; the next pass does them");
    assert!(stderr.contains(&told), "{told}: {stderr}");
    let intents = world.number("SELECT count(*) FROM action WHERE state = 'intent'");
    assert_eq!(intents, 0, "what was begun came to its end");
    world.config.http = String::new();
    let next = world.run().await;
    assert_eq!((next.code, world.whitelisted().len()), (0, 0));
    world.all_settled_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_interrupts_twice_does_not_wait_for_an_answer() {
    let mut world = World::new().await;
    world.config.http = "timeout = \"300s\"\n".to_owned();
    world.overdue(1).await;
    world.sentius.faults().once(
        When::method("DELETE"),
        Fault::Hang(Duration::from_secs(300)),
    );
    let child = world.command(&["--run-now"]).spawn().unwrap();
    let sent = || {
        world
            .sentius
            .calls()
            .iter()
            .any(|call| call.method == "DELETE")
    };
    until("the removal", sent).await;
    press(&child, "-TERM");
    // Two signals that come at once are one.
    tokio::time::sleep(Duration::from_millis(500)).await;
    press(&child, "-INT");
    let (output, stderr) = ended(child).await;
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains("interrupted twice: the next pass settles"),
        "{stderr}"
    );

    let next = world.run().await;
    assert_eq!((next.code, world.whitelisted().len()), (0, 0));
}
