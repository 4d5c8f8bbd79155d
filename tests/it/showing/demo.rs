//! `lapsed demo`: for somebody who has nothing yet, and leaves nothing but the report.

use std::fs;

use lapsed_sandbox::Sample;

use crate::desk::{Desk, Ran};

/// The demo at a desk whose `home` is empty.
fn run(desk: &Desk, args: &[&str]) -> Ran {
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
    command.output().unwrap().into()
}

#[test]
fn the_demo_shows_what_ended_and_leaves_only_the_report() {
    let desk = Desk::new();
    let ran = run(&desk, &["demo"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    let last = ran.out.lines().last().unwrap();
    let path = last.strip_prefix("The report, to look at: ").unwrap();
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
    assert!(
        ran.out.ends_with("The report, to look at: audit.html\n"),
        "{}",
        ran.out
    );
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
