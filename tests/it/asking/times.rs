//! WHEN as people write it: in options and in the cells of a file, and what the help says of it.

use serde_json::Value;

use crate::desk::Desk;

/// The end of the only grant of this person.
fn end(desk: &Desk, email: &str) -> String {
    let rows = desk.json(&["list", "--format", "json"]);
    let rows: Vec<&Value> = rows.as_array().unwrap().iter().collect();
    let row = rows.iter().find(|row| row["email"] == email).unwrap();
    row["end"].as_str().unwrap().to_owned()
}

fn record(email: &str, end: &str) -> [String; 7] {
    [
        "grant",
        email,
        "--target",
        "sentius:acme",
        "--record-only",
        "--end",
        end,
    ]
    .map(str::to_owned)
}

#[test]
fn a_date_with_a_time_is_taken_in_the_configured_zone_wherever_when_is() {
    let desk = Desk::new();
    for (email, text, expected) in [
        ("a@example.com", "2098-12-31 18:00", "2098-12-31T17:00:00Z"),
        (
            "b@example.com",
            "2098-07-01 18:00:30",
            "2098-07-01T16:00:30Z",
        ),
        // What Berlin's clocks leave out, and what they pass twice.
        ("c@example.com", "2098-03-30 02:30", "2098-03-30T01:30:00Z"),
        ("d@example.com", "2098-10-26 02:30", "2098-10-26T00:30:00Z"),
    ] {
        let args = record(email, text);
        desk.good(&args.each_ref().map(String::as_str));
        assert_eq!(end(&desk, email), expected, "{text}");
    }
    desk.import(
        "email,target,start,end\nf@example.com,sentius:acme,2026-01-01 08:00,2098-12-31 18:00:01\n",
    );
    assert_eq!(end(&desk, "f@example.com"), "2098-12-31T17:00:01Z");
    for args in [
        &["list", "--as-of", "2098-12-31 18:00"][..],
        &["members", "--as-of", "2098-12-31 18:00:00"],
        &["report", "--since", "2026-01-01 08:00"],
    ] {
        desk.good(args);
    }
}

#[test]
fn a_time_that_comes_twice_is_taken_as_the_first_one_and_told() {
    let desk = Desk::new();
    for (email, text, is_told) in [
        ("a@example.com", "2098-10-26 02:30", true),
        ("b@example.com", "2098-10-26 03:30", false),
        ("c@example.com", "2098-10-26T02:30:00+01:00", false),
    ] {
        let args = record(email, text);
        let mut command = desk.command(&args.each_ref().map(String::as_str));
        let output = command.output().unwrap();
        assert!(output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        let note = "note: --end: \"2098-10-26 02:30\" comes twice";
        assert_eq!(said.contains(note), is_told, "{text}: {said}");
    }
    for (option, args) in [
        ("--as-of", ["list", "--as-of", "2098-10-26 02:30"]),
        ("--as-of", ["members", "--as-of", "2098-10-26 02:30"]),
        ("--since", ["report", "--since", "2025-10-26 02:30"]),
    ] {
        let output = desk.command(&args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let note = format!("note: {option}: \"{}\" comes twice", args[2]);
        assert!(said.contains(&note), "{args:?}: {said}");
    }
}

#[test]
fn yesterday_today_and_tomorrow_are_dates() {
    let desk = Desk::new();
    let args = record("a@example.com", "tomorrow");
    let args = args.each_ref().map(String::as_str);
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let today = || lapsed::clock::now().to_zoned(zone.clone()).date();
    // The day may change while the test runs.
    let (mut before, mut after) = (today(), today());
    let mut found = String::new();
    for _ in 0..2 {
        before = today();
        desk.good(&args);
        after = today();
        found = end(&desk, "a@example.com");
        if before == after {
            break;
        }
    }
    assert_eq!(before, after);
    let last: jiff::Timestamp = found.parse().unwrap();
    let wall = last.to_zoned(zone).datetime();
    assert_eq!(wall, before.tomorrow().unwrap().at(23, 59, 59, 999_000_000));
    for (day, active) in [("yesterday", 0), ("today", 1), ("Tomorrow", 1)] {
        let rows = desk.json(&["list", "--format", "json", "--as-of", day]);
        assert_eq!(rows.as_array().unwrap().len(), active, "{day}: {rows}");
    }
}

#[test]
fn what_is_no_when_is_refused_with_what_would_be_right() {
    let desk = Desk::new();
    for (text, why) in [
        (
            "18:00:00",
            "a time of day without a date; write both, as in",
        ),
        ("2098-02-30 10:00", "no time that exists"),
        ("2098-12-31 25:00", "no time that exists"),
        ("2098-12-31 18", "no date that exists"),
        ("tomorow", "is not a time; write one such as"),
        ("tomorrow 18:00", "is not a time; write one such as"),
    ] {
        let args = record("a@example.com", text);
        desk.run(&args.each_ref().map(String::as_str))
            .failed(2, &format!("--end: {text:?} is "));
        let csv = format!("email,target,end\na@example.com,sentius:acme,{text}\n");
        desk.write("bad.csv", csv);
        let bad = desk.run(&["import", "bad.csv", "--record-only"]);
        bad.failed(2, &format!("bad.csv: line 2: end: {text:?} is "));
        assert!(bad.err.contains(why), "{}", bad.err);
    }
}

#[test]
fn the_help_of_grant_lists_permissions_and_the_forms_of_when_in_eighty_columns() {
    let desk = Desk::new();
    let output = desk
        .command(&["grant", "--help"])
        .env("COLUMNS", "80")
        .output();
    let help = String::from_utf8(output.unwrap().stdout).unwrap();
    for line in help.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for row in [
        "  can_read           always among them",
        "  can_use_whitelist\n",
        "  inspect\n",
        "  2026-12-31            a date: its first moment as a start, its last as an end\n",
        "  '2026-12-31 18:00'    a date with a time",
        "  2026-12-31T18:00:00Z  a time with its offset from UTC (RFC 3339)\n",
        "  today, tomorrow       a date",
        "  90d, 12h, 6w          a span from now\n",
        "  never                 without an end\n",
    ] {
        assert!(help.contains(row), "{row}: {help}");
    }
}
