//! A reload moves the listener, or leaves it where it is when the new place cannot be had.

use std::net::TcpListener;

use crate::world::{Daemon, World, until};

/// Reads the configuration anew and waits until that was done; returns what was said of it.
async fn reload(world: &World, daemon: &Daemon) -> String {
    let before = daemon.log().len();
    // Writes it.
    let _ = world.command(&[]);
    daemon.signal("HUP");
    until("it was read anew", || {
        daemon.log()[before..].contains("read anew")
    })
    .await;
    daemon.log()[before..].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_moves_the_listener_and_closes_it() {
    let mut world = World::new().await;
    let daemon = Daemon::past_first_pass(&world).await;

    world.listen("");
    reload(&world, &daemon).await;
    assert_eq!(world.get("/healthz").status, 200);
    let first = world.config.status.clone();

    world.listen("");
    assert_ne!(world.config.status, first);
    reload(&world, &daemon).await;
    assert_eq!(world.get("/healthz").status, 200);
    world.config.status = first.clone();
    let port = first.unwrap().0;
    until("the old place is free", || {
        TcpListener::bind(("127.0.0.1", port)).is_ok()
    })
    .await;
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_in_use_keeps_the_whole_old_configuration_and_a_new_token_is_seen() {
    let mut world = World::new().await;
    world.listen("");
    let daemon = Daemon::past_first_pass(&world).await;
    let good = world.config.status.clone();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();

    world.config.status = Some((port, String::new()));
    let said = reload(&world, &daemon).await;
    assert!(said.contains("the one in use stays"), "{said}");
    assert!(
        said.contains(&format!("127.0.0.1:{port} is in use")),
        "{said}"
    );
    world.config.status = good;
    assert_eq!(world.get("/healthz").status, 200);

    world.write("token", "0123456789abcdef0123");
    let token = format!("token_file = {:?}\n", world.path("token"));
    let port = world.config.status.as_ref().unwrap().0;
    world.config.status = Some((port, token));
    reload(&world, &daemon).await;
    assert_eq!(world.get("/healthz").status, 401);
    assert_eq!(daemon.stop().await, 0);
}
