//! The listener: what monitors and people are told, and who is told nothing.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use lapsed_sandbox::{Fault, When};

use crate::world::{FUTURE, PAST, SENTIUS_KEY, World, until};

const TOKEN: &str = "a token of thirty-one letters: ";

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_does_its_work_is_alive_ready_and_counted() {
    let mut world = World::new().await;
    world.listen("");
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            "joe@example.com,sentius:acme,3d",
        ])
        .await;
    let daemon = world.listening().await;

    for path in ["/healthz", "/readyz"] {
        let heard = world.get(path);
        assert_eq!((heard.status, heard.body.as_str()), (200, "ok\n"), "{path}");
        assert!(
            heard.head.contains("cache-control: no-store"),
            "{}",
            heard.head
        );
    }
    let metrics = world.get("/metrics");
    assert!(
        metrics
            .head
            .contains("content-type: application/openmetrics-text")
    );
    assert!(
        metrics.body.contains("lapsed_overdue_actions 0\n"),
        "{}",
        metrics.body
    );
    assert!(metrics.body.ends_with("# EOF\n"), "{}", metrics.body);

    let page = world.get("/");
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-type: text/html; charset=utf-8"));
    for said in [
        "All is well",
        "joe@<wbr>example.com",
        "UTC time",
        "converged: 1 done",
    ] {
        assert!(page.body.contains(said), "{said} is not in {}", page.body);
    }
    assert!(!page.body.contains("jane@"), "she is gone");

    assert_eq!(daemon.stop().await, 0);
    assert!(TcpStream::connect(("127.0.0.1", world.port())).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_only_reads_and_says_so_in_plain_words() {
    let mut world = World::new().await;
    world.listen("");
    let _daemon = world.listening().await;
    let line = |method: &str, path: &str| {
        world.ask(&format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n"))
    };
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        for path in [
            "/",
            "/people?q=a",
            "/person?email=a",
            "/healthz",
            "/metrics",
        ] {
            let heard = line(method, path);
            assert_eq!(heard.status, 405, "{method} {path}");
            assert!(heard.head.contains("allow: get, head"), "{}", heard.head);
            assert_eq!(heard.body, "This can only be read: GET or HEAD.\n");
        }
    }
    for path in ["/", "/people?q=a", "/healthz", "/readyz", "/metrics"] {
        let (get, head) = (line("GET", path), line("HEAD", path));
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert!(!get.body.is_empty());
    }
    let nothing = line("GET", "/etc/passwd");
    assert_eq!(nothing.status, 404);
    assert_eq!(
        nothing.body,
        "There is /, /people, /person, /healthz, /readyz and /metrics.\n"
    );
    for heard in [nothing, line("GET", "/"), line("POST", "/")] {
        for header in [
            "content-security-policy: default-src 'none'; style-src 'sha256-",
            "form-action 'self'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(heard.head.contains(header), "{header}: {}", heard.head);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_only_loopback_names_are_answered_to() {
    let mut world = World::new().await;
    world.listen("");
    let _daemon = world.listening().await;
    let port = world.port();
    let to = |host: &str| world.ask(&format!("GET / HTTP/1.1\r\n{host}"));
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        assert_eq!(
            to(&format!("Host: {host}:{port}\r\n")).status,
            200,
            "{host}"
        );
    }
    // A page of the web whose name was made to mean this machine asks in its own name.
    for host in [
        format!("Host: evil.example:{port}\r\n"),
        "Host: localhost.evil.example\r\n".to_owned(),
        "Host: localhost\r\nHost: evil.example\r\n".to_owned(),
        String::new(),
    ] {
        let heard = to(&host);
        assert!([400, 421].contains(&heard.status), "{host}: {heard:?}");
        assert!(!heard.body.contains("All is well"), "{host}");
    }
    let refused = world.ask("GET /person?email=a HTTP/1.1\r\nHost: evil.example\r\n");
    assert_eq!(refused.status, 421);
    let refused = world.ask("GET /healthz HTTP/1.1\r\nHost: evil.example\r\n");
    assert_eq!(refused.status, 421);
    assert!(
        refused
            .body
            .starts_with("Without a token only loopback names")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_whoever_does_not_bring_it_is_told_nothing() {
    let mut world = World::new().await;
    world.write("status.key", TOKEN);
    let file = world.path("status.key");
    world.listen(&format!("token_file = {file:?}\n"));
    let daemon = world.listening().await;
    let token = TOKEN.trim();
    let ask = |path: &str, more: &str| {
        world.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: status.acme.example\r\n{more}"
        ))
    };
    let basic = crate::keeping::secrets::base64(format!("me:{token}").as_bytes());
    let padding = "=".repeat((4 - basic.len() % 4) % 4);
    for path in [
        "/",
        "/people?q=a",
        "/person?email=robot@acme.example",
        "/healthz",
        "/readyz",
        "/metrics",
        "/nothing",
    ] {
        for wrong in [
            String::new(),
            "Authorization: Bearer\r\n".to_owned(),
            format!("Authorization: Bearer {token}x\r\n"),
            format!("Authorization: Bearer {}\r\n", &token[1..]),
            format!("Authorization: {token}\r\n"),
            "Authorization: Basic bWU6bm8=\r\n".to_owned(),
        ] {
            let heard = ask(path, &wrong);
            assert_eq!(heard.status, 401, "{path} {wrong}");
            assert!(heard.head.contains("www-authenticate: basic realm="));
            assert!(heard.head.contains("www-authenticate: bearer realm="));
            assert!(!heard.body.contains(token) && !heard.head.contains(&token.to_lowercase()));
        }
        let is_found = path != "/nothing" && !path.starts_with("/person");
        let wanted = if is_found { 200 } else { 404 };
        for right in [
            format!("Authorization: Bearer {token}\r\n"),
            format!("Authorization: Basic {basic}{padding}\r\n"),
        ] {
            let heard = ask(path, &right);
            assert_eq!(heard.status, wanted, "{path} {right}");
            assert!(!heard.body.contains(token));
        }
    }
    let status = world.lapsed(&["status"]).await;
    let printed = daemon.kill();
    for text in [&printed, &status.stdout, &status.stderr] {
        for secret in [token, SENTIUS_KEY, &world.sapling_key()] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    assert!(printed.contains("listening"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named_with_its_key() {
    let mut world = World::new().await;
    world.listen("");
    let taken = TcpListener::bind(("127.0.0.1", world.port())).unwrap();
    let printed = world.lapsed(&[]).await;
    assert_eq!(printed.code, 1);
    let said = format!(
        "status.listen: 127.0.0.1:{} is in use by another program",
        world.port()
    );
    assert!(printed.stderr.contains(&said), "{}", printed.stderr);
    drop(taken);
    assert_eq!(world.listening().await.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_stands_on_the_page_and_ready_is_another_matter() {
    let mut world = World::new().await;
    world.listen("");
    "max_removals = 1\n".clone_into(&mut world.config.guard);
    world.team("<i>Core</i>", &["ann@example.com", "ben@example.com"]);
    world.whitelist(&["jane@example.com", "joe@example.com"]);
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{PAST}"),
            &format!("joe@example.com,sentius:acme,{PAST}"),
            &format!("ann@example.com,sapling:acme/<i>Core</i>,{FUTURE}"),
        ])
        .await;
    let held = world.run().await;
    assert_eq!(held.code, 4);
    world
        .sapling
        .faults()
        .always(When::method("GET").path("team_user"), Fault::status(500));

    let _daemon = world.listening().await;
    until("the daemon's own pass is over", || {
        world.number("SELECT count(*) FROM run WHERE finished_at IS NOT NULL") > 1
    })
    .await;
    let page = world.get("/");
    for said in [
        "Removals wait for an approval",
        "2 removals wait for an approval, due for",
        "lapsed approve ",
        "jane@<wbr>example.com",
        "sapling:acme/&#60;i&#62;Core",
        "unreadable: ",
        "2 covered: <span>ann@example.com, robot@acme.example (holds the key)",
        "1 without a grant",
        "ben@example.com",
    ] {
        assert!(page.body.contains(said), "{said} is not in {}", page.body);
    }
    assert!(!page.body.contains("<i>"), "names are no markup");
    assert_eq!(world.get("/readyz").status, 200, "passes are made");
    assert!(
        world
            .get("/metrics")
            .body
            .contains("lapsed_held_actions 2\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_does_not_grow_with_what_is_kept() {
    let mut world = World::new().await;
    world.listen("");
    let people: Vec<String> = (0..250).map(|n| format!("p{n}@example.com")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    world.team("Core", &people);
    let rows: Vec<String> = people
        .iter()
        .map(|p| format!("{p},sapling:acme/Core,9d"))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;
    let _daemon = world.listening().await;

    let page = world.get("/").body;

    assert!(
        page.contains("Ending in the next 90 days <span>250</span>"),
        "{page}"
    );
    assert!(page.contains("And 150 beyond these; <code>lapsed list --ending-within 90d</code>"));
    assert_eq!(page.matches("@<wbr>example.com").count(), 100);
    assert!(page.contains("251 covered"), "with the key's holder");
    assert!(page.contains("and 51 more"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_that_do_not_end_make_it_unready() {
    let mut world = World::new().await;
    world.listen("");
    let _daemon = world.listening().await;
    world.sql(
        "INSERT INTO run (id, started_at, dry_run) SELECT hex(randomblob(8)), started_at, 0
         FROM run, (VALUES (1), (2), (3))",
    );
    until("the look is no longer fresh", || {
        world.get("/readyz").status == 503
    })
    .await;
    let heard = world.get("/readyz");
    assert_eq!(heard.body, "the last 3 passes did not come to their end\n");
    assert_eq!(world.get("/healthz").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_endless_clients_are_hung_up_on_and_keep_nobody_out() {
    let mut world = World::new().await;
    world.listen("");
    let _daemon = world.listening().await;
    let connect = || TcpStream::connect(("127.0.0.1", world.port())).unwrap();
    let mut silent: Vec<TcpStream> = (0..40).map(|_| connect()).collect();
    for stream in &mut silent {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: local").unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
    }
    assert_eq!(world.get("/healthz").status, 200);
    let mut rest = String::new();
    let _ = silent[0].read_to_string(&mut rest);
    assert!(!rest.contains("200 OK"), "{rest}");

    let endless = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n",
        "x".repeat(64 * 1024)
    );
    assert!([0, 400, 431].contains(&world.ask(&endless).status));
    let many: String = (0..500).map(|n| format!("X-{n}: y\r\n")).collect();
    let heard = world.ask(&format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}"));
    assert_eq!(heard.status, 431);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_has_its_answer_behind_any_number_of_idle_connections() {
    let mut world = World::new().await;
    world.listen("");
    let _daemon = world.listening().await;
    let connect = || TcpStream::connect(("127.0.0.1", world.port())).unwrap();
    let mut idle: Vec<TcpStream> = (0..500).map(|_| connect()).collect();
    for path in ["/healthz", "/readyz", "/metrics", "/"] {
        idle.extend((0..100).map(|_| connect()));
        let mut stream = connect();
        // An idle connection is hung up on after five seconds: nobody waits for that.
        stream
            .set_read_timeout(Some(Duration::from_secs(4)))
            .unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{path}: {answer}");
    }
}
