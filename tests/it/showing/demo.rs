//! `lapsed demo`: for somebody who has nothing yet, and leaves nothing but the report.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use lapsed_sandbox::Sample;

use crate::desk::{Desk, Ran};

/// The demo at a desk whose `home` is empty.
fn run(desk: &Desk, args: &[&str]) -> Ran {
    demo(desk, args).output().unwrap().into()
}

fn demo(desk: &Desk, args: &[&str]) -> Command {
    fs::create_dir_all(desk.path("home")).unwrap();
    let mut command = desk.command(args);
    command.env_clear().current_dir(desk.path("home"));
    command
        .env("HOME", desk.path("home"))
        .env("TMPDIR", desk.path("home"));
    // Whoever went through a proxy would get nowhere.
    for proxy in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
    ] {
        command.env(proxy, "http://127.0.0.1:9");
    }
    // What overrides a real configuration is not meant for the demo.
    command.env("LAPSED__STATE__PATH", desk.path("real.db"));
    command.env("LAPSED__SENTIUS__ACME__BASE_URL", "http://127.0.0.1:9");
    command.env("LAPSED_CONFIG", desk.path("lapsed.toml"));
    command
}

#[test]
fn the_demo_shows_what_ended_and_leaves_only_the_report() {
    let desk = Desk::new();
    let ran = run(&desk, &["demo"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    let said = "The report, to look at: ";
    let path = ran.out.lines().find_map(|line| line.strip_prefix(said));
    let path = path.unwrap();
    let report = fs::read_to_string(path).unwrap();
    let left: Vec<_> = fs::read_dir(desk.path("home")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].as_ref().unwrap().path().to_str(), Some(path));
    assert!(!desk.path("real.db").exists() && !desk.path("lapsed.db").exists());

    let ended: Vec<&str> = ran
        .out
        .lines()
        .filter(|line| line.starts_with("done, acknowledged  whitelist.remove"))
        .filter_map(|line| line.split_whitespace().nth(4))
        .collect();
    assert!(ended.len() >= 4, "{}", ran.out);
    for email in ended {
        // The report marks the address up at its @ sign.
        let name = email.split('@').next().unwrap().split('\'').next().unwrap();
        assert!(report.contains(name), "{email}");
    }
    for part in [
        "converged",
        "protected",
        "The proof",
        "The report was mailed to it@acme.example",
    ] {
        assert!(ran.out.contains(part), "{part}");
    }
    let sample = Sample::new(lapsed::clock::now());
    for key in [&sample.sentius.api_key, &sample.sapling.api_key] {
        assert!(!ran.out.contains(key.as_str()) && !report.contains(key.as_str()));
    }
}

#[test]
fn the_report_goes_where_it_is_told_to() {
    let desk = Desk::new();
    let ran = run(&desk, &["demo", "--output", "audit.html"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let said = "\nThe report, to look at: audit.html\n";
    assert!(ran.out.contains(said), "{}", ran.out);
    assert!(desk.path("home/audit.html").exists());
    assert_eq!(fs::read_dir(desk.path("home")).unwrap().count(), 1);
}

#[test]
fn a_folder_with_an_odd_name_is_fine() {
    let desk = Desk::new();
    let odd = desk.path("a \"b\" \\ c");
    fs::create_dir(&odd).unwrap();
    let output = desk
        .command(&["demo"])
        .env("TMPDIR", &odd)
        .output()
        .unwrap();
    let ran = Ran::from(output);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(fs::read_dir(&odd).unwrap().count(), 1);
}

#[test]
fn who_lets_it_stay_has_a_page_and_a_second_terminal_until_it_is_ended() {
    let desk = Desk::new();
    let mut command = demo(&desk, &["demo", "--stay"]);
    let mut demo = command.stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(demo.stdout.as_mut().unwrap());
    let mut lines = out.lines().map(Result::unwrap);
    let page = lines.find_map(|line| {
        let page = line.strip_prefix("The page: http://")?;
        Some(page.trim_end_matches('/').to_owned())
    });
    let page = page.unwrap();
    let status = lines.find(|line| line.ends_with(" status")).unwrap();
    let config = status.split_whitespace().nth(2).unwrap().to_owned();

    // The daemon listens a moment later.
    let mut stream = (0..600)
        .find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            TcpStream::connect(&page).ok()
        })
        .unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {page}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("sapling:acme/Core"), "{answer}");
    let grant = [
        "--config",
        &config,
        "grant",
        "you@example.com",
        "--target",
        "sentius:acme",
        "--end",
        "1d",
    ];
    desk.good(&grant);

    let pid = demo.id().to_string();
    let ended = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(ended.success());
    assert_eq!(demo.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read_dir(desk.path("home")).unwrap().count(), 1);
}
