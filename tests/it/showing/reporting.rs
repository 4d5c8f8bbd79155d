//! `report`: its forms, its period, and where it is written.

use std::fs;

use serde_json::Value;

use crate::desk::Desk;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.import(
        "email,target,start,end\njane@acme.example,sentius:acme,2026-01-01,30d\n\
         <b>bob&co</b>@acme.example,sentius:acme,2026-01-01,\n"
            .replace("<b>bob&co</b>", "bob&co"),
    );
    desk
}

#[test]
fn each_form_is_what_it_says() {
    let desk = desk();
    let text = desk.good(&["report"]);
    assert!(text.starts_with("Access report: acme\n") && text.contains("jane@acme.example"));
    assert_eq!(
        desk.good(&["report", "--format", "text"]).lines().next(),
        text.lines().next()
    );
    let html = desk.good(&["report", "--format", "html"]);
    assert!(html.starts_with("<!DOCTYPE html>") && html.trim_end().ends_with("</html>"));
    assert!(
        html.contains("bob&#38;co@") || html.contains("bob&amp;co@"),
        "{html}"
    );
    let csv = desk.good(&["report", "--format", "csv"]);
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(rows.records().filter(Result::is_ok).count(), 4, "{csv}");
    let json: Value = desk.json(&["report", "--format", "json"]);
    assert_eq!(json["counts"]["never_ends"], 1, "{json}");
}

#[test]
fn the_period_begins_where_it_is_told_to() {
    let desk = desk();
    let from = |since: &str| {
        let report = desk.json(&["report", "--format", "json", "--since", since]);
        report["from"].clone()
    };
    assert_eq!(from("2026-03-01"), "2026-02-28T23:00:00Z");
    assert_eq!(from("2026-03-01T05:00:00Z"), "2026-03-01T05:00:00Z");
    assert_eq!(from("never"), Value::Null);
    let week: jiff::Timestamp = from("7d").as_str().unwrap().parse().unwrap();
    let ago = lapsed::clock::now().duration_since(week);
    assert!((ago.as_hours() - 168).abs() <= 1, "{ago:?}");
    for (since, said) in [
        ("garbage", "--since: \"garbage\" is not a time"),
        (
            "2999-01-01",
            "--since: 2998-12-31T23:00:00Z is still to come",
        ),
        ("-7d", "--since: \"-7d\" is negative"),
    ] {
        desk.run(&["report", "--since", since]).failed(2, said);
    }
}

#[test]
fn a_report_goes_into_a_file() {
    let desk = desk();
    for format in ["text", "html", "csv", "json"] {
        let args = ["report", "--format", format, "--since", "2026-01-01"];
        let mut to_file = args.to_vec();
        to_file.extend(["--output", "report.out"]);
        assert_eq!(desk.good(&to_file), "");
        let written = fs::read_to_string(desk.path("report.out")).unwrap();
        assert_eq!(
            written.lines().count(),
            desk.good(&args).lines().count(),
            "{format}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_written_is_told() {
    let desk = desk();
    desk.run(&["report", "--output", "no/such/report.html"])
        .failed(
            1,
            "lapsed: --output no/such/report.html: No such file or directory",
        );
    desk.run(&["report", "--output", "."])
        .failed(1, "lapsed: --output .: Is a directory");
    desk.run(&["report", "--output", "lapsed.toml/x"])
        .failed(1, "Not a directory");
}

#[test]
fn the_head_that_a_report_carries_is_what_verify_takes() {
    let desk = desk();
    let text = desk.good(&["report"]);
    let words: Vec<&str> = text.split_whitespace().collect();
    let option = words.iter().position(|word| *word == "--head").unwrap();
    let head = words[option + 1];
    desk.import("email,target\nnew@acme.example,sentius:acme\n");
    let verified = desk.good(&["audit", "verify", "--head", head]);
    assert!(verified.starts_with("whole: "), "{verified}");
    let (count, hash) = head.split_once(':').unwrap();
    let forged = format!("{}:{hash}", count.parse::<u64>().unwrap() - 1);
    desk.run(&["audit", "verify", "--head", &forged])
        .failed(1, "the audit trail is broken");
}
