//! The daemon's tasks under supervision: one that panics is started again, and whoever asks for the
//! daemon's health hears of it meanwhile.

use crate::world::{Daemon, FUTURE, Mail, PAST, World, until};

/// One who is due, and a report to mail.
async fn due() -> World {
    let mut world = World::new().await;
    world.listen("");
    world.config.mail = Mail::Smtp;
    world.whitelist(&["jane@example.com", "joe@example.com"]);
    "max_removals = 0\n".clone_into(&mut world.config.guard);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            &format!("joe@example.com,sentius:acme,{FUTURE}"),
        ])
        .await;
    world
}

/// A daemon that fails here, and does not wait for long.
fn failing(world: &World, place: &str) -> Daemon {
    Daemon::start_with(world, &[("LAPSED_FAILPOINT", place), ("LAPSED_HURRY", "1")])
}

fn is_healthy(world: &World) -> bool {
    let heard = world.get("/healthz");
    assert!([200, 503].contains(&heard.status), "{heard:?}");
    heard.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_out_although_the_task_that_sends_it_panicked() {
    let world = due().await;
    let daemon = failing(&world, "panic-once:mail");

    until("the alarm is there", || world.mail.mails().len() == 1).await;

    let log = daemon.log();
    assert!(log.contains("the mail task failed"), "{log}");
    assert!(log.contains("as panic-once:mail asks for"), "{log}");
    assert!(log.contains("the mail task is started again"), "{log}");
    assert!(is_healthy(&world), "one failure, and it runs");
    assert_eq!(world.get("/readyz").status, 200);
    let metrics = world.get("/metrics").body;
    let counted = "lapsed_task_failures_total{task=\"mail\"} 1\n";
    assert!(metrics.contains(counted), "{metrics}");
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_keeps_dying_makes_the_daemon_unhealthy_and_the_others_go_on() {
    let world = due().await;
    let daemon = failing(&world, "panic:mail");
    until("it has died three times", || {
        daemon
            .log()
            .matches("the mail task is started again")
            .count()
            >= 3
    })
    .await;

    for path in ["/healthz", "/readyz"] {
        let heard = world.get(path);
        assert_eq!(heard.status, 503, "{path}");
        assert!(heard.body.starts_with("the mail task "), "{}", heard.body);
        assert!(
            heard.body.ends_with("; the log says why\n"),
            "{}",
            heard.body
        );
    }
    assert!(world.mail.mails().is_empty());

    world
        .grants(&[&format!("joe@example.com,sentius:acme,{PAST}")])
        .await;
    until("the daemon makes further passes", || {
        daemon.log().matches("pass ended").count() >= 2
    })
    .await;
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_that_panic_one_after_the_other_make_the_daemon_unhealthy() {
    let world = due().await;
    let daemon = failing(&world, "panic:pass");
    until("it is unhealthy", || {
        daemon.log().matches("a pass could not be run").count() >= 2
    })
    .await;
    let heard = world.get("/healthz");
    assert_eq!(heard.status, 503);
    assert!(heard.body.starts_with("the pass task "), "{}", heard.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_after_one_that_panicked_makes_the_daemon_healthy_again() {
    let world = due().await;
    let daemon = failing(&world, "panic-once:pass");
    until("a pass is made", || daemon.log().contains("pass ended")).await;
    assert!(daemon.log().contains("panicked"), "{}", daemon.log());
    assert!(is_healthy(&world));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listener_listens_again_after_a_panic() {
    let world = due().await;
    let daemon = failing(&world, "panic-once:listener");
    until("a pass is made", || daemon.log().contains("pass ended")).await;
    assert_eq!(
        world.get("/healthz").status,
        0,
        "this connection is the one"
    );
    until("it answers", || world.get("/healthz").status == 200).await;
    assert!(daemon.log().contains("the listener task failed"));
}
