//! The manual pages: one for each command, and one of the configuration.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::desk::{Desk, Ran};

/// Each page by its name, as it is written.
fn pages(desk: &Desk) -> Vec<(String, String)> {
    fs::create_dir(desk.path("man")).unwrap();
    desk.good(&["man", "man"]);
    let mut pages: Vec<(String, String)> = fs::read_dir(desk.path("man"))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    pages.sort();
    pages
}

#[test]
fn each_page_has_all_that_a_manual_page_has() {
    let desk = Desk::new();
    let pages = pages(&desk);
    for name in [
        "lapsed.1",
        "lapsed-init.1",
        "lapsed-schema.1",
        "lapsed-audit-verify.1",
        "lapsed.toml.5",
    ] {
        assert!(pages.iter().any(|(known, _)| known == name), "{name}");
    }
    for (name, page) in pages.iter().filter(|(name, _)| name.ends_with(".1")) {
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "\"EXIT STATUS\"",
            "FILES",
            "ENVIRONMENT",
            "\"SEE ALSO\"",
        ] {
            let count = page.matches(&format!("\n.SH {section}\n")).count();
            assert_eq!(count, 1, "{name}: {section}");
        }
        assert!(page.contains("lapsed.toml(5)"), "{name}");
        let synopsis = page
            .split("\n.SH ")
            .find(|s| s.starts_with("SYNOPSIS"))
            .unwrap();
        assert!(!synopsis.contains("config"), "{name}: {synopsis}");
        assert!(
            !page.contains(".SH EXTRA") && (name != "lapsed.1" || !page.contains("Exit codes")),
            "{name}"
        );
        assert!(!page.contains("\nExample"), "{name}");
    }
    let page = |name: &str| &pages.iter().find(|(known, _)| known == name).unwrap().1;
    let list = page("lapsed-list.1");
    assert!(list.contains("[\\-\\-target TARGET]"), "{list}");
    assert!(page("lapsed-grant.1").contains(".SH EXAMPLES\n.nf\n  lapsed grant jane@"));
    assert!(page("lapsed.1").contains("lapsed\\-write\\-off(1), "));
    assert_eq!(&desk.good(&["man"]), page("lapsed.1"));
}

#[test]
fn the_page_of_the_configuration_has_every_key_of_the_schema() {
    fn keys(schema: &Value, found: &mut Vec<String>) {
        for (key, schema) in schema["properties"].as_object().unwrap() {
            found.push(key.clone());
            for below in [schema, &schema["items"]] {
                if below["properties"].is_object() {
                    keys(below, found);
                }
            }
        }
    }
    let desk = Desk::new();
    let pages = pages(&desk);
    let (_, page) = pages
        .iter()
        .find(|(name, _)| name == "lapsed.toml.5")
        .unwrap();
    let mut found = Vec::new();
    keys(&desk.json(&["schema"]), &mut found);
    for key in found {
        let is_section = [
            format!(".SH [{key}]"),
            format!("[[{key}]]"),
            format!(".{key}]"),
        ];
        let is_there = page.contains(&format!("\\fB{key}\\fR ("))
            || is_section.iter().any(|heading| page.contains(heading));
        assert!(is_there, "{key}: {page}");
    }
    assert!(
        page.contains("\\fBconcurrency\\fR (whole number, default 8)"),
        "{page}"
    );
    assert!(page.contains("\\fBbase_url\\fR (text, needed)"), "{page}");
}

#[test]
#[expect(clippy::print_stdout, reason = "a test that is left out says so")]
fn man_shows_each_page_without_a_complaint() {
    let desk = Desk::new();
    for (name, _) in pages(&desk) {
        let shown = Command::new("man")
            .args(["--warnings", "-l", &format!("man/{name}")])
            .current_dir(desk.root())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("MANWIDTH", "80")
            .output();
        let Ok(shown) = shown.map(Ran::from) else {
            println!("skipped: there is no man(1) here");
            return;
        };
        if shown.code != Some(0) && shown.err.contains("not found") {
            println!("skipped: man(1) shows nothing here");
            return;
        }
        assert_eq!((shown.code, shown.err.as_str()), (Some(0), ""), "{name}");
        assert!(shown.out.contains("SEE ALSO"), "{name}: {}", shown.out);
    }
}
